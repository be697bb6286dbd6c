"""One task of a scenario is cancelled, at every step it can be: nothing may get lost or stuck."""

from __future__ import annotations

import pytest

import asyncio_core
import asyncio_sync


class OwnWay(asyncio_sync.Lock):
    """Has an `acquire()` of its own, which ``async with`` goes through."""

    async def acquire(self):
        return await super().acquire()


@pytest.mark.parametrize("kind", [asyncio_sync.Lock, OwnWay])
def test_lock(cancel_everywhere, turns, kind):
    async def scenario():
        lock = kind()
        inside = []

        async def worker(name):
            for _ in range(2):
                async with lock:
                    inside.append(name)
                    assert inside == [name]
                    await turns(1)
                    inside.remove(name)

        async def careless(name):
            # Leaves `inside` in order even if it is cancelled there.
            try:
                await worker(name)
            finally:
                if name in inside:
                    inside.remove(name)

        def check(results):
            assert set(results) <= {None, "cancelled"}
            assert not lock.locked()
            assert not lock._waiters
            assert inside == []

        return [careless(name) for name in "abcd"], check

    assert cancel_everywhere(scenario) > 12


@pytest.mark.parametrize("permits", [1, 2])
def test_semaphore(cancel_everywhere, turns, permits):
    async def scenario():
        semaphore = asyncio_sync.BoundedSemaphore(permits)
        inside = 0

        async def worker():
            nonlocal inside
            for _ in range(2):
                async with semaphore:
                    inside += 1
                    try:
                        assert inside <= permits
                        await turns(1)
                    finally:
                        inside -= 1

        def check(results):
            assert set(results) <= {None, "cancelled"}
            assert semaphore._value == permits
            assert not semaphore._waiters

        return [worker() for _ in range(5)], check

    assert cancel_everywhere(scenario) > 15


def test_event(cancel_everywhere, turns):
    async def scenario():
        event = asyncio_sync.Event()

        async def setter():
            try:
                await turns(2)
            finally:
                event.set()
                event.clear()

        def check(results):
            assert set(results[1:]) <= {True, "cancelled"}
            assert results.count("cancelled") <= 1
            assert not event._waiters

        return [setter(), event.wait(), event.wait(), event.wait()], check

    assert cancel_everywhere(scenario) > 5


def test_condition_as_a_store_of_items(cancel_everywhere, turns):
    """Each item is announced once, by notify(1): a lost notification leaves a consumer stuck."""

    async def scenario():
        condition = asyncio_sync.Condition()
        store = 0
        taken = 0

        async def consume():
            nonlocal store, taken
            async with condition:
                await condition.wait_for(lambda: store)
                store -= 1
                taken += 1
                await turns(1)

        async def produce():
            nonlocal store
            for _ in range(3):
                # What the victim leaves unmade is made up for here.
                async with condition:
                    store += 1
                    condition.notify()
                await turns(1)

        async def produce_and_clean_up():
            nonlocal store
            try:
                await produce()
            finally:
                store += 3
                while condition.locked():
                    try:
                        await turns(1)
                    except asyncio_core.CancelledError:
                        pass
                async with condition:
                    condition.notify_all()

        def check(results):
            assert set(results) <= {None, "cancelled"}
            assert not condition.locked()
            assert not condition._waiters
            if results[0] is None:
                assert store + taken == 6

        return [produce_and_clean_up(), *(consume() for _ in range(3))], check

    assert cancel_everywhere(scenario) > 8


def test_condition_passes_the_notification_on(cancel_everywhere, turns):
    """As many items as consumers that stay: without passing on, one of them would starve."""

    async def scenario():
        condition = asyncio_sync.Condition()
        items = 0

        async def consume():
            nonlocal items
            async with condition:
                await condition.wait_for(lambda: items)
                items -= 1

        async def produce():
            nonlocal items
            await turns(1)
            for _ in range(2):
                async with condition:
                    items += 1
                    condition.notify()
                    await turns(1)

        # Three consumers for two items; a fourth task takes nothing and ends the last one's wait.
        async def close():
            nonlocal items
            await turns(12)
            assert items == 0 or len(condition._waiters) == 0
            async with condition:
                items += 5
                condition.notify_all()

        def check(results):
            assert results[0] is None
            assert set(results[1:]) <= {None, "cancelled"}
            assert not condition._waiters
            assert not condition.locked()

        async def shielded(coroutine):
            # Only consumers are to be victims: the cancellation of these two is ignored.
            task = asyncio_core.create_task(coroutine)
            while not task.done():
                try:
                    await asyncio_core.wait([task])
                except asyncio_core.CancelledError:
                    pass
            return task.result()

        return [shielded(produce()), consume(), consume(), consume(), shielded(close())], check

    assert cancel_everywhere(scenario) > 5


