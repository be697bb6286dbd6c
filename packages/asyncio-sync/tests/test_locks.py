"""Lock, Event, Condition, Semaphore and BoundedSemaphore in ordinary use."""

from __future__ import annotations

import gc
import re
import weakref

import pytest

import asyncio_core
import asyncio_sync


def step(coroutine):
    """Run a coroutine that must not have to wait, without any event loop; return its result."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


@pytest.mark.parametrize("make", [asyncio_sync.Lock, asyncio_sync.Semaphore])
def test_taking_what_is_free_needs_neither_a_loop_nor_a_line(make):
    instance = make()
    assert step(instance.acquire()) is True
    assert instance.locked()
    instance.release()
    assert step(instance.__aenter__()) is None
    step(instance.__aexit__(None, None, None))
    assert not instance.locked()
    assert instance._waiters is None


def test_a_set_event_lets_through_without_a_loop():
    event = asyncio_sync.Event()
    event.set()
    assert step(event.wait()) is True


def test_async_with_goes_through_an_acquire_that_stands_in_for_the_locks_own(monkeypatch):
    asked = []

    async def acquire(self):
        asked.append(self)
        return await own(self)

    own = asyncio_sync.Lock.acquire
    Derived = type("Derived", (asyncio_sync.Lock,), {"acquire": acquire})
    derived, plain = Derived(), asyncio_sync.Lock()
    assert step(derived.__aenter__()) is None
    assert step(plain.__aenter__()) is None
    plain.release()
    monkeypatch.setattr(asyncio_sync.Lock, "acquire", acquire)
    assert step(plain.__aenter__()) is None
    assert asked == [derived, plain]
    assert plain.locked() and derived.locked()


@pytest.mark.usual_order
def test_lock_is_held_by_one_task_at_a_time_in_the_order_they_asked(run, turns):
    lock = asyncio_sync.Lock()
    log = []

    async def worker(name):
        async with lock:
            log.append(f"+{name}")
            await turns(2)
            log.append(f"-{name}")

    async def main():
        await asyncio_core.gather(*(worker(name) for name in "abc"))

    run(main)
    assert log == ["+a", "-a", "+b", "-b", "+c", "-c"]


def test_nobody_slips_in_between_release_and_the_next_in_line(run, turns):
    lock = asyncio_sync.Lock()
    log = []

    async def take(name):
        async with lock:
            log.append(name)

    async def main():
        await lock.acquire()
        task = asyncio_core.create_task(take("waiting"))
        await turns(1)
        lock.release()
        assert not lock.locked()
        await take("newcomer")
        await task

    run(main)
    assert log == ["waiting", "newcomer"]


def test_releasing_a_free_lock_is_an_error():
    with pytest.raises(RuntimeError, match="not acquired"):
        asyncio_sync.Lock().release()


def test_an_events_waiters_are_an_attribute_like_any_other(run, turns):
    async def main():
        event, other = asyncio_sync.Event(), asyncio_sync.Event()
        event._waiters = waiters = other._waiters
        assert event._waiters is waiters
        waiting = asyncio_core.create_task(event.wait())
        await turns(1)
        assert len(waiters) == 1
        event.set()
        assert await waiting
        assert not waiters

    run(main)


def test_event_wakes_all_even_if_cleared_at_once(run, turns):
    async def main():
        event = asyncio_sync.Event()
        tasks = [asyncio_core.create_task(event.wait()) for _ in range(3)]
        await turns(1)
        event.set()
        event.clear()
        assert not event.is_set()
        assert await asyncio_core.gather(*tasks) == [True, True, True]
        late = asyncio_core.create_task(event.wait())
        await turns(3)
        assert not late.done()
        event.set()
        await late

    run(main)


def test_condition_needs_its_lock(run):
    condition = asyncio_sync.Condition()
    for call in (condition.notify, condition.notify_all):
        with pytest.raises(RuntimeError, match="un-acquired"):
            call()
    with pytest.raises(RuntimeError, match="un-acquired"):
        step(condition.wait())


@pytest.mark.usual_order
def test_notify_wakes_as_many_as_asked_in_order(run, turns):
    async def main():
        condition = asyncio_sync.Condition()
        log = []

        async def worker(name):
            async with condition:
                await condition.wait()
                log.append(name)

        tasks = [asyncio_core.create_task(worker(name)) for name in "abcd"]
        await turns(1)
        async with condition:
            condition.notify(2)
        await turns(4)
        assert log == ["a", "b"]
        async with condition:
            condition.notify_all()
        await asyncio_core.gather(*tasks)
        assert log == ["a", "b", "c", "d"]

    run(main)


def test_wait_for_gives_the_predicates_value(run, turns):
    async def main():
        condition = asyncio_sync.Condition()
        found = []

        async def worker():
            async with condition:
                return await condition.wait_for(lambda: list(found))

        task = asyncio_core.create_task(worker())
        for item in (None, "x"):
            await turns(2)
            async with condition:
                found.extend([item] if item else [])
                condition.notify()
        assert await task == ["x"]

    run(main)


def test_two_conditions_share_a_lock(run, turns):
    async def main():
        lock = asyncio_sync.Lock()
        full, empty = asyncio_sync.Condition(lock), asyncio_sync.Condition(lock)
        async with full:
            assert empty.locked()
            assert lock.locked()

        async def wait(condition):
            async with condition:
                await condition.wait()

        tasks = [asyncio_core.create_task(wait(each)) for each in (full, empty)]
        await turns(1)
        async with lock:
            empty.notify_all()
        await tasks[1]
        assert not tasks[0].done()
        async with lock:
            full.notify()
        await tasks[0]

    run(main)


def test_a_wait_cancelled_while_the_lock_is_held_elsewhere_still_takes_the_lock_back(run, turns):
    async def main():
        condition = asyncio_sync.Condition()
        seen = []

        async def worker():
            async with condition:
                try:
                    await condition.wait()
                except asyncio_core.CancelledError as exc:
                    seen.append((condition.locked(), exc))
                    raise

        task = asyncio_core.create_task(worker())
        await turns(1)
        await condition.acquire()
        task.cancel("first")
        await turns(2)
        task.cancel("second")
        await turns(2)
        assert not task.done()
        condition.release()
        with pytest.raises(asyncio_core.CancelledError) as caught:
            await task
        ((locked, exc),) = seen
        assert locked
        assert caught.value is exc
        assert exc.args == ("second",)
        assert not condition.locked()

    run(main)


def test_a_cancelled_wait_leaves_no_reference_cycle(run, turns):
    class Cancelled(asyncio_core.CancelledError):
        """The plain one can not be referred to weakly."""

    async def main():
        condition = asyncio_sync.Condition()
        await condition.acquire()
        waiting = condition.wait()
        waiting.send(None)
        await condition.acquire()
        errors = [Cancelled(), Cancelled()]
        references = [weakref.ref(error) for error in errors]
        waiting.throw(errors.pop(0))  # now it waits for the lock
        waiting.throw(errors.pop(0))  # and goes on doing so
        condition.release()
        with pytest.raises(Cancelled):
            waiting.send(None)
        del waiting
        return [reference() for reference in references]

    gc.collect()
    gc.disable()
    try:
        assert run(main) == [None, None]
    finally:
        gc.enable()


@pytest.mark.usual_order
def test_semaphore_hands_permits_out_in_order(run, turns):
    async def main():
        semaphore = asyncio_sync.Semaphore(2)
        log = []

        async def worker(name):
            async with semaphore:
                log.append(name)
                await turns(3)

        await asyncio_core.gather(*(worker(name) for name in "abcdef"))
        assert log == list("abcdef")
        assert semaphore._value == 2

    run(main)


def test_a_newcomer_does_not_overtake_a_task_that_got_its_permit_but_did_not_run(run, turns):
    async def main():
        semaphore = asyncio_sync.Semaphore(0)
        log = []

        async def take(name):
            await semaphore.acquire()
            log.append(name)

        task = asyncio_core.create_task(take("waiting"))
        await turns(1)
        semaphore.release()
        semaphore.release()
        assert semaphore.locked()
        await take("newcomer")
        assert log == ["waiting", "newcomer"]
        await task

    run(main)


def test_a_semaphore_can_not_begin_below_zero():
    with pytest.raises(ValueError, match="-1"):
        asyncio_sync.Semaphore(-1)


def test_a_bounded_semaphore_refuses_a_permit_too_many(run, turns):
    async def main():
        semaphore = asyncio_sync.BoundedSemaphore(2)
        async with semaphore:
            semaphore.release()
            with pytest.raises(ValueError, match="too many"):
                semaphore.release()
            await semaphore.acquire()

    run(main)


def test_representations_tell_the_state(run, turns):
    async def main():
        lock = asyncio_sync.Lock()
        event = asyncio_sync.Event()
        semaphore = asyncio_sync.Semaphore(3)
        condition = asyncio_sync.Condition()
        assert re.fullmatch(r"<\S+\.Lock object at 0x\w+ \[unlocked\]>", repr(lock))
        assert repr(event).endswith(" [unset]>")
        assert repr(semaphore).endswith(" [unlocked, value:3]>")
        assert repr(condition).endswith(" [unlocked]>")
        await lock.acquire()
        tasks = [asyncio_core.create_task(wait()) for wait in (lock.acquire, event.wait)]
        await turns(1)
        assert repr(lock).endswith(" [locked, waiters:1]>")
        assert repr(event).endswith(" [unset, waiters:1]>")
        lock.release()
        event.set()
        await asyncio_core.gather(*tasks)
        assert repr(event).endswith(" [set]>")

    run(main)


def test_a_coroutine_closed_while_it_waits_leaves_the_line(run, turns):
    async def main():
        lock = asyncio_sync.Lock()
        await lock.acquire()
        waiting = lock.acquire()
        waiting.send(None)
        assert len(lock._waiters) == 1
        waiting.close()
        assert not lock._waiters
        lock.release()

    run(main)
