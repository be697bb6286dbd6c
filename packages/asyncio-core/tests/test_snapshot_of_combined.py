"""inspecting.snapshot(): who waits for tasks by way of gather() and shield()."""

from __future__ import annotations

import pytest

from asyncio_core import inspecting
from asyncio_core.awaiting.combinators import gather, shield
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import all_tasks, current_task
from asyncio_core.awaiting.waiting import sleep, wait_for
from asyncio_core.choosing.running_loop import get_running_loop


async def wait_on(awaitable):
    return await awaitable


def child(name):
    return create_task(wait_on(get_running_loop().create_future()), name=name)


async def seen(*made):
    """Let a task wait for each of what was made, and return who waits for whom, by names, and who awaits whom."""
    waiting = [create_task(wait_on(each), name=f"waits {n}") for n, each in enumerate(made)]
    for _ in range(3):
        await sleep(0)
    tasks = inspecting.snapshot()["tasks"]
    names = {task["id"]: task["name"] for task in tasks}
    told = {task["name"]: task for task in tasks}
    result = []
    for task in waiting:
        facts = told[task.get_name()]["waits_for"]
        ids = facts.get("ids", [])
        assert facts.get("left", 0) == len(ids)
        result.append((facts["kind"], [names.get(each) for each in ids]))
        for each in ids:
            if each in names:
                assert id(task) in told[names[each]]["awaited_by"]
    left = all_tasks() - {current_task()}
    for task in left:
        task.cancel()
    await gather(*left, return_exceptions=True)
    return result


WAYS = {
    "gather": (lambda one, two: gather(one, two), "gather"),
    "gather in gather": (lambda one, two: gather(gather(one), gather(two)), "gather"),
    "shields in gather": (lambda one, two: gather(shield(one), shield(two)), "gather"),
    "gather in shield": (lambda one, two: shield(gather(one, two)), "tasks"),
    "shields in shield": (lambda one, two: shield(shield(gather(one, shield(two)))), "tasks"),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_need_not_be_who_made_it(run, way):
    make, kind = WAYS[way]

    async def main():
        return await seen(make(child("one"), child("two")))

    assert run(main()) == [(kind, ["one", "two"])]


def test_several_wait_for_what_one_is_shielded_in(run):
    async def main():
        shielded = shield(child("one"))
        return await seen(shielded, wait_for(shielded, 1000), shield(shielded))

    assert run(main()) == [("tasks", ["one"])] * 3


def test_what_is_no_task_stays_a_future(run):
    async def main():
        loop = get_running_loop()
        plain, other = loop.create_future(), loop.create_future()
        # What a function of the program's does with a future is not known.
        child("stranger").add_done_callback(lambda _: other.cancel())
        return await seen(plain, shield(plain), other, gather(plain, child("one")))

    assert run(main()) == [
        *[("future", [])] * 3,
        ("gather", [None, "one"]),
    ]


def test_a_future_whose_method_a_task_calls_when_it_is_done(run):
    async def main():
        future = get_running_loop().create_future()
        child("one").add_done_callback(future.cancel)
        return await seen(future)

    assert run(main()) == [("tasks", ["one"])]


def test_many_wait_for_many(run):
    async def main():
        children = [child(f"c{number}") for number in range(2000)]
        inner = gather(*children)
        waiting = create_task(wait_on(shield(inner)), name="waits")
        await sleep(0)
        await sleep(0)
        tasks = {task["name"]: task for task in inspecting.snapshot()["tasks"]}
        waiting.cancel()
        inner.cancel()
        await gather(waiting, inner, return_exceptions=True)
        return tasks["waits"]["waits_for"]

    facts = run(main())
    # Not all are named; how many there are is told.
    assert (facts["kind"], facts["left"], len(facts["ids"])) == ("tasks", 2000, 1000)
