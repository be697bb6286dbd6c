"""Scenarios that have to hold in every legal order of things: with a thousand seeds, over all Pythons."""

from __future__ import annotations

import sys
from typing import Any

import asyncio_core
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.testing.exploring import explore
from asyncio_core.testing.making import laid_over
from asyncio_core.testing.shuffled import ShuffledEventLoopPolicy

# Others on each Python: all five together have a thousand.
FIRST = 200 * (sys.version_info.minor - 11)
SEEDS = range(FIRST, FIRST + 200)


class OverCore(ShuffledEventLoopPolicy):
    """Loops that open no descriptors: they are made quickly."""

    def loop_class(self) -> Any:
        return laid_over(self.part, ParkingEventLoop)


async def hop() -> None:
    """Wait for something that comes at once: a wake-up, not a turn given away."""
    loop = asyncio_core.get_running_loop()
    future: asyncio_core.Future[None] = loop.create_future()

    def come() -> None:
        if not future.done():
            future.set_result(None)

    loop.call_soon(come)
    await future


def fails_in(scenario: Any) -> Any:
    """Run a scenario with each seed; return its first failure, or None."""
    return explore(scenario, SEEDS, policy=OverCore())
