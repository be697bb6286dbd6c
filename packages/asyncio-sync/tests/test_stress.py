"""Many tasks doing random things, some of them cancelled at random; what must hold, must hold.

The loop is deterministic and so is the generator of random numbers: a seed that fails fails again.
"""

from __future__ import annotations

import random

import pytest

import asyncio_core
import asyncio_sync

SEEDS = range(25)


async def cancel_some(random_, tasks, turns, share):
    """Cancel about `share` of the tasks, at random moments, while the others run."""
    victims = random_.sample(tasks, int(len(tasks) * share))
    for victim in victims:
        await turns(random_.randrange(4))
        victim.cancel()


def ended(tasks):
    for task in tasks:
        if not task.cancelled() and task.exception():
            raise task.exception()
    return [task for task in tasks if not task.cancelled()]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("permits", [1, 3])
def test_never_more_inside_than_permits_and_all_come_back(run, turns, settle, seed, permits):
    random_ = random.Random(seed)

    async def main():
        semaphore = asyncio_sync.BoundedSemaphore(permits)
        lock = asyncio_sync.Lock()
        inside = 0

        async def worker():
            nonlocal inside
            for _ in range(random_.randrange(1, 5)):
                async with semaphore if permits > 1 else lock:
                    inside += 1
                    try:
                        assert inside <= permits
                        await turns(random_.randrange(3))
                    finally:
                        inside -= 1
                if random_.random() < 0.3:
                    await turns(random_.randrange(3))

        tasks = [asyncio_core.create_task(worker()) for _ in range(30)]
        await cancel_some(random_, tasks, turns, 0.5)
        await settle(tasks)
        ended(tasks)
        assert semaphore._value == permits
        assert not semaphore._waiters
        assert not lock.locked()
        assert not lock._waiters

    run(main)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lock_goes_to_those_who_wait_in_the_order_they_asked(run, turns, settle, seed):
    random_ = random.Random(seed)

    async def main():
        lock = asyncio_sync.Lock()
        asked, got, gave_up = [], [], set()

        async def worker(name):
            await turns(random_.randrange(6))
            asked.append(name)
            try:
                await random_.choice([lock.acquire, lock.__aenter__])()
            except asyncio_core.CancelledError:
                gave_up.add(name)
                raise
            got.append(name)
            try:
                await turns(random_.randrange(3))
            finally:
                lock.release()

        tasks = [asyncio_core.create_task(worker(name)) for name in range(30)]
        await cancel_some(random_, tasks, turns, 0.4)
        await settle(tasks)
        ended(tasks)
        assert got == [name for name in asked if name not in gave_up]

    run(main)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("maxsize", [0, 1, 3])
def test_no_item_is_lost_doubled_or_overtaken(run, turns, settle, seed, maxsize):
    random_ = random.Random(seed)

    async def main():
        queue = asyncio_sync.Queue(maxsize)
        put, got = [], []

        async def produce(name):
            for number in range(random_.randrange(1, 8)):
                item = (name, number)
                if random_.random() < 0.2:
                    try:
                        queue.put_nowait(item)
                    except asyncio_sync.QueueFull:
                        continue
                else:
                    await queue.put(item)
                put.append(item)
                await turns(random_.randrange(2))

        async def consume():
            while True:
                if random_.random() < 0.2:
                    try:
                        item = queue.get_nowait()
                    except asyncio_sync.QueueEmpty:
                        await turns(1)
                        continue
                    except asyncio_sync.QueueShutDown:
                        return
                else:
                    try:
                        item = await queue.get()
                    except asyncio_sync.QueueShutDown:
                        return
                got.append(item)
                await turns(random_.randrange(2))
                queue.task_done()

        producers = [asyncio_core.create_task(produce(name)) for name in range(8)]
        consumers = [asyncio_core.create_task(consume()) for _ in range(8)]
        await cancel_some(random_, producers + consumers[1:], turns, 0.5)
        await settle(producers)
        queue.shutdown()
        await settle(consumers)
        ended(producers + consumers)
        assert sorted(got) == sorted(put)
        for name in range(8):
            numbers = [number for who, number in got if who == name]
            assert numbers == sorted(numbers)
        assert not queue._getters
        assert not queue._putters

    run(main)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_notification_for_each_item_feeds_every_consumer(run, turns, settle, seed):
    random_ = random.Random(seed)

    async def main():
        condition = asyncio_sync.Condition()
        items = 0
        taken = 0

        async def consume():
            nonlocal items, taken
            async with condition:
                await condition.wait_for(lambda: items)
                items -= 1
                taken += 1

        consumers = [asyncio_core.create_task(consume()) for _ in range(20)]
        await turns(1)
        victims = random_.sample(consumers, 8)
        for victim in victims:
            async with condition:
                items += 1
                condition.notify()
                if random_.random() < 0.5:
                    victim.cancel()
                await turns(random_.randrange(3))
            if random_.random() < 0.5:
                victim.cancel()
            await turns(random_.randrange(3))
        # One item for each of those left; no notification may have been lost on the way.
        await turns(60)
        left = [task for task in consumers if not task.done()]
        assert items == 0 or not left
        async with condition:
            items += len(left)
            condition.notify(len(left))
        await settle(consumers)
        assert taken == len(ended(consumers))
        assert not condition.locked()
        assert not condition._waiters

    run(main)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0, 0.3])
def test_groups_at_a_barrier_are_whole(run, turns, seed, share):
    random_ = random.Random(seed)

    async def main():
        parties = 3
        barrier = asyncio_sync.Barrier(parties)
        passed = []

        async def worker():
            for _ in range(4):
                await turns(random_.randrange(3))
                passed.append(await barrier.wait())

        tasks = [asyncio_core.create_task(worker()) for _ in range(12)]
        await cancel_some(random_, tasks, turns, share)
        await turns(300)
        waiting = [task for task in tasks if not task.done()]
        # Whoever is still here lacks partners for a whole group.
        assert barrier.n_waiting == len(waiting) < parties
        await barrier.abort()
        for task in tasks:
            try:
                await task
            except asyncio_core.CancelledError:
                assert share
            except asyncio_core.BrokenBarrierError:
                assert task in waiting
        assert not barrier._inside
        assert not barrier._outside
        assert set(passed) <= set(range(parties))
        if not share:
            groups = [sorted(passed[i : i + parties]) for i in range(0, len(passed), parties)]
            assert groups[:-1] == [[0, 1, 2]] * (len(groups) - 1)

    run(main)
