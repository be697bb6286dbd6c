"""Echo throughput: some connections that send a message and wait for its echo, for some seconds."""

from __future__ import annotations

import asyncio
import sys
import time

CONNECTIONS = 20
SECONDS = 3.0
ROUNDS = 3


class Echo(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Client(Echo):
    """Sends the next message when the last one has come back."""

    def __init__(self, message: bytes, deadline: float) -> None:
        self._message = message
        self._deadline = deadline
        self._missing = len(message)
        self.messages = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self.transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing:
            return
        self.messages += 1
        if time.perf_counter() < self._deadline:
            self._missing = len(self._message)
            self.transport.write(self._message)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.done.set_exception(exc)
        else:
            self.done.set_result(None)


async def protocols(size: int) -> float:
    """Return messages a second between protocols."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    begin = time.perf_counter()
    clients: list[Client] = []
    for _ in range(CONNECTIONS):
        _, client = await loop.create_connection(
            lambda: Client(bytes(size), begin + SECONDS), *address
        )
        clients.append(client)
    begin = time.perf_counter()
    for client in clients:
        client._deadline = begin + SECONDS
        client.start()
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - begin
    server.close()
    await server.wait_closed()
    return sum(client.messages for client in clients) / elapsed


async def streams(size: int) -> float:
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

    async def talk() -> int:
        reader, writer = await asyncio.open_connection(*address)
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
    deadline = begin + SECONDS
    counts = await asyncio.gather(*(talk() for _ in range(CONNECTIONS)))
    elapsed = time.perf_counter() - begin
    server.close()
    await server.wait_closed()
    return sum(counts) / elapsed


def main() -> int:
    loop = asyncio.new_event_loop()
    name = f"{type(loop).__module__}.{type(loop).__qualname__}"
    loop.close()
    print(
        f"{getattr(asyncio, '__implementation__', 'standard')}, {name}, {CONNECTIONS} connections"
    )
    for size in (1024, 65536):
        for kind in (protocols, streams):
            best = max(asyncio.run(kind(size)) for _ in range(ROUNDS))
            print(
                f"{kind.__name__:<10} {size:>6} bytes: {best:>9,.0f} messages a second", flush=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
