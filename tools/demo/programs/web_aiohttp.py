"""An aiohttp server and an aiohttp client in one process: pages, JSON, streams, websockets, clients that go away."""

from __future__ import annotations

import asyncio
import hashlib
import sys

import aiohttp
from aiohttp import web
from report import Report

CLIENTS = 200
PIECES = 20
MESSAGES = 10
#: A body that goes through the buffers in many pieces.
BIG = bytes(range(256)) * 4096


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {request.match_info['name']}")


async def add(request: web.Request) -> web.Response:
    return web.json_response({"sum": sum(await request.json())})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for n in range(PIECES):
        await response.write(b"piece %d\n" % n)
        await asyncio.sleep(0)
    await response.write_eof()
    return response


async def digest(request: web.Request) -> web.Response:
    body = hashlib.sha256()
    async for chunk in request.content.iter_any():
        body.update(chunk)
    return web.Response(text=body.hexdigest())


async def chat(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
    return socket


class Slow:
    """A page that never comes, how many asked for it, and how many of them left."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return web.Response()


async def visit(session: aiohttp.ClientSession, base: str, n: int, report: Report) -> None:
    async with session.get(f"{base}/hello/client-{n}") as response:
        report.check("status", response.status, 200)
        report.check(f"hello {n}", await response.text(), f"hello client-{n}")
    async with session.post(f"{base}/add", json=[n, n + 1, n + 2]) as response:
        report.check(f"sum {n}", await response.json(), {"sum": 3 * n + 3})
    async with session.get(f"{base}/stream") as response:
        lines = [line async for line in response.content]
        report.check(f"stream {n}", lines, [b"piece %d\n" % k for k in range(PIECES)])
    async with session.ws_connect(f"{base}/chat") as socket:
        for k in range(MESSAGES):
            await socket.send_str(f"message {k} of {n}")
            report.check(f"websocket {n}", await socket.receive_str(), f"MESSAGE {k} OF {n}")
    if n % 20 == 0:
        async with session.post(f"{base}/digest", data=BIG) as response:
            report.check(f"upload {n}", await response.text(), hashlib.sha256(BIG).hexdigest())
    if n % 10 == 0:
        try:
            async with asyncio.timeout(0.1), session.get(f"{base}/slow") as response:
                report.check(f"slow {n}", response.status, "a time-out")
        except TimeoutError:
            report.check(f"slow {n}", "a time-out", "a time-out")


async def main() -> int:
    slow = Slow()
    app = web.Application(client_max_size=2 * len(BIG))
    app.add_routes(
        [
            web.get("/hello/{name}", hello),
            web.post("/add", add),
            web.get("/stream", stream),
            web.post("/digest", digest),
            web.get("/chat", chat),
            web.get("/slow", slow),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    report = Report(CLIENTS * (4 + MESSAGES) + CLIENTS // 20 + CLIENTS // 10 + 2)
    connector = aiohttp.TCPConnector(limit=100)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for n in range(CLIENTS):
            group.create_task(visit(session, f"http://{host}:{port}", n, report))
    async with asyncio.timeout(10):
        # On a busy machine a client may leave before its request has arrived.
        while slow.cancelled < slow.asked:
            await asyncio.sleep(0.01)
    report.check("requests that their clients left", slow.cancelled, slow.asked)
    await runner.cleanup()
    try:
        await asyncio.open_connection(host, port)
        report.check("the server's port", "open", "closed")
    except OSError:
        report.check("the server's port", "closed", "closed")
    report.extra["what"] = f"aiohttp {aiohttp.__version__}, {CLIENTS} clients"
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
