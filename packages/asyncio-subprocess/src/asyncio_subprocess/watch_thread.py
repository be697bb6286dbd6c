"""Exit watching by a thread of its own for each child: waitid(2), and waitpid(2) where that is all."""

from __future__ import annotations

import os
import threading

from asyncio_core import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_core.abstract_loop import AbstractEventLoop


class ThreadWatch:
    """Blocks a daemon thread until the child exits.

    With waitid() the thread leaves the child unreaped, so that the loop's thread alone decides when
    its number may be given to another process.
    """

    __slots__ = ("_loop", "_on_exit", "_pid", "thread")

    def __init__(
        self, loop: AbstractEventLoop, pid: int, on_exit: Callable[[int | None], None]
    ) -> None:
        self._loop = loop
        self._pid = pid
        self._on_exit: Callable[[int | None], None] | None = on_exit
        self.thread = threading.Thread(target=self._wait, name=f"asyncio-wait-{pid}", daemon=True)
        self.thread.start()

    def _wait(self) -> None:
        status: int | None = None
        try:
            if hasattr(os, "waitid"):
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
            else:
                status = os.waitpid(self._pid, 0)[1]
        except ChildProcessError:
            # Somebody else has reaped it, which is an exit as well.
            pass
        try:
            self._loop.call_soon_threadsafe(self._exited, status)
        except RuntimeError:
            log.logger.warning(
                "child %d exited after its loop %r was closed", self._pid, self._loop
            )

    def _exited(self, status: int | None) -> None:
        if self._on_exit is not None:
            self._on_exit(status)

    def close(self) -> None:
        """End the watch; the thread goes on until the child exits."""
        self._on_exit = None
