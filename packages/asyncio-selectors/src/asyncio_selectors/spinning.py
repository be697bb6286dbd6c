"""A guard against descriptors that are reported for ever, without anybody doing anything about it.

A reader that leaves its data where it is, an end that nobody acts on, an error queue that nobody empties: a
level-triggered poller reports them in each turn, and the loop takes all of a processor for nothing. That is
told once, through the loop's exception handler, and the descriptor rests: epoll reports only what
happens anew with it then, other pollers look a few times a second. As soon as its state is another
one, everything is as before.

The guard costs a step of an iterator in each turn. Every few thousand turns it looks at the clock, and where
those were too quick, for a few turns at what was reported and what is left of it after the callbacks ran.
Nothing is held to be without effect unless that can be told: a socket that can always be written to, or one
of datagrams with more than one waiting, may well be used at each report.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import time
from fcntl import ioctl
from itertools import repeat
from termios import FIONREAD, TIOCOUTQ

from asyncio_selectors.descriptors import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from selectors import SelectorKey
    from typing import Any

    from asyncio_selectors.poller import Poller

    # What poll() says, how many bytes can be read, how many are not sent, and more of sockets.
    _State = tuple[object, ...]

__all__ = ("SpinGuard",)

# So many turns lie between two looks, the lower number while something is suspected; more than so many
# turns in a second are too quick. A look is so many turns long, after some in which it is found out what
# is reported in each; only so many descriptors are looked at.
_TURNS = 8192
_TURNS_SUSPECTING = 64
_QUICK = 2000
_SIFT_TURNS = 4
_LOOK_TURNS = 8
_MOST = 16

# What has had no effect for so many looks and seconds spins: where there is nothing to read at all; where
# there is something, which a quick peer may replace by the same; and for writers, whose peer may
# be as quick.
_NOTHING_TO_READ = (50, 0.25)
_UNREAD = (250, 1.0)
_WRITABLE = (500, 2.0)

# Seconds between two looks at what rests.
_REST = 0.25

# Seconds in which a descriptor is spoken of once.
_SILENCE = 60.0

# With more than so many bytes to read, who sends may be waiting, and fill up what is taken at once.
_MANY = 32 * 1024

# Not the class that programs know, which some replace by one that refuses.
_Socket = socket.SocketType

_IN = 1  # readable, to every poller

# In struct tcp_info: bytes acknowledged and received, segments sent and received.
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_TCP_COUNTS = slice(120, 144)


class SpinGuard:
    """Watches one poller for its loop."""

    def __init__(self, poller: Poller, loop: Any) -> None:
        self._poller = poller
        self._loop = loop
        self._looked_at = 0.0
        self._looking = 0
        # During a look: turns that are left for sifting, what was reported in each of them, and the
        # states of those of them that have not changed.
        self._sifting = 0
        self._common: set[int] | None = None
        self._states: dict[int, _State] = {}
        self._usual_wait: Any = None
        # Since when, and in how many looks, nothing came of reports.
        self._suspects: dict[int, tuple[float, int]] = {}
        # When something was last told of a descriptor.
        self._told: dict[int, float] = {}
        # What rests, with its key and state then.
        self._resting: dict[int, tuple[SelectorKey, _State]] = {}

    def _count_turns(self) -> None:
        turns = _TURNS_SUSPECTING if self._suspects else _TURNS
        self._poller._turns = repeat(None, turns)

    # A look.

    def look(self) -> None:
        """Look closer where the last turns were too quick; called when they have been counted."""
        turns = _TURNS_SUSPECTING if self._suspects else _TURNS
        now = time.monotonic()
        quick = turns > _QUICK * (now - self._looked_at)
        self._looked_at = now
        poller = self._poller
        if not quick:
            self._suspects.clear()
        elif not self._looking or vars(poller).get("_wait") != self._wait:
            self._states = {}
            self._common = None
            self._sifting = _SIFT_TURNS
            self._looking = _LOOK_TURNS
            self._usual_wait = vars(poller).get("_wait")
            poller._wait = self._wait  # type: ignore[method-assign]
        self._count_turns()

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        """Wait in the poller's place, and look at what it reports, and at what is left of that."""
        if self._sifting:
            found = self._usual(timeout)
            self._sift(found)
            return found
        poller = self._poller
        keys = poller._keys
        states = self._states
        for fd in list(states):
            if fd not in keys or _state(fd) != states[fd]:
                # Something has come of it.
                del states[fd]
        found = self._usual(timeout)
        reported = dict(found)
        if self._looking == _LOOK_TURNS:
            for fd in self._chosen(reported):
                if self._is_there(fd) and _can_tell(poller, keys[fd], reported[fd]):
                    states[fd] = _state(fd)
        else:
            for fd in list(states):
                if fd not in reported or _state(fd) != states[fd]:
                    del states[fd]
        self._looking -= 1
        if not self._looking or not states:
            self._end_look()
        return found

    def _usual(self, timeout: float | None) -> list[tuple[int, int]]:
        if self._usual_wait is None:
            return list(type(self._poller)._wait(self._poller, timeout))
        return list(self._usual_wait(timeout))

    def _sift(self, found: list[tuple[int, int]]) -> None:
        """Keep what is reported in each turn; that alone is looked at."""
        fds = {fd for fd, _ in found}
        if self._common is not None:
            fds &= self._common
        self._common = fds
        self._sifting -= 1
        if not fds:
            self._end_look()

    def _chosen(self, reported: dict[int, int]) -> list[int]:
        """Return a few of what was reported each time, those first that are suspected already."""
        keys = self._poller._keys
        common = [fd for fd in self._common or () if fd in reported and fd in keys]
        common.sort(key=lambda fd: fd not in self._suspects)
        return common[:_MOST]

    def _is_there(self, fd: int) -> bool:
        """Forget a file that was closed here, and that epoll reports because it lives on elsewhere."""
        poller = self._poller
        events = poller._keys[fd].events
        try:
            poller._rewatch(fd, events, events)
        except OSError as exc:
            if exc.errno in GONE:
                poller.unregister(fd)
            return False
        return True

    def _end_look(self) -> None:
        poller = self._poller
        self._looking = self._sifting = 0
        if vars(poller).get("_wait") == self._wait:
            if self._usual_wait is None:
                del poller._wait
            else:
                poller._wait = self._usual_wait  # type: ignore[method-assign]
        now = time.monotonic()
        suspects = {}
        for fd, state in self._states.items():
            since, looks = self._suspects.get(fd, (now, 0))
            enough, seconds = self._proof(fd, state)
            if looks + 1 >= enough and now - since >= seconds:
                self._rest(fd, state)
            else:
                suspects[fd] = (since, looks + 1)
        self._suspects = suspects
        self._count_turns()

    def _proof(self, fd: int, state: _State) -> tuple[int, float]:
        key = self._poller._keys.get(fd)
        if key is None or key.data[1] is not None:
            return _WRITABLE
        return _UNREAD if state[1] else _NOTHING_TO_READ

    # A rest.

    def _rest(self, fd: int, state: _State) -> None:
        poller, loop = self._poller, self._loop
        key = poller._keys.get(fd)
        if key is None:
            return
        try:
            poller._rest(fd, key.events)
        except OSError:
            # Not this time.
            return
        if fd not in self._resting:
            loop.call_later(_REST, self._look_at_resting, fd)
        self._resting[fd] = (key, state)
        now = time.monotonic()
        if now - self._told.get(fd, -_SILENCE) >= _SILENCE:
            self._told[fd] = now
            loop.call_soon(self._report, fd, key)

    def _report(self, fd: int, key: SelectorKey) -> None:
        reader, writer = key.data
        context = {
            "message": f"file descriptor {fd} was reported as ready thousands of times a second, "
            "without effect: it is left alone until something happens with it",
            "handle": reader or writer,
        }
        transport = self._loop._transports.get(fd)
        if transport is not None:
            context["transport"] = transport
        self._loop.call_exception_handler(context)

    def _look_at_resting(self, fd: int) -> None:
        poller = self._poller
        key, state = self._resting[fd]
        present = poller._keys.get(fd)
        if present is None:
            del self._resting[fd]
            return
        try:
            if present is key and _state(fd) == state:
                # Reported in one turn more, in case that its owner has thought of something.
                poller._rewatch(fd, key.events, key.events)
                self._loop.call_later(0, self._rest_again, fd)
                return
            del self._resting[fd]
            poller._rewatch(fd, present.events, present.events)
        except OSError as exc:
            self._resting.pop(fd, None)
            if exc.errno not in GONE:
                raise

    def _rest_again(self, fd: int) -> None:
        poller = self._poller
        key = self._resting[fd][0]
        if poller._keys.get(fd) is key:
            try:
                poller._rest(fd, key.events)
            except OSError:
                # Closed meanwhile.
                pass
        self._loop.call_later(_REST, self._look_at_resting, fd)


