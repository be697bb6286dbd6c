"""What must hold of locks and queues in every legal order of things: with a thousand seeds, over all Pythons."""

from __future__ import annotations

import pytest

import asyncio_core
import asyncio_sync
from asyncio_test_support.orders import fails_in, hop


async def lock_with_a_cancelled_waiter():
    lock = asyncio_sync.Lock()
    inside = 0

    async def work():
        nonlocal inside
        async with lock:
            inside += 1
            assert inside == 1
            try:
                await hop()
            finally:
                inside -= 1

    tasks = [asyncio_core.create_task(work()) for _ in range(5)]
    await hop()
    tasks[2].cancel()
    await asyncio_core.wait(tasks)
    assert sum(task.cancelled() for task in tasks) <= 1
    assert [task.exception() for task in tasks if not task.cancelled()].count(None) >= 4
    assert not lock.locked()


async def semaphore_with_timeouts():
    semaphore = asyncio_sync.BoundedSemaphore(2)
    inside = 0

    async def work(patience):
        nonlocal inside
        try:
            async with asyncio_core.timeout(patience):
                await semaphore.acquire()
        except TimeoutError:
            return
        inside += 1
        assert inside <= 2
        await asyncio_core.sleep(1)
        inside -= 1
        semaphore.release()

    await asyncio_core.gather(*map(work, (1, 1, 1, 2, 2, 3)))
    assert semaphore._value == 2
    assert not semaphore._waiters


async def condition_with_a_cancelled_waiter():
    condition = asyncio_sync.Condition()
    items = 0

    async def consume():
        nonlocal items
        async with condition:
            await condition.wait_for(lambda: items)
            items -= 1

    consumers = [asyncio_core.create_task(consume()) for _ in range(4)]
    await hop()
    for number in range(4):
        async with condition:
            items += 1
            condition.notify()
        if number == 1:
            consumers[0].cancel()
    done, _ = await asyncio_core.wait(consumers)
    assert items == sum(task.cancelled() for task in done)


async def queue_of_few_places():
    queue = asyncio_sync.Queue(2)
    got = []

    async def produce(name):
        for number in range(4):
            await queue.put((name, number))

    async def consume():
        while True:
            try:
                got.append(await queue.get())
            except asyncio_sync.QueueShutDown:
                return
            await hop()
            queue.task_done()

    consumers = [asyncio_core.create_task(consume()) for _ in range(3)]
    producers = [asyncio_core.create_task(produce(name)) for name in "ab"]
    await hop()
    consumers[0].cancel()
    await asyncio_core.gather(*producers)
    if not consumers[0].cancelled():
        await asyncio_core.wait(consumers[:1])
    queue.shutdown()
    await asyncio_core.gather(*consumers[1:])
    for name in "ab":
        assert [number for who, number in got if who == name] == sorted(
            number for who, number in got if who == name
        )
    assert sorted(got) == sorted((name, number) for name in "ab" for number in range(4))


async def barrier_twice():
    barrier = asyncio_sync.Barrier(3)
    passed = []

    async def work():
        for number in range(2):
            await barrier.wait()
            passed.append(number)
            await hop()

    await asyncio_core.gather(*(work() for _ in range(3)))
    assert passed == [0, 0, 0, 1, 1, 1]


SCENARIOS = (
    *(lock_with_a_cancelled_waiter, semaphore_with_timeouts, condition_with_a_cancelled_waiter),
    *(queue_of_few_places, barrier_twice),
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_it_holds_in_every_order(scenario):
    failure = fails_in(scenario)
    assert failure is None, failure