@pytest.mark.usual_order
@pytest.mark.parametrize(
    "kind", [asyncio_sync.Queue, asyncio_sync.PriorityQueue, asyncio_sync.LifoQueue]
)
@pytest.mark.parametrize("maxsize", [0, 1, 2])
def test_queue(cancel_everywhere, turns, kind, maxsize):
    async def scenario():
        queue = kind(maxsize)
        put, got = [], []
        at_work = 3

        async def produce(name):
            nonlocal at_work
            try:
                for number in range(3):
                    item = (number, name)
                    await queue.put(item)
                    put.append(item)
                    if name == "b":
                        await turns(1)
            finally:
                at_work -= 1
                if not at_work:
                    queue.shutdown()

        async def consume():
            try:
                while True:
                    item = await queue.get()
                    got.append(item)
                    queue.task_done()
            except asyncio_sync.QueueShutDown:
                return

        def check(results):
            assert set(results) <= {None, "cancelled"}
            rest = [queue.get_nowait() for _ in range(queue.qsize())]
            assert sorted(got + rest) == sorted(put)
            assert queue._unfinished_tasks == len(rest) == 0
            assert not queue._getters
            assert not queue._putters
            if kind is asyncio_sync.Queue:
                for name in "abc":
                    numbers = [number for number, who in got if who == name]
                    assert numbers == sorted(numbers)

        return [*(produce(name) for name in "abc"), consume(), consume()], check

    assert cancel_everywhere(scenario) > 10


def test_queue_join(cancel_everywhere, turns):
    async def scenario():
        queue = asyncio_sync.Queue()
        for item in range(3):
            queue.put_nowait(item)

        async def work():
            try:
                while not queue.empty():
                    queue.get_nowait()
                    await turns(1)
                    queue.task_done()
            except asyncio_core.CancelledError:
                queue.shutdown(immediate=True)
                queue.task_done()
                raise

        def check(results):
            assert set(results) <= {None, "cancelled"}
            assert not queue._joiners

        return [work(), queue.join(), queue.join()], check

    assert cancel_everywhere(scenario) > 5


def test_barrier(cancel_everywhere, turns):
    async def scenario():
        barrier = asyncio_sync.Barrier(3)

        async def party():
            try:
                await barrier.wait()
                await turns(1)
                return await barrier.wait()
            except asyncio_core.BrokenBarrierError:
                return "broken"
            except asyncio_core.CancelledError:
                # As the documentation advises to whom can't come any more.
                await barrier.abort()
                raise

        def check(results):
            if "cancelled" not in results:
                assert sorted(results) == [0, 1, 2]
            assert not barrier._inside
            assert not barrier._outside

        return [party() for _ in range(3)], check

    assert cancel_everywhere(scenario) > 3


def test_barrier_with_more_tasks_than_parties(cancel_everywhere, turns):
    async def scenario():
        barrier = asyncio_sync.Barrier(2)
        passed = []

        async def party(name):
            passed.append((name, await barrier.wait()))

        async def close():
            for _ in range(20):
                try:
                    await turns(1)
                except asyncio_core.CancelledError:
                    pass
            await barrier.abort()

        def check(results):
            broken = [r for r in results if isinstance(r, asyncio_core.BrokenBarrierError)]
            # Whoever is cancelled, at most one is left over without a partner.
            assert len(broken) <= 1
            assert not barrier._inside
            assert not barrier._outside

        return [close(), *(party(name) for name in range(6))], check

    assert cancel_everywhere(scenario) > 6
