"""kqueue, the mechanism of macOS and the BSDs."""

from __future__ import annotations

import select
import sys
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_selectors.poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("KqueuePoller",)

_MOST_EVENTS = 1024

if sys.platform != "linux" and sys.platform != "win32":
    # Type checkers know these names on the systems that have them only.
    _FILTERS = (
        (EVENT_READ, select.KQ_FILTER_READ),
        (EVENT_WRITE, select.KQ_FILTER_WRITE),
    )

    class KqueuePoller(Poller):
        """Level-triggered kqueue. Reading and writing are two filters of one descriptor."""

        def __init__(self) -> None:
            super().__init__()
            self._kqueue = select.kqueue()

        def _apply(self, fd: int, events: int, action: int) -> None:
            for event, kind in _FILTERS:
                if events & event:
                    self._kqueue.control([select.kevent(fd, kind, action)], 0, 0)

        def _watch(self, fd: int, events: int) -> None:
            try:
                self._apply(fd, events, select.KQ_EV_ADD)
            except OSError:
                self._unwatch(fd, events)
                raise

        def _rewatch(self, fd: int, old: int, new: int) -> None:
            # Closing a file takes its filters along; adding one that is there changes nothing.
            added = new if new == old else new & ~old
            self._apply(fd, added, select.KQ_EV_ADD)
            try:
                self._apply(fd, old & ~new, select.KQ_EV_DELETE)
            except OSError:
                # A pipe whose other end is gone has lost its filter already.
                pass

        def _unwatch(self, fd: int, events: int) -> None:
            for event, _kind in _FILTERS:
                if events & event:
                    try:
                        self._apply(fd, event, select.KQ_EV_DELETE)
                    except OSError:
                        # One filter gone must not keep the other one alive.
                        pass

        def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
            limit = None if timeout is None else max(timeout, 0)
            # Room for both filters of each descriptor.
            most = min(2 * len(self._keys), _MOST_EVENTS) or 1
            reading = select.KQ_FILTER_READ
            return [
                (event.ident, EVENT_READ if event.filter == reading else EVENT_WRITE)
                for event in self._kqueue.control(None, most, limit)
            ]

        def rouse(self) -> tuple[int, ...]:
            return self._rouse()

        def fileno(self) -> int:
            """Return the descriptor of the kqueue itself."""
            return self._kqueue.fileno()

        def close(self) -> None:
            self._kqueue.close()
            super().close()
