"""Locks and their kin."""

import asyncio


async def a_lock(lock: asyncio.Lock) -> None:
    reveal_type(asyncio.Lock())
    reveal_type(await lock.acquire())
    reveal_type(lock.locked())
    lock.release()
    async with lock as held:
        reveal_type(held)
    asyncio.Lock(loop=None)  # wrong
    with lock:  # wrong
        pass


async def returning_under_a_lock(lock: asyncio.Lock) -> int:
    async with lock:
        return 1


async def an_event(event: asyncio.Event) -> None:
    reveal_type(asyncio.Event())
    reveal_type(await event.wait())
    reveal_type(event.is_set())
    event.set()
    event.clear()
    asyncio.Event(True)  # wrong
    event.set(True)  # wrong


async def a_condition(condition: asyncio.Condition, ready: list[str]) -> None:
    reveal_type(asyncio.Condition())
    reveal_type(asyncio.Condition(asyncio.Lock()))
    reveal_type(asyncio.Condition(lock=None))
    async with condition as held:
        reveal_type(held)
        reveal_type(await condition.wait())
        reveal_type(await condition.wait_for(lambda: len(ready) > 1))
        reveal_type(await condition.wait_for(lambda: ready))
        reveal_type(await condition.wait_for(ready.pop))
        condition.notify()
        condition.notify(2)
        condition.notify(n=2)
        condition.notify_all()
        condition.notify("2")  # wrong
        await condition.wait_for(True)  # wrong
    reveal_type(await condition.acquire())
    reveal_type(condition.locked())
    condition.release()
    asyncio.Condition(asyncio.Event())  # wrong


async def returning_under_a_condition(condition: asyncio.Condition) -> int:
    async with condition:
        return 1


async def semaphores(semaphore: asyncio.Semaphore, bounded: asyncio.BoundedSemaphore) -> None:
    reveal_type(asyncio.Semaphore())
    reveal_type(asyncio.Semaphore(10))
    reveal_type(asyncio.BoundedSemaphore(value=10))
    reveal_type(await semaphore.acquire())
    reveal_type(semaphore.locked())
    semaphore.release()
    async with semaphore as held:
        reveal_type(held)
    async with bounded as held:
        reveal_type(held)
    reveal_type(await bounded.acquire())
    as_semaphore: asyncio.Semaphore = bounded
    reveal_type(as_semaphore)
    asyncio.Semaphore("1")  # wrong
    semaphore.release(2)  # wrong


async def returning_under_a_semaphore(semaphore: asyncio.Semaphore) -> int:
    async with semaphore:
        return 1


async def a_barrier(barrier: asyncio.Barrier) -> None:
    reveal_type(asyncio.Barrier(3))
    reveal_type(asyncio.Barrier(parties=3))
    reveal_type(await barrier.wait())
    reveal_type(await barrier.abort())
    reveal_type(await barrier.reset())
    reveal_type(barrier.parties)
    reveal_type(barrier.n_waiting)
    reveal_type(barrier.broken)
    async with barrier as position:
        reveal_type(position)
    asyncio.Barrier()  # wrong
    asyncio.Barrier("3")  # wrong
    barrier.parties = 4  # wrong


async def returning_at_a_barrier(barrier: asyncio.Barrier) -> int:
    async with barrier:
        return 1
