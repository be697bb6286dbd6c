"""Asynchronous generators, which the loop is told of."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from bench.cases import Unavailable, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractContextManager

ITEMS = 10


async def numbers() -> AsyncIterator[int]:
    for number in range(ITEMS):
        await asyncio.sleep(0)
        yield number


@case(f"an item of an asynchronous generator of {ITEMS}, each after a step")
async def generators(measured: AbstractContextManager[object], count: int) -> None:
    with measured:
        for _ in range(count // ITEMS):
            async for _ in numbers():
                pass


@case("an asynchronous generator made, and finished after its first item")
async def generators_made(measured: AbstractContextManager[object], count: int) -> None:
    if sys.get_asyncgen_hooks().firstiter is None:
        raise Unavailable("the loop is not told of generators, and does not finish them at its end")

    async def one() -> AsyncIterator[int]:
        yield 1

    with measured:
        for _ in range(count):
            async for _ in one():
                pass
