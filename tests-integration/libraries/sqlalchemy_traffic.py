"""SQLAlchemy's asyncio side: its queries run in greenlets, each with a stack of its own, out of which they await.

Meanwhile the loops are traced, and measured, again and again: what watches them must hold no pointer to a stack that a greenlet puts another
in the place of.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import greenlet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util.concurrency import await_only, greenlet_spawn
from traffic import check, run

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

ROUNDS = 20
WORKERS = 5


def deep(number: int) -> int:
    """Await from out of a greenlet, at the bottom of a stack that differs from call to call."""
    if number:
        return deep(number - 1) + 1
    await_only(asyncio.sleep(0))
    return 0


async def work(engine: AsyncEngine, number: int) -> None:
    for n in range(ROUNDS):
        async with engine.connect() as connection:
            result = await connection.execute(text("select :n * 2"), {"n": n})
            check(result.scalar_one(), 2 * n)
        check(await greenlet_spawn(deep, number * n), number * n)


async def watch(done: asyncio.Event) -> None:
    """Begin and end traces, and figures, in the midst of it."""
    from asyncio_core.inspecting.measuring import Measurer
    from asyncio_core.inspecting.recording import Recorder

    watched = 0
    while not done.is_set():
        recorder = Recorder()
        recorder.begin()
        await asyncio.sleep(0.002)
        await greenlet_spawn(deep, 10)
        recorder.end()
        watched += recorder.waiting
        while recorder.waiting:
            recorder.take(1000)
        measurer = Measurer()
        measurer.begin()
        await greenlet_spawn(deep, 5)
        measurer.take()
        measurer.end()
    check(watched > 0, True)


def end_beside() -> None:
    """End a trace that is handed over, on a stack that lies where those of the loop would."""
    recorder = greenlet.getcurrent().parent.switch()
    # Calls by way of C, over what was there.
    check(below(200), 200)
    recorder.end()


def below(number: int) -> int:
    return max([number], key=lambda n: below(n - 1)) if number else 0


# Begun before there is a loop, so nearer to the stack's beginning than any loop.
BESIDE = greenlet.greenlet(end_beside)
BESIDE.switch()


async def end_in_a_greenlet() -> None:
    """End a trace in the midst of a step, whose stack another has the place of."""
    from asyncio_core.inspecting.recording import Recorder

    recorder = Recorder()
    recorder.begin()
    await asyncio.sleep(0)
    BESIDE.switch(recorder)
    check(recorder.waiting > 0, True)


async def main() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    done = asyncio.Event()
    # The standard asyncio, for comparison, has no such thing.
    is_ours = hasattr(asyncio, "__implementation__")
    watching = asyncio.create_task(watch(done) if is_ours else done.wait())
    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            group.create_task(work(engine, number))
    done.set()
    await watching
    if is_ours:
        await end_in_a_greenlet()
    await engine.dispose()


run(main, "sqlalchemy", "greenlet", "aiosqlite")
