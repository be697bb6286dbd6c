"""Clients by the thousand: more than there are descriptors, as many as there are, or all at once and gone at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import time
from typing import TYPE_CHECKING, Any

from scenarios.peers import Echo

from bench import idle, resident
from loading.clients import HOST, Tally, echo, is_served
from loading.crowds import Crowd
from loading.levels import descriptors_allowed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from stage import Stage

    from loading.levels import Load

#: So many times the size come and go, at least.
_OFTEN = 10
#: So many times the size are there at once, or as many as the limit allows.
_CROWDED = 50
#: So many clients a process holds at most: it has the same limit.
_OF_A_CROWD = 10_000
_LISTENING = 4096
#: Clients connect to several addresses, as one has not so many ports.
_ANY = "0.0.0.0"


# More than there are descriptors


async def no_descriptors(stage: Stage, load: Load) -> None:
    """More clients come than there are descriptors for, and stay; some time they go."""
    size = load.size
    server = await stage.loop.create_server(Echo, HOST, 0, backlog=2 * size)
    at = server.sockets[0].getsockname()
    async with Crowd("stay", at, 2 * size) as crowd:
        with _descriptors_left(size):
            await crowd.told()
            begun = time.process_time()
            await asyncio.sleep(0.3)
            if (busy := time.process_time() - begun) > 0.2:
                stage.wrong.append(f"the loop is busy for {busy:.1f} of 0.3 s with nothing")
            with _allowed(resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
                load.is_on(2 * size)  # which takes a descriptor
            await crowd.end()
            await is_served(stage, at)
    if not stage.reported:
        stage.wrong.append("nobody is told that there are no descriptors")
    for context in stage.reported:
        if getattr(context.get("exception"), "errno", 0) != errno.EMFILE:
            stage.wrong.append(f"reported: {context}")
    server.close()
    await server.wait_closed()


@contextlib.contextmanager
def _descriptors_left(count: int) -> Iterator[None]:
    # Of the numbers, whose gaps are few.
    with _allowed(max(map(int, os.listdir("/proc/self/fd"))) + 1 + count):
        yield


@contextlib.contextmanager
def _allowed(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# As many as there are descriptors


async def crowded(stage: Stage, load: Load) -> None:
    """So many clients as the limit allows are there at once; each says a word, and is answered."""
    with _allowed(resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        limit = descriptors_allowed()
        count = min(_CROWDED * load.size, limit - resident.descriptors() - idle.SPARE)
        server = await stage.loop.create_server(Echo, _ANY, 0, backlog=_LISTENING)
        at = server.sockets[0].getsockname()
        async with contextlib.AsyncExitStack() as stack:
            before = resident.now()
            crowds = []
            for share in idle.shares(count, _OF_A_CROWD):
                crowds.append(
                    (share, await stack.enter_async_context(Crowd("say_a_word", at, share)))
                )
            for _, crowd in crowds:
                await crowd.told()
            load.is_on(count)
            load.more = {"limit": limit, "each": round((resident.now() - before) / count)}
            for share, crowd in crowds:
                crowd.tell("now")
                if (answered := (await crowd.told())["answered"]) != share:
                    stage.wrong.append(f"{answered} of {share} are answered")
            for _, crowd in crowds:
                await crowd.end()
        server.close()
        await server.wait_closed()


# All at once, and gone at once


class _Counted(Echo):
    """Knows how many there were, and how many are there."""

    def __init__(self, found: _Flood) -> None:
        self._found = found

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._found.done += 1
        self._found.here += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._found.here -= 1
        self._found.changed.set()


class _Flood(Tally):
    def __init__(self) -> None:
        super().__init__()
        #: Connections that are there now.
        self.here = 0
        self.changed = asyncio.Event()
        self.came = 0


@contextlib.asynccontextmanager
async def flood(stage: Stage, count: int) -> AsyncIterator[_Flood]:
    """Have clients come and go as fast as that goes, so many at once."""
    found = _Flood()
    server = await stage.loop.create_server(lambda: _Counted(found), _ANY, 0, backlog=_LISTENING)
    at = server.sockets[0].getsockname()
    async with Crowd("come_and_go", at, count) as crowd:
        await crowd.told()
        yield found
        found.came = (await crowd.end())["came"]
    server.close()
    await server.wait_closed()


async def come_and_go(stage: Stage, load: Load) -> None:
    """Half of them go by a reset, most before they are accepted."""
    wanted = _OFTEN * load.size
    async with echo(stage) as at:
        async with flood(stage, wanted) as found:
            while found.done < wanted:
                found.changed.clear()
                await found.changed.wait()
                load.is_on(found.done)
            await is_served(stage, at)
        load.is_on(found.done)
        if found.here:
            stage.wrong.append(f"{found.here} connections are there when their server has ended")
        if found.done > found.came:
            stage.wrong.append(f"{found.done} connections are made, and {found.came} came")
        await is_served(stage, at)
