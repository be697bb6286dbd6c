"""StreamWriter: the sending side of a connection."""

from __future__ import annotations

import warnings

from asyncio_core.awaiting.tasks import sleep
from asyncio_core.choosing.running_loop import _runs_here
from asyncio_streams.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ssl import SSLContext
    from types import ModuleType
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import WriteTransport
    from asyncio_streams.reader import StreamReader


class StreamWriter:
    """Writes to a transport and lets the writing task wait for it.

    Made by `open_connection()` and `start_server()`. By hand it takes the transport, its protocol
    (a FlowControlMixin), the StreamReader of the same connection or None, and the event loop.

    It has to be closed; one that is not warns with ResourceWarning when it is collected.
    Added in Python 3.4.
    """

    __slots__ = (
        *("_transport", "_protocol", "_reader", "_loop"),
        *("__dict__", "__weakref__"),  # of subclasses, and of who keeps something with a writer
    )

    def __init__(
        self,
        transport: WriteTransport,
        protocol: BaseProtocol,
        reader: StreamReader | None,
        loop: AbstractEventLoop,
    ) -> None:
        self._transport = transport
        # One that counts as a FlowControlMixin does, of whatever class.
        self._protocol: Any = protocol
        self._reader = reader
        self._loop = loop

    def __repr__(self) -> str:
        reader = "" if self._reader is None else f" reader={self._reader!r}"
        return f"<{type(self).__name__} transport={self._transport!r}{reader}>"

    @property
    def transport(self) -> WriteTransport:
        """The transport beneath; another one after `start_tls()`."""
        return self._transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, as far as that goes without waiting, and keep the rest to be sent.

        To be followed by ``await drain()``.
        """
        self._transport.write(data)

    def writelines(self, data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send the pieces of `data` one after the other, as `write()` does."""
        self._transport.writelines(data)

    def write_eof(self) -> None:
        """Close the sending side once what was written is sent.

        Raises NotImplementedError where the transport can not do that; see `can_write_eof()`.
        """
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Tell whether the sending side can be closed alone (not so over TLS)."""
        return bool(self._transport.can_write_eof())

    def close(self) -> None:
        """Close the connection once what was written is sent.

        To be followed by ``await wait_closed()``.
        """
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed or about to be."""
        return bool(self._transport.is_closing())

    async def wait_closed(self) -> None:
        """Wait until the connection is closed; raise the exception that it ended with, if any.

        Any number of tasks can wait, and be cancelled, without regard to each other.
        """
        await self._protocol._get_close_waiter(self)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "stream", "transport": self._transport}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows under `name`, such as ``"peername"``, or `default`."""
        return self._transport.get_extra_info(name, default)

    async def drain(self) -> None:
        """Wait until the transport has sent enough to take more; return at once if it has.

        Any number of tasks can wait. Raises the exception that the stream ended with, or
        ConnectionResetError once the connection is lost.
        """
        if self._reader is not None:
            exc = self._reader.exception()
            if exc is not None:
                raise exc
        if self._transport.is_closing():
            # A loop of write() and drain() that never has to wait would not let the loop tell the
            # protocol that the connection is lost, and would never end.
            await sleep(0)
        await self._protocol._drain_helper()

    async def start_tls(
        self,
        sslcontext: SSLContext,
        *,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        """Turn the connection into a TLS connection, after sending what was written so far.

        This side is the server if the connection came in through `start_server()`.
        `server_hostname` is the name to check the server's certificate against; the timeouts are
        in seconds. Bytes that already came in and were not read are taken for the peer's part of
        the handshake. Raises ConnectionResetError where this side has closed the connection.

        Added in Python 3.11; `ssl_shutdown_timeout` in 3.12.
        """
        options: dict[str, Any] = {
            "server_side": self._protocol._client_connected_cb is not None,
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": ssl_handshake_timeout,
            "ssl_shutdown_timeout": ssl_shutdown_timeout,
        }
        await self.drain()
        secured = await self._loop.start_tls(self._transport, self._protocol, sslcontext, **options)
        if secured is None:
            raise ConnectionResetError("the connection is closed, and takes no TLS")
        self._transport = secured
        self._protocol._move_to(secured)

    def __del__(self, warnings: ModuleType = warnings) -> None:
        transport = getattr(self, "_transport", None)
        if transport is None or transport.is_closing():
            return
        if self._loop.is_closed():
            warnings.warn("loop is closed", ResourceWarning, stacklevel=2, source=self)
            return
        # The collector runs this in any thread. From another one than the loop's, closing is for
        # the loop to do.
        if _runs_here(self._loop):
            transport.close()
        else:
            self._loop.call_soon_threadsafe(transport.close)
        warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)


if not TYPE_CHECKING and twins is not None:
    twins.adopt_writer(StreamWriter)
