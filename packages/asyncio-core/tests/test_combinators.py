"""gather and shield."""

from __future__ import annotations

import gc
import weakref

import pytest

from asyncio_core.awaiting.combinators import gather, shield, sleep, wait
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.coroutines import fail, forever


def test_gather_keeps_the_order_of_its_arguments(run):
    async def main():
        return await gather(sleep(2, "a"), sleep(1, "b"), sleep(0, "c"))

    assert run(main()) == ["a", "b", "c"]


def test_gather_of_nothing(run):
    async def main():
        return await gather()

    assert run(main()) == []


def test_gather_runs_an_argument_once_however_often_it_is_given(run):
    runs = []

    async def once():
        runs.append(True)
        return "x"

    async def main():
        same = once()
        return await gather(same, sleep(0, "y"), same)

    assert run(main()) == ["x", "y", "x"]
    assert len(runs) == 1


def test_gather_raises_the_first_exception_and_lets_the_others_go_on(run):
    async def main():
        other = create_task(sleep(5, "went on"))
        with pytest.raises(OSError, match="first"):
            await gather(other, fail(OSError("first"), 1), fail(OSError("second"), 2))
        assert not other.done()
        assert not other._asyncio_awaited_by
        return await other

    assert run(main()) == "went on"


def test_gather_looks_at_exceptions_that_come_too_late(run):
    # Those that nobody looked at would be reported, and the fixture fails on reports.
    async def main():
        with pytest.raises(OSError, match="first"):
            await gather(fail(OSError("first")), fail(OSError("second"), 2))
        await sleep(10)
        gc.collect()

    run(main())


def test_gather_puts_exceptions_into_the_list_on_request(run):
    async def main():
        cancelled = create_task(forever())
        await sleep(0)
        cancelled.cancel("enough")
        return await gather(fail(OSError("x")), sleep(0, 1), cancelled, return_exceptions=True)

    error, result, cancellation = run(main())
    assert str(error) == "x"
    assert result == 1
    assert type(cancellation) is CancelledError
    assert cancellation.args == ("enough",)


def test_gather_is_done_at_once_where_everything_is(run):
    async def main():
        loop = get_running_loop()
        one, two = loop.create_future(), loop.create_future()
        one.set_result(1)
        two.set_exception(OSError())
        assert gather(one).result() == [1]
        return isinstance(gather(loop.create_future(), two).exception(), OSError)

    assert run(main()) is True


@pytest.mark.parametrize("return_exceptions", [True, False])
def test_cancelling_gather_cancels_all_and_raises_with_the_message(run, return_exceptions):
    async def main():
        tasks = [create_task(forever()), create_task(forever())]
        gathering = create_task(outer(tasks))
        await sleep(0)
        gathering.cancel("stop it")
        with pytest.raises(CancelledError) as caught:
            await gathering
        assert caught.value.args == ("stop it",)
        return [task.cancelled() for task in tasks]

    async def outer(tasks):
        return await gather(*tasks, return_exceptions=return_exceptions)

    assert run(main()) == [True, True]


def test_cancelling_gather_holds_even_where_the_tasks_ignore_it(run):
    async def stubborn():
        try:
            await forever()
        except CancelledError:
            return "ignored"

    async def main():
        future = gather(stubborn(), return_exceptions=True)
        await sleep(0)
        assert future.cancel()
        with pytest.raises(CancelledError):
            await future

    run(main())


def test_cancelling_gather_ends_with_the_last_task(run):
    ends = []

    async def slow_to_end(delay):
        try:
            await forever()
        finally:
            await sleep(delay)
            ends.append(delay)

    async def main():
        future = gather(slow_to_end(1), slow_to_end(2), return_exceptions=True)
        await sleep(0)
        future.cancel()
        with pytest.raises(CancelledError):
            await future
        return ends

    assert run(main()) == [1, 2]


def test_gather_that_is_done_refuses_cancellation(run):
    async def main():
        future = gather(sleep(0))
        await future
        return future.cancel()

    assert run(main()) is False


def test_gather_refuses_futures_of_different_loops(loop):
    other = ParkingEventLoop()
    try:
        with pytest.raises(ValueError, match="different loop"):
            gather(loop.create_future(), other.create_future())
    finally:
        other.close()


def test_gather_refuses_what_cannot_be_awaited(loop):
    with pytest.raises(TypeError, match="awaitable is required"):
        gather(loop.create_future(), 3)


def test_gather_shows_who_waits(run):
    async def main():
        task = create_task(forever())
        future = gather(task)
        assert task._asyncio_awaited_by == {current_task()}
        task.cancel()
        await wait([future])
        assert not task._asyncio_awaited_by
        with pytest.raises(CancelledError):
            future.result()

    run(main())


# shield


def test_shield_passes_on_result_exception_and_cancellation(run):
    async def main():
        assert await shield(sleep(1, "result")) == "result"
        with pytest.raises(OSError, match="error"):
            await shield(fail(OSError("error")))
        inner = create_task(forever())
        outer = shield(inner)
        await sleep(0)
        inner.cancel()
        await wait([outer])
        return outer.cancelled()

    assert run(main()) is True


def test_shield_of_something_done_is_that(loop):
    future = loop.create_future()
    future.set_result(1)
    assert shield(future) is future


def test_a_shielded_gather_that_is_cancelled_later_is_no_failure(loop):
    reports = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))

    async def main():
        inner = gather(sleep(10))
        shield(inner).cancel()
        await sleep(0)
        inner.cancel()
        await wait([inner])

    loop.run_until_complete(main())
    gc.collect()
    assert reports == []


def test_cancelling_the_shield_leaves_the_task(run):
    async def main():
        inner = create_task(sleep(10, "unharmed"))
        outer = create_task(under(inner))
        await sleep(0)
        outer.cancel()
        with pytest.raises(CancelledError):
            await outer
        return await inner

    async def under(inner):
        await shield(inner)

    assert run(main()) == "unharmed"


def test_failure_behind_a_shield_that_was_given_up_is_reported_once(run):
    async def main():
        reports = []
        get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        inner = create_task(fail(OSError("unheard"), 10))
        for _ in range(3):
            outer = shield(inner)
            outer.cancel()
            await sleep(1)
        await sleep(10)
        (report,) = reports
        assert report["future"] is inner
        assert "shielded" in report["message"]
        return str(report["exception"])

    assert run(main()) == "unheard"


def test_result_behind_a_shield_that_was_given_up_is_no_news(run):
    async def main():
        inner = get_running_loop().create_future()
        shield(inner).cancel()
        await sleep(0)
        inner.set_result(None)
        await sleep(0)
        assert not inner._asyncio_awaited_by

    run(main())


def test_shield_given_up_in_the_moment_of_the_end_stays_silent(run):
    async def main():
        inner = get_running_loop().create_future()
        outer = shield(inner)
        inner.set_result(None)
        outer.cancel()
        await sleep(0)
        return outer.cancelled()

    assert run(main()) is True


def test_a_failed_gather_keeps_nothing_of_its_caller_alive(run):
    class Big:
        pass

    async def fail():
        raise ValueError

    async def main():
        alive = []

        async def request():
            big = Big()
            alive.append(weakref.ref(big))
            await gather(fail(), sleep(0))

        for _ in range(10):
            with pytest.raises(ValueError):
                await request()
        # The last one may be held by what pytest.raises() has.
        return sum(reference() is not None for reference in alive)

    gc.disable()
    try:
        assert run(main()) <= 1
    finally:
        gc.enable()
