"""Starlette under uvicorn: streams, files, background tasks, web sockets, and its test client with a portal thread."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from traffic import HOST, check, gone, many, run
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.websockets import WebSocket

FILE = bytes(range(256)) * 4096
done_later: list[str] = []
events: list[str] = []


async def echo(request: Request) -> Response:
    return Response(await request.body(), background=BackgroundTask(done_later.append, "echo"))


def blocking(request: Request) -> JSONResponse:
    """No coroutine: Starlette runs it in a thread."""
    return JSONResponse({"main": threading.current_thread() is threading.main_thread()})


async def stream(request: Request) -> StreamingResponse:
    def pieces() -> Iterator[str]:
        for n in range(50):
            yield f"piece {n}\n"

    return StreamingResponse(pieces())


async def file(request: Request) -> FileResponse:
    return FileResponse(request.app.state.file)


async def threads(request: Request) -> JSONResponse:
    found = await asyncio.gather(*(run_in_threadpool(pow, n, 2) for n in range(20)))
    return JSONResponse(found)


async def web_socket(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text[::-1])


async def number(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["X-Through"] = "middleware"
    return response


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    events.append("start")
    yield
    events.append("stop")


def application(path: Path) -> Starlette:
    routes = [
        Route("/echo", echo, methods=["POST"]),
        Route("/blocking", blocking),
        Route("/stream", stream),
        Route("/file", file),
        Route("/threads", threads),
        WebSocketRoute("/ws", web_socket),
    ]
    layers = [
        Middleware(GZipMiddleware, minimum_size=100),
        Middleware(BaseHTTPMiddleware, dispatch=number),
    ]
    app = Starlette(routes=routes, middleware=layers, lifespan=lifespan)
    app.state.file = path
    return app


async def converse(client: httpx.AsyncClient, n: int) -> None:
    body = b"request %d " % n * n * 20
    answer = await client.post("/echo", content=body)
    check((answer.content, answer.headers["X-Through"]), (body, "middleware"))
    check((await client.get("/blocking")).json(), {"main": False})
    check((await client.get("/stream")).text, "".join(f"piece {k}\n" for k in range(50)))
    check((await client.get("/threads")).json(), [k * k for k in range(20)])
    if n % 10 == 0:
        check((await client.get("/file")).content, FILE)


async def talk(url: str) -> None:
    async with connect(url) as client:
        for k in range(30):
            await client.send(f"message {k}")
            check(await client.recv(), f"message {k}"[::-1])


def use_test_client(app: Starlette) -> None:
    """The test client runs the application in a loop of its own, in another thread."""
    with TestClient(app) as client:
        check(client.post("/echo", content=b"abc").content, b"abc")
        check(client.get("/threads").json(), [k * k for k in range(20)])
        with client.websocket_connect("/ws") as socket:
            socket.send_text("abc")
            check(socket.receive_text(), "cba")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(FILE)
        app = application(path)
        listening = socket.create_server((HOST, 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            assert not task.done(), task
            await asyncio.sleep(0.01)
        limits = httpx.Limits(max_connections=20)
        base = f"http://{HOST}:{port}"
        async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30) as client:
            await many(40, lambda n: converse(client, n))
        await many(20, lambda n: talk(f"ws://{HOST}:{port}/ws"))
        server.should_exit = True
        await task
        listening.close()
        check((events, len(done_later)), (["start", "stop"], 40))
        await asyncio.to_thread(use_test_client, app)
    await gone()


run(main, "starlette", "uvicorn", "httpx", "websockets")
