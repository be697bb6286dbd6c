"""Cancelling goes along what a task waits for, however long that chain is, and out of rings."""

from __future__ import annotations

import sys

import pytest

from asyncio_core import CancelledError, Future, ParkingEventLoop, Task, current_task, gather
from asyncio_core.loops.runners import Runner

LENGTH = 5 * sys.getrecursionlimit()


@pytest.fixture
def runner():
    reported = []
    with Runner(loop_factory=ParkingEventLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: reported.append(context))
        yield runner
    assert reported == []


async def wait_for(other):
    return await other


async def turns(loop, count=1):
    for _ in range(count):
        ready = loop.create_future()
        loop.call_soon(ready.set_result, None)
        await ready


async def chain(loop, length, last):
    """Tasks each of which awaits the one before it, the first of them `last`."""
    tasks = [loop.create_task(wait_for(last))]
    for _ in range(length - 1):
        tasks.append(loop.create_task(wait_for(tasks[-1])))
    await turns(loop, 2)
    return tasks


def test_a_long_chain_is_cancelled_from_its_end(runner):
    async def main():
        loop = runner.get_loop()
        source = loop.create_future()
        tasks = await chain(loop, LENGTH, source)
        assert tasks[-1].cancel("enough")
        assert source.cancelled()
        assert [task.cancelling() for task in tasks] == [1] * LENGTH
        with pytest.raises(CancelledError, match="enough"):
            await tasks[-1]
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_a_long_chain_whose_end_is_done_is_cancelled_there(runner):
    async def main():
        loop = runner.get_loop()
        source = loop.create_future()
        tasks = await chain(loop, LENGTH, source)
        source.set_result("too late")
        assert tasks[-1].cancel()
        with pytest.raises(CancelledError):
            await tasks[-1]
        # The first could not be woken any more by its future; it was by its next step.
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_a_runner_closes_over_a_long_chain(runner):
    async def main():
        loop = runner.get_loop()
        return await chain(loop, 2 * sys.getrecursionlimit(), loop.create_future())

    tasks = runner.run(main())
    runner.close()
    assert all(task.cancelled() for task in tasks)
    # It went along the chain once, not once for each task that it came across.
    assert {task.cancelling() for task in tasks} == {1}


async def ring(loop, length):
    """Tasks each of which awaits the next one, and the last one the first."""
    next_of = loop.create_future()

    async def member(number):
        links = await next_of
        return await links[(number + 1) % length]

    tasks = [loop.create_task(member(number)) for number in range(length)]
    next_of.set_result(tasks)
    await turns(loop, 3)
    return tasks


@pytest.mark.parametrize("length", [2, 3, LENGTH])
def test_a_ring_of_tasks_is_broken_by_cancelling_one(runner, length):
    async def main():
        tasks = await ring(runner.get_loop(), length)
        assert tasks[0].cancel()
        with pytest.raises(CancelledError):
            await tasks[0]
        await turns(runner.get_loop(), length)
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_each_task_of_a_ring_counts_one_request(runner):
    async def main():
        tasks = await ring(runner.get_loop(), 3)
        tasks[1].cancel()
        assert [task.cancelling() for task in tasks] == [1, 1, 1]

    runner.run(main())


def test_a_ring_can_be_cancelled_again_before_it_has_heard_of_the_first_time(runner):
    async def main():
        loop = runner.get_loop()
        tasks = await ring(loop, 3)
        for task in tasks:
            assert task.cancel()
        await turns(loop, 4)
        assert all(task.cancelled() for task in tasks)
        assert not any(task.cancel() for task in tasks)

    runner.run(main())


def test_a_task_that_hangs_on_a_ring_is_cancelled_with_it(runner):
    async def main():
        loop = runner.get_loop()
        tasks = await ring(loop, 3)
        outside = loop.create_task(wait_for(tasks[1]))
        await turns(loop)
        outside.cancel()
        with pytest.raises(CancelledError):
            await outside
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_a_ring_that_leads_through_gather_is_broken(runner):
    async def main():
        loop = runner.get_loop()
        start = loop.create_future()

        async def first():
            (_, second) = await start
            return await gather(second, loop.create_future())

        async def second():
            (first, _) = await start
            return await first

        tasks = loop.create_task(first()), loop.create_task(second())
        start.set_result(tasks)
        await turns(loop, 2)
        tasks[0].cancel()
        await turns(loop, 4)
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_a_member_of_a_ring_may_refuse(runner):
    async def main():
        loop = runner.get_loop()
        start = loop.create_future()
        caught = []

        async def stubborn():
            (_, other) = await start
            try:
                return await other
            except CancelledError as exc:
                caught.append(exc)
                assert current_task().uncancel() == 0
                return "went on"

        async def other():
            (stubborn, _) = await start
            return await stubborn

        tasks = loop.create_task(stubborn()), loop.create_task(other())
        start.set_result(tasks)
        await turns(loop, 2)
        tasks[0].cancel()
        assert await tasks[0] == "went on"
        assert len(caught) == 1
        # What woke it up was not the end of the other one, which has the answer now.
        assert await tasks[1] == "went on"

    runner.run(main())


def test_a_runner_closes_over_a_ring(runner):
    tasks = runner.run(ring(runner.get_loop(), 3))
    runner.close()
    assert all(task.cancelled() for task in tasks)


def test_two_ways_to_one_task_are_no_ring(runner):
    async def main():
        loop = runner.get_loop()
        let_go = loop.create_future()

        async def slow_to_end():
            try:
                await loop.create_future()
            finally:
                await let_go

        shared = loop.create_task(slow_to_end())
        middle = [loop.create_task(wait_for(shared)) for _ in range(2)]
        top = loop.create_task(wait_for(gather(*middle)))
        await turns(loop, 3)
        top.cancel()
        await turns(loop, 2)
        # It was asked twice, and is still at its clean-up, which the second time did not end.
        assert shared.cancelling() == 2
        await turns(loop, 2)
        let_go.set_result(None)
        with pytest.raises(CancelledError):
            await top
        assert shared.cancelled()

    runner.run(main())


