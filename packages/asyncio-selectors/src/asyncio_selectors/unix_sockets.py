"""Part of the Unix loop: stream connections and servers over Unix sockets."""

from __future__ import annotations

import errno
import os
import posix
import socket

from asyncio_core import log
from asyncio_core.connections import socket_files
from asyncio_core.connections.ownership import refuse_second_owner
from asyncio_core.connections.serving import Server
from asyncio_core.connections.socket_options import _tls_timeouts
from asyncio_core.null_characters import refuse_null, refuse_null_in_socket_path
from asyncio_core.scheduling.loop_part import made_on_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from _typeshed import StrPath

    from asyncio_core.interfaces.loop_types import SSLArgument
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import Transport
    from asyncio_selectors.selector_events import BaseSelectorEventLoop as _Base

    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)
else:
    _Base = object

__all__ = ("UnixSockets",)


def _both_given(path: Any, sock: socket.socket) -> ValueError:
    return ValueError(f"path and sock can not be specified at the same time: {path!r} and {sock!r}")


def _check_stream(sock: socket.socket) -> None:
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")


def _is_abstract(path: str | bytes) -> bool:
    """Whether `path` names a Linux abstract socket (or is empty), which no file stands for."""
    return path[:1] in (("", "\0") if isinstance(path, str) else (b"", b"\0"))


class _ListeningFile:
    """The file of a listening socket, to be removed when the socket is closed."""

    __slots__ = ("handed_over", "identity", "owner", "path")

    def __init__(self, path: str | bytes, identity: tuple[int, int], handed_over: bool) -> None:
        self.path = path
        self.identity = identity
        # Whoever handed the socket over may have it still, as service managers do.
        self.handed_over = handed_over
        self.owner = os.getpid()


class UnixSockets(_Base):
    """`create_unix_connection()` and `create_unix_server()`."""

    # Listening sockets whose file is ours to remove.
    _unix_server_sockets: dict[socket.socket, _ListeningFile] = made_on_use(dict)  # type: ignore[assignment]

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        path: StrPath | None = None,
        *,
        ssl: SSLArgument = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Connect to the Unix stream socket at `path` and return transport and protocol.

        `path` is a str, bytes or path object; a first character NUL makes it an abstract name
        (Linux). Or `sock` is a connected socket, which is the transport's from then on. With
        `ssl`, `server_hostname` has to say whom the certificate is for, "" for nobody. Timeouts
        are in seconds. Raises ValueError for arguments that do not go together, OSError where
        nobody listens. Path objects since Python 3.7, `ssl_shutdown_timeout` since 3.11.
        """
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        if not ssl and server_hostname is not None:
            raise ValueError(
                f"server_hostname is only meaningful with ssl, got {server_hostname!r}"
            )
        refuse_null(server_hostname, "server_hostname")
        timeouts = _tls_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is not None:
            if sock is not None:
                raise _both_given(path, sock)
            path = os.fspath(path)
            refuse_null_in_socket_path(path)
            sock = await self._connected_to(path)
        elif sock is None:
            raise ValueError("no path and sock were specified")
        else:
            _check_stream(sock)
            refuse_second_owner(self, sock)
            sock.setblocking(False)
        return await self._create_connection_transport(
            sock,
            protocol_factory,
            ssl,
            server_hostname,
            **timeouts,
        )

    async def _connected_to(self, path: str | bytes) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)
        try:
            sock.setblocking(False)
            await self.sock_connect(sock, path)
        except BaseException:
            sock.close()
            raise
        return sock

    async def create_unix_server(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        path: StrPath | None = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> Server:
        """Listen on the Unix stream socket at `path`, or on `sock`, and return the server.

        A socket file that lies at `path` already is taken away first where nobody has its socket
        any more; any other file, and a server that lives, is an error. With `cleanup_socket`
        closing the server removes the file, unless somebody has put another one in its place, or
        has `sock`, too, and can serve it again. Other arguments are those of `create_server()`. Raises
        ValueError and TypeError for arguments that do not fit, OSError where the system refuses.
        `ssl_shutdown_timeout` since Python 3.11, `cleanup_socket` since 3.13.
        """
        if isinstance(ssl, bool):
            raise TypeError(f"ssl argument must be an SSLContext or None, got {ssl!r}")
        timeouts = _tls_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        from asyncio_core.seen_as.asyncio import unix_events as known

        if sock is None:
            if path is None:
                raise ValueError("path was not specified, and no sock specified")
            path = os.fspath(path)
            refuse_null_in_socket_path(path)
            listening = known.create_unix_server(_bound_to, path)
        elif path is not None:
            raise _both_given(path, sock)
        else:
            _check_stream(sock)
            listening = sock
        try:
            listening.setblocking(False)
            if cleanup_socket:
                known.create_unix_server(self._remember_file, listening, sock is not None)
        except BaseException:
            if sock is None:
                listening.close()
            raise
        server = Server(self, [listening], protocol_factory, ssl, backlog, **timeouts)
        if start_serving:
            try:
                await server.start_serving()
            except BaseException:
                # The caller gets no server to close.
                server.close()
                raise
        return server

    def _remember_file(self, sock: socket.socket, handed_over: bool) -> None:
        path = sock.getsockname()
        if isinstance(path, (str, bytes)) and not _is_abstract(path):
            found = socket_files.identity(path)
            if found is not None:
                # Closing may happen in another working directory.
                file = _ListeningFile(_from_root(path), found, handed_over)
                self._unix_server_sockets[sock] = file

    def _stop_serving(self, sock: socket.socket) -> None:
        file = self._unix_server_sockets.pop(sock, None)
        if file is None:
            super()._stop_serving(sock)
            return
        from asyncio_core.seen_as.asyncio import unix_events as known

        if file.handed_over:
            super()._stop_serving(sock)
            known._stop_serving(_remove, file)
        else:
            # Before the socket is closed: later the number could belong to somebody else's file.
            known._stop_serving(_remove, file)
            super()._stop_serving(sock)


def _bound_to(path: str | bytes) -> socket.socket:
    """Return a socket bound to `path`, in the place of a stale one."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if not _is_abstract(path):
            socket_files.take_stale_away(path)
        listening.bind(path)
    except BaseException as exc:
        listening.close()
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            raise socket_files.in_use(path, exc.errno) from None
        raise
    return listening


def _from_root(path: str | bytes) -> str | bytes:
    """Return the absolute form of a path, without os.path.abspath(): that passes for a blocking call."""
    if os.path.isabs(path):
        return path
    return (
        os.path.join(posix.getcwdb(), path)
        if isinstance(path, bytes)
        else os.path.join(posix.getcwd(), path)
    )


def _remove(file: _ListeningFile) -> None:
    """Remove a file that is still the socket's, and nobody else's."""
    path = file.path
    try:
        if file.owner != os.getpid() or socket_files.identity(path) != file.identity:
            # A child that was forked has got its parent's server with all the rest.
            return
        if file.handed_over and socket_files.is_bound(path):
            return
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        log.logger.error("Unable to clean up listening UNIX socket %r: %r", path, exc)
