"""The completion port: where a loop waits, and where it hears that operations are done.

Every operation follows one path. Its future stands in `_pending` under the operation's address, the
system works, a packet with that address arrives at the port, `select()` takes it and the future gets its
outcome. An operation that is completed at once, on a socket whose port need not hear of that, gives a
future that is done already.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("completion ports need Windows")

import _winapi
import io
import math
import socket
import time
import weakref

from asyncio_core.awaiting.futures import Future
from asyncio_core.log import logger
from asyncio_iocp import _overlapped
from asyncio_iocp._overlapped import (
    INFINITE,
    INVALID_HANDLE_VALUE,
    NULL,
    GetQueuedCompletionStatusEx,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_iocp._overlapped import Overlapped
    from asyncio_iocp.overlapped_futures import _OverlappedFuture

__all__ = ("CompletionPort",)

# Waits shorter than this, in milliseconds, are worth the system's finer timer.
_FINE_WAIT = 100
# Seconds that close() gives the system to end the operations that it has been asked to cancel.
_CLOSE_PATIENCE = 10.0


def milliseconds(timeout: float | None) -> int:
    """Return a timeout of so many seconds in the system's unit, rounded up."""
    if timeout is None:
        return INFINITE
    if timeout <= 0:
        return 0
    return min(math.ceil(timeout * 1e3), INFINITE - 1)


class _Link(weakref.ref["Any"]):
    """What the proactor knows of an object whose handle its port tells about."""

    __slots__ = ("family", "is_socket", "number", "skips")

    # id() of the object, under which the link is found
    number: int
    is_socket: bool
    family: int
    # The port hears nothing of operations that are completed at once.
    skips: bool


