"""timeout, timeout_at, Timeout."""

from __future__ import annotations

import weakref
from fractions import Fraction

import pytest

from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.awaiting.timeouts import Timeout, timeout, timeout_at
from asyncio_core.awaiting.waiting import sleep, wait
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop


def test_block_that_takes_too_long_ends_in_timeout_error(run):
    async def main():
        scope = timeout(10)
        with pytest.raises(TimeoutError) as caught:
            async with scope:
                await sleep(20)
        assert isinstance(caught.value.__cause__, CancelledError)
        assert scope.expired()
        assert current_task().cancelling() == 0
        return repr(scope)

    assert run(main()) == "<Timeout [expired]>"


def test_block_in_time_is_left_alone(run):
    async def main():
        async with timeout(10) as scope:
            assert repr(scope) == f"<Timeout [active] when={scope.when():.1f}>"
            await sleep(5)
        await sleep(20)
        return scope.expired(), repr(scope)

    assert run(main()) == (False, "<Timeout [finished]>")


@pytest.mark.usual_order
def test_timeout_at_takes_a_moment_of_the_loop_clock(run):
    async def main():
        deadline = get_running_loop().time() + 10
        with pytest.raises(TimeoutError):
            async with timeout_at(deadline) as scope:
                await sleep(20)
        return scope.when() == deadline == get_running_loop().time()

    assert run(main()) is True


@pytest.mark.parametrize("make", [timeout, timeout_at])
def test_none_sets_no_limit(run, make):
    async def main():
        async with make(None) as scope:
            await sleep(10**6)
        return scope.when()

    assert run(main()) is None


@pytest.mark.parametrize("delay", [0, -5])
def test_no_time_at_all_ends_a_block_that_yields_but_once(run, delay):
    async def main():
        with pytest.raises(TimeoutError):
            async with timeout(delay):
                await sleep(0)

    run(main())


def test_the_time_counts_from_the_call(run):
    async def main():
        scope = timeout(10)
        await sleep(20)
        with pytest.raises(TimeoutError):
            async with scope:
                await sleep(0)

    run(main())


def test_block_that_survives_its_cancellation_is_no_timeout(run):
    async def main():
        async with timeout(10) as scope:
            try:
                await sleep(20)
            except CancelledError:
                pass
        return scope.expired(), current_task().cancelling()

    assert run(main()) == (True, 0)


def test_cancellation_from_outside_goes_on(run):
    async def main():
        async def limited():
            async with timeout(10):
                await sleep(20)

        task = create_task(limited())
        await sleep(1)
        task.cancel("from outside")
        with pytest.raises(CancelledError) as caught:
            await task
        return caught.value.args

    assert run(main()) == ("from outside",)


def test_cancellation_from_outside_goes_on_even_where_the_time_is_up_too(run):
    async def main():
        scope = timeout(10)

        async def limited():
            async with scope:
                await sleep(20)

        task = create_task(limited())
        await sleep(1)
        scope.reschedule(0)
        get_running_loop().call_soon(task.cancel)
        await wait([task])
        return task.cancelled(), scope.expired()

    assert run(main()) == (True, True)


def test_cancellation_of_the_past_does_not_hide_the_timeout(run):
    async def main():
        current_task().cancel()
        with pytest.raises(CancelledError):
            await sleep(1)
        with pytest.raises(TimeoutError):
            async with timeout(10):
                await sleep(20)
        return current_task().cancelling()

    assert run(main()) == 1


@pytest.mark.parametrize(("outer", "inner"), [(1, 10), (10, 1), (1, 1)])
def test_of_two_nested_timeouts_the_one_that_expires_raises(run, outer, inner):
    async def main():
        outcome = []
        try:
            async with timeout(outer):
                try:
                    async with timeout(inner):
                        await sleep(100)
                except TimeoutError:
                    outcome.append("inner")
                    await sleep(0)
                    raise
        except TimeoutError:
            outcome.append("outer")
        return outcome, current_task().cancelling()

    # With both at once, the outer one wins: the inner block is cancelled from outside.
    assert run(main()) == (["inner", "outer"] if inner < outer else ["outer"], 0)


def test_reschedule_moves_the_deadline(run):
    async def main():
        loop = get_running_loop()
        async with timeout(10) as scope:
            scope.reschedule(loop.time() + 100)
            await sleep(50)
            scope.reschedule(None)
            assert scope.when() is None
            await sleep(1000)
            scope.reschedule(loop.time() - 1)
            with pytest.raises(CancelledError):
                await sleep(1)
        return scope.expired()

    assert run(main()) is True


def test_left_block_leaves_no_timer(run):
    async def main():
        async with timeout(10) as scope:
            scope.reschedule(get_running_loop().time() + 20)
        return [timer for timer in get_running_loop()._scheduled if not timer.cancelled()]

    assert run(main()) == []


def test_reschedule_is_for_the_running_block_only(run):
    async def main():
        scope = timeout(10)
        with pytest.raises(RuntimeError, match="has not been entered"):
            scope.reschedule(1)
        async with scope:
            pass
        with pytest.raises(RuntimeError, match="finished"):
            scope.reschedule(1)
        expired = timeout(0)
        with pytest.raises(TimeoutError):
            async with expired:
                with pytest.raises(CancelledError):
                    await sleep(1)
                with pytest.raises(RuntimeError, match="expiring"):
                    expired.reschedule(1)
                raise CancelledError
        with pytest.raises(RuntimeError, match="expired"):
            expired.reschedule(1)

    run(main())


