"""Part of the loop: being woken, by other threads and by signals.

A byte in a pair of sockets ends the loop's wait. A socket pair and not something leaner, because the
interpreter writes the numbers of signals into it.

No wake-up is lost because one could not be written. A full pair wakes the loop anyway. Where the
socket refuses for another reason, or says that it is full and is not, the byte is written once more and in another way; where that is
refused too, the wait is ended by other means and the loop takes a fresh pair. Where no pair
can be written to, as in a sandbox, the loop looks by itself, some fifty times a second, for
what was queued, until it can be woken again. What happened is said once.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import weakref
from _thread import _count as made_threads
from contextlib import suppress
from threading import get_ident

from asyncio_core import log
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_selectors.poller import Poller
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.scheduling.handles import Handle, TimerHandle

__all__ = ("WakingUp",)

_WAKE_BYTE = b"\0"

# Seconds between two looks of a loop that cannot be woken, and how many of them come between two
# attempts to mend that.
_LOOK_DELAY = 0.02
_LOOKS = 50


def _send_again(csock: Any, ssock: Any) -> bool:
    """Try twice to wake through a socket that has refused once; return whether a byte is under way."""
    ways: list[Callable[[bytes], object]] = [csock.send]
    if sys.platform != "win32":
        # A sandbox may deny what sockets do and allow write(), which signals use as well.
        ways.append(lambda byte: os.write(csock.fileno(), byte))
    for send in ways:
        try:
            send(_WAKE_BYTE)
        except BlockingIOError:
            if _has_come(ssock):
                return True
        except Exception:
            continue
        else:
            return True
    return False


def _has_come(ssock: Any) -> bool:
    """Return whether there is something to read that wakes the loop."""
    try:
        return bool(select.select((ssock,), (), (), 0)[0])
    except Exception:
        # Closed meanwhile, or with a number that select() does not take: believe what was said.
        return True


# Loops that may be there in a forked child.
_alive: weakref.WeakSet[WakingUp] = weakref.WeakSet()


def _leave_parents_loops() -> None:
    """In a forked child: what it does with its copy of a loop must not be felt by the parent's."""
    for loop in list(_alive):
        with suppress(Exception):
            loop._part_from_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_loops)