class CompletionPort:
    """A port of the system, and the futures of the operations whose packets are to come.

    *concurrency* is how many threads the system lets run at once with packets of the port: a loop is
    one. Only `wake()` may be called from other threads.
    """

    def __init__(self, concurrency: int = INFINITE) -> None:
        self._port: int | None = None
        self._port = _overlapped.CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, concurrency)
        # Without one, futures belong to the running loop.
        self._loop: AbstractEventLoop | None = None
        # address of the operation -> its future
        self._pending: dict[int, _OverlappedFuture] = {}
        # id of an object -> its link
        self._links: dict[int, _Link] = {}
        # Packets that were taken from the port and not dealt with yet.
        self._packets: list[tuple[int, int, int, int]] = []
        self._waking = False
        self._fine_timer = False

    def __repr__(self) -> str:
        state = "closed" if self._port is None else f"pending={len(self._pending)}"
        return f"<{type(self).__name__} {state}>"

    def __del__(self) -> None:
        if self._port is not None:
            self.close()

    def set_loop(self, loop: AbstractEventLoop) -> None:
        """Name the loop that the futures belong to."""
        self._loop = loop

    # --- Waiting -----------------------------------------------------------------------------

    def select(self, timeout: float | None = None) -> list[Future[Any]]:
        """Wait for operations to be done, give their futures the outcome, and return these.

        Waits at most *timeout* seconds, rounded up to milliseconds; None means as long as it takes.
        """
        wait = milliseconds(timeout)
        if wait and (wait < _FINE_WAIT) is not self._fine_timer:
            self._set_fine_timer(wait < _FINE_WAIT)
        packets = self._packets
        if not packets:
            assert self._port is not None, "the proactor is closed"
            GetQueuedCompletionStatusEx(self._port, wait, 256, packets)
        # Also for packets that an interrupted call has left: the one of a wake() may be among them.
        self._waking = False
        pending = self._pending
        finished: list[Future[Any]] = []
        taken = 0
        # Ctrl-C may raise anywhere in here: a packet is forgotten after it has been dealt with.
        try:
            for _, transferred, _, address in packets:
                future = pending.get(address)
                if future is not None:
                    future._arrived(transferred)
                    del pending[address]
                    finished.append(future)
                taken += 1
        finally:
            del packets[:taken]
        return finished

    def wake(self) -> None:
        """Have a `select()` that waits, or the next one, return at once.

        From any thread, at any time; does nothing once the proactor is closed.
        """
        port = self._port
        if self._waking or port is None:
            return
        self._waking = True
        try:
            _overlapped.PostQueuedCompletionStatus(port, 0, 0, 0)
        except OSError:
            self._waking = False
            if self._port is not None:
                raise

    def _set_fine_timer(self, fine: bool) -> None:
        """Switch between the system's usual timer, of some 15 ms, and one of a millisecond."""
        if fine:
            _overlapped.timeBeginPeriod(1)
        else:
            _overlapped.timeEndPeriod(1)
        self._fine_timer = fine

    # --- Links and futures -------------------------------------------------------------------

    def _register_with_iocp(self, obj: Any) -> _Link:
        """Have the port tell about the operations of an object with a handle, once.

        Raises OSError for what is closed or cannot do overlapped operations.
        """
        link = self._links.get(id(obj))
        if link is not None:
            return link
        if isinstance(obj, io.IOBase):
            # Their numbers are the C library's, not handles, and none of them is overlapped.
            raise _os_error(_overlapped.ERROR_INVALID_HANDLE)
        is_socket = isinstance(obj, socket.socket)
        handle = obj.fileno()
        if handle == -1 and is_socket:
            raise _os_error(_overlapped.WSAENOTSOCK)
        assert self._port is not None, "the proactor is closed"
        _overlapped.CreateIoCompletionPort(handle, self._port, 0, 0)
        link = _Link(obj, self._unlink)
        link.number = id(obj)
        link.is_socket = is_socket
        link.family = int(obj.family) if is_socket else 0
        link.skips = (
            is_socket and obj.type == socket.SOCK_STREAM and _overlapped.SkipSuccessPackets(handle)
        )
        self._links[link.number] = link
        return link

    def _unlink(self, link: weakref.ref[Any]) -> None:
        assert isinstance(link, _Link)
        self._links.pop(link.number, None)

    def _done(self, result: Any) -> Future[Any]:
        """Return a future that has its result."""
        future: Future[Any] = Future(loop=self._loop)
        future.set_result(result)
        return future

    def _expect(
        self, future: _OverlappedFuture, operation: Overlapped, completed: bool
    ) -> _OverlappedFuture:
        """Wait for the operation's packet, unless it is completed and none is to come."""
        if completed:
            future._arrived(0)
        else:
            self._pending[operation.address] = future
        return future

    def _forget(self, future: _OverlappedFuture) -> None:
        """No packet is to come for this future."""
        operation, future._operation = future._operation, None
        future._keep = None
        if operation is not None:
            self._pending.pop(operation.address, None)

    def _unregister(self, operation: Overlapped) -> None:
        """Do nothing about an operation whose future was cancelled: its packet comes (nest_asyncio)."""

    # --- The end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Cancel what is pending, wait until the system is through with it, and close the port.

        A second call does nothing.
        """
        if self._port is None:
            return
        self._end_operations()
        if self._fine_timer:
            self._set_fine_timer(False)
        self._detach_all()
        port, self._port = self._port, None
        _winapi.CloseHandle(port)
        self._loop = None

    def _end_operations(self) -> None:
        """Cancel what is pending, and take the packets of its end."""
        for future in list(self._pending.values()):
            try:
                future.cancel()
            except RuntimeError:
                pass  # the loop was closed before: nobody is to be told
        self._drain()

    def _detach_all(self) -> None:
        """Let the next loop have the sockets and pipes that are still open."""
        links = list(self._links.values())
        self._links.clear()
        for link in links:
            obj = link()
            try:
                handle = -1 if obj is None else obj.fileno()
            except (OSError, ValueError):
                continue  # closed
            if handle != -1:
                _overlapped.DetachFromPort(handle)

    def _drain(self) -> None:
        """Take the packets of what has been cancelled."""
        give_up = time.monotonic() + _CLOSE_PATIENCE
        while self._pending:
            self.select(0.5)
            if self._pending and time.monotonic() > give_up:
                # Their memory is safe: the extension keeps it for as long as the system may want it.
                logger.warning("operations did not end: %r", list(self._pending.values()))
                self._pending.clear()


def _os_error(code: int) -> OSError:
    return OSError(None, _overlapped.FormatMessage(code), None, code)
