"""The loop `shuffled`: what it varies, what stays, and that a seed or a table brings the same again."""

from __future__ import annotations

import itertools
import os
import threading
import time

import pytest

import asyncio_core
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.testing.decisions import Decisions, format_table, parse_table
from asyncio_core.testing.exploring import Failure, explore, repeat, shrink
from asyncio_core.testing.making import laid_over
from asyncio_core.testing.shrinking import shrunk
from asyncio_core.testing.shuffled import ShuffledPart
from asyncio_test_support.programs import printed_by, run_python

SEEDS = range(40)


def run(main, seed=0, table=None):
    decisions = Decisions(seed, 0, table)
    kind = laid_over(ShuffledPart, ParkingEventLoop)
    with asyncio_core.Runner(loop_factory=lambda: kind(decisions)) as runner:
        return runner.run(main())


def outcomes(main, seeds=SEEDS):
    """Return all that `main()` returns with some seeds."""
    return {run(main, seed) for seed in seeds}


# What varies.


def test_tasks_begin_in_any_order():
    async def main():
        begun = []

        async def begin(name):
            begun.append(name)

        await asyncio_core.gather(*map(begin, "abc"))
        return "".join(begun)

    assert outcomes(main, range(100)) == set(map("".join, itertools.permutations("abc")))


def test_tasks_that_one_event_wakes_go_on_in_any_order():
    async def main():
        woken = []
        event = asyncio_core.get_running_loop().create_future()

        async def wait(name):
            await event
            woken.append(name)

        tasks = [asyncio_core.create_task(wait(name)) for name in "abc"]
        await asyncio_core.sleep(1)
        event.set_result(None)
        await asyncio_core.wait(tasks)
        return "".join(woken)

    assert outcomes(main, range(100)) == set(map("".join, itertools.permutations("abc")))


def test_a_wake_up_may_come_turns_later():
    async def main():
        loop = asyncio_core.get_running_loop()
        turns = 0

        def count():
            nonlocal turns
            turns += 1
            if turns < 30:
                loop.call_soon(count)

        count()
        event = loop.create_future()
        waiting = asyncio_core.create_task(wait_for(event))
        await asyncio_core.sleep(0)
        event.set_result(None)
        begun = turns
        await waiting
        return turns - begun

    assert len(outcomes(main)) > 2


async def wait_for(future):
    await future


def test_timers_of_different_times_may_come_in_one_turn_and_in_their_order():
    async def main():
        loop = asyncio_core.get_running_loop()
        seen = []
        done = loop.create_future()
        loop.call_later(1.0, lambda: seen.append(("first", loop.time())))
        loop.call_later(1.0005, lambda: seen.append(("second", loop.time())))
        loop.call_later(2, done.set_result, None)
        await done
        assert [name for name, _ in seen] == ["first", "second"]
        moments = [moment for _, moment in seen]
        return moments[0] == moments[1]

    # A clock that does not tell them apart has them come together always, as on Windows up to Python 3.12.
    coarse = time.get_clock_info("monotonic").resolution > 0.0005
    assert outcomes(main) == ({True} if coarse else {True, False})


def test_what_threads_hand_over_comes_among_other_things_and_in_its_order():
    async def main():
        loop = asyncio_core.get_running_loop()
        seen = []

        def hand_over():
            for number in range(3):
                loop.call_soon_threadsafe(seen.append, number)

        async def note(name):
            seen.append(name)

        thread = threading.Thread(target=hand_over)
        thread.start()
        thread.join()
        await asyncio_core.gather(note("a"), note("b"))
        while len(seen) < 5:
            await asyncio_core.sleep(0)
        assert [each for each in seen if isinstance(each, int)] == [0, 1, 2]
        return tuple(seen)

    assert len(outcomes(main)) > 5


# What stays.


@pytest.mark.parametrize("seed", SEEDS)
def test_callbacks_stay_in_their_order(seed):
    async def main():
        loop = asyncio_core.get_running_loop()
        seen = []

        async def others():
            for _ in range(5):
                await asyncio_core.sleep(0)

        async with asyncio_core.TaskGroup() as group:
            for number in range(20):
                loop.call_soon(seen.append, number)
                group.create_task(others())
        return seen

    assert run(main, seed) == list(range(20))


@pytest.mark.parametrize("seed", SEEDS)
def test_timers_of_one_time_stay_in_their_order(seed):
    async def main():
        loop = asyncio_core.get_running_loop()
        seen = []
        for number in range(10):
            loop.call_later(1, seen.append, number)
        await asyncio_core.sleep(2)
        return seen

    assert run(main, seed) == list(range(10))


