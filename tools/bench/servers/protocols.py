"""Echo by protocols: as callbacks from the transport, without a task."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from bench.servers import KIB, MIB, Counts, Load, case

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not each loop's transports are instances of asyncio's.
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """Gives the loop one buffer again and again; what is written was copied out of it."""

    SIZE = 256 * KIB

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not each loop's transports are instances of asyncio's.
        self.transport = cast("asyncio.WriteTransport", transport)
        self.buffer = memoryview(bytearray(self.SIZE))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


async def serving(
    factory: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve with protocols of a kind, and yield the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=tls, backlog=4096)
    yield server.sockets[0].getsockname()[1]
    server.close()


def protocol() -> AsyncIterator[int]:
    return serving(Echo)


def buffered() -> AsyncIterator[int]:
    return serving(BufferedEcho)


MANY = Load(connections=1000)
LARGE = Counts(300, 1000, 100)
HUGE = Counts(100, 300, 30)

case("protocol", "1 KiB there and back, Protocol, 10 connections", protocol, Load())
case(
    "protocol_1000",
    "1 KiB there and back, Protocol, 1,000 connections",
    protocol,
    MANY,
    Counts(4000, 10_000, 4000),
)
case("protocol_100k", "100 KiB there and back, Protocol", protocol, Load(size=100 * KIB), LARGE)
case("protocol_1m", "1 MiB there and back, Protocol", protocol, Load(size=MIB), HUGE)
case("buffered", "1 KiB there and back, BufferedProtocol", buffered, Load())
case(
    "buffered_100k",
    "100 KiB there and back, BufferedProtocol",
    buffered,
    Load(size=100 * KIB),
    LARGE,
)
case("buffered_1m", "1 MiB there and back, BufferedProtocol", buffered, Load(size=MIB), HUGE)
