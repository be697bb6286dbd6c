"""uvicorn serving a bare ASGI application, in plain text and with TLS, asked by httpx (httpcore, anyio)."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from traffic import HOST, certificates, check, gone, many, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

lifespan_events: list[str] = []


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            lifespan_events.append(event)
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/never":
        assert (await receive())["type"] == "http.disconnect"
        lifespan_events.append("disconnect")
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/lines":
        for n in range(60):
            await send({"type": "http.response.body", "body": b"line %d\n" % n, "more_body": True})
        await send({"type": "http.response.body"})
    else:
        await send({"type": "http.response.body", "body": bytes(body)})


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[int]:
    """Serve the application in a task of this loop; yield the port."""
    listening = socket.create_server((HOST, 0))
    port = listening.getsockname()[1]  # a loop may take the descriptor out of the socket
    config = uvicorn.Config(app, log_level="warning", lifespan="on", **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:
            assert not task.done(), task
            await asyncio.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        await task
        listening.close()


async def converse(client: httpx.AsyncClient, requests: int) -> None:
    async def one(n: int) -> None:
        body = b"request %d " % n * (1 + n * 50)
        answer = await client.post("/echo", content=body)
        check((answer.status_code, answer.content), (200, body))
        async with client.stream("GET", "/lines") as streamed:
            lines = [line async for line in streamed.aiter_lines()]
        check(lines, [f"line {k}" for k in range(60)])

    await many(requests, one)
    big = bytes(range(256)) * 20_000
    check((await client.post("/echo", content=big)).content, big)

    async def pieces() -> AsyncIterator[bytes]:
        for n in range(300):
            yield b"%d" % n * 100

    answer = await client.post("/echo", content=pieces())
    check(answer.content, b"".join(b"%d" % n * 100 for n in range(300)))
    for _ in range(5):
        try:
            await client.get("/never", timeout=0.05)
        except httpx.ReadTimeout:
            check(True, True)
    async with asyncio.timeout(10):
        while lifespan_events.count("disconnect") < 5:
            await asyncio.sleep(0.01)
    lifespan_events[:] = [event for event in lifespan_events if event != "disconnect"]


async def main() -> None:
    server_side, client_side = certificates()
    limits = httpx.Limits(max_connections=40)
    async with (
        served() as port,
        httpx.AsyncClient(base_url=f"http://{HOST}:{port}", limits=limits, timeout=30) as client,
    ):
        await converse(client, 80)
    check(lifespan_events, ["lifespan.startup", "lifespan.shutdown"])

    def configured(config: uvicorn.Config, default: Any) -> Any:
        return server_side

    async with (
        served(ssl_context_factory=configured) as port,
        httpx.AsyncClient(
            base_url=f"https://localhost:{port}", limits=limits, timeout=30, verify=client_side
        ) as client,
    ):
        await converse(client, 30)
    try:
        await httpx.AsyncClient().get(f"http://{HOST}:{port}/")
    except httpx.ConnectError:
        check(True, True)
    await gone()


run(main, "httpx", "httpcore", "uvicorn")
