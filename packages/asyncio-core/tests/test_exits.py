"""SystemExit and KeyboardInterrupt of a task end the run; nothing reports them a second time."""

from __future__ import annotations

import gc

import pytest

from asyncio_core.awaiting.staggered import staggered_race
from asyncio_core.awaiting.taskgroups import TaskGroup
from asyncio_core.awaiting.tasks import (
    as_completed,
    create_task,
    eager_task_factory,
    gather,
    shield,
    sleep,
    wait,
    wait_for,
)
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.loops.runners import Runner


async def end_at_once(kind):
    raise kind


async def end_later(kind):
    await sleep(0)
    raise kind


async def in_a_task(task):
    await task


async def in_the_background(task):
    await sleep(3600)


async def in_gather(task):
    await gather(task, sleep(3600))


async def in_nested_gather(task):
    await gather(gather(task), sleep(3600))


async def in_gather_that_keeps_failures(task):
    await gather(task, sleep(3600), return_exceptions=True)


async def in_gather_that_nobody_awaits(task):
    gather(task)
    await sleep(3600)


async def in_wait(task):
    await wait([task])


async def in_wait_for(task):
    await wait_for(task, 3600)


async def in_shield(task):
    await shield(task)


async def in_shield_that_is_given_up(task):
    protected = shield(task)
    protected.cancel()
    await sleep(3600)


async def in_shield_with_a_time_limit(task):
    await wait_for(shield(task), 3600)


async def in_as_completed(task):
    for step in as_completed([task]):
        await step


async def in_as_completed_asynchronously(task):
    async for done in as_completed([task]):
        await done


async def in_a_group(task):
    async with TaskGroup() as group:
        group.create_task(in_a_task(task))
        group.create_task(sleep(3600))


async def in_a_time_limit(task):
    async with timeout(3600):
        await task


async def in_a_race(task):
    await staggered_race([lambda: task], None)


WAYS = [value for name, value in globals().items() if name.startswith("in_")]


@pytest.mark.parametrize("factory", [None, eager_task_factory], ids=["lazy", "eager"])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("ending", [end_at_once, end_later])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_ends_the_run_is_reported_once(way, ending, kind, factory):
    reports = []

    async def main():
        loop = get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        loop.set_task_factory(factory)
        await way(create_task(ending(kind)))

    with pytest.raises(kind), Runner(loop_factory=ParkingEventLoop) as runner:
        runner.run(main())
    gc.collect()
    assert reports == []


def test_what_ends_a_thread_and_nobody_asks_for_is_reported(run_in_real_time):
    """It has not come out of the loop: it is the result of a call elsewhere."""
    reports = []

    def leave():
        raise SystemExit(3)

    async def main():
        loop = get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))
        future = loop.run_in_executor(None, leave)
        together = gather(future)
        await wait([together])
        del future, together
        gc.collect()

    run_in_real_time(main())
    assert [type(each) for each in reports] == [SystemExit]
