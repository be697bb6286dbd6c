"""Queues."""

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(order=True)
class Job:
    priority: int
    what: str = field(compare=False)


async def a_queue() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    reveal_type(queue)
    reveal_type(asyncio.Queue[str](10))
    reveal_type(asyncio.Queue[str](maxsize=10))
    reveal_type(await queue.put(1))
    reveal_type(await queue.get())
    queue.put_nowait(1)
    reveal_type(queue.get_nowait())
    reveal_type(queue.qsize())
    reveal_type(queue.maxsize)
    reveal_type(queue.empty())
    reveal_type(queue.full())
    reveal_type(await queue.join())
    queue.task_done()
    queue.shutdown()
    queue.shutdown(True)
    queue.shutdown(immediate=True)
    await queue.put("1")  # wrong
    queue.put_nowait("1")  # wrong
    await queue.put()  # wrong
    queue.get_nowait(1)  # wrong
    queue.maxsize = 3  # wrong
    asyncio.Queue("1")  # wrong
    queue.put(1)  # wrong
    queue.get()  # wrong


async def other_orders() -> None:
    jobs: asyncio.PriorityQueue[Job] = asyncio.PriorityQueue(3)
    await jobs.put(Job(1, "a"))
    reveal_type(await jobs.get())
    reveal_type((await jobs.get()).what)
    pairs = asyncio.PriorityQueue[tuple[int, str]]()
    reveal_type(pairs)
    reveal_type(await pairs.get())
    stack: asyncio.LifoQueue[bytes] = asyncio.LifoQueue(maxsize=1)
    await stack.put(b"")
    reveal_type(await stack.get())
    reveal_type(stack.get_nowait())
    as_queue: asyncio.Queue[bytes] = stack
    reveal_type(as_queue)
    unordered: asyncio.PriorityQueue[object] = asyncio.PriorityQueue()  # wrong
    unordered_too = asyncio.PriorityQueue[complex]()  # wrong


class OwnQueue(asyncio.Queue[T]):
    """The hooks that a subclass may put in place of the queue's own."""

    def _init(self, maxsize: int) -> None:
        self.items: list[T] = []

    def _get(self) -> T:
        return self.items.pop()

    def _put(self, item: T) -> None:
        self.items.append(item)


async def subclass() -> None:
    queue = OwnQueue[int]()
    reveal_type(await queue.get())


async def worker(queue: asyncio.Queue[tuple[str, int]]) -> list[str]:
    seen: list[str] = []
    try:
        while True:
            name, count = await asyncio.wait_for(queue.get(), 1)
            reveal_type((name, count))
            seen.append(name * count)
    except asyncio.QueueShutDown:
        return seen
