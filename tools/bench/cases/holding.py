"""Things that are made and stay: what each of them takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.cases import case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

MANY = 100_000


@case(
    "a task made and suspended; its coroutine, with the frame, was there before",
    at_once=True,
    held=MANY,
    memory="stays",
)
async def tasks_held(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    async def wait() -> None:
        await future

    coroutines = [wait() for _ in range(count)]
    tasks: list[asyncio.Task[None] | None] = [None] * count
    with measured:
        for number, coroutine in enumerate(coroutines):
            tasks[number] = loop.create_task(coroutine)
        await asyncio.sleep(0)
    future.set_result(None)
    for task in tasks:
        assert task is not None
        await task


@case("a future made, for which nobody waits", at_once=True, held=MANY, memory="stays")
async def futures_held(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[None] | None] = [None] * count
    with measured:
        for number in range(count):
            futures[number] = loop.create_future()


@case("a timer made that is not due", at_once=True, held=MANY, memory="stays")
async def timers_held(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle | None] = [None] * count
    with measured:
        for number in range(count):
            timers[number] = loop.call_later(3600, print)
    for timer in timers:
        assert timer is not None
        timer.cancel()


@case("a callback asked for that was not called yet", at_once=True, held=MANY, memory="stays")
async def callbacks_held(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            loop.call_soon(int)
    await asyncio.sleep(0)
