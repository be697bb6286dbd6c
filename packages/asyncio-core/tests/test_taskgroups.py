"""TaskGroup."""

from __future__ import annotations

import contextvars
import gc
import weakref

import pytest

from asyncio_core.awaiting.task import Task, create_task, eager_task_factory
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.awaiting.taskgroups import TaskGroup
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.awaiting.waiting import sleep, wait
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_test_support.coroutines import fail, forever


async def forever_noting(log, note):
    try:
        await forever()
    except CancelledError:
        log.append(note)
        raise


@pytest.fixture(params=["lazy", "eager"])
def run_both(request, run):
    """Return a function that runs a coroutine with lazy, and with eager tasks."""

    async def prepared(main):
        if request.param == "eager":
            get_running_loop().set_task_factory(eager_task_factory)
        return await main

    return lambda main: run(prepared(main))


def test_group_waits_for_its_tasks(run_both):
    async def main():
        async with TaskGroup() as group:
            tasks = [group.create_task(sleep(number, number)) for number in range(3)]
        return [task.result() for task in tasks]

    assert run_both(main()) == [0, 1, 2]


def test_tasks_can_add_tasks_while_the_group_waits(run_both):
    log = []

    async def grow(group, depth):
        log.append(depth)
        await sleep(1)
        if depth:
            group.create_task(grow(group, depth - 1))

    async def main():
        async with TaskGroup() as group:
            group.create_task(grow(group, 3))

    run_both(main())
    assert log == [3, 2, 1, 0]


def test_failure_of_a_task_cancels_the_others_and_the_body(run_both):
    log = []

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with TaskGroup() as group:
                group.create_task(forever_noting(log, "sibling"))
                group.create_task(fail(OSError("reason"), 1))
                await forever_noting(log, "body")
        (error,) = caught.value.exceptions
        assert current_task().cancelling() == 0
        await sleep(0)  # Nothing of the cancellation is left over.
        return str(error)

    assert run_both(main()) == "reason"
    assert sorted(log) == ["body", "sibling"]


def test_failure_of_the_body_cancels_the_tasks(run_both):
    log = []

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with TaskGroup() as group:
                group.create_task(forever_noting(log, "task"))
                await sleep(1)
                raise OSError("body")
        return [str(error) for error in caught.value.exceptions]

    assert run_both(main()) == ["body"]
    assert log == ["task"]


def test_all_failures_come_together(run_both):
    async def fails_cleaning_up():
        try:
            await forever()
        finally:
            raise ValueError("clean-up")

    async def main():
        with pytest.raises(ExceptionGroup, match="unhandled errors in a TaskGroup") as caught:
            async with TaskGroup() as group:
                group.create_task(fails_cleaning_up())
                group.create_task(fail(OSError("first"), 1))
                try:
                    await forever()
                finally:
                    raise KeyError("body")
        return sorted(type(error).__name__ for error in caught.value.exceptions)

    assert run_both(main()) == ["KeyError", "OSError", "ValueError"]


def test_cancelled_task_is_no_failure(run_both):
    async def main():
        async with TaskGroup() as group:
            cancelled = group.create_task(forever())
            other = group.create_task(sleep(5, "went on"))
            await sleep(1)
            cancelled.cancel()
        return other.result()

    assert run_both(main()) == "went on"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_keyboard_interrupt_of_the_body_is_raised_as_it_is(run_both, error):
    log = []

    async def main():
        try:
            async with TaskGroup() as group:
                group.create_task(forever_noting(log, "cancelled"))
                await sleep(1)
                raise error("as it is")
        except error as exc:
            return str(exc)

    assert run_both(main()) == "as it is"
    assert log == ["cancelled"]


@pytest.mark.parametrize("waiting", [True, False])
def test_cancellation_from_outside_cancels_the_tasks_and_goes_on(run_both, waiting):
    log = []

    async def grouped():
        async with TaskGroup() as group:
            group.create_task(forever_noting(log, "task"))
            if not waiting:
                await forever_noting(log, "body")

    async def main():
        task = create_task(grouped())
        await sleep(1)
        task.cancel("outside")
        with pytest.raises(CancelledError) as caught:
            await task
        return caught.value.args

    assert run_both(main()) == ("outside",)
    assert sorted(log) == (["task"] if waiting else ["body", "task"])


def test_cancellation_from_outside_gives_way_to_failures_and_comes_after(run_both):
    seen = []

    async def fails_cleaning_up():
        try:
            await forever()
        finally:
            raise OSError

    async def grouped():
        try:
            async with TaskGroup() as group:
                group.create_task(fails_cleaning_up())
                await forever()
        except ExceptionGroup:
            seen.append(current_task().cancelling())
            await sleep(0)
            seen.append("not reached")

    async def main():
        task = create_task(grouped())
        await sleep(1)
        task.cancel("outside")
        with pytest.raises(CancelledError) as caught:
            await task
        return caught.value.args

    assert run_both(main()) == ("outside",)
    assert seen == [1]


