"""Clients that waste a server's time: they read nothing of what they asked for, or never shake hands."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from scenarios import peers
from scenarios.peers import Echo

from bench import resident
from loading.crowds import Crowd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stage import Stage

    from loading.levels import Load

HOST = "127.0.0.1"
_PIECE = bytes(1 << 16)
#: Bytes that wait in a transport before its writer has to.
_HIGH = 1 << 17
_SYSTEM = 1 << 16
#: Seconds in which a client has to have shaken hands, and for each of them besides: all are to be there once.
_HANDSHAKE, _FOR_EACH = 0.3, 0.003
#: Seconds between two looks.
_LOOK = 0.05
#: Seconds in which others are served meanwhile: that is asked for, and not how fast it is.
_SERVED = 30.0
#: Bytes that a client may take of the process while it shakes hands: OpenSSL's state, and a buffer to read into, of 256 KiB in the standard asyncio.
_FOR_HANDSHAKE = 400 << 10


class Tally:
    """How much of a load there was."""

    def __init__(self) -> None:
        self.done = 0


class Unread(Tally):
    """What became of connections whose clients read nothing."""

    def __init__(self) -> None:
        super().__init__()
        #: How many have had to wait.
        self.stopped = 0
        #: Bytes that waited in one of them, at most.
        self.most = 0
        self._changed = asyncio.Event()

    async def write(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write as long as the client takes anything."""
        self.done += 1
        transport: Any = writer.transport
        transport.set_write_buffer_limits(high=_HIGH)
        # Else the system takes megabytes for each of them.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM)
        first = True
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(bytearray(_PIECE)))  # each has its own memory
                waiting = transport.get_write_buffer_size()
                self.most = max(self.most, waiting)
                if first and waiting > _HIGH:
                    first = False
                    self.stopped += 1
                    self._changed.set()
                await writer.drain()
        writer.close()

    async def all_wait(self, count: int) -> None:
        while self.stopped < count:
            self._changed.clear()
            await self._changed.wait()


@contextlib.asynccontextmanager
async def unread(
    stage: Stage, count: int, *, again: float = 0.0, over_tls: bool = False
) -> AsyncIterator[Unread]:
    """Have so many clients that read nothing, each `again` seconds a new one in the place of an old one."""
    found = Unread()
    context = stage.server_context if over_tls else None
    server = await asyncio.start_server(found.write, HOST, 0, backlog=2 * count, ssl=context)
    at = server.sockets[0].getsockname()
    async with Crowd("never_read", at, count, tls=over_tls, again=again) as crowd:
        await crowd.told()
        yield found
        await crowd.end()
    server.close()
    await server.wait_closed()


async def never_read(stage: Stage, load: Load) -> None:
    await _never_read(stage, load, load.size, over_tls=False)


async def never_read_over_tls(stage: Stage, load: Load) -> None:
    await _never_read(stage, load, load.size // 4, over_tls=True)


async def _never_read(stage: Stage, load: Load, count: int, *, over_tls: bool) -> None:
    async with echo(stage) as at, unread(stage, count, over_tls=over_tls) as found:
        await found.all_wait(count)
        load.is_on(count)
        if found.most > _HIGH + 2 * len(_PIECE):
            stage.wrong.append(f"{found.most} bytes wait in a transport that may have {_HIGH}")
        await is_served(stage, at)


class Halted(Echo):
    """Is told of nobody who has not shaken hands."""

    def __init__(self, stage: Stage) -> None:
        self._wrong = stage.wrong

    def connection_made(self, transport: Any) -> None:
        self._wrong.append("a protocol has got a client that did not shake hands")
        transport.abort()


@contextlib.asynccontextmanager
async def without_handshake(
    stage: Stage, count: int, *, again: bool = False
) -> AsyncIterator[tuple[Crowd, Tally]]:
    """Have so many clients that do not shake hands, and with `again` others for those that are sent away."""
    server = await stage.loop.create_server(
        lambda: Halted(stage),
        *(HOST, 0),
        backlog=2 * count,
        ssl=stage.server_context,
        ssl_handshake_timeout=_HANDSHAKE + _FOR_EACH * count,
    )
    at = server.sockets[0].getsockname()
    found = Tally()
    async with Crowd("never_shake_hands", at, count, again=again) as crowd:
        await crowd.told()
        yield crowd, found
        found.done = (await crowd.end()).get("gone", found.done)
    server.close()
    await server.wait_closed()


async def never_shake_hands(stage: Stage, load: Load) -> None:
    """Half of them say nothing, and the others a byte now and then, for minutes if nobody sends them away."""
    threads = most = threading.active_count()
    before = resident.now()

    async def look() -> None:
        nonlocal most
        while True:
            load.is_on(load.size)
            most = max(most, threading.active_count())
            await asyncio.sleep(_LOOK)

    async with echo(stage, ssl=stage.server_context) as at:
        async with without_handshake(stage, load.size) as (crowd, _):
            looking = asyncio.create_task(look())
            try:
                await is_served(stage, at, ssl=stage.client_context, server_hostname="localhost")
                # The crowd says this when the last of them has been sent away.
                gone = (await crowd.told())["gone"]
            finally:
                looking.cancel()
                await asyncio.wait([looking])
        if gone != load.size:
            stage.wrong.append(f"{gone} of {load.size} were sent away")
        if most > threads:
            stage.wrong.append(f"there are {most} threads, and {threads} before")
        if (more := resident.most() - before) > (load.size + 50) * _FOR_HANDSHAKE:
            stage.wrong.append(f"{load.size} clients take {more:,} bytes at most")


@contextlib.asynccontextmanager
async def echo(stage: Stage, **more: Any) -> AsyncIterator[Any]:
    """Have a server for clients in good order; its address."""
    server = await stage.loop.create_server(Echo, HOST, 0, **more)
    yield server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()


async def is_served(stage: Stage, at: Any, **more: Any) -> None:
    """Be a client in good order."""
    await peers.is_served(stage, at, within=_SERVED, **more)
