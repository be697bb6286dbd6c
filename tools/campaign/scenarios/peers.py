"""Who is at the other end: servers of the stage's own, which no fault is aimed at."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from stage import LIMIT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stage import Stage

    End = Callable[[], Awaitable[None]]


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    transport: Any

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        # Also when the peer takes no more, and what it had sent is there to be read.
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class Answers(asyncio.Protocol):
    """A client's side: what was received, and whether the connection is lost."""

    transport: Any

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.data = bytearray()
        self._wanted = 0
        self._waiter: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._check()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.data_received(data)

    def error_received(self, exc: Exception) -> None:
        """A datagram was not taken."""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        self._check()

    async def come(self, size: int) -> None:
        """Wait until so many bytes are here; raises ConnectionError where the connection ends before."""
        self._wanted = size
        self._waiter = asyncio.get_running_loop().create_future()
        self._check()
        await self._waiter
        if len(self.data) < size:
            raise ConnectionResetError("the connection has ended before its answer")

    def _check(self) -> None:
        if not self._waiter.done() and (len(self.data) >= self._wanted or self.lost.done()):
            self._waiter.set_result(None)


class Paused(Answers):
    """Waits while the transport does not want more."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.may_write.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.may_write.set()
        super().connection_lost(exc)


def _closing(server: asyncio.Server) -> End:
    async def close() -> None:
        server.close()
        # It waits for the connections, too: those that are left keep it from ending.
        await server.wait_closed()

    return close


async def tcp(stage: Stage) -> End:
    """An echo server."""
    server = await stage.loop.create_server(Echo, "127.0.0.1", 0)
    stage.at["tcp"] = server.sockets[0].getsockname()
    return _closing(server)


async def tls(stage: Stage) -> End:
    """An echo server over TLS."""
    server = await stage.loop.create_server(Echo, "127.0.0.1", 0, ssl=stage.server_context)
    stage.at["tls"] = server.sockets[0].getsockname()
    return _closing(server)


async def unix(stage: Stage) -> End:
    """An echo server on a Unix socket."""
    path = str(stage.folder / "echo")
    server = await stage.loop.create_unix_server(Echo, path)
    stage.at["unix"] = path
    close = _closing(server)

    async def end() -> None:
        await close()
        (stage.folder / "echo").unlink(missing_ok=True)  # before 3.13 it stays

    return end


async def udp(stage: Stage) -> End:
    """Datagrams are sent back to where they came from."""

    class Back(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data, addr)

    transport, _ = await stage.loop.create_datagram_endpoint(Back, local_addr=("127.0.0.1", 0))
    stage.at["udp"] = transport.get_extra_info("sockname")

    async def end() -> None:
        transport.close()
        await asyncio.sleep(0)

    return end


async def silent(stage: Stage) -> End:
    """A listener that the system connects to, and that nobody accepts from: its peers wait for a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    stage.at["silent"] = listener.getsockname()

    async def end() -> None:
        listener.close()

    return end


async def deaf(stage: Stage) -> End:
    """A port that nobody listens at: a connection is refused."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    stage.at["deaf"] = holder.getsockname()

    async def end() -> None:
        holder.close()

    return end


async def is_served(stage: Stage, at: Any, *, within: float = LIMIT, **more: Any) -> None:
    """Connect to a server that echoes, as a client in good order does, and have a word answered."""
    transport, protocol = await stage.loop.create_connection(Answers, *at, **more)
    transport.write(b"a word")
    await asyncio.wait_for(protocol.come(6), within)
    transport.close()
    await protocol.lost
