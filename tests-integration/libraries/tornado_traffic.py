"""Tornado: its HTTP server and client, web sockets, locks and periodic callbacks on the asyncio loop."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from tornado import (
    gen,
    httpclient,
    ioloop,
    iostream,
    locks,
    netutil,
    queues,
    tcpclient,
    web,
    websocket,
)
from tornado.httpserver import HTTPServer
from tornado.tcpserver import TCPServer
from traffic import HOST, certificates, check, gone, many, run


class Echo(web.RequestHandler):
    async def post(self) -> None:
        await gen.sleep(0)
        self.write(self.request.body)


class Pieces(web.RequestHandler):
    @gen.coroutine
    def get(self) -> Any:
        for n in range(100):
            self.write(f"piece {n}\n")
            yield self.flush()


class Never(web.RequestHandler):
    async def get(self) -> None:
        await asyncio.Event().wait()


class Socket(websocket.WebSocketHandler):
    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message[::-1])


class Lines(TCPServer):
    async def handle_stream(self, stream: iostream.IOStream, address: tuple[str, int]) -> None:
        try:
            while True:
                await stream.write((await stream.read_until(b"\n")).upper())
        except iostream.StreamClosedError:
            pass


async def converse(base: str, requests: int, **options: Any) -> None:
    client = httpclient.AsyncHTTPClient(force_instance=True, max_clients=20)

    async def one(n: int) -> None:
        body = b"request %d " % n * n * 20
        answer = await client.fetch(f"{base}/echo", method="POST", body=body, **options)
        check(answer.body, body)

    await many(requests, one)
    answer = await client.fetch(f"{base}/pieces", **options)
    check(answer.body, b"".join(b"piece %d\n" % n for n in range(100)))
    try:
        await client.fetch(f"{base}/never", request_timeout=0.05, **options)
    except httpclient.HTTPClientError as error:
        check(error.code, 599)
    client.close()


async def synchronise() -> None:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 5:
            ticked.set()

    ticked = locks.Event()
    periodic = ioloop.PeriodicCallback(tick, 2)
    periodic.start()
    await ticked.wait(datetime.timedelta(seconds=10))
    periodic.stop()
    check(count, 5)
    numbers: queues.Queue[int] = queues.Queue(3)

    async def put() -> None:
        for n in range(50):
            await numbers.put(n)

    task = asyncio.create_task(put())
    check([await numbers.get() for _ in range(50)], list(range(50)))
    await task
    here = ioloop.IOLoop.current()
    check(await here.run_in_executor(None, pow, 2, 10), 1024)
    check(await gen.with_timeout(datetime.timedelta(seconds=5), gen.sleep(0)), None)


async def main() -> None:
    server_side, client_side = certificates()
    app = web.Application(
        [("/echo", Echo), ("/pieces", Pieces), ("/never", Never), ("/ws", Socket)],
        log_function=lambda handler: None,
    )
    servers = [HTTPServer(app), HTTPServer(app, ssl_options=server_side), Lines()]
    ports = []
    for server in servers:
        sockets = netutil.bind_sockets(0, HOST)
        server.add_sockets(sockets)
        ports.append(sockets[0].getsockname()[1])
    await converse(f"http://{HOST}:{ports[0]}", 100)
    await converse(f"https://localhost:{ports[1]}", 40, ssl_options=client_side)

    async def talk(n: int) -> None:
        connection = await websocket.websocket_connect(f"ws://{HOST}:{ports[0]}/ws")
        for k in range(20):
            await connection.write_message(f"message {n} {k}")
            check(await connection.read_message(), f"message {n} {k}"[::-1])
        connection.close()
        check(await connection.read_message(), None)

    await many(20, talk)

    async def lines(n: int) -> None:
        stream = await tcpclient.TCPClient().connect(HOST, ports[2])
        for k in range(20):
            await stream.write(b"line %d %d\n" % (n, k))
            check(await stream.read_until(b"\n"), b"LINE %d %d\n" % (n, k))
        stream.close()

    await many(20, lines)
    await synchronise()
    for server in servers:
        server.stop()
        if isinstance(server, HTTPServer):
            await server.close_all_connections()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()  # the handlers that never answer
    await gone()


run(main, "tornado")
