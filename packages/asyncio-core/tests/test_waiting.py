"""sleep, ensure_future, wait, wait_for, as_completed, run_coroutine_threadsafe."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import inspect
import math
import threading
import types
from weakref import ref

import pytest

from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_core.awaiting.tasks import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Task,
    all_tasks,
    as_completed,
    create_task,
    current_task,
    eager_task_factory,
    ensure_future,
    gather,
    run_coroutine_threadsafe,
    shield,
    sleep,
    wait,
    wait_for,
)
from asyncio_core.awaiting.threads import to_thread
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.coroutines import fail, forever

# sleep


@pytest.mark.usual_order
def test_sleep_takes_its_time_and_returns_the_result(run):
    async def main():
        loop = get_running_loop()
        before = loop.time()
        result = await sleep(3600, "slept")
        return result, loop.time() - before

    assert run(main()) == ("slept", 3600)


@pytest.mark.parametrize("delay", [0, -1])
def test_sleep_of_nothing_lets_ready_callbacks_run_once(run, delay):
    async def main():
        seen = []
        get_running_loop().call_soon(seen.append, "callback")
        assert await sleep(delay, "result") == "result"
        return seen

    assert run(main()) == ["callback"]


def test_sleep_refuses_nan(run):
    with pytest.raises(ValueError, match="NaN"):
        run(sleep(math.nan))


def test_cancelled_sleep_leaves_no_timer(run):
    async def main():
        task = create_task(sleep(1000))
        await sleep(0)
        task.cancel()
        await wait([task])
        return [timer for timer in get_running_loop()._scheduled if not timer.cancelled()]

    assert run(main()) == []


# ensure_future


def test_ensure_future_returns_futures_as_they_are(loop):
    future = loop.create_future()
    assert ensure_future(future) is future
    assert ensure_future(future, loop=loop) is future


def test_ensure_future_refuses_a_future_of_another_loop(loop):
    other = ParkingEventLoop()
    try:
        with pytest.raises(ValueError, match="different loop"):
            ensure_future(loop.create_future(), loop=other)
    finally:
        other.close()


def test_ensure_future_makes_tasks_of_every_kind_of_awaitable(run):
    class Awaitable:
        def __await__(self):
            return sleep(0, "awaitable").__await__()

    @types.coroutine
    def generator():
        return (yield from sleep(0, "generator").__await__())

    async def main():
        tasks = [
            ensure_future(thing) for thing in (sleep(0, "coroutine"), Awaitable(), generator())
        ]
        assert all(isinstance(task, Task) for task in tasks)
        return [await task for task in tasks]

    assert run(main()) == ["coroutine", "awaitable", "generator"]


@pytest.mark.parametrize("thing", ["text", 1, None, iter(())])
def test_ensure_future_refuses_what_cannot_be_awaited(loop, thing):
    with pytest.raises(TypeError, match="awaitable is required"):
        ensure_future(thing, loop=loop)


def test_ensure_future_leaves_no_coroutine_behind_when_the_task_factory_fails(loop):
    class Awaitable:
        def __await__(self):
            yield

    def factory(loop, coro):
        raise OSError("no tasks today")

    loop.set_task_factory(factory)
    # A wrapper that was never awaited would be a warning, and so an error here.
    with pytest.raises(OSError, match="no tasks today"):
        ensure_future(Awaitable(), loop=loop)


def test_ensure_future_closes_the_coroutine_where_the_loop_is_closed():
    closed = ParkingEventLoop()
    closed.close()
    # A coroutine that was not closed would be a warning, and so an error here.
    with pytest.raises(RuntimeError, match="closed"):
        ensure_future(sleep(0), loop=closed)


# wait


def test_wait_for_all(run):
    async def main():
        tasks = {create_task(sleep(number)) for number in range(3)}
        done, pending = await wait(tasks)
        return done == tasks, pending

    assert run(main()) == (True, set())


def test_wait_for_the_first(run):
    async def main():
        slow, quick = create_task(forever()), create_task(sleep(1))
        done, pending = await wait([slow, quick], return_when=FIRST_COMPLETED)
        return done == {quick}, pending == {slow}

    assert run(main()) == (True, True)


def test_wait_for_the_first_exception_passes_over_results_and_cancellations(run):
    async def main():
        good, cancelled, slow = (
            create_task(sleep(1)),
            create_task(forever()),
            create_task(forever()),
        )
        bad = create_task(fail(OSError(), 2))
        await sleep(0)
        cancelled.cancel()
        done, pending = await wait([good, cancelled, bad, slow], return_when=FIRST_EXCEPTION)
        assert isinstance(bad.exception(), OSError)
        return done == {good, cancelled, bad}, pending == {slow}

    assert run(main()) == (True, True)


def test_wait_sees_an_exception_that_is_false(run):
    class Quiet(Exception):
        def __bool__(self):
            return False

    async def main():
        bad = create_task(fail(Quiet()))
        _, pending = await wait([bad, create_task(forever())], return_when=FIRST_EXCEPTION)
        assert isinstance(bad.exception(), Quiet)
        return len(pending)

    assert run(main()) == 1


def test_wait_ends_at_the_timeout_without_an_error(run):
    async def main():
        task = create_task(forever())
        done, pending = await wait([task], timeout=5)
        return done, pending == {task}, task.done()

    assert run(main()) == (set(), True, False)


def test_wait_lets_others_run_even_where_everything_is_done(run):
    async def main():
        done = get_running_loop().create_future()
        done.set_result(None)
        seen = []
        get_running_loop().call_soon(seen.append, "callback")
        await wait([done])
        return seen

    assert run(main()) == ["callback"]


def test_cancelled_wait_cancels_nothing_and_cleans_up(run):
    async def main():
        future = get_running_loop().create_future()
        waiting = create_task(wait([future], timeout=100))
        await sleep(0)
        assert future._asyncio_awaited_by == {waiting}
        waiting.cancel()
        with pytest.raises(CancelledError):
            await waiting
        assert not future._callbacks
        assert not future._asyncio_awaited_by
        return future.done()

    assert run(main()) is False


def test_wait_takes_any_iterable(run):
    async def main():
        done, _ = await wait(create_task(sleep(0)) for _ in range(4))
        return len(done)

    assert run(main()) == 4


def test_wait_refuses_what_it_cannot_wait_for(run):
    async def main():
        future = get_running_loop().create_future()
        coroutine = sleep(0)
        try:
            with pytest.raises(TypeError, match="coroutines is forbidden"):
                await wait([future, coroutine])
            with pytest.raises(TypeError, match="not Future"):
                await wait(future)
            with pytest.raises(TypeError, match="not coroutine"):
                await wait(coroutine)
            with pytest.raises(ValueError, match="empty"):
                await wait([])
            with pytest.raises(ValueError, match="empty"):
                await wait(iter(()))
            with pytest.raises(ValueError, match="SOMETIME"):
                await wait([future], return_when="SOMETIME")
        finally:
            coroutine.close()
        assert not future._callbacks

    run(main())


def test_the_conditions_are_those_of_concurrent_futures():
    import concurrent.futures

    assert FIRST_COMPLETED == concurrent.futures.FIRST_COMPLETED
    assert FIRST_EXCEPTION == concurrent.futures.FIRST_EXCEPTION
    assert ALL_COMPLETED == concurrent.futures.ALL_COMPLETED


# wait_for


@pytest.mark.parametrize("timeout", [None, 10])
def test_wait_for_returns_the_result(run, timeout):
    assert run(wait_for(sleep(1, "done"), timeout)) == "done"


def test_wait_for_runs_a_coroutine_in_the_calling_task(run):
    async def who():
        return current_task()

    async def main():
        return await wait_for(who(), 10) is current_task()

    assert run(main()) is True


def test_wait_for_cancels_what_takes_too_long(run):
    async def main():
        task = create_task(forever())
        with pytest.raises(TimeoutError) as caught:
            await wait_for(task, 10)
        assert isinstance(caught.value.__cause__, CancelledError)
        return task.cancelled()

    assert run(main()) is True


def test_wait_for_returns_the_result_of_what_ignores_its_cancellation(run):
    async def stubborn():
        try:
            await forever()
        except CancelledError:
            return "saved"

    assert run(wait_for(stubborn(), 10)) == "saved"


def test_wait_for_loses_no_result_that_comes_with_the_deadline(run):
    async def main():
        loop = get_running_loop()
        future = loop.create_future()
        loop.call_later(10, future.set_result, "just in time")
        return await wait_for(future, 10)

    assert run(main()) == "just in time"


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_wait_for_tells_of_the_timeout_also_where_it_waits_for_several(run, return_exceptions):
    async def main():
        both = gather(sleep(100), sleep(100), return_exceptions=return_exceptions)
        with pytest.raises(TimeoutError):
            await wait_for(both, 10)
        assert both.done()

    run(main())


@pytest.mark.parametrize("timeout", [0, -1])
def test_wait_for_no_time_takes_what_is_done(run, timeout):
    async def main():
        future = get_running_loop().create_future()
        future.set_result("done")
        return await wait_for(future, timeout)

    assert run(main()) == "done"


@pytest.mark.parametrize("timeout", [0, -1])
def test_wait_for_no_time_does_not_start_a_coroutine(run, timeout):
    started = []

    async def start():
        started.append(True)

    async def main():
        with pytest.raises(TimeoutError):
            await wait_for(start(), timeout)

    run(main())
    assert not started


def test_wait_for_no_time_waits_until_the_task_has_taken_note(run):
    async def slow_to_end(log):
        try:
            await forever()
        finally:
            await sleep(100)
            log.append("cleaned up")

    async def main():
        log = []
        task = create_task(slow_to_end(log))
        await sleep(0)
        with pytest.raises(TimeoutError):
            await wait_for(task, 0)
        return log

    assert run(main()) == ["cleaned up"]


@pytest.mark.parametrize("timeout", [0, 1])
def test_wait_for_that_is_cancelled_when_the_time_is_up_waits_for_the_task_all_the_same(
    run, timeout
):
    async def slow_to_end(seen, begun):
        begun.set_result(None)
        for _ in range(2):
            try:
                await forever()
            except CancelledError as exc:
                seen.append(exc.args)
        await sleep(100)
        seen.append("cleaned up")

    async def main():
        seen = []
        begun = get_running_loop().create_future()
        task = create_task(slow_to_end(seen, begun))
        await begun
        waiting = create_task(wait_for(task, timeout))
        await sleep(timeout + 1)
        assert seen == [()]
        waiting.cancel("enough")
        await wait([waiting])
        assert task.done()
        return seen

    assert run(main()) == [(), ("enough",), "cleaned up"]


def test_wait_for_no_time_ends_where_a_task_waits_for_itself(run):
    async def main():
        async def wait():
            await wait_for(current_task(), 0)

        task = create_task(wait())
        await gather(task, return_exceptions=True)
        return task.cancelled()

    assert run(main())


@pytest.mark.parametrize("through", [lambda task: task, gather])
def test_wait_for_no_time_ends_where_tasks_wait_for_each_other(run, through):
    async def main():
        tasks = []

        async def give_no_time():
            await sleep(0)
            await wait_for(tasks[1], 0)

        async def wait():
            await through(tasks[0])

        tasks += create_task(give_no_time()), create_task(wait())
        await gather(*tasks, return_exceptions=True)
        return [task.cancelled() for task in tasks]

    assert run(main()) == [True, True]


def test_wait_for_passes_on_the_exception_of_the_clean_up(run):
    async def bad_ending():
        try:
            await forever()
        finally:
            raise OSError("clean-up failed")

    async def main():
        task = create_task(bad_ending())
        await sleep(0)
        with pytest.raises(OSError, match="clean-up failed"):
            await wait_for(task, 0)
        with pytest.raises(OSError, match="clean-up failed"):
            await wait_for(bad_ending(), 1)

    run(main())


@pytest.mark.parametrize("timeout", [None, 0, 60])
def test_cancelling_wait_for_cancels_the_task(run, timeout):
    async def main():
        task = create_task(forever())
        waiting = create_task(wait_for(task, timeout))
        await sleep(0)
        waiting.cancel()
        with pytest.raises(CancelledError):
            await waiting
        return task.cancelled()

    assert run(main()) is True


def test_wait_for_leaves_what_is_shielded(run):
    async def main():
        task = create_task(sleep(20, "unharmed"))
        with pytest.raises(TimeoutError):
            await wait_for(shield(task), 10)
        return await task

    assert run(main()) == "unharmed"


@pytest.mark.parametrize("timeout", [None, 0, 1])
def test_wait_for_refuses_what_cannot_be_awaited(run, timeout):
    async def main():
        with pytest.raises(TypeError, match="'int' object can't be awaited"):
            await wait_for(1, timeout)

    run(main())


def test_wait_for_closes_the_coroutine_that_a_wrong_timeout_is_for(run):
    async def main():
        coroutine = sleep(0)
        with pytest.raises(TypeError, match="timeout must be a number or None, not '1'"):
            await wait_for(coroutine, "1")
        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
        # A future is its owner's affair.
        future = get_running_loop().create_future()
        with pytest.raises(TypeError, match="timeout must be"):
            await wait_for(future, "1")
        assert not future.done()

    run(main())


@pytest.mark.parametrize("timeout", [None, 10])
def test_wait_for_takes_generators_where_tasks_do(run, timeout):
    def plain():
        yield
        return "plain"

    @types.coroutine
    def marked():
        yield
        return current_task()

    async def main():
        assert await wait_for(marked(), timeout) is current_task()
        if iscoroutine(generator := plain()):  # On Python 3.11.
            assert await wait_for(generator, timeout) == "plain"
        else:
            with pytest.raises(TypeError, match="'generator' object can't be awaited"):
                await wait_for(generator, timeout)

    run(main())


# as_completed


async def collect(awaitables, timeout=None, *, plainly):
    if plainly:
        return [await item for item in as_completed(awaitables, timeout=timeout)]
    return [await item async for item in as_completed(awaitables, timeout=timeout)]


@pytest.mark.parametrize("plainly", [True, False])
def test_as_completed_gives_results_in_the_order_of_their_arrival(run, plainly):
    async def main():
        return await collect([sleep(3, "c"), sleep(1, "a"), sleep(2, "b")], plainly=plainly)

    assert run(main()) == ["a", "b", "c"]


@pytest.mark.parametrize("plainly", [True, False])
def test_as_completed_takes_any_iterable(run, plainly):
    async def main():
        return await collect((sleep(number, number) for number in range(3)), plainly=plainly)

    assert run(main()) == [0, 1, 2]


@pytest.mark.parametrize("plainly", [True, False])
def test_as_completed_of_nothing(run, plainly):
    async def main():
        return await collect([], plainly=plainly)

    assert run(main()) == []


def test_as_completed_asynchronously_gives_back_the_futures(run):
    async def main():
        tasks = {create_task(sleep(number)) for number in (2, 1)}
        return {task async for task in as_completed(tasks)} == tasks

    assert run(main()) is True


@pytest.mark.parametrize("plainly", [True, False])
def test_as_completed_gives_what_is_done_before_the_time_is_up(run, plainly):
    async def main():
        results = []
        try:
            iterator = as_completed([sleep(1, "quick"), forever()], timeout=10)
            if plainly:
                for item in iterator:
                    results.append(await item)
            else:
                async for item in iterator:
                    results.append(await item)
        except TimeoutError:
            results.append("timeout")
        return results

    assert run(main()) == ["quick", "timeout"]


def test_as_completed_keeps_what_arrived_before_the_time_was_up(run):
    async def main():
        iterator = as_completed([sleep(1, "quick"), sleep(2, "also"), forever()], timeout=10)
        await sleep(20)
        results = [await next(iterator), await next(iterator)]
        with pytest.raises(TimeoutError):
            await next(iterator)
        with pytest.raises(StopIteration):
            next(iterator)
        return results

    assert run(main()) == ["quick", "also"]


def test_as_completed_can_be_taken_up_again(run):
    async def main():
        iterator = as_completed([sleep(number, number) for number in range(4)])
        first = [await next(iterator), await next(iterator)]
        return first + [await item async for item in iterator]

    assert run(main()) == [0, 1, 2, 3]


def test_as_completed_loses_nothing_when_a_waiter_is_cancelled_with_the_arrival(run):
    async def main():
        future = get_running_loop().create_future()
        iterator = as_completed([future, sleep(10, "second")])
        given_up, patient = create_task(anext(iterator)), create_task(anext(iterator))
        await sleep(0)
        future.set_result("first")
        await sleep(0)  # The item is on its way to the first waiter ...
        given_up.cancel()  # ... who does not want it any more.
        return await (await patient)

    assert run(main()) == "first"


def test_as_completed_gives_all_to_who_goes_on_after_a_cancelled_step(run):
    async def main():
        iterator = as_completed([sleep(10, "first"), sleep(20, "second")])
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await wait_for(anext(iterator), 1)
        return [await task async for task in iterator]

    assert run(main()) == ["first", "second"]


def test_as_completed_forgets_who_waited_when_the_time_is_up(run):
    async def main():
        future = get_running_loop().create_future()
        iterator = as_completed([future], timeout=1)
        assert future._asyncio_awaited_by == {current_task()}
        with pytest.raises(TimeoutError):
            await next(iterator)
        assert not future._asyncio_awaited_by
        assert not future._callbacks

    run(main())


async def first_plainly(futures, **options):
    for item in as_completed(futures, **options):
        return await item


async def first_asynchronously(futures, **options):
    async for item in as_completed(futures, **options):
        return await item


async def first_of_a_kept_iterator(futures, **options):
    iterator = as_completed(futures, **options)
    async for item in iterator:
        return await item


ways_to_the_first = pytest.mark.parametrize(
    "first", [first_plainly, first_asynchronously, first_of_a_kept_iterator]
)


def traces_of(future):
    """What a future knows of those who wait for it."""
    return list(future._callbacks or ()), set(future._asyncio_awaited_by or ())


@ways_to_the_first
def test_as_completed_that_is_left_half_way_takes_itself_off_what_goes_on(run, first):
    async def main():
        long = get_running_loop().create_future()
        me = current_task()
        before = me._callbacks.copy()
        for _ in range(3):
            assert await first([long, sleep(1, "quick")], timeout=3600) == "quick"
            assert traces_of(long) == ([], set())
        assert me._callbacks == before
        assert not [handle for handle in get_running_loop()._scheduled if not handle._cancelled]
        long.set_result("late")

    run(main())


@ways_to_the_first
def test_as_completed_whose_waiter_is_cancelled_takes_itself_off_what_goes_on(run, first):
    async def main():
        long = get_running_loop().create_future()
        waiter = create_task(first([long]))
        await sleep(0)
        assert traces_of(long)[1] == {waiter}
        waiter.cancel()
        await wait([waiter])
        assert traces_of(long)[1] == set()
        with pytest.raises(CancelledError):
            waiter.result()
        there = ref(waiter)
        del waiter
        assert there() is None
        assert traces_of(long) == ([], set())
        long.cancel()

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


@pytest.mark.parametrize("first", [first_plainly, first_asynchronously])
def test_as_completed_leaves_no_cycle_behind_a_failure(run, first):
    class Spam(Exception):
        pass

    async def fail_without_a_cycle():
        raise Spam

    async def main():
        long = get_running_loop().create_future()
        # The asynchronous way gives the future, which the caller's own frame would keep.
        for others in ([fail_without_a_cycle()] if first is first_plainly else [], []):
            with contextlib.suppress(Spam, TimeoutError):
                await first([long, *others], timeout=1)
            await sleep(0)  # The handle that woke this task up has to be gone.
            assert not [each for each in gc.get_objects() if isinstance(each, (Spam, TimeoutError))]
            assert traces_of(long) == ([], set())
        long.cancel()

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_as_completed_whose_time_is_up_leaves_no_cycle_with_the_task_that_fails_by_it(run):
    async def give_up(waited_for):
        iterator = as_completed([waited_for], timeout=1)
        async for _ in iterator:
            pass

    async def main():
        long = get_running_loop().create_future()
        task = create_task(give_up(long))
        with contextlib.suppress(TimeoutError):
            await task
        del task
        await sleep(0)  # The handle that woke this task up has to be gone.
        assert not [each for each in gc.get_objects() if isinstance(each, TimeoutError)]
        long.cancel()

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_as_completed_that_another_thread_drops_is_taken_off_in_the_loops(run_in_real_time):
    async def main():
        long = get_running_loop().create_future()
        box = [as_completed([long])]
        await to_thread(box.clear)
        while traces_of(long) != ([], set()):
            await sleep(0)
        long.cancel()

    run_in_real_time(main())


def test_as_completed_lasts_as_long_as_the_coroutines_that_it_gave(run):
    async def main():
        steps = list(as_completed([sleep(2, "second"), sleep(1, "first")]))
        return [await step for step in steps]

    assert run(main()) == ["first", "second"]


def test_as_completed_refuses_single_awaitables_and_others(run):
    async def main():
        future = get_running_loop().create_future()
        with pytest.raises(TypeError, match="not Future"):
            as_completed(future)
        with pytest.raises(TypeError, match="awaitable is required"):
            as_completed([3])

    run(main())


def test_as_completed_without_a_loop_says_so(loop):
    future = loop.create_future()
    future.set_result(1)
    # A future knows its loop, as_completed() does not ask it: there must be a current one.
    coroutine = sleep(0)
    from asyncio_core.choosing.policies import set_event_loop

    set_event_loop(None)
    try:
        with pytest.raises(RuntimeError, match="no current event loop"):
            as_completed([coroutine])
    finally:
        coroutine.close()


# run_coroutine_threadsafe


def test_a_thread_gets_result_and_exception_of_a_coroutine(run_in_real_time):
    async def main():
        loop = get_running_loop()

        def ask():
            result = run_coroutine_threadsafe(sleep(0, "result"), loop).result(10)
            error = run_coroutine_threadsafe(fail(OSError("error")), loop).exception(10)
            return result, str(error)

        return await loop.run_in_executor(None, ask)

    assert run_in_real_time(main()) == ("result", "error")


def test_a_thread_can_cancel_its_coroutine(run_in_real_time):
    async def main():
        loop = get_running_loop()
        started, ended = threading.Event(), loop.create_future()

        async def work():
            started.set()
            try:
                await forever()
            except CancelledError:
                ended.set_result("cancelled")
                raise

        def ask():
            answer = run_coroutine_threadsafe(work(), loop)
            assert started.wait(10)
            return answer.cancel()

        assert await loop.run_in_executor(None, ask)
        return await ended

    assert run_in_real_time(main()) == "cancelled"


def test_a_thread_hears_of_a_task_factory_that_fails(run_in_real_time):
    async def main():
        loop = get_running_loop()
        reports = []
        loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))
        coroutine = sleep(0)
        error = OSError("no tasks today")

        def factory(loop, coro):
            raise error

        def ask():
            return run_coroutine_threadsafe(coroutine, loop).exception(10)

        answer = loop.run_in_executor(None, ask)
        loop.set_task_factory(factory)
        assert await answer is error
        loop.set_task_factory(None)
        coroutine.close()
        return reports == [error]

    assert run_in_real_time(main()) is True


class Answers:
    """A thread that waits for what a loop has been asked; `outcomes` has what came."""

    def __init__(self, answer):
        self.outcomes = []
        self.answer = answer
        self.thread = threading.Thread(target=self.wait)
        self.thread.start()

    def wait(self):
        try:
            self.outcomes.append(self.answer.result(30))
        except BaseException as exc:
            self.outcomes.append(type(exc))

    def come(self):
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.outcomes


def test_a_thread_is_told_when_the_loop_is_closed_before_its_coroutine_begins():
    loop = ParkingEventLoop()
    coroutine = sleep(0)
    answer = run_coroutine_threadsafe(coroutine, loop)
    waiting = Answers(answer)
    loop.close()
    assert waiting.come() == [concurrent.futures.CancelledError]
    done, _ = concurrent.futures.wait([answer], 30)
    assert done == {answer}
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_a_thread_is_told_when_the_loop_is_closed_before_its_coroutine_ends():
    loop = ParkingEventLoop()
    loop.set_exception_handler(lambda *_: None)  # of a task that is destroyed
    waiting = Answers(run_coroutine_threadsafe(sleep(3600), loop))
    loop.run_until_complete(sleep(0))
    assert len(all_tasks(loop)) == 1
    loop.close()
    assert waiting.come() == [concurrent.futures.CancelledError]


def test_a_thread_that_asks_while_the_loop_is_being_closed_gets_an_answer():
    for _ in range(50):
        loop = ParkingEventLoop()
        outcomes = []
        begun = threading.Event()

        def ask(loop=loop, outcomes=outcomes, begun=begun):
            while True:
                coroutine = sleep(0)
                try:
                    answer = run_coroutine_threadsafe(coroutine, loop)
                except RuntimeError:
                    coroutine.close()
                    return
                begun.set()
                try:
                    outcomes.append(answer.result(30))
                except BaseException as exc:
                    outcomes.append(type(exc))

        thread = threading.Thread(target=ask)
        thread.start()
        begun.wait(30)
        loop.close()
        thread.join(30)
        assert not thread.is_alive()
        assert set(outcomes) == {concurrent.futures.CancelledError}
        assert not loop._answers_owed


def test_nothing_is_owed_once_the_answers_have_come(run_in_real_time):
    async def main():
        loop = get_running_loop()
        given, failed, cancelled, late = (
            run_coroutine_threadsafe(each, loop)
            for each in (sleep(0, 1), fail(LookupError()), forever(), sleep(0))
        )
        assert len(loop._answers_owed) == 4
        late.cancel()
        await sleep(0)
        cancelled.cancel()
        while loop._answers_owed:
            await sleep(0)
        assert given.result() == 1
        assert isinstance(failed.exception(), LookupError)

    run_in_real_time(main())


def test_an_executors_result_for_a_loop_that_is_being_closed_is_dropped(caplog):
    pool = concurrent.futures.ThreadPoolExecutor(1)
    loop = ParkingEventLoop()
    release = threading.Event()
    asked = loop.is_closed

    def ask_once():
        # It is closed between the question and what follows.
        closed = asked()
        loop.close()
        return closed

    loop.run_in_executor(pool, release.wait)
    loop.is_closed = ask_once
    release.set()
    pool.shutdown()
    assert asked()
    assert not caplog.records


def test_stop_takes_effect_while_threads_flood_the_loop(run_in_real_time):
    loop = ParkingEventLoop()
    over = threading.Event()
    turns = []

    def flood():
        while not over.is_set():
            loop.call_soon_threadsafe(int)

    def stop():
        turns.append(len(loop._ready))
        loop.stop()

    threads = [threading.Thread(target=flood) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        loop.call_later(0.05, stop)
        loop.run_forever()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len(turns) == 1
    # No more than what threads can add while the loop lets them: not the millions of before.
    assert len(loop._ready) < 100_000
    loop.close()


def test_run_coroutine_threadsafe_refuses_futures(loop):
    with pytest.raises(TypeError, match="coroutine object is required"):
        run_coroutine_threadsafe(loop.create_future(), loop)


# With eager tasks


def test_waiting_for_eager_tasks_that_are_done_at_once(run):
    async def quick(value):
        return value

    async def main():
        get_running_loop().set_task_factory(eager_task_factory)
        assert await wait_for(quick(1), 1) == 1
        assert await gather(quick(1), quick(2)) == [1, 2]
        assert sorted([await item for item in as_completed([quick(1), quick(2)])]) == [1, 2]
        done, _ = await wait([create_task(quick(3))])
        assert [task.result() for task in done] == [3]
        return all_tasks() == {current_task()}

    assert run(main()) is True
