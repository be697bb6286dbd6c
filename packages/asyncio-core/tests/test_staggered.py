"""staggered_race."""

from __future__ import annotations

import functools

import pytest

from asyncio_core.awaiting.staggered import staggered_race
from asyncio_core.awaiting.task import create_task, eager_task_factory
from asyncio_core.awaiting.task_registry import all_tasks, current_task
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError


async def attempt(log, name, duration, error=None):
    log.append((name, get_running_loop().time() - 1000))
    await sleep(duration)
    if error is not None:
        raise error
    return name


def race(log, *attempts):
    return [functools.partial(attempt, log, *arguments) for arguments in attempts]


def test_empty_race_has_no_winner(run):
    assert run(staggered_race([], None)) == (None, None, [])


def test_first_attempt_wins_before_the_second_starts(run):
    log = []
    outcome = run(staggered_race(race(log, ("a", 1), ("b", 1)), 10))
    assert outcome == ("a", 0, [None])
    assert log == [("a", 0)]


def test_attempts_start_one_delay_apart(run):
    log = []
    result, winner, errors = run(staggered_race(race(log, ("a", 100), ("b", 100), ("c", 1)), 10))
    assert (result, winner) == ("c", 2)
    assert log == [("a", 0), ("b", 10), ("c", 20)]
    assert [type(error) for error in errors] == [CancelledError, CancelledError, type(None)]


def test_failure_of_the_latest_attempt_starts_the_next_at_once(run):
    log = []
    error = OSError()
    outcome = run(staggered_race(race(log, ("a", 2, error), ("b", 1)), 10))
    assert outcome == ("b", 1, [error, None])
    assert log == [("a", 0), ("b", 2)]


def test_without_a_delay_attempts_follow_failures_only(run):
    log = []
    first, second = OSError(1), OSError(2)
    outcome = run(staggered_race(race(log, ("a", 50, first), ("b", 5, second)), None))
    assert outcome == (None, None, [first, second])
    assert log == [("a", 0), ("b", 50)]


def test_of_two_attempts_that_end_together_one_wins(run):
    async def main():
        gate = get_running_loop().create_future()

        async def through(name):
            await gate
            return name

        get_running_loop().call_later(50, gate.set_result, None)
        result, winner, errors = await staggered_race(
            [lambda: through("a"), lambda: through("b")], 1
        )
        # The gate's end cancels nobody: each attempt waits in its own way.
        return result, winner, [type(error) for error in errors]

    assert run(main()) == ("a", 0, [type(None), CancelledError])


def test_all_attempts_have_ended_when_the_race_has(run):
    ended = []

    async def slow_to_end():
        try:
            await sleep(1000)
        finally:
            await sleep(5)
            ended.append("loser")

    async def quick():
        return "winner"

    async def main():
        result, _, _ = await staggered_race([slow_to_end, quick], 1)
        return result, all_tasks() == {current_task()}

    assert run(main()) == ("winner", True)
    assert ended == ["loser"]


def test_cancelling_the_race_cancels_all_attempts_and_waits_for_them(run):
    ended = []

    async def slow_to_end(name):
        try:
            await sleep(1000)
        finally:
            await sleep(5)
            ended.append(name)

    async def main():
        task = create_task(staggered_race([lambda: slow_to_end("a"), lambda: slow_to_end("b")], 1))
        await sleep(10)
        task.cancel("enough")
        with pytest.raises(CancelledError) as caught:
            await task
        return caught.value.args

    assert run(main()) == ("enough",)
    assert ended == ["a", "b"]


def test_error_of_the_iterable_ends_the_attempts_that_run(run):
    ended = []

    async def endless():
        try:
            await sleep(1000)
        finally:
            ended.append(True)

    def attempts():
        yield endless
        raise OSError("no more addresses")

    async def main():
        with pytest.raises(OSError, match="no more addresses"):
            await staggered_race(attempts(), 1)

    run(main())
    assert ended == [True]


def test_attempt_that_cannot_be_made_has_failed(run):
    def broken():
        raise OSError("cannot be made")

    async def fine():
        return "fine"

    result, winner, errors = run(staggered_race([broken, fine], None))
    assert (result, winner, str(errors[0])) == ("fine", 1, "cannot be made")


def test_eager_attempts_that_end_at_once(run):
    log = []

    async def at_once(name, error=None):
        log.append(name)
        if error is not None:
            raise error
        return name

    async def main():
        get_running_loop().set_task_factory(eager_task_factory)
        return await staggered_race(
            [lambda: at_once("a", OSError()), lambda: at_once("b"), lambda: at_once("c")], 10
        )

    result, winner, _ = run(main())
    assert (result, winner, log) == ("b", 1, ["a", "b"])