def test_failure_of_an_outer_group_goes_through_an_inner_one(run_both):
    async def main():
        log = []
        with pytest.raises(ExceptionGroup) as caught:
            async with TaskGroup() as outer:
                outer.create_task(fail(OSError("outer"), 1))
                async with TaskGroup() as inner:
                    inner.create_task(forever_noting(log, "inner task"))
        assert [str(error) for error in caught.value.exceptions] == ["outer"]
        assert current_task().cancelling() == 0
        return log

    assert run_both(main()) == ["inner task"]


def test_old_cancellation_does_not_come_back(run_both):
    async def main():
        current_task().cancel()
        with pytest.raises(CancelledError):
            await sleep(1)
        # Somebody cleans up, with a group of his own.
        with pytest.raises(ExceptionGroup):
            async with TaskGroup() as group:
                group.create_task(fail(OSError()))
        await sleep(1)
        async with TaskGroup() as group:
            group.cancel()
            await sleep(1)
        return current_task().cancelling()

    assert run_both(main()) == 1


def test_pending_cancellation_at_the_entry_is_not_taken_for_an_old_one(run_both):
    async def cancelled_just_before():
        current_task().cancel("pending")
        async with TaskGroup() as group:
            group.cancel()
            await sleep(1)

    async def main():
        task = create_task(cancelled_just_before())
        await wait([task])
        return task.cancelled()

    assert run_both(main()) is True


# cancel()


def test_cancel_ends_body_and_tasks_without_an_error(run_both):
    log = []

    async def main():
        async with TaskGroup() as group:
            group.create_task(forever_noting(log, "task"))
            await sleep(1)
            group.cancel()
            await forever_noting(log, "body")
        await sleep(0)
        return current_task().cancelling()

    assert run_both(main()) == 0
    assert sorted(log) == ["body", "task"]


def test_cancel_lets_a_body_go_on_that_waits_for_nothing(run_both):
    async def main():
        async with TaskGroup() as group:
            group.cancel()
            group.cancel()
            result = "went on"
        await sleep(0)
        return result

    assert run_both(main()) == "went on"


def test_cancel_before_the_entry_counts_on_entry(run_both):
    async def main():
        reached = []
        group = TaskGroup()
        group.cancel()
        async with group:
            reached.append("begin")
            await sleep(0)
            reached.append("end")
        return reached

    assert run_both(main()) == ["begin"]


def test_cancel_after_the_end_does_nothing(run_both):
    async def main():
        async with TaskGroup() as group:
            pass
        group.cancel()
        await sleep(0)
        return repr(group)

    assert run_both(main()) == "<TaskGroup finished>"


def test_cancel_by_a_child(run_both):
    async def winner(group, results):
        await sleep(1)
        results.append("won")
        group.cancel()

    async def main():
        results = []
        async with TaskGroup() as group:
            group.create_task(winner(group, results))
            loser = group.create_task(forever())
        return results, loser.cancelled()

    assert run_both(main()) == (["won"], True)


def test_eager_child_that_cancels_the_group_is_cancelled_too(run):
    async def child(group):
        group.cancel()
        await forever()

    async def main():
        async with TaskGroup() as group:
            task = group.create_task(child(group), eager_start=True)
        return task.cancelled()

    assert run(main()) is True


def test_exceptions_come_through_a_cancelled_group(run_both):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with TaskGroup() as group:
                group.cancel()
                raise OSError("still raised")
        return [str(error) for error in caught.value.exceptions]

    assert run_both(main()) == ["still raised"]


def test_cancellation_from_outside_comes_through_a_cancelled_group(run_both):
    async def slow_to_end():
        try:
            await forever()
        finally:
            await sleep(10)

    async def grouped():
        async with TaskGroup() as group:
            group.create_task(slow_to_end())
            await sleep(0)
            group.cancel()

    async def main():
        task = create_task(grouped())
        await sleep(5)
        task.cancel("outside")
        with pytest.raises(CancelledError) as caught:
            await task
        return caught.value.args

    assert run_both(main()) == ("outside",)


def test_cancelled_group_in_a_timeout_is_no_timeout(run_both):
    async def main():
        async with timeout(10) as scope, TaskGroup() as group:
            group.create_task(forever())
            await sleep(0)
            group.cancel()
        return scope.expired()

    assert run_both(main()) is False


# create_task()


def test_create_task_passes_its_arguments_to_the_task_factory(run):
    variable = contextvars.ContextVar("variable")
    seen = []

    async def main():
        loop = get_running_loop()

        def factory(loop, coro, *, flavour=None, **kwargs):
            seen.append(flavour)
            return Task(coro, loop=loop, **kwargs)

        async def child():
            return variable.get()

        context = contextvars.copy_context()
        context.run(variable.set, "from the context")
        loop.set_task_factory(factory)
        async with TaskGroup() as group:
            task = group.create_task(child(), name="named", context=context, flavour="sweet")
        loop.set_task_factory(None)
        return task.get_name(), task.result()

    assert run(main()) == ("named", "from the context")
    assert seen == ["sweet"]