def test_a_timeout_is_entered_once(run):
    async def main():
        async with timeout(10) as scope:
            with pytest.raises(RuntimeError, match="already been entered"):
                await scope.__aenter__()
        with pytest.raises(RuntimeError, match="already been entered"):
            async with scope:
                pass

    run(main())


def test_a_timeout_needs_a_task(loop):
    async def enter():
        await Timeout(None).__aenter__()

    errors = []

    def outside_of_any_task():
        try:
            enter().send(None)
        except RuntimeError as exc:
            errors.append(str(exc))
        loop.stop()

    loop.call_soon(outside_of_any_task)
    loop.run_forever()
    assert errors == ["Timeout should be used inside a task"]


def test_other_exceptions_pass_through(run):
    async def main():
        with pytest.raises(KeyError):
            async with timeout(10) as scope:
                raise KeyError
        return scope.expired()

    assert run(main()) is False


def test_failed_clean_up_shows_the_timeout_in_its_context(run):
    async def main():
        with pytest.raises(OSError, match="clean-up") as caught:
            async with timeout(10):
                try:
                    await sleep(20)
                finally:
                    raise OSError("clean-up")
        context = caught.value.__context__
        assert isinstance(context, TimeoutError)
        assert isinstance(context.__cause__, CancelledError)

    run(main())


def test_failed_clean_up_with_a_ring_of_contexts_ends(run):
    async def main():
        with pytest.raises(OSError, match="one"):
            async with timeout(10):
                try:
                    await sleep(20)
                except CancelledError:
                    one, two = OSError("one"), OSError("two")
                    one.__context__, two.__context__ = two, one
                # Outside of the handler, so that the ring stays as it is.
                raise one

    run(main())


def test_a_timeout_can_be_referred_to_weakly_and_take_notes(run):
    async def main():
        async with timeout(1) as scope:
            scope.note = "for later"
            return weakref.ref(scope)() is scope and scope.note

    assert run(main()) == "for later"


# Compiled, a timeout asks a loop whose clock is the system's in another way.


@pytest.mark.parametrize("delay", [0.0001, Fraction(1, 10_000), 0, -1, -1.5, False])
def test_a_block_that_waits_for_ever_is_ended_by_the_systems_clock_too(run_in_real_time, delay):
    async def main():
        with pytest.raises(TimeoutError):
            async with timeout(delay) as scope:
                await get_running_loop().create_future()
        return scope.expired() and type(scope.when()) is float

    assert run_in_real_time(main()) is True


@pytest.mark.parametrize("delay", [10, 10.0, True, Fraction(10), float("inf")])
def test_a_block_in_time_by_the_systems_clock(run_in_real_time, delay):
    async def main():
        loop = get_running_loop()
        earliest = loop.time() + delay
        async with timeout(delay) as scope:
            await sleep(0)
            scope.reschedule(scope.when() + 1)
        assert earliest + 1 <= scope.when() <= loop.time() + delay + 1
        return scope.expired()

    assert run_in_real_time(main()) is False


def test_what_is_no_delay_is_said_by_the_systems_clock_too(run_in_real_time):
    async def main():
        with pytest.raises(ValueError, match="NaN"):
            timeout(float("nan"))
        with pytest.raises(OverflowError):
            timeout(10**400)
        with pytest.raises(TypeError):
            timeout("1")

    run_in_real_time(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        timeout(1)


def test_a_clock_in_place_of_the_systems_is_asked(run_in_real_time, monkeypatch):
    async def main():
        with monkeypatch.context() as patch:
            patch.setattr("time.monotonic", lambda: 1e9)
            made = timeout(1).when(), timeout(1.5).when()
        loop = get_running_loop()
        loop.time = lambda: 2e9
        made += (timeout(1).when(),)
        del loop.time
        return made

    assert run_in_real_time(main()) == (1e9 + 1, 1e9 + 1.5, 2e9 + 1)


def test_call_at_of_a_loops_class_sets_the_alarm():
    class Loop(ParkingEventLoop):
        def call_at(self, when, callback, *args, context=None):
            asked.append(when)
            return super().call_at(when, callback, *args, context=context)

    async def main():
        async with timeout(10) as scope:
            return scope.when()

    asked = []
    loop = Loop()
    try:
        assert [loop.run_until_complete(main())] == asked
    finally:
        loop.close()


def test_a_way_in_or_out_that_is_never_awaited_is_warned_of(run):
    async def main():
        with pytest.warns(RuntimeWarning, match=r"'Timeout.__aenter__' was never awaited"):
            timeout(1).__aenter__()
        with pytest.warns(RuntimeWarning, match=r"'Timeout.__aexit__' was never awaited"):
            timeout(1).__aexit__(None, None, None)
        scope = timeout(1)
        way = scope.__aenter__()
        way.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            way.send(None)
        assert repr(scope) == "<Timeout [created]>"

    run(main())


def test_a_way_in_is_a_coroutine_to_whoever_asks(run):
    async def main():
        scope = timeout(1)
        assert await create_task(scope.__aenter__()) is scope
        assert repr(scope).startswith("<Timeout [active] when=")
        assert await create_task(scope.__aexit__(None, None, None)) is None
        with pytest.raises(ZeroDivisionError):
            timeout(1).__aenter__().throw(ZeroDivisionError())

    run(main())
