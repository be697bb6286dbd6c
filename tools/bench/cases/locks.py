"""Locks, events, conditions, semaphores and queues."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.cases import case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TASKS = 10
PERMITS = 5
PLACES = 16


@case(f"an item from one task to another by a queue of {PLACES} places")
async def queue(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    items = asyncio.Queue[int](PLACES)

    async def put() -> None:
        for number in range(count):
            await items.put(number)

    with measured:
        task = loop.create_task(put())
        for _ in range(count):
            await items.get()
        await task


@case("an item of many in a queue that has no limit", timed=50_000, at_once=True)
async def queue_all(measured: AbstractContextManager[object], count: int) -> None:
    items = asyncio.Queue[int]()
    with measured:
        for number in range(count):
            await items.put(number)
        for _ in range(count):
            await items.get()


@case(f"a lock that {TASKS} tasks want, held for a step")
async def lock(measured: AbstractContextManager[object], count: int) -> None:
    wanted = asyncio.Lock()

    async def work() -> None:
        for _ in range(count // TASKS):
            async with wanted:
                await asyncio.sleep(0)

    with measured:
        await asyncio.gather(*[work() for _ in range(TASKS)])


@case("a lock that nobody else wants", timed=50_000)
async def lock_free(measured: AbstractContextManager[object], count: int) -> None:
    wanted = asyncio.Lock()
    with measured:
        for _ in range(count):
            async with wanted:
                pass


@case("a task of many that wait for one lock", at_once=True)
async def lock_all(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    wanted = asyncio.Lock()

    async def work() -> None:
        async with wanted:
            pass

    async with wanted:
        tasks = [loop.create_task(work()) for _ in range(count)]
        await asyncio.sleep(0)
    with measured:
        for task in tasks:
            await task


@case(f"a semaphore of {PERMITS} that {TASKS} tasks want, held for a step")
async def semaphore(measured: AbstractContextManager[object], count: int) -> None:
    wanted = asyncio.Semaphore(PERMITS)

    async def work() -> None:
        for _ in range(count // TASKS):
            async with wanted:
                await asyncio.sleep(0)

    with measured:
        await asyncio.gather(*[work() for _ in range(TASKS)])


@case("an event that one task sets for another, in turns")
async def event(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = asyncio.Event(), asyncio.Event()

    async def play(mine: asyncio.Event, other: asyncio.Event) -> None:
        for _ in range(count // 2):
            await mine.wait()
            mine.clear()
            other.set()

    ours.set()
    with measured:
        task = loop.create_task(play(ours, theirs))
        await play(theirs, ours)
        await task


@case("a task of many that wait for one event", at_once=True)
async def event_all(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    happened = asyncio.Event()
    tasks = [loop.create_task(happened.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    with measured:
        happened.set()
        for task in tasks:
            await task


@case("a condition that one task meets for another, in turns")
async def condition(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    changed = asyncio.Condition()
    turn = 0

    async def play(mine: int) -> None:
        nonlocal turn
        for _ in range(count // 2):
            async with changed:
                while turn != mine:
                    await changed.wait()
                turn = 1 - mine
                changed.notify()

    with measured:
        task = loop.create_task(play(0))
        await play(1)
        await task
