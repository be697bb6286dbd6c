"""The process whose latencies are measured beside a load: `beside.py FOLDER [FACTORY]`, run by the Python of a side's environment.

The folder has a certificate, and the factory of the loop is `module:attribute`, as for other measurements. Answers lines of JSON: {"on": load, "size": n} by {"on": true}
when the load is there, {"off": true} by {"done": n} when it has gone, with how much of it there was, and {"level": true} by what the process holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Only for what stands in these folders: nothing else there is to hide a module of the side's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from stage import Stage, Tools

from bench.worker import factory
from loading import accepting, clients, datagrams, levels, outgoing
from loading.clients import Tally

del sys.path[:2]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

#: Seconds after which a client that reads nothing, or does nothing, goes for another one.
_AGAIN = 0.01


class _Side:
    """A loop that has loads, and serves clients in good order beside them."""

    def __init__(self, folder: Path, say: Callable[..., None]) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / "certificate.pem")
        self.stage = Stage(Tools(folder, server, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
        self.stage.loop = asyncio.get_running_loop()
        self._say = say
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        async with clients.echo(self.stage) as at:
            self._say(at=at)
            while asked := await self._asked.get():
                if "on" in asked:
                    await self._on(**asked)
                else:
                    self._say(**levels.level()._asdict())

    def _listen(self) -> None:
        for line in sys.stdin:
            self.stage.loop.call_soon_threadsafe(self._asked.put_nowait, json.loads(line))
        self.stage.loop.call_soon_threadsafe(self._asked.put_nowait, {})

    async def _on(self, on: str, size: int) -> None:
        async with _LOADS[on](self.stage, size) as found:
            self._say(on=True)
            await self._asked.get()
        self._say(done=found.done, wrong=self.stage.wrong)


@contextlib.asynccontextmanager
async def _nothing(_: Stage, size: int) -> AsyncIterator[Tally]:
    yield Tally()


@contextlib.asynccontextmanager
async def _without_handshake(stage: Stage, size: int) -> AsyncIterator[Tally]:
    async with clients.without_handshake(stage, size, again=True) as (_, found):
        yield found


@contextlib.asynccontextmanager
async def _datagrams(stage: Stage, size: int) -> AsyncIterator[Tally]:
    async with datagrams.flood(stage, 0) as (found, *_):
        yield found


#: By name; what a load yields tells in the end how much of it there was.
_LOADS: dict[str, Callable[[Stage, int], AbstractAsyncContextManager[Tally]]] = {
    "nothing": _nothing,
    "never read": partial(clients.unread, again=_AGAIN),
    "never shake hands": _without_handshake,
    "come and go": accepting.flood,
    "datagrams": _datagrams,
    "children": lambda _, size: outgoing.many_children(size),
    "names": lambda _, size: outgoing.many_names(size),
}


def main(folder: str, *words: str) -> None:
    # What a side prints is not an answer.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**what: Any) -> None:
        print(json.dumps(what), file=out, flush=True)

    loop = factory(list(words))()
    asyncio.set_event_loop(loop)

    async def run() -> None:
        await _Side(Path(folder), say).run()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
