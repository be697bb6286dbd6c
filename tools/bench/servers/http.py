"""HTTP servers that people use: uvicorn with either of its parsers, and aiohttp's. 50 connections that are kept.

The only module here that needs more than the standard library; it imports it when it serves.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Literal

from bench.servers import Counts, Load, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Seconds that a connection may be quiet: others have their turn meanwhile.
QUIET = 3600
BODY = b"x" * 32
LOAD = Load("http", connections=50, size=len(BODY))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer as an ASGI application."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def serving_uvicorn(parser: Literal["h11", "httptools"]) -> AsyncIterator[int]:
    import uvicorn

    config = uvicorn.Config(
        application,
        http=parser,
        lifespan="off",
        access_log=False,
        log_level="error",
        timeout_keep_alive=QUIET,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await task


def uvicorn_h11() -> AsyncIterator[int]:
    return serving_uvicorn("h11")


def uvicorn_httptools() -> AsyncIterator[int]:
    return serving_uvicorn("httptools")


async def aiohttp_server() -> AsyncIterator[int]:
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=BODY, content_type="text/plain")

    made = web.Application()
    made.router.add_get("/hello", answer)
    runner = web.AppRunner(made, access_log=None, keepalive_timeout=QUIET)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


FEW = Counts(1000, 2000, 500)

UVICORN = "uvicorn==0.54.0"
case(
    "uvicorn_h11",
    "a request to uvicorn, parsed by h11",
    uvicorn_h11,
    LOAD,
    FEW,
    needs=(UVICORN,),
)
case(
    "uvicorn_httptools",
    "a request to uvicorn, parsed by httptools",
    uvicorn_httptools,
    LOAD,
    FEW,
    needs=(UVICORN, "httptools==0.9.0"),
)
case("aiohttp", "a request to aiohttp", aiohttp_server, LOAD, FEW, needs=("aiohttp==3.14.5",))
