"""The parts of a loop that put TLS into a connection that is up, and into one that is being made."""

from __future__ import annotations

from asyncio_core.connections.hooks import IOPart
from asyncio_core.connections.socket_options import _tls_timeouts
from asyncio_core.null_characters import refuse_null

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl as ssl_module
    from contextvars import Context
    from socket import socket
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.loop_types import SSLArgument
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import Transport, WriteTransport


class TLSPart(IOPart):
    """start_tls()."""

    async def start_tls(
        self,
        transport: WriteTransport,
        protocol: BaseProtocol,
        sslcontext: ssl_module.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Transport | None:
        """Encrypt the connection of *transport* from here on.

        Gives the transport to use from now on instead of *transport*, or None where this side
        has closed *transport* before or meanwhile; *protocol* stays and is not told by
        ``connection_made()``. A protocol whose writing is paused is told to go on once what it
        wrote has been sent; reading goes on where it was paused. Both ends have to agree on the moment. What the
        streams' own protocol has received and nobody has read counts as the beginning of the
        peer's handshake.

        Raises :exc:`TypeError` where *sslcontext* is no :class:`ssl.SSLContext` or *transport*
        cannot be upgraded. When the handshake fails, or the wait for it is cancelled, the
        connection is closed.

        Added in Python 3.7; *ssl_shutdown_timeout* in 3.11.
        """
        refuse_null(server_hostname, "server_hostname")
        # With it comes ssl, which Python can be built without.
        from asyncio_core.tls.upgrade import layer_is_over, upgrade

        # What the upgrade takes over is closed with it, whatever ends the handshake.
        handshaken = self.create_future()
        encrypted = upgrade(
            self,
            transport,
            protocol,
            sslcontext,
            handshaken,
            server_side=server_side,
            server_hostname=server_hostname,
            **_tls_timeouts(True, ssl_handshake_timeout, ssl_shutdown_timeout),
        )
        if encrypted is None:
            return None
        try:
            await handshaken
        except BaseException:
            transport.abort()
            raise
        return None if layer_is_over(encrypted) else encrypted


class TLSTransportPart(IOPart):
    """Connections with TLS, for loops that have sockets."""

    if TYPE_CHECKING:

        def _ensure_fd_no_transport(self, fd: Any) -> int:
            """Return the number of `fd`; raise RuntimeError where a transport owns it."""

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
        from asyncio_core.tls.protocol import SSLProtocol

        self._ensure_fd_no_transport(rawsock)
        tls = SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            call_connection_made=call_connection_made,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._make_transport_below(rawsock, tls, extra, server, context)
        transport: Transport = tls._app_transport
        return transport

    def _make_transport_below(
        self,
        sock: socket,
        tls: BaseProtocol,
        extra: dict[str, Any] | None,
        server: Server | None,
        context: Context | None,
    ) -> None:
        """Make the transport of encrypted bytes over `sock`, whose protocol is `tls`.

        Not by the hook for plain connections: who overrides that one is not asked about these.
        """
        raise NotImplementedError
