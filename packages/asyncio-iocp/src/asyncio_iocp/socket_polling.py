"""Waiting until a socket is ready, for `add_reader()` and its relatives, on a completion port.

The driver of sockets can do it as an operation like any other, with events of its own. Where it cannot
be opened, a thread calls `select()`: `SelectThread`.
"""

from __future__ import annotations

import errno
import select
import socket
import threading
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_core.scheduling.background import background_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("MEANING", "SelectThread", "events_of_interest")

# The driver's events (AFD_POLL_…): data, urgent data, room to send (also: connected), a peer that sends
# no more, a connection that was reset, a socket that was closed here, a connection to accept, a
# failed connect.
_RECEIVE, _EXPEDITED, _SEND, _DISCONNECT, _ABORT, _LOCAL_CLOSE, _ACCEPT, _CONNECT_FAIL = (
    0x0001,
    0x0002,
    0x0004,
    0x0008,
    0x0010,
    0x0020,
    0x0080,
    0x0100,
)

# What `select()` takes on Windows is 512 sockets; one wakes the thread.
MOST_WAITS = 511

# What each means to who asked. A socket that has failed is ready for everything: using it tells why.
MEANING = (
    (_RECEIVE, EVENT_READ),
    (_DISCONNECT, EVENT_READ),
    (_ACCEPT, EVENT_READ),
    (_SEND, EVENT_WRITE),
    (_ABORT, EVENT_READ | EVENT_WRITE),
    (_LOCAL_CLOSE, EVENT_READ | EVENT_WRITE),
    (_CONNECT_FAIL, EVENT_READ | EVENT_WRITE),
)


def events_of_interest(events: int) -> int:
    """Return the driver's events for a mask of `EVENT_READ` and `EVENT_WRITE`.

    Raises ValueError where the mask has neither or something else.
    """
    if not events or events & ~(EVENT_READ | EVENT_WRITE):
        raise ValueError(f"EVENT_READ, EVENT_WRITE or both were expected, got {events!r}")
    return sum(event for event, meaning in MEANING if meaning & events)


class SelectThread:
    """A thread that calls `select()` for one-shot waits and reports each with a call of *report*.

    `report(address, ready)` is called in the thread, with the number that the wait was given and the
    mask of what its socket is ready for: 0 after `cancel()`. The thread starts with the first wait and
    ends with `close()`.
    """

    def __init__(self, report: Callable[[int, int], object]) -> None:
        self._report = report
        self._lock = threading.Lock()
        # address -> (descriptor, mask)
        self._waits: dict[int, tuple[int, int]] = {}
        self._cancelled: list[int] = []
        self._thread: threading.Thread | None = None
        self._sender: socket.socket | None = None
        self._receiver: socket.socket | None = None

    def wait(self, address: int, number: int, events: int) -> None:
        """Have *address* reported once the socket *number* is ready for one of *events*.

        Raises OSError where `select()` cannot take more sockets.
        """
        with self._lock:
            if len(self._waits) >= MOST_WAITS:
                raise OSError(errno.EMFILE, f"more than {MOST_WAITS} sockets cannot be polled")
            self._waits[address] = (number, events)
            if self._thread is None:
                self._start()
            else:
                self._wake()

    def cancel(self, address: int) -> None:
        """Have the wait reported at once, with 0, unless it has been."""
        with self._lock:
            if self._waits.pop(address, None) is not None:
                self._cancelled.append(address)
                self._wake()

    def close(self) -> None:
        """End the thread. Waits that are left are not reported any more."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._waits.clear()
            self._cancelled.clear()
            if thread is not None:
                self._wake()
        if thread is not None:
            thread.join()
            for end in (self._sender, self._receiver):
                if end is not None:
                    end.close()
            self._sender = self._receiver = None

    def _start(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._thread = background_thread(self._run, name="asyncio-select")
        self._thread.start()

    def _wake(self) -> None:
        if self._sender is not None:
            try:
                self._sender.send(b"\0")
            except OSError:
                pass  # full: it is going to wake anyway

    def _run(self) -> None:
        receiver = self._receiver
        assert receiver is not None
        while True:
            with self._lock:
                if self._thread is None:
                    return
                waits = dict(self._waits)
                cancelled, self._cancelled = self._cancelled, []
            for address in cancelled:
                self._report(address, 0)
            readers = {number for number, events in waits.values() if events & EVENT_READ}
            writers = {number for number, events in waits.values() if events & EVENT_WRITE}
            self._settle(waits, *_select(receiver, readers, writers))
            try:
                receiver.recv(4096)
            except OSError:
                pass

    def _settle(
        self, waits: dict[int, tuple[int, int]], readable: set[int], writable: set[int]
    ) -> None:
        """Report those of the waits whose sockets are ready, unless they were cancelled meanwhile."""
        for address, (number, events) in waits.items():
            ready = 0
            if number in readable:
                ready |= events & EVENT_READ
            if number in writable:
                ready |= events & EVENT_WRITE
            if not ready:
                continue
            with self._lock:
                known = self._waits.pop(address, None) is not None
            if known:
                self._report(address, ready)


def _select(
    receiver: socket.socket, readers: set[int], writers: set[int]
) -> tuple[set[int], set[int]]:
    """Wait; return the descriptors that can be read and written, failed ones among both."""
    everything = readers | writers
    try:
        # A failed connect is an exceptional condition to Windows and nothing else.
        readable, writable, failed = select.select(
            [receiver.fileno(), *readers], list(writers), list(everything)
        )
    except (OSError, ValueError):
        # One of them is no open socket any more. Whoever uses it finds out.
        closed = {number for number in everything if not _is_open(number)}
        return closed, closed
    return {*readable, *failed}, {*writable, *failed}


def _is_open(number: int) -> bool:
    try:
        select.select([number], [], [], 0)
    except (OSError, ValueError):
        return False
    return True
