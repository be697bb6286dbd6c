"""Taking the return code of a child that has ended, after which its process id may be another process's."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    # Called with the return code of a child that has ended; None where it is not reaped yet.
    Exited: TypeAlias = Callable[[int | None], object]

    class ExitWatcher(Protocol):
        """The shape of all that learns of a child's end; see `exits`."""

        def watch(self, pid: int, exited: Exited) -> None: ...
        def close(self) -> None: ...


__all__ = ("UNKNOWN_STATUS", "reap", "waitstatus_to_exitcode")

# The return code that is told of a child which somebody else has reaped.
UNKNOWN_STATUS = 255


def waitstatus_to_exitcode(status: int) -> int:
    """Turn what waitpid() gives into a return code; keep what is neither an exit nor a signal."""
    try:
        return os.waitstatus_to_exitcode(status)
    except ValueError:
        return status


def reap(pid: int) -> int | None:
    """Take the return code of child `pid`, which has ended; None if somebody else has taken it."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return None
    return waitstatus_to_exitcode(status)