class Noted(Task):
    """A task class that has to be asked itself."""

    def __init__(self, *args, **kwargs):
        self.asked = []
        super().__init__(*args, **kwargs)

    def cancel(self, msg=None):
        self.asked.append(msg)
        return super().cancel(msg)


def test_cancel_of_a_subclass_is_called_on_the_way(runner):
    async def main():
        loop = runner.get_loop()
        source = loop.create_future()
        below = loop.create_task(wait_for(source))
        noted = Noted(wait_for(below), loop=loop)
        above = loop.create_task(wait_for(noted))
        await turns(loop, 3)
        above.cancel("please")
        assert noted.asked == ["please"]
        assert source.cancelled()
        with pytest.raises(CancelledError, match="please"):
            await above

    runner.run(main())


def test_a_ring_through_a_subclass_is_broken(runner):
    async def main():
        loop = runner.get_loop()
        start = loop.create_future()

        async def member(number):
            tasks = await start
            return await tasks[1 - number]

        tasks = loop.create_task(member(0)), Noted(member(1), loop=loop)
        start.set_result(tasks)
        await turns(loop, 2)
        tasks[1].cancel("please")
        await turns(loop, 4)
        assert all(task.cancelled() for task in tasks)
        assert tasks[1].asked == ["please", "please"]

    runner.run(main())


def test_a_method_put_on_one_task_is_called_on_the_way(runner):
    async def main():
        loop = runner.get_loop()
        below = loop.create_task(wait_for(loop.create_future()))
        above = loop.create_task(wait_for(below))
        await turns(loop, 2)
        asked = []
        below.cancel = lambda msg=None: asked.append(msg) or Task.cancel(below, msg)
        above.cancel("please")
        assert asked == ["please"]
        with pytest.raises(CancelledError):
            await above
        del below.cancel

    runner.run(main())


def test_a_future_that_refuses_leaves_the_throwing_to_the_next_step(runner):
    class Refusing(Future):
        def cancel(self, msg=None):
            return False

    async def main():
        loop = runner.get_loop()
        source = Refusing(loop=loop)
        tasks = await chain(loop, 3, source)
        tasks[-1].cancel()
        await turns(loop, 5)
        assert not any(task.done() for task in tasks)
        source.set_result(None)
        with pytest.raises(CancelledError):
            await tasks[-1]
        assert all(task.cancelled() for task in tasks)

    runner.run(main())


def test_a_deep_gathering_of_gatherings_is_cancelled(runner):
    async def main():
        loop = runner.get_loop()
        source = loop.create_future()
        gathering = source
        for _ in range(LENGTH):
            gathering = gather(gathering)
        assert gathering.cancel("enough")
        assert source.cancelled()
        with pytest.raises(CancelledError, match="enough"):
            await gathering

    runner.run(main())


def test_tasks_and_gatherings_in_turn_are_cancelled_however_deep(runner):
    async def main():
        loop = runner.get_loop()

        async def gathered(other):
            await gather(other, loop.create_future())

        source = task = loop.create_future()
        for _ in range(LENGTH):
            task = loop.create_task(gathered(task))
        await turns(loop, 2)
        assert task.cancel("enough")
        assert task.cancelling() == 1
        assert source.cancelled()
        with pytest.raises(CancelledError, match="enough"):
            await task

    runner.run(main())


def test_every_child_of_a_gathering_is_asked_whatever_the_others_answer(runner):
    async def main():
        loop = runner.get_loop()
        done, pending, last = (loop.create_future() for _ in range(3))
        inner = gather(done, return_exceptions=True)
        outer = gather(inner, pending, loop.create_task(wait_for(last)))
        await turns(loop)
        done.set_result(None)
        assert outer.cancel()
        assert pending.cancelled() and last.cancelled()
        with pytest.raises(CancelledError):
            await outer

    runner.run(main())


def test_a_cancel_that_raises_is_heard_and_leaves_nothing_behind(runner):
    class Broken(Future):
        def cancel(self, msg=None):
            raise OSError("broken")

    async def main():
        loop = runner.get_loop()
        source = Broken(loop=loop)
        tasks = await chain(loop, 3, source)
        top = loop.create_task(wait_for(gather(tasks[-1])))
        await turns(loop)
        with pytest.raises(OSError, match="broken"):
            top.cancel()
        # The next one that asks finds the same, and not that the tasks are busy with being cancelled.
        with pytest.raises(OSError, match="broken"):
            tasks[0].cancel()
        source.set_result("never mind")
        assert await top == ["never mind"]

    runner.run(main())


def test_the_repr_of_a_long_chain_shows_the_first_of_it(runner):
    async def main():
        loop = runner.get_loop()
        tasks = await chain(loop, LENGTH, loop.create_future())
        shown = repr(tasks[-1])
        for task in tasks[-3:]:
            assert f"name={task.get_name()!r}" in shown
        assert "wait_for=..." in shown
        assert len(shown) < 5_000
        tasks[-1].cancel()

    runner.run(main())


def test_the_repr_of_a_long_chain_of_results_shows_the_first_of_it(runner):
    async def main():
        result = "at the bottom"
        for _ in range(LENGTH):
            future = runner.get_loop().create_future()
            future.set_result(result)
            result = future
        assert repr(result).startswith("<Future finished result=<Future ")
        assert len(repr(result)) < 500

    runner.run(main())
