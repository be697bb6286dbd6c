"""select, which every system has, Windows too."""

from __future__ import annotations

import select
import sys
import time
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_selectors.poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("SelectPoller",)


class SelectPoller(Poller):
    """select(2): descriptors below FD_SETSIZE on Unix; 512 sockets and nothing else on Windows."""

    def __init__(self) -> None:
        super().__init__()
        self._reading: set[int] = set()
        self._writing: set[int] = set()

    def _watch(self, fd: int, events: int) -> None:
        if events & EVENT_READ:
            self._reading.add(fd)
        if events & EVENT_WRITE:
            self._writing.add(fd)

    def renumber(self, old: int, new: int) -> None:
        # Nothing here is shared.
        key = self.unregister(old)
        self.register(new, key.events, key.data)

    def _unwatch(self, fd: int, events: int) -> None:
        self._reading.discard(fd)
        self._writing.discard(fd)

    def _rewatch(self, fd: int, old: int, new: int) -> None:
        self._check_open(fd)
        self._unwatch(fd, old)
        self._watch(fd, new)

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        limit = None if timeout is None else max(timeout, 0)
        try:
            if sys.platform == "win32":
                readable, writable = self._wait_winsock(limit)
            else:
                readable, writable, _ = select.select(self._reading, self._writing, (), limit)
        except OSError as exc:
            if not self._forget_closed():
                raise exc
            return ()
        flags = dict.fromkeys(readable, EVENT_READ)
        for fd in writable:
            flags[fd] = flags.get(fd, 0) | EVENT_WRITE
        return flags.items()

    def _forget_closed(self) -> bool:
        """Forget what was closed behind our back; return whether there was something."""
        before = len(self._keys)
        for fd in list(self._keys):
            try:
                select.select((fd,), (), (), 0)
            except OSError:
                self.unregister(fd)
        return len(self._keys) < before

    if sys.platform == "win32":

        def _wait_winsock(self, limit: float | None) -> tuple[Iterable[int], Iterable[int]]:
            if not self._reading and not self._writing:
                # Winsock refuses three empty sets.
                time.sleep(0 if limit is None else limit)
                return (), ()
            # A connect that failed is reported in the third set there, not in the second.
            readable, writable, failed = select.select(
                self._reading, self._writing, self._writing, limit
            )
            return readable, {*writable, *failed}

    def close(self) -> None:
        self._reading.clear()
        self._writing.clear()
        super().close()
