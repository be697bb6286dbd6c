"""TLS: clients, servers, and connections that go over to it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.networks import exchange
from scenarios.peers import Answers, Echo, silent, tls

if TYPE_CHECKING:
    from stage import Stage


@scenario(tls)
async def connect(stage: Stage) -> None:
    made = await stage.loop.create_connection(
        Answers, *stage.at["tls"], ssl=stage.client_context, server_hostname="localhost"
    )
    await exchange(*made)


@scenario(silent)
async def shake_no_hands(stage: Stage) -> None:
    """The peer says nothing, and the handshake takes too long."""
    with contextlib.suppress(ConnectionAbortedError):
        await stage.loop.create_connection(
            Answers,
            *stage.at["silent"],
            ssl=stage.client_context,
            server_hostname="localhost",
            ssl_handshake_timeout=0.005,
        )


@scenario()
async def serve(stage: Stage) -> None:
    server = await stage.loop.create_server(Echo, "127.0.0.1", 0, ssl=stage.server_context)
    try:
        address = server.sockets[0].getsockname()
        made = await stage.loop.create_connection(
            Answers, *address, ssl=stage.client_context, server_hostname="localhost"
        )
        await exchange(*made)
    finally:
        server.close()
    await server.wait_closed()


class _Upgrading(asyncio.Protocol):
    """A server that goes over to TLS at the word."""

    def __init__(self, stage: Stage, tasks: set[asyncio.Task[Any]]) -> None:
        self._stage = stage
        self._tasks = tasks

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"go on")
        task = self._stage.loop.create_task(self._upgrade())
        self._tasks.add(task)

    async def _upgrade(self) -> None:
        loop, context = self._stage.loop, self._stage.server_context
        try:
            protocol = Echo()
            over = await loop.start_tls(self.transport, protocol, context, server_side=True)
            protocol.connection_made(over)
        except (OSError, asyncio.CancelledError):
            self.transport.close()


@scenario()
async def upgrade(stage: Stage) -> None:
    loop = stage.loop
    tasks: set[asyncio.Task[Any]] = set()
    server = await loop.create_server(lambda: _Upgrading(stage, tasks), "127.0.0.1", 0)
    try:
        plain, answers = await loop.create_connection(Answers, *server.sockets[0].getsockname())
        transport = plain
        try:
            plain.write(b"over")
            await answers.come(5)
            protocol = Answers()
            transport = await loop.start_tls(
                plain, protocol, stage.client_context, server_hostname="localhost"
            )
            if transport is None:
                transport = plain
                raise ConnectionResetError("the connection had ended before")
            transport.write(b"a word")
            await protocol.come(6)
        finally:
            transport.close()
            plain.close()
        await protocol.lost
    finally:
        for task in tasks:
            task.cancel()
        server.close()
    await server.wait_closed()


@scenario()
async def upgrade_streams(stage: Stage) -> None:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(4)
            writer.write(b"on")
            await writer.start_tls(stage.server_context)
            writer.write(await reader.readexactly(4))
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            writer.write(b"over")
            await reader.readexactly(2)
            await writer.start_tls(stage.client_context, server_hostname="localhost")
            writer.write(b"word")
            await writer.drain()
            await reader.readexactly(4)
        finally:
            writer.close()
        await writer.wait_closed()
    finally:
        server.close()
    await server.wait_closed()


@scenario(tls)
async def streams(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection(
        *stage.at["tls"], ssl=stage.client_context, server_hostname="localhost"
    )
    try:
        writer.write(b"a line\n")
        await writer.drain()
        await reader.readline()
    finally:
        writer.close()
    await writer.wait_closed()
