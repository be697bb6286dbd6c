"""The proactor: what an event loop asks the system to do, operation by operation.

Each is started with an `Overlapped`, whose end the completion port tells of. An operation that cannot be
started raises OSError at the call.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("completion ports need Windows")

import _winapi
import socket

from asyncio_core.log import logger
from asyncio_core.windows.pipes import PipeHandle
from asyncio_iocp import _overlapped
from asyncio_iocp._overlapped import INFINITE, NULL, Overlapped
from asyncio_iocp.completion_port import CompletionPort, milliseconds
from asyncio_iocp.overlapped_futures import (
    UNDELIVERED,
    _AcceptFuture,
    _AcceptPipeFuture,
    _ConnectFuture,
    _OverlappedFuture,
    _PollFuture,
    _ReceiveFromFuture,
    _ReceiveFromIntoFuture,
    _SelectFuture,
    _WaitHandleFuture,
)
from asyncio_iocp.socket_polling import MEANING, SelectThread, events_of_interest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from typing_extensions import Buffer

    from asyncio_core.awaiting.futures import Future
    from asyncio_iocp.completion_port import _Link

__all__ = ("IocpProactor",)

# Seconds between attempts to open a pipe all of whose instances are busy: the first, and the most.
CONNECT_PIPE_INIT_DELAY = 0.001
CONNECT_PIPE_MAX_DELAY = 0.100


class IocpProactor(CompletionPort):
    """Starts operations on sockets, pipes and handles, and tells when they are done.

    Nearly all methods return a future of the loop that `set_loop()` names; cancelling it cancels the
    operation. *concurrency* is how many threads the system lets run at once with packets of
    the port: a loop is one. Only `wake()` may be called from other threads. Added in Python 3.4.
    """

    def __init__(self, concurrency: int = INFINITE) -> None:
        super().__init__(concurrency)
        # Handle of the driver that polls sockets; 0 where there is none, None as long as unknown.
        self._afd: int | None = None
        self._select_thread: SelectThread | None = None

    # --- Streams and pipes -------------------------------------------------------------------

    def recv(self, conn: socket.socket | PipeHandle, nbytes: int, flags: int = 0) -> Future[bytes]:
        """Read at most *nbytes* from a socket or a pipe; the result is b"" at the end."""
        link = self._links.get(id(conn)) or self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        try:
            if link.is_socket:
                completed = operation.WSARecv(conn.fileno(), nbytes, flags)
            else:
                completed = operation.ReadFile(conn.fileno(), nbytes)
        except BrokenPipeError:
            return self._done(b"")
        if completed and link.skips:
            return self._done(operation.getresult())
        future = _OverlappedFuture(operation, conn, loop=self._loop)
        self._pending[operation.address] = future
        return future

    def recv_into(
        self, conn: socket.socket | PipeHandle, buf: Buffer, flags: int = 0
    ) -> Future[int]:
        """Read into *buf*; the result is the number of bytes, 0 at the end."""
        link = self._links.get(id(conn)) or self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        try:
            if link.is_socket:
                completed = operation.WSARecvInto(conn.fileno(), buf, flags)
            else:
                completed = operation.ReadFileInto(conn.fileno(), buf)
        except BrokenPipeError:
            return self._done(0)
        if completed and link.skips:
            return self._done(operation.getresult())
        future = _OverlappedFuture(operation, conn, loop=self._loop)
        self._pending[operation.address] = future
        return future

    def send(self, conn: socket.socket | PipeHandle, buf: Buffer, flags: int = 0) -> Future[int]:
        """Write all of *buf* to a socket or a pipe; the result is the number of bytes."""
        link = self._links.get(id(conn)) or self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        if link.is_socket:
            completed = operation.WSASend(conn.fileno(), buf, flags)
        else:
            completed = operation.WriteFile(conn.fileno(), buf)
        if completed and link.skips:
            return self._done(operation.getresult())
        future = _OverlappedFuture(operation, conn, loop=self._loop)
        self._pending[operation.address] = future
        return future

    def sendfile(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int
    ) -> Future[int]:
        """Send *count* bytes of a file from *offset* on; the result is the number of bytes.

        At most 2**31 - 1 bytes at once; a *count* of 0 means to the end of the file.
        """
        import msvcrt

        link = self._register_with_iocp(sock)
        operation = Overlapped(NULL)
        completed = operation.TransmitFile(
            sock.fileno(),
            msvcrt.get_osfhandle(file.fileno()),
            offset & 0xFFFFFFFF,
            offset >> 32,
            count,
            0,
            0,
        )
        future = _OverlappedFuture(operation, (sock, file), loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    # --- Datagrams ---------------------------------------------------------------------------

    def recvfrom(
        self, conn: socket.socket, nbytes: int, flags: int = 0
    ) -> Future[tuple[bytes, Any]]:
        """Receive a datagram; the result is its data, at most *nbytes*, and the sender's address.

        It is (b"", None) where the system reports that an earlier datagram was not delivered.
        """
        link = self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        try:
            completed = operation.WSARecvFrom(conn.fileno(), nbytes, flags)
        except OSError as error:
            if error.winerror in UNDELIVERED:
                return self._done((b"", None))
            operation = self._bind_to_receive(link, conn, error)
            completed = operation.WSARecvFrom(conn.fileno(), nbytes, flags)
        future = _ReceiveFromFuture(operation, conn, loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    def recvfrom_into(
        self, conn: socket.socket, buf: Buffer, flags: int = 0
    ) -> Future[tuple[int, Any]]:
        """Receive a datagram into *buf*; the result is the number of bytes and the address.

        It is (0, None) where an earlier datagram was not delivered. Added in Python 3.11.
        """
        link = self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        size = memoryview(buf).nbytes
        try:
            completed = operation.WSARecvFromInto(conn.fileno(), buf, size, flags)
        except OSError as error:
            if error.winerror in UNDELIVERED:
                return self._done((0, None))
            operation = self._bind_to_receive(link, conn, error)
            completed = operation.WSARecvFromInto(conn.fileno(), buf, size, flags)
        future = _ReceiveFromIntoFuture(operation, conn, loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    def _bind_to_receive(self, link: _Link, conn: socket.socket, error: OSError) -> Overlapped:
        """Bind a socket that cannot receive for lack of an address, as sending from it would.

        Returns a new operation; raises *error* where something else is the matter. Who only sends would
        otherwise have an endpoint that fails before its first datagram.
        """
        if error.winerror != _overlapped.WSAEINVAL or _is_bound(conn):
            raise error
        _overlapped.BindLocal(conn.fileno(), link.family)
        return Overlapped(NULL)

    def sendto(
        self, conn: socket.socket, buf: Buffer, flags: int = 0, addr: Any = None
    ) -> Future[int]:
        """Send a datagram to *addr*, with a numeric host; the result is the number of bytes."""
        link = self._register_with_iocp(conn)
        operation = Overlapped(NULL)
        completed = operation.WSASendTo(conn.fileno(), buf, flags, addr)
        future = _OverlappedFuture(operation, conn, loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    # --- Connections -------------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> Future[tuple[socket.socket, Any]]:
        """Accept a connection; the result is a non-blocking socket and the peer's address.

        A client that is gone before it was accepted gives ConnectionResetError.
        """
        link = self._register_with_iocp(listener)
        connection = socket.socket(link.family)
        try:
            connection.setblocking(False)
            operation = Overlapped(NULL)
            completed = operation.AcceptEx(listener.fileno(), connection.fileno())
        except BaseException:
            connection.close()
            raise
        future = _AcceptFuture(operation, listener, connection, loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    def connect(self, conn: socket.socket, address: Any) -> Future[None]:
        """Connect a socket to an address with a numeric host; the result is None."""
        link = self._register_with_iocp(conn)
        if conn.type == socket.SOCK_DGRAM:
            # Nothing is sent, the system only notes the address.
            _overlapped.WSAConnect(conn.fileno(), address)
            return self._done(None)
        try:
            _overlapped.BindLocal(conn.fileno(), link.family)
        except OSError as error:
            # Also says so of a socket that has been bound before, which is as good.
            if error.winerror != _overlapped.WSAEINVAL or not _is_bound(conn):
                raise
        operation = Overlapped(NULL)
        completed = operation.ConnectEx(conn.fileno(), address)
        future = _ConnectFuture(operation, conn, loop=self._loop)
        return self._expect(future, operation, completed and link.skips)

    def accept_pipe(self, pipe: PipeHandle) -> Future[PipeHandle]:
        """Wait for a client of a named pipe's instance; the result is *pipe*."""
        self._register_with_iocp(pipe)
        operation = Overlapped(NULL)
        if operation.ConnectNamedPipe(pipe.fileno()):
            return self._done(pipe)
        future = _AcceptPipeFuture(operation, pipe, loop=self._loop)
        return self._expect(future, operation, False)

    async def connect_pipe(self, address: str) -> PipeHandle:
        """Open the client's end of the named pipe *address*; wait while all its instances are busy.

        Raises FileNotFoundError where there is no such pipe.
        """
        from asyncio_core.awaiting.combinators import sleep

        for delay in _growing_delays():
            try:
                return PipeHandle(_overlapped.ConnectPipe(address))
            except OSError as error:
                if error.winerror != _overlapped.ERROR_PIPE_BUSY:
                    raise
            # The system can wait for it as well, but only with a thread that does nothing else.
            await sleep(delay)
        raise AssertionError("unreachable")

    def _stop_serving(self, obj: Any) -> None:
        """Cancel what is pending for a listening socket or a pipe's instance."""
        for future in list(self._pending.values()):
            if future._keep is obj:
                future.cancel()

    # --- Handles and readiness ---------------------------------------------------------------

    def wait_for_handle(self, handle: int, timeout: float | None = None) -> Future[bool]:
        """Wait until a handle is signalled: the result is True, or False after *timeout* seconds."""
        wait = milliseconds(timeout)
        assert self._port is not None, "the proactor is closed"
        operation = Overlapped(NULL)
        future = _WaitHandleFuture(operation, None, loop=self._loop)
        address = operation.address
        future._begin(
            self, handle, _overlapped.RegisterWaitWithQueue(int(handle), self._port, address, wait)
        )
        return self._expect(future, operation, False)

    def poll_socket(self, fd: int, events: int) -> Future[int]:
        """Wait, once, until the socket *fd* can be read or written without waiting.

        *events* and the result are masks of `selectors.EVENT_READ` and `EVENT_WRITE`. A socket that
        has failed is ready for all that was asked. Raises OSError for what is no socket. Added in
        asyncio-iocp 0.1.
        """
        interest = events_of_interest(events)
        afd = self._open_afd() if self._afd is None else self._afd
        operation = Overlapped(NULL)
        if not afd:
            return self._poll_in_thread(fd, events, operation)
        operation.PollSocket(afd, fd, interest)
        future = _PollFuture(operation, None, loop=self._loop)
        future._asked = events
        future._meaning = MEANING
        return self._expect(future, operation, False)

    def _open_afd(self) -> int:
        assert self._port is not None, "the proactor is closed"
        try:
            afd = _overlapped.OpenAfd()
        except OSError as error:
            logger.debug("sockets are polled by a thread, for lack of a driver: %s", error)
            self._afd = 0
            return 0
        try:
            _overlapped.CreateIoCompletionPort(afd, self._port, 0, 0)
        except BaseException:
            _winapi.CloseHandle(afd)
            raise
        self._afd = afd
        return afd

    def _poll_in_thread(self, fd: int, events: int, operation: Overlapped) -> Future[int]:
        import select

        select.select([fd], [], [], 0)  # raises for what is no socket
        if self._select_thread is None:
            self._select_thread = SelectThread(self._report_ready)
        future = _SelectFuture(operation, None, loop=self._loop)
        future._thread = self._select_thread
        self._select_thread.wait(operation.address, fd, events)
        return self._expect(future, operation, False)

    def _report_ready(self, address: int, ready: int) -> None:
        if self._port is not None:
            _overlapped.PostQueuedCompletionStatus(self._port, ready, 0, address)

    def close(self) -> None:
        """Cancel what is pending, wait until the system is through with it, and close the port.

        A second call does nothing.
        """
        if self._port is not None:
            self._end_operations()
            if self._select_thread is not None:
                self._select_thread.close()
        super().close()
        afd, self._afd = self._afd, None
        if afd:
            _winapi.CloseHandle(afd)


def _is_bound(conn: socket.socket) -> bool:
    try:
        address = conn.getsockname()
    except OSError:
        return False  # so says Windows
    return bool(address[1])


def _growing_delays() -> Iterator[float]:
    """Yield seconds to wait between attempts: doubled each time, up to the most."""
    delay = CONNECT_PIPE_INIT_DELAY
    while True:
        yield delay
        delay = min(delay * 2, CONNECT_PIPE_MAX_DELAY)
