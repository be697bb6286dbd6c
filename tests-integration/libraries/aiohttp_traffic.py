"""aiohttp's server and client: requests, streams, web sockets, files, TLS, Unix sockets, time-outs."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from traffic import HOST, certificates, check, gone, many, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILE = bytes(range(256)) * 8192


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), headers={"X-Number": request.match_info["n"]})


async def streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_chunked(10_000):
        await response.write(chunk.upper())
    await response.write_eof()
    return response


async def web_socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=5)
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
        else:
            await socket.send_bytes(message.data * 2)
    return socket


async def form(request: web.Request) -> web.Response:
    fields = {}
    async for part in await request.multipart():
        assert isinstance(part, aiohttp.BodyPartReader)
        fields[part.name or ""] = len(await part.read())
    return web.json_response(fields)


async def never(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


async def broken(request: web.Request) -> web.Response:
    raise web.HTTPGone(text="short and stout")


def application(folder: Path) -> web.Application:
    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "file")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/echo/{n}", echo)
    app.router.add_post("/streamed", streamed)
    app.router.add_post("/form", form)
    for path, handler in {
        "/ws": web_socket,
        "/never": never,
        "/broken": broken,
        "/file": file,
    }.items():
        app.router.add_get(path, handler)
    return app


async def converse(session: aiohttp.ClientSession, base: str, requests: int) -> None:
    """Everything a client does, once over each kind of connection."""

    async def one(n: int) -> None:
        body = b"%d" % n * n * 10
        async with session.post(f"{base}/echo/{n}", data=body) as answer:
            check(await answer.read(), body)
            check(answer.headers["X-Number"], str(n))

    await many(requests, one)

    async def pieces() -> AsyncIterator[bytes]:
        for n in range(100):
            yield b"piece %d " % n * 1000

    async with session.post(f"{base}/streamed", data=pieces()) as answer:
        check(await answer.read(), b"".join(b"PIECE %d " % n * 1000 for n in range(100)))
    async with session.get(f"{base}/file") as answer:
        check(await answer.read(), FILE)
    async with session.get(f"{base}/file", headers={"Range": "bytes=1000-1999"}) as answer:
        check((answer.status, await answer.read()), (206, FILE[1000:2000]))
    fields = aiohttp.FormData()
    fields.add_field("one", b"1" * 100_000, filename="one")
    fields.add_field("two", b"2", filename="two")
    async with session.post(f"{base}/form", data=fields) as answer:
        check(await answer.json(), {"one": 100_000, "two": 1})
    async with session.get(f"{base}/broken") as answer:
        check((answer.status, await answer.text()), (410, "short and stout"))

    async def talk(n: int) -> None:
        async with session.ws_connect(f"{base}/ws", compress=15 if n % 2 else 0) as socket:
            for k in range(20):
                await socket.send_str(f"message {n} {k}")
                check(await socket.receive_str(), f"MESSAGE {n} {k}")
            await socket.send_bytes(b"x" * 200_000)
            check(await socket.receive_bytes(), b"x" * 400_000)

    await many(20, talk)

    brief = aiohttp.ClientTimeout(total=0.05)
    for _ in range(3):
        try:
            async with session.get(f"{base}/never", timeout=brief):
                raise AssertionError("an answer to nothing")
        except TimeoutError:
            check(True, True)


async def main() -> None:
    server_side, client_side = certificates()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_bytes(FILE)
        runner = web.AppRunner(application(folder), shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        plain = web.TCPSite(runner, HOST, 0)
        secure = web.TCPSite(runner, HOST, 0, ssl_context=server_side)
        local = web.UnixSite(runner, str(folder / "socket"))
        for site in (plain, secure, local):
            await site.start()
        plain_port, secure_port = (address[1] for address in runner.addresses[:2])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session:
            await converse(session, f"http://{HOST}:{plain_port}", 300)
            await converse(session, f"http://localhost:{plain_port}", 10)
        tls = aiohttp.TCPConnector(ssl=client_side, limit=50)
        async with aiohttp.ClientSession(connector=tls) as session:
            await converse(session, f"https://localhost:{secure_port}", 100)
        through = aiohttp.UnixConnector(str(folder / "socket"), limit=50)
        async with aiohttp.ClientSession(connector=through) as session:
            await converse(session, "http://somewhere", 100)
        async with aiohttp.ClientSession() as session:
            try:
                await session.get(f"https://{HOST}:{secure_port}/broken")
            except aiohttp.ClientConnectorCertificateError:
                check(True, True)
        await runner.cleanup()
    await gone()


run(main, "aiohttp")
