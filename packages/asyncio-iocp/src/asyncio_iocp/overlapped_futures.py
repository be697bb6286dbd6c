"""The futures that a proactor gives out: one for each operation that the system is doing.

Two parties hold such a future. The program may cancel it and forget it at any time; the system writes
to the operation's memory until it has said, with a packet, that it is through. So the proactor keeps
each future under its operation's address until the packet is there, and with it all that the
operation needs: the memory, and the object that owns the handle.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("completion ports need Windows")

import _winapi
import errno

from asyncio_core.awaiting.base_futures import _CANCELLED, _PENDING
from asyncio_core.awaiting.futures import Future
from asyncio_iocp import _overlapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_iocp._overlapped import Overlapped
    from asyncio_iocp.proactor import IocpProactor
    from asyncio_iocp.socket_polling import SelectThread

# What the system says where the connection, or the handle, went away under an operation.
_GONE = frozenset({_overlapped.ERROR_NETNAME_DELETED, _overlapped.ERROR_OPERATION_ABORTED})
# An earlier datagram could not be delivered. It says nothing about the one that is waited for.
UNDELIVERED = frozenset({_overlapped.ERROR_PORT_UNREACHABLE, _overlapped.WSAECONNRESET})


def _as_connection_error(error: OSError) -> OSError:
    """Return the error under the class by which programs know it."""
    code = error.winerror
    if code not in _GONE:
        return error
    return ConnectionResetError(errno.ECONNRESET, error.strerror, None, code)


class _OverlappedFuture(Future["Any"]):
    """The outcome of one operation of the system; cancelling it cancels the operation.

    *keep* is held until the system is through with the operation: who owns the handle.
    """

    def __init__(self, operation: Overlapped, keep: Any, *, loop: AbstractEventLoop | None) -> None:
        super().__init__(loop=loop)
        if self._source_traceback:
            del self._source_traceback[-1]
        self._operation: Overlapped | None = operation
        self._keep = keep

    def __repr__(self) -> str:
        text = super().__repr__()
        if (operation := self._operation) is None:
            return text
        state = "pending" if operation.pending else "completed"
        return f"{text[:-1]} overlapped=<{state}, {operation.address:#x}>>"

    @property
    def _ov(self) -> Overlapped | None:
        """The operation, by the name that nest_asyncio knows."""
        return self._operation

    def cancel(self, msg: Any | None = None) -> bool:
        if self._state is _PENDING:
            self._stop()
        return super().cancel(msg)

    def _stop(self) -> None:
        """Ask the system to stop; the packet comes all the same."""
        if self._operation is None:
            return
        try:
            self._operation.cancel()
        except OSError as error:
            assert self._loop is not None
            self._loop.call_exception_handler(
                {
                    "message": "an overlapped operation could not be cancelled",
                    "exception": error,
                    "future": self,
                }
            )

    def _arrived(self, transferred: int) -> None:
        """Take the outcome: the packet is there, or none is to come."""
        operation = self._operation
        if operation is None:
            return
        if self._state is _PENDING:
            try:
                result = self._outcome(operation, transferred)
            except OSError as error:
                self.set_exception(_as_connection_error(error))
            except Exception as error:
                self.set_exception(error)
            else:
                self.set_result(result)
        elif self._state is _CANCELLED:
            operation.settle()
            self._discard(operation)
        self._operation = self._keep = None

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        return operation.getresult()

    def _discard(self, operation: Overlapped) -> None:
        """Clean up after an operation whose outcome nobody waits for any more."""


class _ReceiveFromFuture(_OverlappedFuture):
    """A datagram and its sender, or nothing and None where an earlier one was not delivered."""

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        try:
            return operation.getresult()
        except OSError as error:
            if error.winerror in UNDELIVERED:
                return b"", None
            raise


class _ReceiveFromIntoFuture(_OverlappedFuture):
    """The same with a number of bytes."""

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        try:
            return operation.getresult()
        except OSError as error:
            if error.winerror in UNDELIVERED:
                return 0, None
            raise


class _ConnectFuture(_OverlappedFuture):
    """The end of an attempt to connect; there is nothing to tell of it."""


class _AcceptFuture(_OverlappedFuture):
    """A connected socket and the address of its peer.

    The socket is made before there is a connection. It is closed where none comes of it, but not
    before the system is through with it.
    """

    def __init__(
        self,
        operation: Overlapped,
        keep: Any,
        connection: socket.socket,
        *,
        loop: AbstractEventLoop | None,
    ) -> None:
        super().__init__(operation, keep, loop=loop)
        self._connection: socket.socket | None = connection

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        assert self._connection is not None
        try:
            address = operation.getresult()
        except OSError as error:
            self._discard(operation)
            if error.winerror == _overlapped.WSAENOTCONN:
                # It came and went before it could be taken.
                raise ConnectionAbortedError(errno.ECONNABORTED, error.strerror) from error
            raise
        connection, self._connection = self._connection, None
        return connection, address

    def _discard(self, operation: Overlapped) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _AcceptPipeFuture(_OverlappedFuture):
    """The server's end of a pipe, which has a client now."""

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        operation.getresult()
        return self._keep


class _WaitHandleFuture(_OverlappedFuture):
    """True once a handle is signalled, False if the time was over before.

    The operation only lends its address; who waits is a thread of the system's pool.
    """

    _handle = 0
    _wait: int | None = None
    _proactor: IocpProactor | None = None

    def _begin(self, proactor: IocpProactor, handle: int, wait: int) -> None:
        self._proactor = proactor
        self._handle = handle
        self._wait = wait

    def _unregister(self) -> bool:
        """End the wait; tell whether its packet is on the way."""
        wait, self._wait = self._wait, None
        return wait is not None and _overlapped.UnregisterWait(wait)

    def _stop(self) -> None:
        if self._wait is None or self._proactor is None:
            return
        if not self._unregister():
            self._proactor._forget(self)

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        self._unregister()
        self._proactor = None
        return transferred == 0 or self._is_signalled()

    def _is_signalled(self) -> bool:
        # The pool lets the time be over first where there is none.
        try:
            return _winapi.WaitForSingleObject(self._handle, 0) == _winapi.WAIT_OBJECT_0
        except OSError:
            return False  # closed meanwhile


class _PollFuture(_OverlappedFuture):
    """The mask of what a socket is ready for, of `selectors.EVENT_READ` and `EVENT_WRITE`."""

    # Filled in by the poller: the driver's event -> what it means to who asked.
    _asked = 0
    _meaning: tuple[tuple[int, int], ...] = ()

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        events = operation.getresult()
        ready = 0
        for event, mask in self._meaning:
            if events & event:
                ready |= mask
        # Nothing: the socket was closed. Its owner finds out by using it.
        return ready & self._asked or self._asked


class _SelectFuture(_OverlappedFuture):
    """The same, found out by a thread, which sends the mask as the number of bytes."""

    _thread: SelectThread | None = None
    _number = 0

    def _stop(self) -> None:
        if self._thread is not None and self._operation is not None:
            self._thread.cancel(self._operation.address)

    def _outcome(self, operation: Overlapped, transferred: int) -> Any:
        return transferred
