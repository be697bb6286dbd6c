"""Exits of children learned by threads that wait: for systems that offer nothing better."""

from __future__ import annotations

import itertools
import os

from asyncio_core.scheduling.background import background_thread
from asyncio_subprocess.reaping import reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_subprocess.reaping import Exited

_numbers = itertools.count()


class _ThreadedChildWatcher:
    """One thread for each child, for as long as it runs."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._threads: dict[int, threading.Thread] = {}

    def watch(self, pid: int, exited: Exited) -> None:
        """Call ``exited`` in the loop once child `pid` has ended.

        Where the system has waitid(), the argument is None and the child is not reaped yet: its
        process id stays its own until the loop does that, so that no signal can go to another
        process. Elsewhere the argument is the return code. Raises RuntimeError where no thread can
        be started.
        """
        # A child that never ends must not keep the program from ending.
        thread = background_thread(self._wait, pid, exited, name=f"asyncio-child-{next(_numbers)}")
        self._threads[pid] = thread
        try:
            thread.start()
        except BaseException:
            del self._threads[pid]
            raise

    def _wait(self, pid: int, exited: Exited) -> None:
        code: int | None = None
        if hasattr(os, "waitid"):
            try:
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                pass  # somebody else has reaped it; the loop will find out
        else:
            code = reap(pid)
        try:
            self._loop.call_soon_threadsafe(self._ended, pid, exited, code)
        except RuntimeError:
            # The loop is closed: nobody is left to be told, or to reap it.
            self._threads.pop(pid, None)
            if code is None:
                reap(pid)

    def _ended(self, pid: int, exited: Exited, code: int | None) -> None:
        self._threads.pop(pid, None)
        exited(code)

    def close(self) -> None:
        """The threads end with their children, which they then reap themselves."""
