"""Queues: nothing is lost, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scenarios import scenario

if TYPE_CHECKING:
    from stage import Stage


async def _hand_over(stage: Stage, queue: Any) -> None:
    got: list[int] = []

    async def put() -> None:
        for number in range(4):
            await queue.put(number)

    putting = stage.loop.create_task(put())

    async def nothing_is_lost() -> None:
        while len(got) < 4:
            got.append(await queue.get())
            queue.task_done()
        await putting
        assert sorted(got) == [0, 1, 2, 3], got
        await queue.join()

    stage.afterwards.append(nothing_is_lost)
    for _ in range(3):
        got.append(await queue.get())
        queue.task_done()
        await asyncio.sleep(0)


@scenario()
async def get(stage: Stage) -> None:
    await _hand_over(stage, asyncio.Queue(1))


@scenario()
async def get_least(stage: Stage) -> None:
    await _hand_over(stage, asyncio.PriorityQueue(2))


@scenario()
async def get_last(stage: Stage) -> None:
    await _hand_over(stage, asyncio.LifoQueue())


@scenario()
async def put(stage: Stage) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def get_what_comes() -> list[int]:
        # A cancelled put has put nothing.
        return [await queue.get() for _ in range(queue.qsize())]

    async def take_two() -> None:
        for _ in range(2):
            await queue.get()
            queue.task_done()

    await queue.put(1)
    taking = stage.loop.create_task(take_two())
    stage.afterwards.append(get_what_comes)
    stage.afterwards.append(lambda: queue.put(4))
    try:
        await queue.put(2)
        await queue.put(3)
    finally:
        taking.cancel()


@scenario()
async def join(stage: Stage) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        for _ in range(2):
            await queue.get()
            await asyncio.sleep(0)
            queue.task_done()

    queue.put_nowait(1)
    queue.put_nowait(2)
    working = stage.loop.create_task(work())
    stage.afterwards.append(queue.join)
    await queue.join()
    await working
