"""Readers and writers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios import scenario
from scenarios.peers import silent, tcp, unix

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stage import Stage

#: More than the buffers of both ends and of the transport hold.
MUCH = bytes(1 << 22)


@scenario(tcp)
async def read_in_all_ways(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection(*stage.at["tcp"])
    try:
        writer.write(b"a line\n")
        assert await reader.readline() in (b"a line\n", b"")
        writer.write(b"exactly")
        assert await reader.readexactly(7) == b"exactly"
        writer.write(b"up to; this")
        assert await reader.readuntil(b";") == b"up to;"
        await reader.read(100)
        writer.write(b"the end\n")
        writer.write_eof()
        async for _ in reader:
            pass
        assert await reader.read() == b""
    finally:
        writer.close()
    await writer.wait_closed()


@scenario(unix, on="posix")
async def read_from_a_unix_socket(stage: Stage) -> None:
    reader, writer = await asyncio.open_unix_connection(stage.at["unix"])
    try:
        writer.write(b"a line\n")
        await reader.readline()
    finally:
        writer.close()
    await writer.wait_closed()


@scenario(tcp)
async def read_again_what_was_not_taken(stage: Stage) -> None:
    """A cancelled read takes nothing: what it would have had is there for the next."""
    reader, writer = await asyncio.open_connection(*stage.at["tcp"])

    async def again() -> None:
        writer.write(b"word")
        try:
            got = await reader.readexactly(4)
            assert got == b"word", got
        finally:
            writer.close()
            await writer.wait_closed()

    stage.afterwards.append(again)
    writer.write(b"word")
    reading = asyncio.current_task()
    assert reading is not None
    got = b""
    try:
        got = await reader.readexactly(4)
    except asyncio.CancelledError:
        stage.afterwards.insert(0, _rest(reader))
        raise
    assert got == b"word"


def _rest(reader: asyncio.StreamReader) -> Callable[[], Awaitable[object]]:
    async def rest() -> None:
        assert await reader.readexactly(4) == b"word"

    return rest


@scenario()
async def drain(stage: Stage) -> None:
    """What waits to be written is more than fits, and a slow peer reads it."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(1 << 20):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            writer.write(MUCH)
            await writer.drain()
            writer.write(MUCH)
            await writer.drain()
        finally:
            writer.close()
        await writer.wait_closed()
    finally:
        server.close()
    await server.wait_closed()


@scenario(silent)
async def drain_in_vain(stage: Stage) -> None:
    """Nobody reads what is written: the program gives it up."""
    _, writer = await asyncio.open_connection(*stage.at["silent"])
    try:
        writer.write(MUCH)
        async with asyncio.timeout(0.005):
            await writer.drain()
    except TimeoutError:
        pass
    finally:
        writer.transport.abort()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass


@scenario()
async def serve_lines(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "localhost", 0, family=2) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            for _ in range(3):
                writer.write(b"a line\n")
                await reader.readline()
        finally:
            writer.close()
        await writer.wait_closed()


@scenario(on="posix")
async def serve_lines_on_a_unix_socket(stage: Stage) -> None:
    path = stage.folder / "lines"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await reader.readline())
        finally:
            writer.close()

    try:
        async with await asyncio.start_unix_server(answer, str(path)):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(b"a line\n")
                await reader.readline()
            finally:
                writer.close()
            await writer.wait_closed()
    finally:
        path.unlink(missing_ok=True)
