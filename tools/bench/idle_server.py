"""The server of `bench idle`: holds connections, and says how much memory it has when asked on its input."""

from __future__ import annotations

import asyncio
import gc
import json
import platform
import resource
import ssl
import sys
import threading
from pathlib import Path

# Only for what stands in this folder: nothing else here is to hide a module of the side's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import resident

del sys.path[0]

held: set[object] = set()


class Held(asyncio.Protocol):
    """Says back what it is told, which a client does now and then to know that it has been accepted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        held.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    held.add(writer)
    while data := await reader.read(100):
        writer.write(data)


def measure() -> dict[str, int]:
    gc.collect()
    return {
        "bytes": resident.now(),
        "descriptors": resident.descriptors(),
        "connections": len(held),
    }


def context(words: list[str]) -> ssl.SSLContext | None:
    """Return what TLS needs, where a certificate is among the words."""
    files = [word for word in words if not word.startswith("--")]
    if not files:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(files[0])
    return made


def say(facts: dict[str, object]) -> None:
    print(json.dumps(facts), flush=True)


async def main() -> None:
    loop = asyncio.get_running_loop()
    where = {"host": "0.0.0.0", "port": 0, "backlog": 4096, "ssl": context(sys.argv[1:])}
    if "--streams" in sys.argv:
        server = await asyncio.start_server(hold, **where)  # type: ignore[arg-type]
    else:
        server = await loop.create_server(Held, **where)  # type: ignore[call-overload]
    say(
        {
            "implementation": getattr(asyncio, "__implementation__", "standard"),
            "python": platform.python_version(),
            "loop": type(loop).__qualname__,
            "port": server.sockets[0].getsockname()[1],
        }
    )

    def answer() -> None:
        for _ in sys.stdin:
            loop.call_soon_threadsafe(lambda: say(dict(measure())))

    threading.Thread(target=answer, daemon=True).start()
    await loop.create_future()


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
asyncio.run(main())
