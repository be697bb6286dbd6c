"""Datagrams: thousands of packets to a server that loses some, sent again until each is answered.

usage: udp_packets.py [PACKETS]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import zlib

from report import Report

PACKETS = int(sys.argv[1]) if len(sys.argv) > 1 else 6000
CLIENTS = 20
#: Packets of one client that are on their way at the same time.
WINDOW = 4
#: How often a packet is sent at most.
TRIES = 10
#: Of so many packets the server loses one, the first time it comes.
LOSES_ONE_OF = 50


def packet(client: int, number: int) -> bytes:
    return b"%d %d " % (client, number) + b"x" * (number * 37 % 1200)


def reply_to(data: bytes) -> bytes:
    return b"%s %08x" % (b" ".join(data.split(b" ", 2)[:2]), zlib.crc32(data))


def patience(attempt: int) -> float:
    """Seconds after which a packet counts as lost: longer each time, as a busy server needs."""
    return 0.2 * 1.6**attempt


class Server(asyncio.DatagramProtocol):
    """Answers each packet with what it has understood, apart from those that it loses."""

    def __init__(self) -> None:
        self.received = 0
        self.lost: set[bytes] = set()
        self.empty = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1
        if not data:
            # A datagram may be empty, and so may its answer.
            self.empty += 1
            self._transport.sendto(b"", addr)
            return
        if zlib.crc32(data) % LOSES_ONE_OF == 0 and data not in self.lost:
            self.lost.add(data)
            return
        self._transport.sendto(reply_to(data), addr)


class Client(asyncio.DatagramProtocol):
    """Sends packets and remembers who waits for which answer."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent_again = 0
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.empty: asyncio.Future[bytes] = loop.create_future()
        self._waiters: dict[bytes, asyncio.Future[bytes]] = {}
        self._window = asyncio.Semaphore(WINDOW)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        key, _, _ = data.rpartition(b" ")
        waiter = self._waiters.get(key) if data else self.empty
        if waiter is not None and not waiter.done():
            waiter.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    async def ask(self, number: int) -> bytes:
        """Send a packet until there is an answer to it."""
        data = packet(self.number, number)
        key = b"%d %d" % (self.number, number)
        waiter = self._waiters[key] = asyncio.get_running_loop().create_future()
        async with self._window:
            for n in range(TRIES):
                self.sent_again += n > 0
                self.transport.sendto(data)
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(waiter), patience(n))
        return b"nothing"

    async def ask_nothing(self) -> bytes:
        """Send an empty packet until an empty one comes back."""
        for n in range(TRIES):
            self.transport.sendto(b"")
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(self.empty), patience(n))
        return b"nothing"


async def converse(number: int, host: str, port: int, report: Report) -> int:
    """Be one client, and return how many packets had to be sent again."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(
        lambda: Client(number), remote_addr=(host, port)
    )

    async def one(n: int) -> None:
        got = await client.ask(n)
        report.check(f"client {number} packet {n}", got, reply_to(packet(number, n)))

    async with asyncio.TaskGroup() as group:
        for n in range(PACKETS // CLIENTS):
            group.create_task(one(n))
    report.check(f"client {number}, empty", await client.ask_nothing(), b"")
    transport.close()
    await client.closed
    return client.sent_again


async def main() -> int:
    loop = asyncio.get_running_loop()
    report = Report(PACKETS // CLIENTS * CLIENTS + CLIENTS + 2)
    transport, server = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    sent_again = await asyncio.gather(
        *(converse(number, host, port, report) for number in range(CLIENTS))
    )
    transport.close()
    # What was lost on purpose was sent again, at least once each.
    report.check("lost packets that came again", sum(sent_again) >= len(server.lost) > 0, True)
    report.check("empty packets", server.empty >= CLIENTS, True)
    report.extra["what"] = (
        f"{PACKETS} packets of {CLIENTS} clients, {len(server.lost)} lost, "
        f"{sum(sent_again)} sent again"
    )
    return report.finish(loop)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
