"""Exits of children learned from pidfds: descriptors of processes, Linux 5.3 and newer.

A pidfd becomes readable when its process ends, also when that was before it was opened, as long as
nobody has reaped the child. So there is no moment at which an exit could be missed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_core.abstract_loop import AbstractEventLoop
    from asyncio_subprocess.exits import Exited


def usable() -> bool:
    """Tell whether the system lets this process have pidfds; a sandbox may not."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class _PidfdChildWatcher:
    """One descriptor in the loop's poller for each child."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptors: set[int] = set()

    def watch(self, pid: int, exited: Exited) -> None:
        """Call ``exited(None)`` in the loop once child `pid` has ended; it is then not reaped yet.

        Raises OSError where there is no descriptor to be had.
        """
        fd = os.pidfd_open(pid)
        self._descriptors.add(fd)
        try:
            self._loop.add_reader(fd, self._ended, fd, exited)
        except BaseException:
            self._release(fd)
            raise

    def _ended(self, fd: int, exited: Exited) -> None:
        self._loop.remove_reader(fd)
        self._release(fd)
        exited(None)

    def _release(self, fd: int) -> None:
        self._descriptors.discard(fd)
        os.close(fd)

    def close(self) -> None:
        """Watch no more; the loop is about to close."""
        for fd in tuple(self._descriptors):
            self._loop.remove_reader(fd)
            self._release(fd)

    def __del__(self) -> None:
        # The loop was never closed, or is one that does not know of this; its poller goes with it.
        for fd in tuple(self._descriptors):
            self._release(fd)
