"""Callbacks and timers, with no task to speak of."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from bench.cases import case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def nothing() -> None:
    pass


@case("a callback that asks for the next one", timed=100_000)
async def call_soon(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    with measured:
        loop.call_soon(step)
        await done


@case("a callback, all of them asked for at once", timed=100_000, at_once=True)
async def call_soon_all(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    with measured:
        for _ in range(count - 1):
            loop.call_soon(nothing)
        loop.call_soon(done.set_result, None)
        await done


@case("a timer made and cancelled at once", timed=50_000)
async def timers(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with measured:
        for _ in range(count):
            loop.call_later(10, nothing).cancel()


@case(
    "a timer of many that are made, of which nine in ten are cancelled",
    timed=50_000,
    at_once=True,
    held=1_000_000,
)
async def timers_cancelled(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    numbers = random.Random(1)
    delays = [numbers.uniform(100, 200) for _ in range(count)]
    with measured:
        made = [loop.call_later(delay, nothing) for delay in delays]
        for number, timer in enumerate(made):
            if number % 10:
                timer.cancel()
        # The loop may clear away what is cancelled.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for timer in made:
        timer.cancel()


@case("a timer of many in no order that are all due", timed=50_000, at_once=True)
async def timers_due(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    numbers = random.Random(1)
    now = loop.time()
    moments = [now - numbers.uniform(0, 10) for _ in range(count - 1)]
    done = loop.create_future()
    with measured:
        for moment in moments:
            loop.call_at(moment, nothing)
        # Nothing here waits for time to pass: this one is the last of those that are due.
        loop.call_at(now, done.set_result, None)
        await done


@case("a callback of many that wait for one future", timed=50_000, at_once=True)
async def done_callbacks(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    done = loop.create_future()
    left = count

    def step(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    with measured:
        for _ in range(count):
            future.add_done_callback(step)
        future.set_result(None)
        await done
