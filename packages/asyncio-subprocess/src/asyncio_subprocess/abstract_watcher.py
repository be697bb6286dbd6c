"""What child watchers have in common: the interface, the warnings, asking for a child."""

from __future__ import annotations

import os
import sys
import warnings

from asyncio_core import log
from asyncio_subprocess import reaping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self, TypeVarTuple, Unpack

    from asyncio_core.interfaces.loop import AbstractEventLoop

    _Ts = TypeVarTuple("_Ts")


class AbstractChildWatcher:
    """Who tells a loop that one of its child processes has ended.

    A policy holds one (`set_child_watcher()`), and processes are started with it entered::

        with watcher:
            process = start()
            watcher.add_child_handler(process.pid, callback)

    Added in Python 3.4, deprecated in 3.12, gone in 3.14: loops watch their children without.
    """

    def __init_subclass__(cls) -> None:
        if cls.__module__.partition(".")[0] != __package__:
            warn_of_watcher("AbstractChildWatcher")

    def add_child_handler(
        self, pid: int, callback: Callable[[int, int, Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Have ``callback(pid, returncode, *args)`` called once the child `pid` has ended.

        That may be at once, and in any thread. A handler that the child had before is replaced.
        """
        raise NotImplementedError

    def remove_child_handler(self, pid: int) -> bool:
        """Forget the handler of the child `pid`; return whether it had one."""
        raise NotImplementedError

    def attach_loop(self, loop: AbstractEventLoop | None) -> None:
        """Live on `loop` from now on, and no longer on the loop before; None for none."""
        raise NotImplementedError

    def close(self) -> None:
        """Forget all handlers and give back what the system lent."""
        raise NotImplementedError

    def is_active(self) -> bool:
        """Tell whether children may be started.

        Where they may not, `create_subprocess_exec()` and its like raise RuntimeError. Added in
        Python 3.8.
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Begin to start a child; return the watcher itself."""
        raise NotImplementedError

    def __exit__(
        self,
        a: type[BaseException] | None,
        b: BaseException | None,
        c: TracebackType | None,
    ) -> None:
        """The child is started and has its handler."""
        raise NotImplementedError


def warn_of_watcher(name: str) -> None:
    """Warn the caller's caller, on the Pythons that do, that the class `name` goes away."""
    if sys.version_info >= (3, 12):
        warnings.warn(
            f"{name!r} is deprecated as of Python 3.12 and will be removed in Python 3.14.",
            DeprecationWarning,
            stacklevel=3,
        )


def poll(pid: int) -> int | None:
    """Reap the child `pid` if it has ended, and return its return code; None while it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return unknown_status(pid)
    return reaping.waitstatus_to_exitcode(status) if ended else None


def unknown_status(pid: int) -> int:
    """Return what is told of a child that somebody else has reaped, or that never was one."""
    log.logger.warning(
        "child %d is unknown or was reaped elsewhere: its return code is taken for %d",
        pid,
        reaping.UNKNOWN_STATUS,
    )
    return reaping.UNKNOWN_STATUS


def report(watcher: AbstractChildWatcher, loop: Any, exc: BaseException) -> None:
    """Tell of an exception that nobody is there to catch."""
    message = "Exception in the handler of a child that ended"
    if loop is None:
        log.logger.error("%s: %r", message, watcher, exc_info=exc)
    else:
        loop.call_exception_handler({"message": message, "exception": exc, "watcher": watcher})