class WakingUp(BaseEventLoop):
    """The socket pair: its making, reading, writing, mending and closing."""

    # The pair; and the socket through which a byte is under way to the loop: another one would not wake it earlier.
    # The compiled form finds them there.
    __slots__ = ("_ssock", "_csock", "_waking")

    _ssock: Any
    _csock: Any
    _waking: Any
    # What reads the pair, as it is registered.
    _self_reading: Handle | None = None
    # The next look of a loop that cannot be woken, and how many are left until the next attempt.
    _looking: TimerHandle | None = None
    _looks_left = 0
    _told_of_waking = False
    # Whether a thread has woken the loop that Python did not make.
    _woken_from_outside = False

    if TYPE_CHECKING:
        _internal_fds: int
        _poller: Poller | None
        _add_reader: Callable[..., Handle]
        _remove_reader: Callable[[int], bool]
        _notice_watched: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self._ssock = self._csock = self._waking = None

    def _make_self_pipe(self) -> None:
        self._take_pair(*_make_pair())
        _alive.add(self)

    def _take_pair(self, ssock: socket.socket, csock: socket.socket) -> None:
        self._ssock, self._csock = ssock, csock
        self._internal_fds = 1
        self._self_reading = self._add_reader(ssock.fileno(), self._read_from_self)
        self._notice_watched()

    def _leave_pair(self) -> None:
        """Stop reading the pair, wherever its number has gone meanwhile."""
        handle, self._self_reading = self._self_reading, None
        fd = self._ssock.fileno()
        if fd != -1:
            self._remove_reader(fd)
            return
        for key in list(self._selector.get_map().values()):
            # Closed behind our back.
            if key.data[0] is handle:
                self._remove_reader(key.fd)

    def _part_from_parent(self) -> None:
        """Take a pair, and a set of the poller, that are not the parent's."""
        poller = self._selector
        if self._ssock is None or not isinstance(poller, Poller):
            return
        poller.part_from_parent()
        former = self._ssock, self._csock
        pair = _make_pair()
        poller.renumber(former[0].fileno(), pair[0].fileno())
        self._ssock, self._csock = pair
        self._waking = None
        _close_all(*former)

    def _close_self_pipe(self) -> None:
        if self._ssock is None:
            return
        self._leave_pair()
        pair = self._ssock, self._csock
        # First, so that other threads find either an open one or none.
        self._ssock = self._csock = None
        for end in pair:
            end.close()
        self._internal_fds = 0

    def _read_from_self(self) -> None:
        room = 4096
        data = None
        while data is None or len(data) == room:
            try:
                data = self._ssock.recv(room)
            except InterruptedError:
                continue
            except BlockingIOError:
                break
            except BrokenPipeError:
                # What Windows says of an end that was shut down.
                data = b""
            except OSError as exc:
                self._call_soon(self._mend_self_pipe, (exc, self._csock), None)
                raise
            if not data:
                # It would be readable for ever.
                self._mend_self_pipe(
                    ConnectionAbortedError("the loop's own socket pair has come to its end")
                )
                return
            self._process_self_data(data)
        # Only now that nothing is read any more: a byte swallowed after this line would leave the
        # mark in place for ever. Whoever found it there has queued his handle before he looked, and
        # the next turn finds that handle.
        self._waking = None

    def _process_self_data(self, data: bytes) -> None:
        """Take what woke the loop; loops with signals override it."""

    def _only_woken(self) -> bool:
        """Return whether what comes through the pair means nothing to a loop that is awake."""
        return self._read_from_self == _READ_FROM_SELF.__get__(self) and self._ignores_data()

    def _ignores_data(self) -> bool:
        return not is_replaced(self._process_self_data, _PROCESS_SELF_DATA)

    def _write_to_self(self) -> None:
        # Called from any thread, also while the loop closes in its own.
        csock = self._csock
        if csock is None or self._waking is csock:
            return
        try:
            self._waking = csock
            csock.send(_WAKE_BYTE)
        except OSError as exc:
            self._waking_refused(csock, exc)
        except BaseException:
            self._waking = None
            raise
        if self._may_spare_poll and not made_threads():
            self._note_waker()

    def _note_waker(self) -> None:
        """Note that a thread has woken the loop that Python did not make, where it is one."""
        if self._thread_id not in (None, get_ident()):
            self._woken_from_outside = True
            self._may_spare_poll = False

    def _waking_refused(self, csock: Any, exc: OSError) -> None:
        # A full pair wakes anyway.
        if not isinstance(exc, BlockingIOError) or not _has_come(self._ssock):
            self._wake_otherwise(csock, exc)

    # Where the pair fails.

    def _wake_otherwise(self, csock: Any, exc: OSError) -> None:
        """Wake the loop though `csock` has refused; called from any thread."""
        if csock is not self._csock:
            # Closed meanwhile, and there may be another.
            self._write_to_self()
        elif self._looking is not None:
            # It looks by itself.
            pass
        elif _send_again(csock, self._ssock):
            # Where a full pair was emptied at this moment there is nothing to tell.
            if not self._told_of_waking and not isinstance(exc, BlockingIOError):
                self._told_of_waking = True
                self._call_soon(self._tell_of_waking, (exc,), None)
        else:
            self._call_soon(self._mend_self_pipe, (exc, csock), None)
            # The other end is at its end, and readable, by this.
            with suppress(Exception):
                csock.shutdown(socket.SHUT_WR)
            with suppress(Exception):
                if self._poller is not None:
                    self._call_soon(_close_all, self._poller.rouse(), None)

    def _tell_of_waking(self, exc: OSError) -> None:
        log.logger.warning("a wake-up of %r failed and was sent again: %s", self, exc)

    def _mend_self_pipe(self, exc: OSError, failed: Any = None) -> None:
        """Take a fresh socket pair in place of one that has failed: that of `failed`, or the present."""
        if self._ssock is None or failed not in (None, self._csock):
            return
        pair: tuple[socket.socket, ...] = ()
        former = self._ssock, self._csock
        try:
            pair = _make_pair()
            # Shows that it can be written to, and then that it is read.
            pair[1].send(_WAKE_BYTE)
            self._leave_pair()
            self._take_pair(*pair)
        except OSError as again:
            self._ssock, self._csock = former
            _close_all(*pair)
            self._look_by_itself(exc, again)
            return
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        else:
            log.logger.warning("%r has a new socket pair to be woken by: %s", self, exc)
        self._self_pipe_mended(*former)
        self._waking = None
        _close_all(*former)

    def _self_pipe_mended(self, ssock: Any, csock: Any) -> None:
        """Take what else hangs on the former pair to the new one; loops with signals override it."""

    def _look_by_itself(self, exc: OSError, again: OSError) -> None:
        """Go on without being woken, for now."""
        with suppress(OSError):
            self._leave_pair()
        # Nobody need try.
        self._waking = self._csock
        self._looks_left = _LOOKS
        if self._looking is not None:
            return
        self._looking = self.call_later(_LOOK_DELAY, self._look, exc)
        self.call_exception_handler(
            {
                "message": "the loop cannot be woken and "
                f"looks every {_LOOK_DELAY} s for what other threads have queued",
                "exception": exc if again is exc else again,
                "loop": self,
            }
        )

    def _look(self, exc: OSError) -> None:
        # What was queued runs in this turn or the next: all there is to do is to come back.
        self._looking = self.call_later(_LOOK_DELAY, self._look, exc)
        self._looks_left -= 1
        if not self._looks_left:
            self._mend_self_pipe(exc)


if twins is not None:
    twins.adopt_waking(WakingUp, globals())
    twins.know_ignoring_zeros(WakingUp._process_self_data)

# Our own, to know them from what replaces them.
_READ_FROM_SELF = WakingUp._read_from_self
_PROCESS_SELF_DATA = WakingUp._process_self_data


def _make_pair() -> tuple[socket.socket, socket.socket]:
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
    return pair


def _close_all(*files: Any) -> None:
    for file in files:
        with suppress(Exception):
            if isinstance(file, int):
                os.close(file)
            else:
                file.close()
