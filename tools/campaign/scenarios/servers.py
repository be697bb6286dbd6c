"""How servers begin and end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios import scenario
from scenarios.peers import Answers, Echo

if TYPE_CHECKING:
    from stage import Stage


@scenario()
async def serve_for_ever(stage: Stage) -> None:
    loop = stage.loop
    server = await loop.create_server(Echo, "127.0.0.1", 0, start_serving=False)
    loop.call_soon(loop.call_soon, loop.call_soon, server.close)
    try:
        await server.serve_forever()
    except asyncio.CancelledError:
        if not server.sockets and not asyncio.current_task().cancelling():  # type: ignore[union-attr]
            return  # that is how it says that it was closed
        raise
    finally:
        server.close()


@scenario()
async def begin_later(stage: Stage) -> None:
    server = await stage.loop.create_server(Echo, "127.0.0.1", 0, start_serving=False)
    try:
        await server.start_serving()
        transport, protocol = await stage.loop.create_connection(
            Answers, *server.sockets[0].getsockname()
        )
        transport.close()
        await protocol.lost
    finally:
        server.close()
    await server.wait_closed()


@scenario()
async def end_with_the_last_connection(stage: Stage) -> None:
    server = await stage.loop.create_server(Echo, "127.0.0.1", 0)
    try:
        transport, protocol = await stage.loop.create_connection(
            Answers, *server.sockets[0].getsockname()
        )
        try:
            transport.write(b"a word")
            await protocol.come(6)
            server.close()
            stage.loop.call_soon(stage.loop.call_soon, transport.close)
            await server.wait_closed()
        finally:
            transport.close()
        await protocol.lost
    finally:
        server.close()


@scenario()
async def end_at_once(stage: Stage) -> None:
    async with await stage.loop.create_server(Echo, "127.0.0.1", 0) as server:
        transport, protocol = await stage.loop.create_connection(
            Answers, *server.sockets[0].getsockname()
        )
        try:
            transport.write(b"a word")
            await protocol.come(6)
            server.close()
            transport.abort()
            await protocol.lost
        finally:
            transport.abort()


@scenario(on="posix")
async def on_a_unix_socket(stage: Stage) -> None:
    path = stage.folder / "server"
    try:
        async with await stage.loop.create_unix_server(Echo, str(path)):
            transport, protocol = await stage.loop.create_unix_connection(Answers, str(path))
            try:
                transport.write(b"a word")
                await protocol.come(6)
            finally:
                transport.close()
            await protocol.lost
    finally:
        path.unlink(missing_ok=True)
