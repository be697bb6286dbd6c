"""Exits of children learned from kqueue's process filter: macOS and the BSDs.

The kernel queue is one of its own, not the loop's poller, which may be of another kind. Being a
descriptor that becomes readable when it has events, it is itself watched by whatever poller the loop
has.
"""

from __future__ import annotations

import errno
import select as _select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_subprocess.reaping import Exited

# Type checkers know the names in it on the systems that have them, and nowhere else.
select: Any = _select


def usable() -> bool:
    """Tell whether the system has kernel queues."""
    return hasattr(select, "kqueue")


class _KqueueChildWatcher:
    """One kernel queue for all children of a loop, open while there are any."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: Any = None
        self._watched: dict[int, Exited] = {}

    def watch(self, pid: int, exited: Exited) -> None:
        """Call ``exited(None)`` in the loop once child `pid` has ended; it is not reaped yet.

        Raises OSError where there is no descriptor to be had.
        """
        if self._queue is None:
            self._open()
        # The entry goes by itself with its process.
        event = select.kevent(
            pid,
            select.KQ_FILTER_PROC,
            select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
            select.KQ_NOTE_EXIT,
        )
        self._watched[pid] = exited
        try:
            self._queue.control([event], 0)
        except OSError as exc:
            if exc.errno != errno.ESRCH:
                self._forget(pid)
                raise
            # It has ended before it could be watched.
            self._loop.call_soon(self._ended, pid)

    def _open(self) -> None:
        queue = select.kqueue()
        try:
            self._loop.add_reader(queue.fileno(), self._collect)
        except BaseException:
            queue.close()
            raise
        self._queue = queue

    def _collect(self) -> None:
        for event in self._queue.control(None, max(1, len(self._watched)), 0):
            self._ended(event.ident)

    def _ended(self, pid: int) -> None:
        exited = self._forget(pid)
        if exited is not None:
            exited(None)

    def _forget(self, pid: int) -> Exited | None:
        exited = self._watched.pop(pid, None)
        if not self._watched:
            self.close()
        return exited

    def close(self) -> None:
        """Watch no more; the loop is about to close."""
        self._watched.clear()
        if self._queue is not None:
            self._loop.remove_reader(self._queue.fileno())
            self._queue.close()
            self._queue = None
