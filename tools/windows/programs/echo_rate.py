"""Echo throughput: some connections that send a message and wait for its echo, for some seconds.

`echo_rate.py [SECONDS]` prints one JSON object: which asyncio and which loop, and messages a second by kind.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from loop_names import loop_name

CONNECTIONS = 20
SIZES = (1024, 65536)


class Echo(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Client(Echo):
    """Sends the next message when the last one has come back, until it is told to stop."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._missing = len(message)
        self.deadline = 0.0
        self.messages = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, deadline: float) -> None:
        self.deadline = deadline
        self.transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing:
            return
        self.messages += 1
        if time.perf_counter() < self.deadline:
            self._missing = len(self._message)
            self.transport.write(self._message)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.done.set_exception(exc)
        else:
            self.done.set_result(None)


async def protocols(size: int, seconds: float) -> float:
    """Return messages a second between protocols."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    made = [
        await loop.create_connection(lambda: Client(bytes(size)), *address)
        for _ in range(CONNECTIONS)
    ]
    clients = [client for _, client in made]
    begin = time.perf_counter()
    for client in clients:
        client.start(begin + seconds)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - begin
    server.close()
    await server.wait_closed()
    return sum(client.messages for client in clients) / elapsed


async def streams(size: int, seconds: float) -> float:
    """Return messages a second between streams."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    message = bytes(size)
    made = [await asyncio.open_connection(*address) for _ in range(CONNECTIONS)]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        messages = 0
        while time.perf_counter() < deadline:
            writer.write(message)
            await writer.drain()
            await reader.readexactly(size)
            messages += 1
        writer.close()
        await writer.wait_closed()
        return messages

    begin = time.perf_counter()
    deadline = begin + seconds
    counts = await asyncio.gather(*(talk(*ends) for ends in made))
    elapsed = time.perf_counter() - begin
    server.close()
    await server.wait_closed()
    return sum(counts) / elapsed


def main(words: list[str]) -> int:
    seconds = float(words[0]) if words else 3.0
    loop = asyncio.new_event_loop()
    name = loop_name(type(loop))
    loop.close()
    rates = {
        f"{kind.__name__}, {size // 1024} KiB": asyncio.run(kind(size, seconds))
        for size in SIZES
        for kind in (protocols, streams)
    }
    implementation = getattr(asyncio, "__implementation__", "standard")
    print(json.dumps({"implementation": implementation, "loop": name, "rates": rates}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
