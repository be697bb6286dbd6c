"""Blocking functions in threads."""

import asyncio
import concurrent.futures
from typing import TypeVar

T = TypeVar("T")


def work(count: int, *, name: str = "") -> bytes:
    return name.encode() * count


def generic(thing: T) -> list[T]:
    return [thing]


class Worker:
    def method(self, count: int) -> str:
        return str(count)


async def in_a_thread() -> None:
    reveal_type(await asyncio.to_thread(work, 1))
    reveal_type(await asyncio.to_thread(work, 1, name="n"))
    reveal_type(await asyncio.to_thread(Worker().method, 2))
    reveal_type(await asyncio.to_thread(Worker))
    reveal_type(await asyncio.to_thread(generic, 2))
    reveal_type(await asyncio.to_thread(lambda: 3))
    reveal_type(await asyncio.to_thread(open, "file"))
    await reveal_type(asyncio.to_thread(work, 1))
    await asyncio.to_thread(work, "1")  # wrong
    await asyncio.to_thread(work)  # wrong
    await asyncio.to_thread(work, 1, nme="n")  # wrong
    await asyncio.to_thread(func=work)  # wrong
    await asyncio.to_thread(1)  # wrong
    asyncio.to_thread(work, 1)  # wrong


async def in_an_executor(pool: concurrent.futures.ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    reveal_type(loop.run_in_executor(None, work, 1))
    reveal_type(await loop.run_in_executor(None, work, 1))
    reveal_type(await loop.run_in_executor(pool, Worker().method, 1))
    reveal_type(await loop.run_in_executor(executor=None, func=Worker))
    loop.run_in_executor(None, work, "1")  # wrong
    loop.run_in_executor(None, work, 1, name="n")  # wrong
    loop.run_in_executor(1, work, 1)  # wrong
    loop.set_default_executor(pool)
    loop.set_default_executor(None)  # wrong
    reveal_type(await loop.shutdown_default_executor())
