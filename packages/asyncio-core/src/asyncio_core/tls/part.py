"""The part of a loop that puts TLS into a connection."""

from __future__ import annotations

from asyncio_core.connections.hooks import IOPart
from asyncio_core.connections.socket_options import _tls_timeouts
from asyncio_core.null_characters import refuse_null

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl as ssl_module

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
