"""Locks and their kin: whatever is cancelled, they can be used again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scenarios import scenario

if TYPE_CHECKING:
    from stage import Stage


async def _briefly(lock: Any) -> None:
    async with lock:
        await asyncio.sleep(0)


def _beside(stage: Stage, *others: Any) -> None:
    """Have coroutines run beside the scenario, and see that they end once it has."""
    tasks = [stage.loop.create_task(other) for other in others]

    async def others_end() -> None:
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    stage.afterwards.append(others_end)


@scenario()
async def lock(stage: Stage) -> None:
    lock = asyncio.Lock()
    stage.afterwards.append(lambda: _briefly(lock))
    _beside(stage, *(_briefly(lock) for _ in range(3)))
    await _briefly(lock)
    await asyncio.sleep(0)
    await _briefly(lock)


@scenario()
async def semaphore(stage: Stage) -> None:
    semaphore = asyncio.BoundedSemaphore(2)

    async def all_of_it() -> None:
        await semaphore.acquire()
        await semaphore.acquire()
        assert semaphore.locked()

    _beside(stage, *(_briefly(semaphore) for _ in range(5)))
    stage.afterwards.append(all_of_it)
    await asyncio.sleep(0)
    await _briefly(semaphore)
    await _briefly(semaphore)


@scenario()
async def condition(stage: Stage) -> None:
    condition = asyncio.Condition()
    told: list[int] = []

    async def tell() -> None:
        for number in range(3):
            async with condition:
                told.append(number)
                condition.notify_all()
            await asyncio.sleep(0)

    async def wait_too() -> None:
        async with condition:
            await condition.wait_for(lambda: len(told) == 3)

    _beside(stage, wait_too(), tell())
    stage.afterwards.append(lambda: _briefly(condition))
    async with condition:
        await condition.wait()
        await condition.wait_for(lambda: len(told) == 3)
    assert not condition.locked()


@scenario()
async def one_notified(stage: Stage) -> None:
    """Who is cancelled when it was just notified passes that on."""
    condition = asyncio.Condition()
    waits = 0

    async def wait() -> None:
        nonlocal waits
        async with condition:
            waits += 1
            await condition.wait()

    async def tell() -> None:
        while waits < 2:
            await asyncio.sleep(0)
        async with condition:
            condition.notify(1)

    async def tell_the_other() -> None:
        async with condition:
            condition.notify(2)

    _beside(stage, wait())
    stage.afterwards.insert(0, tell_the_other)
    telling = stage.loop.create_task(tell())
    try:
        await wait()
    finally:
        telling.cancel()


@scenario()
async def event(stage: Stage) -> None:
    event = asyncio.Event()
    stage.loop.call_soon(event.set)
    await event.wait()
    event.clear()
    stage.loop.call_soon(stage.loop.call_soon, event.set)
    await event.wait()
    await event.wait()


@scenario()
async def barrier(stage: Stage) -> None:
    barrier = asyncio.Barrier(3)

    async def party() -> None:
        try:
            await barrier.wait()
            await barrier.wait()
        except asyncio.BrokenBarrierError:
            pass

    async def afresh() -> None:
        await barrier.reset()
        await asyncio.gather(*(barrier.wait() for _ in range(3)))

    _beside(stage, party(), party())
    stage.afterwards.insert(0, barrier.reset)
    stage.afterwards.append(afresh)
    await barrier.wait()
    async with barrier:
        pass
