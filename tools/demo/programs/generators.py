"""Coroutines written as generators, with `yield from`, beside `async def`: each awaits the other.

Type checkers allow `yield from` a coroutine in no generator that they do not know to be one.
`types.coroutine` is Python's own; `asyncio.coroutine` left the standard asyncio in Python 3.11 and is still here.
"""

from __future__ import annotations

import asyncio
import sys
import types
from typing import TYPE_CHECKING, Any

from report import Report

if TYPE_CHECKING:
    from collections.abc import Generator

TASKS = 500


@types.coroutine
def pause_and_double(number: int) -> Generator[Any, None, int]:
    yield  # to the loop and back, as `await asyncio.sleep(0)` does
    yield from asyncio.sleep((number % 10) / 1000).__await__()
    return 2 * number


async def double_and_add_one(number: int) -> int:
    return await pause_and_double(number) + 1


@asyncio.coroutine  # type: ignore[attr-defined,untyped-decorator,unused-ignore]
def legacy(number: int) -> Generator[Any, None, int]:
    """A coroutine of the years before `async def`: it waits for a native one, and for a future."""
    result: int = yield from double_and_add_one(number)  # type: ignore[misc]
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.001, future.set_result, result * 10)
    value: int = yield from future
    return value


@asyncio.coroutine  # type: ignore[attr-defined,untyped-decorator,unused-ignore]
def legacy_that_is_cancelled() -> Generator[Any, None, str]:
    try:
        yield from asyncio.sleep(60)  # type: ignore[misc]
    except asyncio.CancelledError:
        yield from asyncio.sleep(0)  # type: ignore[misc]
        return "cleaned up"
    return "slept"


async def main() -> int:
    report = Report(3 * TASKS + 2)
    async with asyncio.TaskGroup() as group:
        native = [group.create_task(double_and_add_one(n)) for n in range(TASKS)]
        generators = [group.create_task(legacy(n)) for n in range(TASKS)]
    for n, task in enumerate(native):
        report.check(f"async def over a generator, {n}", task.result(), 2 * n + 1)
    for n, task in enumerate(generators):
        report.check(f"a generator as a task, {n}", task.result(), 10 * (2 * n + 1))
    gathered = await asyncio.gather(*(legacy(n) for n in range(TASKS)))
    for n, value in enumerate(gathered):
        report.check(f"a generator gathered, {n}", value, 10 * (2 * n + 1))
    task = asyncio.create_task(legacy_that_is_cancelled())
    await asyncio.sleep(0)
    task.cancel()
    report.check("a generator that is cancelled", await task, "cleaned up")
    report.check("iscoroutine", asyncio.iscoroutine(legacy(0)), True)
    report.extra["what"] = f"{report.total} results of generators and async def"
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
