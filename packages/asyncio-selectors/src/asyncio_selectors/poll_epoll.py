"""epoll, the mechanism of Linux."""

from __future__ import annotations

import select
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_selectors.poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("EpollPoller",)

# More than this in one call only lengthens the turn of the loop; what is left is ready next time.
_MOST_EVENTS = 1024


class EpollPoller(Poller):
    """Level-triggered epoll; see epoll(7). Closed on exec."""

    _for_reader = ~select.EPOLLOUT
    _for_writer = ~select.EPOLLIN

    # What epoll is to be told, by the events of a key.
    _FLAGS = {
        EVENT_READ: select.EPOLLIN,
        EVENT_WRITE: select.EPOLLOUT,
        EVENT_READ | EVENT_WRITE: select.EPOLLIN | select.EPOLLOUT,
    }

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()

    def _watch(self, fd: int, events: int) -> None:
        self._epoll.register(fd, self._FLAGS[events])

    def _rewatch(self, fd: int, old: int, new: int) -> None:
        self._epoll.modify(fd, self._FLAGS[new])

    def _unwatch(self, fd: int, events: int) -> None:
        self._epoll.unregister(fd)

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        # The call rounds up to whole milliseconds by itself, so no timer finds itself early.
        # It also refuses to be asked for no events at all.
        most = min(len(self._keys), _MOST_EVENTS) or 1
        return self._epoll.poll(timeout, most)

    def fileno(self) -> int:
        """Return the descriptor of the epoll instance itself."""
        return self._epoll.fileno()

    def close(self) -> None:
        self._epoll.close()
        super().close()
