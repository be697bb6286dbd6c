"""Putting TLS into a connection that is up, as protocols with a STARTTLS command do."""

from __future__ import annotations

import ssl

from asyncio_core.tls.protocol import SSLProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import Transport


def upgrade(
    loop: Any,
    transport: Any,
    protocol: BaseProtocol,
    sslcontext: Any,
    waiter: Future[Any],
    **options: Any,
) -> Transport | None:
    """Put TLS between *transport* and *protocol*, which are joined already.

    Gives the new transport at once; *waiter* is done when the handshake is. Gives None, and leaves
    *waiter* alone, where *transport* is closed or about to be. *options* are those of
    :class:`SSLProtocol`. Raises :exc:`TypeError` where *sslcontext* or *transport* will not do.
    """
    if not isinstance(sslcontext, ssl.SSLContext):
        raise TypeError(f"sslcontext is expected to be an SSLContext, got {sslcontext!r}")
    if not getattr(transport, "_start_tls_compatible", False):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    if transport.is_closing():
        return None
    layer = SSLProtocol(loop, protocol, sslcontext, waiter, call_connection_made=False, **options)
    # Nothing may be received by the one protocol in the middle of the change to the other.
    transport.pause_reading()
    take_early_data = getattr(protocol, "_take_early_data", None)
    early = take_early_data() if callable(take_early_data) else b""
    if early:
        layer._feed_early(early)
    if getattr(transport, "_protocol_paused", False):
        # The end of the pause will be told to the layer; who was told of its beginning waits for it.
        layer._take_over_pause(told=transport.get_protocol() is protocol)
    transport.set_protocol(layer)
    context = getattr(transport, "_context", None)
    # The transport may end before the loop comes to this; then the layer knows.
    loop.call_soon(layer.connection_made, transport, context=context)
    if getattr(transport, "_peer_finished", False):
        # It has told the former protocol so, and tells nobody a second time.
        loop.call_soon(layer.eof_received, context=context)
    loop.call_soon(transport.resume_reading)
    encrypted: Transport = layer._app_transport
    return encrypted


def layer_is_over(encrypted: Any) -> bool:
    """Tell whether the connection below what :func:`upgrade` gave has ended meanwhile."""
    is_over: bool = encrypted._ssl_protocol._is_over()
    return is_over
