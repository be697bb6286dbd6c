"""What waits for several things, or for one with a limit: gather() and its kin, timeouts, groups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.cases import case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TOGETHER = 50
IN_A_GROUP = 10


async def nothing() -> None:
    pass


@case(f"a coroutine, {TOGETHER} to each gather()")
async def gather(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for _ in range(count // TOGETHER):
            await asyncio.gather(*[nothing() for _ in range(TOGETHER)])


@case("a coroutine, all of them in one gather()", at_once=True)
async def gather_all(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        await asyncio.gather(*[nothing() for _ in range(count)])


@case("a future of many that wait() waits for", counted=10_000, at_once=True)
async def wait(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(count)]
    for future in futures:
        loop.call_soon(future.set_result, None)
    with measured:
        done, _ = await asyncio.wait(futures)
    assert len(done) == count


@case(f"a coroutine, {TOGETHER} to each as_completed()")
async def as_completed(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for _ in range(count // TOGETHER):
            for earliest in asyncio.as_completed([nothing() for _ in range(TOGETHER)]):
                await earliest


@case("a coroutine, all of them in one as_completed()", at_once=True)
async def as_completed_all(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for earliest in asyncio.as_completed([nothing() for _ in range(count)]):
            await earliest


@case(f"a task of a task group of {IN_A_GROUP}")
async def group(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for _ in range(count // IN_A_GROUP):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(IN_A_GROUP):
                    tasks.create_task(nothing())


@case("a timeout() around nothing")
async def timeout(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for _ in range(count):
            async with asyncio.timeout(10):
                pass


@case("a wait_for() on a future that a callback fulfils")
async def wait_for(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await asyncio.wait_for(future, 10)


@case("a shield() around a future that a callback fulfils")
async def shield(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await asyncio.shield(future)