def _can_tell(poller: Poller, key: SelectorKey, flags: int) -> bool:
    """Return whether the state of a descriptor shows if its callbacks have done something."""
    reader, writer = key.data
    try:
        mode = os.fstat(key.fd).st_mode
        kind = _kind(key.fd) if stat.S_ISSOCK(mode) else 0
    except OSError:
        return False
    stream = kind == socket.SOCK_STREAM or stat.S_ISFIFO(mode)
    both = poller._for_reader & poller._for_writer
    if writer is not None and flags & poller._for_writer & ~both and not stream:
        return False
    if reader is not None and flags & _IN:
        waiting = _waiting(key.fd)
        return waiting == 0 or (waiting is not None and stream and waiting <= _MANY)
    return True


def _kind(fd: int) -> int:
    sock = _Socket(fileno=fd)
    try:
        return int(sock.type)
    finally:
        sock.detach()


def _waiting(fd: int) -> int | None:
    """Return how many bytes can be read; None where that cannot be told."""
    try:
        return int(struct.unpack("i", ioctl(fd, FIONREAD, b"\0" * 4))[0])
    except OSError:
        return None


def _state(fd: int) -> _State:
    """Return what shows whether somebody has read from a descriptor or written to it."""
    try:
        outgoing: Any = ioctl(fd, TIOCOUTQ, b"\0" * 4)
    except OSError:
        outgoing = None
    waiting = _waiting(fd)
    poll = select.poll()
    poll.register(fd)
    seen: list[object] = [poll.poll(0), waiting, outgoing]
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            sock = _Socket(fileno=fd)
            try:
                seen += _state_of(sock, waiting)
            finally:
                sock.detach()
    except OSError:
        pass
    return tuple(seen)


def _state_of(sock: _Socket, waiting: int | None) -> list[object]:
    if sock.type != socket.SOCK_STREAM:
        return []
    seen: list[object] = []
    if _TCP_INFO is not None and sock.family != getattr(socket, "AF_UNIX", None):
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _TCP_COUNTS.stop)
            seen.append(info[_TCP_COUNTS])
        except OSError:
            pass
    if waiting:
        # Only then: looking at an error would take it away.
        try:
            seen.append(sock.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError as exc:
            seen.append(exc.errno)
    return seen
