"""Helpers for tests that have to know exactly when a task runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

import asyncio_core
from asyncio_test_support.running import run_watched, turns

Main = Callable[[], Coroutine[Any, Any, Any]]


async def settle(tasks: Iterable[asyncio_core.Task[Any]], limit: int = 1000) -> None:
    """Run until all `tasks` are done; a task that nothing will ever wake fails the test."""
    tasks = list(tasks)
    for _ in range(limit):
        if all(task.done() for task in tasks):
            return
        await asyncio_core.sleep(0)
    stuck = [task for task in tasks if not task.done()]
    for task in stuck:
        task.cancel()
    raise AssertionError(f"never woken: {stuck}")


@pytest.fixture
def run() -> Callable[[Main], Any]:
    """Run an async function on a fresh loop of the core; what the loop complains of is an error."""

    return lambda main: run_watched(main())


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[..., Coroutine[Any, Any, None]]:
    return settle


@pytest.fixture
def cancel_everywhere(run: Callable[[Main], Any]) -> Callable[..., int]:
    """Run a scenario again and again, cancelling one of its tasks one step later each time.

    `scenario` is an async function that makes fresh objects and returns the coroutines to run and
    a function that checks what must hold once they have all ended. Every task is the victim in
    turn, and for every task the cancellation comes after 1, 2, 3, … turns of the loop until all
    have ended by themselves before it. Returns how many runs there were in which it hit.
    """

    def drive(scenario: Callable[[], Any]) -> int:
        hits = 0
        victim, step = 0, 1
        victims = 1

        async def once() -> bool:
            nonlocal victims
            coroutines, check = await scenario()
            tasks = [asyncio_core.create_task(coroutine) for coroutine in coroutines]
            victims = len(tasks)
            await turns(step)
            hit = tasks[victim].cancel()
            await settle(tasks)
            results = [
                "cancelled" if task.cancelled() else task.exception() or task.result()
                for task in tasks
            ]
            check(results)
            return hit

        while victim < victims:
            if run(once):
                hits += 1
                step += 1
                assert step < 500
            else:
                victim += 1
                step = 1
        return hits

    return drive
