"""What must hold of task groups and timeouts in every legal order of things: with a thousand seeds, over all Pythons."""

from __future__ import annotations

import pytest

import asyncio_core
from asyncio_test_support.orders import fails_in, hop


async def group_whose_task_fails():
    ended = []

    async def work(name):
        try:
            for _ in range(3):
                await hop()
            if name == "fails":
                raise LookupError(name)
            await asyncio_core.sleep(1)
        finally:
            ended.append(name)

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio_core.TaskGroup() as group:
            for name in ("a", "fails", "b", "c"):
                group.create_task(work(name))
    assert [str(error) for error in caught.value.exceptions] == ["fails"]
    # One that has not begun does not end.
    assert "fails" in ended
    assert asyncio_core.all_tasks() == {asyncio_core.current_task()}
    assert asyncio_core.current_task().cancelling() == 0


async def group_that_is_cancelled():
    async def work():
        async with asyncio_core.TaskGroup() as group:
            for _ in range(3):
                group.create_task(asyncio_core.sleep(1))
            await hop()

    working = asyncio_core.create_task(work())
    await asyncio_core.sleep(1)
    hit = working.cancel()
    await asyncio_core.wait([working])
    assert working.cancelled() or working.exception() is None
    assert hit or not working.cancelled()
    assert asyncio_core.all_tasks() == {asyncio_core.current_task()}


async def timeouts_within_timeouts():
    async def work(outer, inner):
        try:
            async with asyncio_core.timeout(outer) as first:
                try:
                    async with asyncio_core.timeout(inner) as second:
                        await asyncio_core.sleep(2)
                except TimeoutError:
                    assert second.expired()
                    await asyncio_core.sleep(0.5)
                    return "inner"
        except TimeoutError:
            assert first.expired()
            return "outer"
        return "done"

    async def alone(*times):
        result = await asyncio_core.create_task(work(*times))
        assert asyncio_core.current_task().cancelling() == 0
        return result

    assert await alone(1, 9) == "outer"
    assert await alone(9, 1) == "inner"
    assert await alone(9, 8) == "done"
    # At one moment, either may be the first.
    assert await alone(1, 1) in {"inner", "outer"}
    assert await alone(2, 9) in {"outer", "done"}


async def wait_for_a_result_in_the_moment_of_its_timeout():
    loop = asyncio_core.get_running_loop()
    future = loop.create_future()
    loop.call_later(1, lambda: future.done() or future.set_result("in time"))
    try:
        told = await asyncio_core.wait_for(future, 1)
    except TimeoutError:
        assert future.cancelled()
    else:
        assert told == "in time"
    assert asyncio_core.current_task().cancelling() == 0


async def shielded_work_and_a_gathering():
    async def work(number):
        await asyncio_core.sleep(number % 2)
        return number

    inner = asyncio_core.create_task(work(7))
    waiting = asyncio_core.ensure_future(asyncio_core.shield(inner))
    gathering = asyncio_core.gather(*map(work, range(4)), return_exceptions=True)
    await asyncio_core.sleep(1)
    waiting.cancel()
    assert await gathering == [0, 1, 2, 3]
    assert await inner == 7


SCENARIOS = (
    *(group_whose_task_fails, group_that_is_cancelled, timeouts_within_timeouts),
    *(wait_for_a_result_in_the_moment_of_its_timeout, shielded_work_and_a_gathering),
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_it_holds_in_every_order(scenario):
    failure = fails_in(scenario)
    assert failure is None, failure
