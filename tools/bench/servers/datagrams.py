"""Echo of datagrams (UDP)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from bench.servers import Counts, Load, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not each loop's transports are instances of asyncio's.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.transport.sendto(data, addr)


async def serving() -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


case(
    "datagram",
    "a datagram of 1 KiB there and back, alone",
    serving,
    Load("datagram", connections=1),
)
case(
    "datagram_bursts",
    "a datagram of 1 KiB there and back, 64 at once",
    serving,
    Load("datagram", connections=1, depth=64),
    Counts(3200, 6400, 1280),
)
