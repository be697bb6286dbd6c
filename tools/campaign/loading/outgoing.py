"""Work that a loop gives away by the thousand: children, and names to be looked up by a resolver that finds none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from loading.clients import Tally, echo, is_served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from stage import Stage

    from loading.levels import Load

#: So many times the size there are.
_CHILDREN, _NAMES = 5, 50
#: So many children are there at once.
_AT_ONCE = 50
#: Threads that may look up names at once.
_MOST_THREADS = 64


async def _child(number: int) -> int:
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exit {number % 100}")
    return await process.wait()


async def children(stage: Stage, load: Load) -> None:
    """As many children as there are, some dozens at a time."""
    places = asyncio.Semaphore(_AT_ONCE)
    ended = 0

    async def one(number: int) -> None:
        nonlocal ended
        async with places:
            if (status := await _child(number)) != number % 100:
                stage.wrong.append(f"child {number} ends with {status}")
        ended += 1
        if ended % _AT_ONCE == 0:
            load.is_on(ended)

    count = _CHILDREN * load.size
    async with echo(stage) as at:
        running = asyncio.gather(*map(one, range(count)))
        await is_served(stage, at)
        await running
    load.is_on(count)


async def names(stage: Stage, load: Load) -> None:
    """The resolver hangs at first, and others are served meanwhile; then it finds nothing."""
    goes_on = threading.Event()
    before, most = threading.active_count(), 0

    def fail() -> None:
        nonlocal most
        most = max(most, threading.active_count())
        goes_on.wait()

    count = _NAMES * load.size
    with _resolver(fail):
        async with echo(stage) as at:
            looking = [asyncio.create_task(_look_up(number)) for number in range(count)]
            try:
                await is_served(stage, at)
                if any(task.done() for task in looking):
                    stage.wrong.append("a look-up ends while the resolver hangs")
                load.is_on(count)
            finally:
                goes_on.set()
            found = await asyncio.gather(*looking, return_exceptions=True)
    if not all(isinstance(each, socket.gaierror) for each in found):
        stage.wrong.append("not all end with the resolver's error")
    if most - before > _MOST_THREADS:
        stage.wrong.append(f"{most - before} threads look up names")


async def _look_up(number: int) -> None:
    await asyncio.open_connection(f"name-{number}.invalid", 80)


@contextlib.contextmanager
def _resolver(fail: Any) -> Iterator[None]:
    """Have names of no domain looked up by `fail()`, and not be found then."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **more: Any) -> Any:
        if not str(host).endswith(".invalid"):
            return real(host, *args, **more)
        fail()
        raise socket.gaierror(socket.EAI_AGAIN, "made up")

    socket.getaddrinfo = look_up
    try:
        yield
    finally:
        socket.getaddrinfo = real


# Without an end


@contextlib.asynccontextmanager
async def many_children(count: int) -> AsyncIterator[Tally]:
    """Have so many children at once, each followed by another."""
    async with _again_and_again(count, _child) as found:
        yield found


@contextlib.asynccontextmanager
async def many_names(count: int) -> AsyncIterator[Tally]:
    """Have so many names looked up at once by the process's resolver, which is to find none, each followed by another."""

    async def look_up(number: int) -> None:
        with contextlib.suppress(socket.gaierror):
            await _look_up(number)

    async with _again_and_again(count, look_up) as found:
        yield found


@contextlib.asynccontextmanager
async def _again_and_again(count: int, what: Any) -> AsyncIterator[Tally]:
    found = Tally()
    over = False

    async def one() -> None:
        while not over:
            await what(found.done)
            found.done += 1

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    yield found
    over = True
    await asyncio.gather(*tasks)
