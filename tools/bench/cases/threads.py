"""Other threads: callbacks from them, and work given to them.

Instructions are those of all threads, and how often a thread waits for the other is chance: the figures vary more than others.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.cases import case

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def nothing() -> None:
    pass


@case("a callback from another thread, which asks for one after the other")
async def threadsafe(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    go = threading.Event()
    left = count

    def step() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    def ask() -> None:
        go.wait()
        for _ in range(count):
            loop.call_soon_threadsafe(step)

    thread = threading.Thread(target=ask)
    thread.start()
    with measured:
        go.set()
        await done
    thread.join()


@case(
    "a callback from another thread, which waits until it was called, on a loop that sleeps",
    timed=5_000,
)
async def threadsafe_waits(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    called = threading.Semaphore(0)
    go = threading.Event()

    def ask() -> None:
        go.wait()
        for _ in range(count):
            loop.call_soon_threadsafe(called.release)
            called.acquire()
        loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=ask)
    thread.start()
    with measured:
        go.set()
        await done
    thread.join()


@case("a function that does nothing, run by an executor of one thread", timed=5_000)
async def executor(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as threads:
        await loop.run_in_executor(threads, nothing)
        with measured:
            for _ in range(count):
                await loop.run_in_executor(threads, nothing)


@case("a function that does nothing, run by to_thread()", timed=5_000)
async def to_thread(measured: AbstractContextManager[object], count: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    await asyncio.to_thread(nothing)
    with measured:
        for _ in range(count):
            await asyncio.to_thread(nothing)
