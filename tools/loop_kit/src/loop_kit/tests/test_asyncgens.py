"""Asynchronous generators that are left half way, and what the loop does about them (PEP 525)."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator


async def numbers(closed: list[str], name: str = "closed") -> AsyncGenerator[int]:
    try:
        for number in range(100):
            yield number
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
        closed.append(name)


def test_hooks_are_the_loops_own_while_it_runs_and_only_then(loop: AbstractEventLoop) -> None:
    def mine(_: Any) -> None:
        pass

    seen: list[Any] = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(mine, mine)
    try:
        loop.call_soon(lambda: seen.append(sys.get_asyncgen_hooks()))
        loop.call_soon(loop.stop)
        loop.run_forever()
        after = sys.get_asyncgen_hooks()
    finally:
        sys.set_asyncgen_hooks(*before)
    assert seen[0].firstiter not in (None, mine)
    assert seen[0].finalizer not in (None, mine)
    assert after == (mine, mine)


async def test_generator_that_nobody_holds_is_closed(loop: AbstractEventLoop) -> None:
    closed: list[str] = []
    async for _ in numbers(closed):
        break
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    assert closed == ["closed"]


async def test_generator_that_is_exhausted_needs_nothing(loop: AbstractEventLoop) -> None:
    closed: list[str] = []
    assert [number async for number in numbers(closed)] == list(range(100))
    assert closed == ["closed"]


def test_shutdown_closes_all_generators(loop: AbstractEventLoop) -> None:
    closed: list[str] = []
    kept = [numbers(closed, name) for name in "abc"]

    async def begin() -> None:
        for generator in kept:
            assert await anext(generator) == 0

    loop.run_until_complete(begin())
    assert closed == []
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert sorted(closed) == ["a", "b", "c"]


def test_shutdown_without_generators_is_harmless(loop: AbstractEventLoop) -> None:
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_asyncgens())


def test_exception_of_a_generator_that_is_shut_down_is_reported(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    closed: list[str] = []

    async def failing() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            raise LookupError("on purpose")

    bad, good = failing(), numbers(closed)

    async def begin() -> None:
        await anext(bad)
        await anext(good)

    loop.run_until_complete(begin())
    loop.run_until_complete(loop.shutdown_asyncgens())
    report = reports.pop()
    assert isinstance(report["exception"], LookupError)
    assert report["asyncgen"] is bad
    assert closed == ["closed"]


def test_generator_begun_after_the_shutdown_warns(loop: AbstractEventLoop) -> None:
    async def late() -> AsyncGenerator[int]:
        yield 1

    async def begin() -> None:
        async for _ in late():
            pass

    loop.run_until_complete(loop.shutdown_asyncgens())
    with pytest.warns(ResourceWarning):
        loop.run_until_complete(begin())


def test_generator_finalized_by_another_thread_is_closed_on_the_loop(
    loop: AbstractEventLoop,
) -> None:
    import threading

    closed: list[str] = []

    async def main() -> None:
        kept = [numbers(closed)]
        await anext(kept[0])
        await loop.run_in_executor(None, kept.clear)
        for _ in range(10):
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert closed == ["closed"]
    assert threading.current_thread() is threading.main_thread()
