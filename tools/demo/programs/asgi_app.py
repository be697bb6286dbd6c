"""An ASGI application without a framework, for uvicorn to serve."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from report import loop_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/about":
        loop = asyncio.get_running_loop()
        facts = {
            "implementation": getattr(asyncio, "__implementation__", "standard"),
            "loop": loop_name(type(loop)),
        }
        await reply(send, json.dumps(facts).encode())
    elif scope["path"] == "/echo":
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await reply(send, body)
    elif scope["path"] == "/stream":
        await start(send)
        for n in range(50):
            await asyncio.sleep(0.001)
            await send({"type": "http.response.body", "body": b"line %d\n" % n, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await start(send, 404)
        await send({"type": "http.response.body", "body": b"no such page"})


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def start(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})


async def reply(send: Send, body: bytes) -> None:
    await start(send)
    await send({"type": "http.response.body", "body": body})
