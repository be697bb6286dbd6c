"""Functions in threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scenarios import scenario

if TYPE_CHECKING:
    from stage import Stage


@scenario()
async def to_thread(stage: Stage) -> None:
    go_on = threading.Event()
    stage.loop.call_soon(go_on.set)
    try:
        await asyncio.to_thread(go_on.wait)
        await asyncio.to_thread(int, "3")
    finally:
        go_on.set()


@scenario()
async def own_executor(stage: Stage) -> None:
    with ThreadPoolExecutor(1) as pool:
        await stage.loop.run_in_executor(pool, int, "3")
        one, two = (stage.loop.run_in_executor(pool, int, text) for text in "12")
        await asyncio.gather(one, two)


@scenario()
async def from_another_thread(stage: Stage) -> None:
    """A thread that has the loop run a coroutine, and waits for its end."""

    async def answer() -> int:
        await asyncio.sleep(0)
        return 3

    loop = stage.loop

    def ask() -> int:
        return asyncio.run_coroutine_threadsafe(answer(), loop).result()

    await asyncio.to_thread(ask)


@scenario()
async def shut_down(stage: Stage) -> None:
    await asyncio.to_thread(int, "3")
    await stage.loop.shutdown_default_executor()
