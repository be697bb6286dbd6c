"""Signals that come while somebody looks into a process: they end the look, or are the program's that is looked into.

A signal that `kill` sends to a command is meant for what it runs. One of the terminal, Ctrl-C, comes to all of the
terminal's processes, and must not come to the program twice: a second Ctrl-C ends `asyncio.run()` at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import Popen
    from typing import Any, Self


def _known(*names: str) -> tuple[signal.Signals, ...]:
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


_ENDING = _known("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
# What a program may have a handler for, and what would end a command that has none.
_PASSED_ON = _known("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
# What the terminal sends has this origin, SI_KERNEL of Linux; sigaction(2).
_OF_KERNEL = 0x80


@contextmanager
def ending(end: Callable[[], object]) -> Iterator[None]:
    """Have a signal that ends a process call `end()` instead; the next one raises KeyboardInterrupt where that does not.

    To be used in the main thread.
    """
    came = False

    def handle(*_: object) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True
        end()

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        # What nohup has left out stays so. A shell leaves out Ctrl-C for what runs in the background: who sends that signal means it.
        if number == signal.SIGINT or handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt() -> None:
    """End what is done in the main thread as Ctrl-C does: raise KeyboardInterrupt."""
    raise KeyboardInterrupt


class PassedOn:
    """Passes the signals on that come, from before a program is started on until it has ended."""

    def __init__(self) -> None:
        # As who has called us has it, for the program.
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        self._thread: threading.Thread | None = None
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._over = True
        if self._thread is not None and self._thread.is_alive():
            # For this thread alone; it is not told to anybody.
            signal.pthread_kill(self._thread.ident or 0, signal.SIGTERM)
            self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def unblock(self) -> None:
        """Take signals as they come; to be called in the program's process, before it is the program."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def to(self, program: Popen[Any]) -> None:
        """Begin to pass them on: also those that have come meanwhile."""
        self._thread = threading.Thread(target=self._pass_on, args=(program,), daemon=True)
        self._thread.start()

    def _pass_on(self, program: Popen[Any]) -> None:
        while True:
            number, is_terminals = _awaited()
            if self._over:
                return
            if not is_terminals:
                program.send_signal(number)


def _awaited() -> tuple[int, bool]:
    """Wait for a signal; return which it is, and whether the terminal has sent it, to all of its processes."""
    if sys.platform == "linux":
        told = signal.sigwaitinfo(_PASSED_ON)
        return told.si_signo, told.si_code == _OF_KERNEL
    number = signal.sigwait(_PASSED_ON)
    return number, number in (signal.SIGINT, signal.SIGQUIT) and _has_terminal()


def _has_terminal() -> bool:
    """Tell whether Ctrl-C on the terminal would come to this process."""
    try:
        with open("/dev/tty", "rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
