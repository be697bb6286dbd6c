"""Tasks: started, switched between, waited for, cancelled."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

from bench.cases import Unavailable, case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TASKS = 20
DEPTH = 50


async def nothing() -> None:
    pass


async def step(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@case("a step of one of 20 tasks that do nothing but let the others go", timed=100_000)
async def switch(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        tasks = [loop.create_task(step(count // TASKS)) for _ in range(TASKS)]
        for task in tasks:
            await task


@case("a task started and waited for, one after the other")
async def spawn(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            await loop.create_task(nothing())


@case("a task, all of them started at once and then waited for", at_once=True)
async def spawn_all(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        tasks = [loop.create_task(nothing()) for _ in range(count)]
        for task in tasks:
            await task


@case("a future made, fulfilled by a callback and waited for")
async def wake(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future


@case("a task that starts eagerly and is done at once")
async def eager(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        raise Unavailable("no asyncio.eager_task_factory before Python 3.12")
    loop.set_task_factory(factory)
    try:
        with measured:
            for _ in range(count):
                await loop.create_task(nothing())
    finally:
        loop.set_task_factory(None)


@case(f"a step at the end of {DEPTH} coroutines that await each other")
async def deep(measured: AbstractContextManager[object], count: int) -> None:
    async def down(depth: int) -> None:
        if depth:
            await down(depth - 1)
        else:
            await step(count)

    with measured:
        await down(DEPTH)


@case(f"a task in a chain of {DEPTH}, each of which waits for the next")
async def chain(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()

    async def down(depth: int) -> None:
        if depth > 1:
            await loop.create_task(down(depth - 1))

    with measured:
        for _ in range(count // DEPTH):
            await down(DEPTH + 1)


@case("a step that sets and reads a context variable, in one of 20 tasks", timed=50_000)
async def context(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    variable = contextvars.ContextVar[int]("variable")

    async def work() -> None:
        for number in range(count // TASKS):
            variable.set(number)
            await asyncio.sleep(0)
            assert variable.get() == number

    with measured:
        tasks = [loop.create_task(work()) for _ in range(TASKS)]
        for task in tasks:
            await task


@case(
    "a task started that goes to sleep, and all of them do",
    timed=20_000,
    at_once=True,
    held=1_000_000,
)
async def sleepers(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        tasks = [loop.create_task(asyncio.sleep(3600)) for _ in range(count)]
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@case("a sleeping task of many, cancelled and waited for", timed=100_000, at_once=True)
async def cancel(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(asyncio.sleep(3600)) for _ in range(count)]
    await asyncio.sleep(0)
    with measured:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
