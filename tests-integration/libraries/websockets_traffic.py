"""websockets: conversations, compression, fragments, broadcasts, closings, TLS, Unix sockets."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import websockets
from traffic import HOST, certificates, check, gone, many, run
from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.server import ServerConnection, broadcast, serve, unix_serve

listeners: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    if connection.request.path == "/news":
        listeners.add(connection)
        await connection.wait_closed()
        listeners.remove(connection)
    elif connection.request.path == "/close":
        await connection.close(4001, "go away")
    elif connection.request.path == "/error":
        raise LookupError("on purpose")
    else:
        async for message in connection:
            await connection.send(message)


async def converse(url: str, clients: int, **options: Any) -> None:
    async def one(n: int) -> None:
        async with connect(url, compression="deflate" if n % 2 else None, **options) as client:
            for k in range(30):
                await client.send(f"client {n} message {k}")
                check(await client.recv(), f"client {n} message {k}")
            await client.send(b"\0" * 500_000)
            check(await client.recv(), b"\0" * 500_000)
            await client.send(f"{k}" for k in range(100))
            check(await client.recv(), "".join(f"{k}" for k in range(100)))
            await (await client.ping())

    await many(clients, one)


async def hear_news(url: str) -> None:
    ready = asyncio.Semaphore(0)

    async def one(n: int) -> None:
        async with connect(f"{url}/news") as client:
            ready.release()
            check([await client.recv() for _ in range(50)], [f"news {k}" for k in range(50)])

    async def tell() -> None:
        for _ in range(30):
            await ready.acquire()
        while len(listeners) < 30:
            await asyncio.sleep(0)
        for k in range(50):
            broadcast(listeners, f"news {k}")

    await asyncio.gather(many(30, one), tell())


async def end_badly(url: str) -> None:
    for path, code in (("/close", 4001), ("/error", 1011)):
        async with connect(url + path) as client:
            try:
                await client.recv()
            except websockets.ConnectionClosed as error:
                check(error.rcvd and error.rcvd.code, code)
    async with connect(url) as client:
        try:
            await asyncio.wait_for(client.recv(), 0.05)
        except TimeoutError:
            check(True, True)
        await client.send("still there")
        check(await client.recv(), "still there")
    client = await connect(url)
    client.transport.abort()
    await client.wait_closed()
    check(client.close_code, 1006)


async def main() -> None:
    server_side, client_side = certificates()
    async with serve(handle, HOST, 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await converse(f"ws://{HOST}:{port}", 60)
        await hear_news(f"ws://{HOST}:{port}")
        await end_badly(f"ws://{HOST}:{port}")
    async with serve(handle, HOST, 0, ssl=server_side) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await converse(f"wss://localhost:{port}", 30, ssl=client_side)
        # This one is still connected when the server ends.
        left = await connect(f"wss://localhost:{port}", ssl=client_side)
    await left.wait_closed()
    check(left.close_code, 1001)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        async with unix_serve(handle, path), unix_connect(path) as client:
            await client.send("over a Unix socket")
            check(await client.recv(), "over a Unix socket")
    try:
        await connect(f"ws://{HOST}:{port}", open_timeout=5)
    except OSError:
        check(True, True)
    await gone()


run(main, "websockets")
