"""poll, for systems with neither epoll nor kqueue."""

from __future__ import annotations

import math
import select
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_selectors.poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("PollPoller",)


class PollPoller(Poller):
    """poll(2): no limit to the descriptors' numbers, but each call looks at all of them."""

    _for_reader = ~select.POLLOUT
    _for_writer = ~select.POLLIN

    _FLAGS = {
        EVENT_READ: select.POLLIN,
        EVENT_WRITE: select.POLLOUT,
        EVENT_READ | EVENT_WRITE: select.POLLIN | select.POLLOUT,
    }

    def __init__(self) -> None:
        super().__init__()
        self._poll = select.poll()

    def _watch(self, fd: int, events: int) -> None:
        self._poll.register(fd, self._FLAGS[events])

    def _rewatch(self, fd: int, old: int, new: int) -> None:
        self._check_open(fd)
        # Also where it rests, and is not there.
        self._poll.register(fd, self._FLAGS[new])

    def renumber(self, old: int, new: int) -> None:
        # Nothing here is shared.
        key = self.unregister(old)
        self.register(new, key.events, key.data)

    def _unwatch(self, fd: int, events: int) -> None:
        with suppress(KeyError):
            # Already where it rests.
            self._poll.unregister(fd)

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        # Milliseconds, rounded up: waking early would turn a short timer into a busy loop.
        limit = None if timeout is None else max(0, math.ceil(timeout * 1000))
        found = self._poll.poll(limit)
        for fd, flags in found:
            if flags & select.POLLNVAL:
                # Closed behind our back: it would be reported for ever.
                self.unregister(fd)
        return found
