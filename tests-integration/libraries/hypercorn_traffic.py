"""hypercorn: HTTP/1.1, HTTP/2 over TLS with many streams to a connection, web sockets, graceful end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config, Sockets
from traffic import HOST, check, gone, many, run
from websockets.asyncio.client import connect


class BoundConfig(Config):
    """Serve on sockets that are bound already, so that their ports are known."""

    plain: list[socket.socket]
    secure: list[socket.socket]

    def create_sockets(self) -> Sockets:
        return Sockets(self.secure, self.plain, [])


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})
    else:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        version = [(b"x-version", scope["http_version"].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": version})
        for start in range(0, len(body), 10_000):
            piece = bytes(body[start : start + 10_000])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


async def converse(client: httpx.AsyncClient, requests: int, version: str) -> None:
    async def one(n: int) -> None:
        body = b"request %d " % n * (1 + n * 30)
        answer = await client.post("/echo", content=body)
        check((answer.content, answer.headers["x-version"]), (body, version))

    await many(requests, one)


async def main() -> None:
    authority = trustme.CA()
    identity = authority.issue_cert(HOST, "localhost")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identity.private_key_pem.write_to_path(folder / "key")
        identity.cert_chain_pems[0].write_to_path(folder / "certificate")
        authority.cert_pem.write_to_path(folder / "authority")
        config = BoundConfig()
        config.plain = [socket.create_server((HOST, 0))]
        config.secure = [socket.create_server((HOST, 0))]
        config.keyfile, config.certfile = str(folder / "key"), str(folder / "certificate")
        config.errorlog = None
        config.graceful_timeout = 1
        ports = [kind[0].getsockname()[1] for kind in (config.plain, config.secure)]
        for kind in (config.plain, config.secure):
            kind[0].setblocking(False)
        stop = asyncio.Event()
        task = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
        trust = ssl.create_default_context(cafile=folder / "authority")
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{ports[0]}", timeout=30) as client:
            await converse(client, 60, "1.1")
        async with httpx.AsyncClient(
            base_url=f"https://localhost:{ports[1]}", timeout=30, verify=trust, http2=True
        ) as client:
            await converse(client, 60, "2")

        async def talk(n: int) -> None:
            async with connect(f"ws://{HOST}:{ports[0]}/") as socket_client:
                for k in range(10):
                    await socket_client.send(f"message {n} {k}")
                    check(await socket_client.recv(), f"MESSAGE {n} {k}")

        await many(20, talk)
        stop.set()
        await task
    await gone()


run(main, "hypercorn", "h2", "httpx", "websockets")