def test_create_task_refuses_and_closes_coroutines_at_the_wrong_time(run):
    # A coroutine that was not closed would be a warning, and so an error.
    async def main():
        group = TaskGroup()
        with pytest.raises(RuntimeError, match="has not been entered"):
            group.create_task(sleep(0))
        async with group:
            group.cancel()
            with pytest.raises(RuntimeError, match="shutting down"):
                group.create_task(sleep(0))
        with pytest.raises(RuntimeError, match="is finished"):
            group.create_task(sleep(0))

    run(main())


def test_failure_of_an_eager_child_does_not_cancel_in_the_middle_of_a_step(run):
    async def main():
        steps = []
        with pytest.raises(ExceptionGroup):
            async with TaskGroup() as group:

                async def fails_at_once():
                    raise OSError

                group.create_task(fails_at_once(), eager_start=True)
                steps.append("same step")
                await sleep(0)
                await sleep(0)
                steps.append("not reached")
        return steps

    assert run(main()) == ["same step"]


# The rest


def test_group_is_entered_once_and_in_a_task(run, loop):
    async def main():
        async with TaskGroup() as group:
            with pytest.raises(RuntimeError, match="already been entered"):
                await group.__aenter__()
        with pytest.raises(RuntimeError, match="already been entered"):
            await group.__aenter__()

    run(main())
    errors = []

    def outside_of_any_task():
        try:
            TaskGroup().__aenter__().send(None)
        except RuntimeError as exc:
            errors.append(str(exc))
        loop.stop()

    loop.call_soon(outside_of_any_task)
    loop.run_forever()
    assert errors == ["TaskGroup <TaskGroup> cannot determine the parent task"]


def test_repr_tells_the_state(run):
    async def main():
        group = TaskGroup()
        seen = [repr(group)]
        async with group:
            group.create_task(forever())
            seen.append(repr(group))
            group.cancel()
            seen.append(repr(group))
        return seen

    assert run(main()) == [
        "<TaskGroup>",
        "<TaskGroup tasks=1 entered>",
        "<TaskGroup tasks=1 cancelling>",
    ]


def test_closing_a_generator_around_a_group(run):
    async def numbers():
        async with TaskGroup():
            yield 1

    async def main():
        generator = numbers()
        assert await anext(generator) == 1
        await generator.aclose()

    run(main())


def test_failures_beside_a_generator_that_is_closed_are_raised(run):
    async def fails_at_once():
        raise OSError

    async def numbers():
        async with TaskGroup() as group:
            group.create_task(fails_at_once())
            yield 1

    async def main():
        generator = numbers()
        await anext(generator)
        await sleep(0)
        with pytest.raises(BaseExceptionGroup) as caught:
            await generator.aclose()
        return {type(error) for error in caught.value.exceptions}

    assert run(main()) == {OSError, GeneratorExit}


def test_child_that_outlives_its_parent_is_reported(run):
    async def abandons(group, children):
        await group.__aenter__()
        children.append(group.create_task(fail(OSError("nobody listens"), 1)))

    async def main():
        reports = []
        get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        group, children = TaskGroup(), []
        await create_task(abandons(group, children))
        await sleep(5)
        (report,) = reports
        assert report["task"] is children[0]
        return str(report["exception"])

    assert run(main()) == "nobody listens"


def test_failed_group_is_freed_without_the_garbage_collector(run):
    async def fails():
        raise OSError

    async def main():
        gc.disable()
        try:
            try:
                async with TaskGroup() as group:
                    task = weakref.ref(group.create_task(fails()))
            except ExceptionGroup:
                pass
            return task()
        finally:
            gc.enable()

    assert run(main()) is None


def test_a_program_that_knows_no_cancel_may_abort_the_children(run):
    async def main():
        async with TaskGroup() as group:
            children = [group.create_task(sleep(100)) for _ in range(3)]
            await sleep(0)
            group._abort()
            await sleep(0)
        return [child.cancelled() for child in children], current_task().cancelling()

    assert run(main()) == ([True] * 3, 0)


def test_a_child_that_the_group_cannot_hear_of_is_not_waited_for(run):
    class Deaf(Task):
        def add_done_callback(self, *args, **kwargs):
            raise MemoryError

    async def main():
        get_running_loop().set_task_factory(lambda loop, coro, **kw: Deaf(coro, loop=loop, **kw))
        async with TaskGroup() as group:
            with pytest.raises(MemoryError):
                group.create_task(forever())
        get_running_loop().set_task_factory(None)

    run(main())
