"""Timers: thousands that are set in each turn of the loop, and cancelled, so that none of them ever comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench import resident
from loading.clients import echo, is_served

if TYPE_CHECKING:
    from stage import Stage

    from loading.levels import Load

#: So many times the size are set in each turn, and in so many turns.
_OFTEN, _TURNS = 25, 100
#: Seconds until they would come.
_LONG = 3600.0
#: Bytes that each of those of a few turns may take, and what anything may take besides.
_EACH, _KEPT, _MEMORY = 400, 10, 8 << 20


async def come_and_go(stage: Stage, load: Load) -> None:
    """Those of a few turns may wait to be sorted out, and not all that there have ever been."""
    count = _OFTEN * load.size
    before = resident.now()
    async with echo(stage) as at:
        for _ in range(_TURNS):
            for _ in range(count):
                stage.loop.call_later(_LONG, print).cancel()
            await asyncio.sleep(0)
        await is_served(stage, at)
        load.is_on(count * _TURNS)
        if (more := resident.most() - before) > _KEPT * count * _EACH + _MEMORY:
            stage.wrong.append(f"{more:,} bytes of memory are taken by timers that are cancelled")