@pytest.mark.parametrize("seed", SEEDS)
def test_who_gives_way_goes_on_after_all_that_was_ready(seed):
    async def main():
        loop = asyncio_core.get_running_loop()
        seen = []

        async def begin(name):
            seen.append(name)

        event = loop.create_future()

        async def wait():
            await event
            seen.append("woken")

        asyncio_core.create_task(wait())
        await asyncio_core.sleep(0)
        event.set_result(None)
        asyncio_core.create_task(begin("begun"))
        loop.call_soon(seen.append, "called")
        await asyncio_core.sleep(0)
        return set(seen)

    assert run(main, seed) == {"woken", "begun", "called"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_done_callback_from_before_has_run_when_the_task_goes_on(seed):
    async def main():
        seen = []
        task = asyncio_core.create_task(asyncio_core.sleep(1))
        task.add_done_callback(seen.append)
        others = [asyncio_core.create_task(asyncio_core.sleep(1)) for _ in range(5)]
        await task
        assert seen == [task]
        await asyncio_core.wait(others)

    run(main, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_first_step_comes_after_callbacks_that_were_queued_before(seed):
    loop = laid_over(ShuffledPart, ParkingEventLoop)(Decisions(seed))
    seen = []

    async def main():
        seen.append("main")

    loop.call_soon(seen.append, "before")
    loop.run_until_complete(main())
    loop.close()
    assert seen == ["before", "main"]


@pytest.mark.parametrize("debug", [True, False])
def test_all_runs_that_is_ready(debug):
    async def main():
        counted = 0

        async def work():
            nonlocal counted
            for _ in range(10):
                await asyncio_core.sleep(0)
                counted += 1

        await asyncio_core.gather(*(work() for _ in range(50)))
        return counted

    kind = laid_over(ShuffledPart, ParkingEventLoop)
    with asyncio_core.Runner(loop_factory=lambda: kind(Decisions(0)), debug=debug) as runner:
        assert runner.run(main()) == 500


def test_an_exception_that_ends_the_run_loses_nothing_that_is_ready():
    loop = laid_over(ShuffledPart, ParkingEventLoop)(Decisions(1))
    seen = []

    def interrupt():
        raise KeyboardInterrupt

    for number in range(5):
        loop.call_soon(seen.append, number)
    loop.call_soon(interrupt)
    for number in range(5, 10):
        loop.call_soon(seen.append, number)
    with pytest.raises(KeyboardInterrupt) as caught:
        loop.run_forever()
    assert caught.value.__notes__ == ["ASYNCIO_SEED=1 repeats this order of things"]
    assert len(loop._ready) == 5
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert seen == list(range(10))


# The same again.


async def racing():
    """Fail where the second of two tasks goes on first."""
    seen = []

    async def wait(name):
        await asyncio_core.sleep(1)
        seen.append(name)

    noise = [asyncio_core.create_task(asyncio_core.sleep(n / 3)) for n in range(20)]
    await asyncio_core.gather(wait("a"), wait("b"))
    await asyncio_core.wait(noise)
    assert seen == ["a", "b"]


def test_a_failure_is_found_repeated_and_shrunk():
    assert repeat(racing, {}) is None, "0 is the usual order"
    found = explore(racing)
    assert isinstance(found, Failure)
    assert isinstance(found.error, AssertionError)
    again = explore(racing, [found.seed])
    assert again.table == found.table
    assert isinstance(repeat(racing, found.table).error, AssertionError)
    least = shrink(racing, found)
    assert len(least.table) == 1 < len(found.table)
    assert least.table.items() <= found.table.items()
    assert f"seed {found.seed}, 1 decisions: 0." in str(least)
    assert "AssertionError" in str(least)


def test_what_the_loop_reports_is_a_failure_too():
    async def main():
        asyncio_core.get_running_loop().call_soon(divmod, 1, 0)
        await asyncio_core.sleep(1)

    assert isinstance(explore(main, [0]).error, ZeroDivisionError)


def test_nothing_is_found_where_nothing_is_wrong():
    async def main():
        await asyncio_core.gather(*map(asyncio_core.sleep, range(5)))

    assert explore(main, range(20)) is None


def test_reports_tell_how_to_repeat():
    told = []

    async def main():
        loop = asyncio_core.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        loop.call_soon(divmod, 1, 0)
        await asyncio_core.sleep(0)

    run(main, 17)
    assert told[0]["to_repeat"] == "ASYNCIO_SEED=17"


PROGRAM = """
import asyncio_core
begun = []
async def begin(name):
    begun.append(name)
async def main():
    await asyncio_core.gather(*map(begin, "abcdefgh"))
asyncio_core.run(main())
print("".join(begun))
"""
SHUFFLED = {
    **{name: value for name, value in os.environ.items() if not name.startswith("ASYNCIO_")},
    "ASYNCIO_LOOP": "asyncio_core.testing.shuffled:ShuffledEventLoopPolicy",
}


def test_the_environment_gives_the_seed():
    printed = {
        seed: printed_by(PROGRAM, env={**SHUFFLED, "ASYNCIO_SEED": str(seed)}) for seed in (1, 2)
    }
    assert printed[1] != printed[2]
    assert printed_by(PROGRAM, env={**SHUFFLED, "ASYNCIO_SEED": "1"}) == printed[1]


def test_a_seed_that_was_drawn_is_told_at_the_end():
    done = run_python(PROGRAM, env=SHUFFLED)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("asyncio: ASYNCIO_SEED=")
    seed = last.removeprefix("asyncio: ASYNCIO_SEED=").partition(" ")[0]
    assert printed_by(PROGRAM, env={**SHUFFLED, "ASYNCIO_SEED": seed}) == done.stdout.strip()


def test_a_loop_that_does_not_run_tells_no_seed():
    program = "import asyncio_core; asyncio_core.new_event_loop().close()"
    assert printed_by(program, env=SHUFFLED) == ""


def test_a_table_is_noted_and_played(tmp_path):
    noted = tmp_path / "table"
    variables = {**SHUFFLED, "ASYNCIO_SEED": "1", "ASYNCIO_DECISIONS_TO": str(noted)}
    printed = printed_by(PROGRAM, env=variables)
    for played in (f"@{noted}", noted.read_text()):
        assert printed_by(PROGRAM, env={**SHUFFLED, "ASYNCIO_DECISIONS": played}) == printed
    assert printed_by(PROGRAM, env={**SHUFFLED, "ASYNCIO_DECISIONS": "none"}) == "abcdefgh"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ASYNCIO_SEED", "seven"),
        ("ASYNCIO_SEED", "-1"),
        ("ASYNCIO_SEED", "1.5"),
        ("ASYNCIO_DECISIONS", "0.1=2,x"),
        ("ASYNCIO_DECISIONS", "0.1,2"),
        ("ASYNCIO_DECISIONS", "0.1=-2"),
        ("ASYNCIO_DECISIONS", "0.-1=2"),
        ("ASYNCIO_DECISIONS", "-1.1=2"),
        ("ASYNCIO_DECISIONS", "0.1=1,0.1=2"),
        ("ASYNCIO_DECISIONS", ","),
        ("ASYNCIO_DECISIONS", "@/no/such/file"),
        ("ASYNCIO_DECISIONS", f"@{os.curdir}"),
    ],
)
def test_a_variable_that_is_not_understood_is_named(variable, value):
    done = run_python(PROGRAM, env={**SHUFFLED, variable: value})
    assert done.returncode == 1
    assert f"ValueError: {variable}={value}: " in done.stderr


