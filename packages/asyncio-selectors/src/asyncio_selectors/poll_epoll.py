"""epoll, the mechanism of Linux.

What epoll watches are files, and it reports them by the numbers that they had. Where a file lives on in
a duplicate or in a forked child after its number was closed here, nobody can take it out any more:
it is reported for ever, under a number that belongs to nobody or to another file. The way to be rid
of it is another epoll set. One is made where an unknown number is reported twice, or where poll(2)
knows nothing of what epoll reports of a number whose file was closed before it was taken out.
"""

from __future__ import annotations

import errno
import os
import select
import time
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_selectors.descriptors import GONE
from asyncio_selectors.poller import FEW, Poller
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ("EpollPoller",)

# More than this in one call only lengthens the turn of the loop; what is left is ready next time.
_MOST_EVENTS = 1024

# How many reports of a number that was closed too early are compared with what poll() says.
_DOUBTS = 8

# Seconds after which making another set is tried again, where the system had no room for it.
_RENEWAL_DELAY = 1.0


class _Parents:
    """The epoll set that a forked child shares with its parent.

    Whatever the child took out of it would be lost to the parent. So it gets a set of its own
    as soon as it asks for something; most children never do.
    """

    def __init__(self, poller: EpollPoller, epoll: select.epoll) -> None:
        self._poller = poller
        self._epoll = epoll

    def close(self) -> None:
        self._epoll.close()

    def __getattr__(self, name: str) -> Any:
        poller = self._poller
        if poller._epoll is self:
            poller._epoll = self._epoll
            poller._no_renewal_before = 0.0
            if not poller._renew():
                poller._epoll = self
                raise OSError(errno.EMFILE, "no epoll set to be had for the forked child")
        return getattr(self._epoll, name)


class EpollPoller(Poller):
    """Level-triggered epoll; see epoll(7). Closed on exec."""

    __slots__ = ("_epoll",)

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
        self._epoll: Any = select.epoll()
        # Numbers that were closed before they were taken out, with how many reports are doubted.
        self._suspects: dict[int, int] = {}
        # Numbers that were reported though nobody watches them.
        self._unknown: set[int] = set()
        self._no_renewal_before = 0.0

    def _watch(self, fd: int, events: int) -> None:
        try:
            self._epoll.register(fd, self._FLAGS[events])
        except FileExistsError:
            # Closed behind our back, and the same file has the same number once more.
            self._epoll.modify(fd, self._FLAGS[events])

    def _rewatch(self, fd: int, old: int, new: int) -> None:
        try:
            self._epoll.modify(fd, self._FLAGS[new])
        except FileNotFoundError:
            self._suspect(fd)
            raise
        except PermissionError as exc:
            # A file that cannot be watched has the number now, a plain one or a device.
            self._suspect(fd)
            raise FileNotFoundError(errno.ENOENT, f"descriptor {fd} is another file now") from exc

    def _unwatch(self, fd: int, events: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:
            self._suspect(fd)
            raise

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        # The call rounds up to whole milliseconds by itself, so no timer finds itself early.
        # It also refuses to be asked for no events at all.
        most = min(len(self._keys), _MOST_EVENTS) or 1
        events: Iterable[tuple[int, int]] = self._epoll.poll(timeout, most)
        return events

    # Reports of files that are gone.

    def _suspect(self, fd: int) -> None:
        self._suspects[fd] = _DOUBTS
        self._wait = self._wait_doubting  # type: ignore[method-assign]

    def _wait_doubting(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        found = list(EpollPoller._wait(self, timeout))
        suspects = self._suspects
        for fd, flags in found:
            doubts = suspects.get(fd)
            if doubts is None:
                continue
            if self._is_true(fd, flags):
                suspects[fd] = doubts - 1
                if doubts == 1:
                    del suspects[fd]
            elif self._renew():
                # What is true will be reported by the other set.
                return ()
        if not suspects:
            del self._wait
        return found

    def _is_true(self, fd: int, flags: int) -> bool:
        """Ask poll(), which looks at the file that has the number now."""
        key = self._keys.get(fd)
        if key is None:
            return False
        poll = select.poll()
        # Its flags have the values of epoll's.
        poll.register(fd, self._FLAGS[key.events])
        return not any(flags & ~seen for _, seen in poll.poll(0) or ((fd, 0),))

    def _rest(self, fd: int, events: int) -> None:
        # Only what happens anew is reported.
        self._epoll.modify(fd, self._FLAGS[events] | select.EPOLLET)

    def _found_nothing(self, found: Iterable[tuple[int, int]]) -> None:
        super()._found_nothing(found)
        for fd, _ in found:
            if fd in self._keys:
                self._suspect(fd)

    def _found_unknown(self, fd: int) -> None:
        if fd not in self._unknown:
            self._unknown.add(fd)
        else:
            self._renew()

    def _renew(self) -> bool:
        """Put another epoll set in the place of this one, under the same number."""
        now = time.monotonic()
        if now < self._no_renewal_before:
            return False
        fresh = None
        try:
            fresh = select.epoll()
            for fd, key in self._keys.items():
                try:
                    fresh.register(fd, self._FLAGS[key.events])
                except OSError as exc:
                    if exc.errno not in GONE:
                        raise
            os.dup2(fresh.fileno(), self._epoll.fileno(), inheritable=False)
        except OSError:
            self._no_renewal_before = now + _RENEWAL_DELAY
            return False
        finally:
            if fresh is not None:
                fresh.close()
        self._suspects.clear()
        self._unknown.clear()
        return True

    def part_from_parent(self) -> None:
        if not isinstance(self._epoll, _Parents):
            self._epoll = _Parents(self, self._epoll)

    def waits_in_c(self) -> bool:
        return type(self) is EpollPoller and not is_replaced(self._wait, _WAIT)

    def rouse(self) -> tuple[int, ...]:
        return self._rouse()

    def fileno(self) -> int:
        """Return the descriptor of the epoll instance itself."""
        descriptor: int = self._epoll.fileno()
        return descriptor

    def close(self) -> None:
        self._epoll.close()
        super().close()


# Our own, to know it from what replaces it.
_WAIT = EpollPoller._wait

if not TYPE_CHECKING and twins is not None:
    twins.adopt_poller(EpollPoller)
    twins.adopt_registering_poller(EpollPoller, FEW)
