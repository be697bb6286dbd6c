"""Child processes: no clients, the measured process does what it is told so many times.

What the children do is not measured.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING

from bench.servers import MIB, Counts, Load, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.servers import Operate

TEXT = b"x" * 1024
MUCH = 4 * MIB


async def spawn_all(count: int) -> None:
    for _ in range(count):
        process = await asyncio.create_subprocess_exec("true")
        assert await process.wait() == 0


async def communicate_with_all(count: int) -> None:
    for _ in range(count):
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        said, _ = await process.communicate(TEXT)
        assert said == TEXT


async def read_all(count: int) -> None:
    for _ in range(count):
        process = await asyncio.create_subprocess_exec(
            "head", "-c", str(MUCH), "/dev/zero", stdout=PIPE
        )
        said, _ = await process.communicate()
        assert len(said) == MUCH


async def spawn() -> AsyncIterator[Operate]:
    yield spawn_all


async def communicate() -> AsyncIterator[Operate]:
    yield communicate_with_all


async def output() -> AsyncIterator[Operate]:
    yield read_all


FEW = Counts(50, 50, 20)

case("spawn", "a child that ends, and waiting for it", spawn, Load("spawn"), FEW)
case("communicate", "1 KiB to a child and back", communicate, Load("communicate"), FEW)
case("output", "4 MiB that a child writes", output, Load("output", size=MUCH), FEW)