def test_a_table_that_cannot_be_written_is_told_in_one_line(tmp_path):
    path = str(tmp_path / "no" / "table")
    variables = {**SHUFFLED, "ASYNCIO_SEED": "1", "ASYNCIO_DECISIONS_TO": path}
    done = run_python(PROGRAM, env=variables)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"asyncio: ASYNCIO_DECISIONS_TO={path}: ")


@pytest.mark.parametrize("seed", [-1, -100])
def test_a_seed_below_zero_is_refused(seed):
    # Random() takes it for the same without its sign.
    with pytest.raises(ValueError, match=f"from 0 on, not {seed}$"):
        Decisions(seed)


def test_tables_are_read_as_they_are_written():
    table = {(0, 3): 1, (0, 20): 7, (2, 0): 1}
    assert format_table(table) == "0.3=1,0.20=7,2.0=1"
    assert parse_table(format_table(table)) == table
    assert parse_table(format_table({})) == {}


@pytest.mark.parametrize("needed", [set(), {3}, {0, 19}, {5, 6, 7}, set(range(20))])
def test_shrinking_leaves_what_is_needed(needed):
    table = {(0, place): 1 for place in range(20)}
    places = {(0, place) for place in needed}
    assert shrunk(table, lambda some: places <= set(some)).keys() == places


def test_shrinking_ends_after_so_many_attempts():
    tried = []
    table = {(0, place): 1 for place in range(100)}

    def fails(some):
        tried.append(some)
        return len(some) == 100 or ((0, 50) in some and (0, 51) in some)

    left = shrunk(table, fails, 5)
    assert len(tried) == 5
    assert {(0, 50), (0, 51)} <= left.keys()
