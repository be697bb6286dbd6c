"""Exit watching by a descriptor that stands for the process: pidfd_open(2), Linux 5.3 and newer."""

from __future__ import annotations

import os
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_core.abstract_loop import AbstractEventLoop


@cache
def available() -> bool:
    """Tell whether the system has process descriptors; a sandbox may refuse them at run time."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid(), 0))
    except OSError:
        return False
    return True


class PidfdWatch:
    """Waits for the child's descriptor to become readable, which it does when the child exits."""

    __slots__ = ("_fd", "_loop", "_on_exit")

    def __init__(
        self, loop: AbstractEventLoop, pid: int, on_exit: Callable[[int | None], None]
    ) -> None:
        self._fd = -1
        self._loop = loop
        self._on_exit = on_exit
        self._fd = os.pidfd_open(pid, 0)
        try:
            loop.add_reader(self._fd, self._exited)
        except BaseException:
            self._release()
            raise

    def _exited(self) -> None:
        self.close()
        self._on_exit(None)

    def close(self) -> None:
        """End the watch and close the descriptor, which leaves the poller first."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._release()

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # The loop that held this watch is gone, and its poller with it.
        self._release()
