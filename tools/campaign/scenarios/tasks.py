"""What waits for tasks and futures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios import scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stage import Stage


async def _steps(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


@scenario()
async def sleep(stage: Stage) -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)


@scenario()
async def gather(stage: Stage) -> None:
    await asyncio.gather(*(_steps(n) for n in range(4)))


@scenario()
async def wait_for(stage: Stage) -> None:
    await asyncio.wait_for(_steps(3), 60)
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.001)
    except TimeoutError:
        pass
    # No time at all: the task is cancelled, and waited for.
    task = asyncio.ensure_future(_steps(3))
    await asyncio.sleep(0)
    try:
        await asyncio.wait_for(task, 0)
    except TimeoutError:
        assert task.done()


@scenario()
async def wait(stage: Stage) -> None:
    tasks = [stage.loop.create_task(_steps(n)) for n in range(4)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(tasks, timeout=60)
    finally:
        for task in tasks:
            task.cancel()


@scenario()
async def as_completed(stage: Stage) -> None:
    tasks = [stage.loop.create_task(_steps(n)) for n in range(4)]
    try:
        for nearest in asyncio.as_completed(tasks, timeout=60):
            await nearest
    finally:
        for task in tasks:
            task.cancel()


@scenario()
async def shield(stage: Stage) -> None:
    inner = stage.loop.create_task(_steps(3))

    async def inner_ends() -> None:
        assert await inner == 3

    stage.afterwards.append(inner_ends)
    await asyncio.shield(inner)


@scenario()
async def group(stage: Stage) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(4):
            group.create_task(_steps(n))
        await asyncio.sleep(0)


@scenario()
async def failing_group(stage: Stage) -> None:
    async def fail() -> None:
        await _steps(2)
        raise LookupError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_steps(100))
            group.create_task(fail())
    except* LookupError:
        pass


@scenario()
async def timeouts(stage: Stage) -> None:
    async with asyncio.timeout(60):
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            await asyncio.sleep(0)


@scenario()
async def generators(stage: Stage) -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)

    async for _ in numbers():
        await asyncio.sleep(0)
    # This one is not used up: the loop closes it.
    async for _ in numbers():
        break


@scenario()
async def eager(stage: Stage) -> None:
    if not hasattr(asyncio, "eager_task_factory"):
        return
    stage.loop.set_task_factory(asyncio.eager_task_factory)
    try:
        await asyncio.gather(_steps(0), _steps(2), _steps(3))
        async with asyncio.TaskGroup() as group:
            group.create_task(_steps(0))
            group.create_task(_steps(3))
    finally:
        stage.loop.set_task_factory(None)
