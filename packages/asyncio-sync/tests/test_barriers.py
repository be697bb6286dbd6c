from __future__ import annotations

import pytest

import asyncio_core
import asyncio_sync


async def outcome(barrier):
    try:
        return await barrier.wait()
    except asyncio_core.BrokenBarrierError:
        return "broken"


def start(barrier, count):
    return [asyncio_core.create_task(outcome(barrier)) for _ in range(count)]


def results(tasks):
    return [task.result() for task in tasks]


@pytest.mark.parametrize("parties", [0, -3])
def test_a_barrier_needs_a_party(parties):
    with pytest.raises(ValueError, match=str(parties)):
        asyncio_sync.Barrier(parties)


@pytest.mark.usual_order
def test_all_pass_together_with_positions_by_arrival(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(3)
        assert barrier.parties == 3
        tasks = start(barrier, 2)
        await turns(3)
        assert barrier.n_waiting == 2
        assert not any(task.done() for task in tasks)
        tasks += start(barrier, 1)
        await settle(tasks)
        assert results(tasks) == [0, 1, 2]
        assert barrier.n_waiting == 0

    run(main)


def test_as_a_context_manager_it_gives_the_position(run):
    async def main():
        async with asyncio_sync.Barrier(1) as position:
            assert position == 0

    run(main)


@pytest.mark.usual_order
def test_newcomers_form_the_next_group_in_order(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(2)
        tasks = start(barrier, 7)
        await turns(10)
        assert [task.done() for task in tasks] == [True] * 6 + [False]
        assert results(tasks[:6]) == [0, 1] * 3
        assert barrier.n_waiting == 1
        await barrier.abort()
        await settle(tasks)
        assert results(tasks[6:]) == ["broken"]

    run(main)


def test_a_cancelled_party_does_not_count_even_before_it_ran(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(2)
        (first,) = start(barrier, 1)
        await turns(1)
        (second,) = start(barrier, 1)
        first.cancel()
        await turns(5)
        assert first.cancelled()
        assert not second.done()
        assert barrier.n_waiting == 1
        (third,) = start(barrier, 1)
        await settle([second, third])
        assert results([second, third]) == [0, 1]

    run(main)


def test_positions_stay_distinct_when_an_early_party_gave_up(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(3)
        gone, *tasks = start(barrier, 2)
        await turns(1)
        gone.cancel()
        await turns(2)
        tasks += start(barrier, 2)
        await settle(tasks)
        assert sorted(results(tasks)) == [0, 1, 2]

    run(main)


@pytest.mark.usual_order
def test_reset_breaks_for_those_inside_and_starts_anew(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(3)
        tasks = start(barrier, 2)
        await turns(1)
        await barrier.reset()
        assert "resetting" in repr(barrier)
        tasks += start(barrier, 3)
        await settle(tasks)
        assert results(tasks) == ["broken", "broken", 0, 1, 2]
        assert not barrier.broken

    run(main)


@pytest.mark.usual_order
def test_an_aborted_barrier_refuses_until_reset(run, turns, settle):
    async def main():
        barrier = asyncio_sync.Barrier(2)
        waiting = start(barrier, 1)
        await turns(1)
        await barrier.abort()
        assert barrier.broken
        assert repr(barrier).endswith(" [broken]>")
        refused = start(barrier, 1)
        await settle(waiting + refused)
        assert results(waiting + refused) == ["broken", "broken"]
        await barrier.reset()
        tasks = start(barrier, 2)
        await settle(tasks)
        assert results(tasks) == [0, 1]

    run(main)


@pytest.mark.usual_order
@pytest.mark.parametrize(("action", "expected"), [("reset", 0), ("abort", None)])
def test_those_outside_are_broken_by_abort_but_not_by_reset(run, turns, settle, action, expected):
    async def main():
        barrier = asyncio_sync.Barrier(2)
        again = []

        async def twice():
            position = await barrier.wait()
            again.extend(start(barrier, 1))
            return position

        tasks = [asyncio_core.create_task(twice()) for _ in range(2)]
        # The second one to come leaves at once; what it starts has to wait outside for the first,
        # which is kept from running by taking its step by hand.
        await turns(1)
        assert "draining" in repr(barrier)
        outsider = outcome(barrier)
        turn = outsider.send(None)
        await getattr(barrier, action)()
        await asyncio_core.wait(tasks)
        await turns(3)
        assert turn.result() == expected
        outsider.close()
        await settle(again)
        assert isinstance(tasks[0].exception(), asyncio_core.BrokenBarrierError)

    run(main)
