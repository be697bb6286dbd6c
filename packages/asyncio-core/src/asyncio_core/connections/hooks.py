"""The hooks by which a loop moves bytes, and what is said where a loop has none.

The parts for connections call them; a loop distribution fills them in. Each says, where it is missing,
what to install.
"""

from __future__ import annotations

from asyncio_core.scheduling.loop_part import LoopPart, io_not_installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from socket import socket
    from typing import IO, Any, NoReturn, TypeVarTuple, Unpack

    from _typeshed import FileDescriptorLike, ReadableBuffer, WriteableBuffer

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.loop_types import Address, SSLArgument
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import (
        DatagramTransport,
        ReadTransport,
        SubprocessTransport,
        Transport,
        WriteTransport,
    )

    _Ts = TypeVarTuple("_Ts")


class IOPart(LoopPart):
    """Base of the parts that connect, serve and send."""

    # Hooks for transports. Each transport takes one context for its life when it is made, and
    # registers its readers and writers with it. Derived classes override these hooks, with the
    # signatures that the standard loop of the running Python has: they are called in the same way as
    # there, and nothing is asked of what they return that is not asked there.

    def _make_socket_transport(
        self,
        sock: socket,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> Transport:
        """Make a stream transport over a connected, not blocking socket."""
        raise io_not_installed(self, "sockets")

    def _make_ssl_transport(
        self,
        rawsock: socket,
        protocol: BaseProtocol,
        sslcontext: SSLArgument,
        waiter: Future[Any] | None = None,
        *,
        server: Server | None = None,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: dict[str, Any] | None = None,
        call_connection_made: bool = True,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: Context | None = None,
    ) -> Transport:
        """Make a stream transport with TLS over a connected, not blocking socket."""
        raise io_not_installed(self, "sockets")

    def _make_datagram_transport(
        self,
        sock: socket,
        protocol: BaseProtocol,
        address: Any = None,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> DatagramTransport:
        """Make a datagram transport over a not blocking socket."""
        raise io_not_installed(self, "datagrams")

    def _make_read_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> ReadTransport:
        """Make a transport that reads from a pipe and owns it."""
        raise io_not_installed(self, "pipes")

    def _make_write_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> WriteTransport:
        """Make a transport that writes to a pipe and owns it."""
        raise io_not_installed(self, "pipes")

    async def _make_subprocess_transport(
        self,
        protocol: BaseProtocol,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> SubprocessTransport:
        """Start a process and make the transport for it."""
        raise io_not_installed(self, "subprocesses")

    # Hooks for servers and for sending files.

    def _start_serving(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        sock: socket,
        sslcontext: SSLArgument = None,
        server: Server | None = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: Context | None = None,
    ) -> None:
        """Accept connections on a listening socket until `_stop_serving()`."""
        raise io_not_installed(self, "sockets")

    def _stop_serving(self, sock: socket) -> None:
        """Accept no more connections on `sock` and close it."""
        # Nothing accepts here, so closing is all: what fails to start is not left open.
        sock.close()

    async def _sock_sendfile_native(
        self, sock: socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send a file with the system's help, or raise SendfileNotAvailableError."""
        from asyncio_core.exceptions import SendfileNotAvailableError

        raise SendfileNotAvailableError(
            f"sendfile is not available: {type(self).__name__} has no call of the system for it"
        )

    async def _sendfile_native(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send a file through a transport with the system's help."""
        from asyncio_core.exceptions import SendfileNotAvailableError

        raise SendfileNotAvailableError(
            f"sendfile is not available: {type(self).__name__} has no call of the system for it"
        )

    # Readiness and sockets: the abstract methods, with an error that says what to install.

    def _lacks(self, what: str) -> NoReturn:
        raise io_not_installed(self, what)

    def add_reader(
        self, fd: FileDescriptorLike, callback: Callable[[Unpack[_Ts]], Any], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_reader()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def remove_reader(self, fd: FileDescriptorLike) -> bool:
        """See `AbstractEventLoop.remove_reader()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def add_writer(
        self, fd: FileDescriptorLike, callback: Callable[[Unpack[_Ts]], Any], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_writer()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def remove_writer(self, fd: FileDescriptorLike) -> bool:
        """See `AbstractEventLoop.remove_writer()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    async def sock_recv(self, sock: socket, nbytes: int) -> bytes:
        """See `AbstractEventLoop.sock_recv()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recv_into(self, sock: socket, buf: WriteableBuffer) -> int:
        """See `AbstractEventLoop.sock_recv_into()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recvfrom(self, sock: socket, bufsize: int) -> tuple[bytes, Any]:
        """See `AbstractEventLoop.sock_recvfrom()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recvfrom_into(
        self, sock: socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, Any]:
        """See `AbstractEventLoop.sock_recvfrom_into()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_sendall(self, sock: socket, data: ReadableBuffer) -> None:
        """See `AbstractEventLoop.sock_sendall()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_sendto(self, sock: socket, data: ReadableBuffer, address: Address) -> int:
        """See `AbstractEventLoop.sock_sendto()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_connect(self, sock: socket, address: Address) -> None:
        """See `AbstractEventLoop.sock_connect()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_accept(self, sock: socket) -> tuple[socket, Any]:
        """See `AbstractEventLoop.sock_accept()`; needs a loop with a poller."""
        self._lacks("sockets")

    # Unix sockets and signals: likewise.

    if not TYPE_CHECKING:
        # For type checkers the signatures of the abstract methods hold.

        async def create_unix_connection(self, *args, **options):
            """See `AbstractEventLoop.create_unix_connection()`; needs a loop with Unix sockets."""
            self._lacks("Unix sockets")

        async def create_unix_server(self, *args, **options):
            """See `AbstractEventLoop.create_unix_server()`; needs a loop with Unix sockets."""
            self._lacks("Unix sockets")

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_signal_handler()`; needs a loop with signals."""
        self._lacks("signal handlers")

    def remove_signal_handler(self, sig: int) -> bool:
        """See `AbstractEventLoop.remove_signal_handler()`; needs a loop with signals."""
        self._lacks("signal handlers")
