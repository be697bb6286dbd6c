"""inspecting.snapshot(): what the tasks and loops of this process do."""

from __future__ import annotations

import gc
import json
import threading
import types
import weakref

import pytest

from asyncio_core import inspecting
from asyncio_core.awaiting.combinators import gather
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import _enter_task, _leave_task
from asyncio_core.awaiting.waiting import sleep, wait
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.inspecting import stacks
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.programs import printed_by


async def wait_on(awaitable):
    return await awaitable


async def settled():
    for _ in range(3):
        await sleep(0)


def facts(name, taken=None):
    """Return what a snapshot tells of the task of that name."""
    tasks = (taken or inspecting.snapshot())["tasks"]
    (found,) = [task for task in tasks if task["name"] == name]
    return found


def functions(told):
    return [entry["function"].rpartition(".")[2] for entry in told["stack"]]


async def seen(*coroutines, count=None):
    """Start coroutines as tasks "one", "two", …, and return what is told of the first, or of `count`."""
    names = ("one", "two", "three")
    tasks = [create_task(each, name=name) for each, name in zip(coroutines, names, strict=False)]
    await settled()
    taken = inspecting.snapshot()
    for task in tasks:
        task.cancel()
    await gather(*tasks, return_exceptions=True)
    json.dumps(taken)
    return facts("one", taken) if count is None else [facts(name, taken) for name in names[:count]]


def test_a_task_that_waits_is_told_with_its_stack_down_to_the_leaf(run):
    async def main():
        return await seen(wait_on(wait_on(get_running_loop().create_future())))

    told = run(main())
    assert told["state"] == "waiting"
    assert functions(told) == ["wait_on", "wait_on"]
    line = wait_on.__code__.co_firstlineno + 1
    assert [(each["file"], each["line"]) for each in told["stack"]] == [(__file__, line)] * 2
    assert told["waits_for"]["kind"] == "future"


def test_stacks_go_through_generators_and_asynchronous_generators(run):
    class Own:
        def __await__(self):
            yield from get_running_loop().create_future().__await__()

    @types.coroutine
    def generator():
        yield from Own().__await__()

    async def numbers():
        yield await generator()

    async def through_for():
        async for number in numbers():
            return number

    async def through_anext():
        return await anext(numbers(), None)

    async def through_close():
        async def last():
            try:
                yield
            finally:
                await wait_on(Own())

        left = last()
        await anext(left)
        await left.aclose()

    async def main():
        return await seen(through_for(), through_anext(), through_close(), count=3)

    one, two, three = run(main())
    inside = ["numbers", "generator", "__await__"]
    assert functions(one) == ["through_for", *inside]
    assert functions(two) == ["through_anext", *inside]
    assert functions(three) == ["through_close", "last", "wait_on", "__await__"]
    assert [each["kind"] for each in one["stack"]] == [
        *("coroutine", "async generator", "coroutine", "generator")
    ]


def test_a_sleep_tells_when_it_is_due(run):
    async def main():
        return await seen(sleep(40), wait_on(create_task(sleep(50))), count=2)

    one, two = run(main())
    assert one["waits_for"]["kind"] == "timer"
    assert one["waits_for"]["due_in"] == 40
    assert two["waits_for"]["kind"] == "task"


def test_looking_at_timers_leaves_them_as_they_are(run):
    async def main():
        loop = get_running_loop()
        fired = []
        loop.call_later(2, fired.append, 2)
        loop.call_later(1, fired.append, 1)
        cancelled = loop.call_later(1, fired.append, 0)
        cancelled.cancel()
        before = sorted(vars(loop))
        assert [each["timers"] for each in inspecting.snapshot()["loops"]] == [2]
        assert sorted(vars(loop)) == before
        # Once compiled timers were shown, the loop keeps them here.
        compiled = "CompiledTurn" in [kind.__name__ for kind in type(loop).__mro__]
        assert not (compiled and loop._timer_heap)
        await sleep(3)
        return fired

    assert run(main()) == [1, 2]


def test_who_waits_for_others_names_them_and_they_name_it(run):
    async def main():
        one, two = (create_task(sleep(5), name=f"sleep {n}") for n in (1, 2))
        gathering = create_task(wait_on(gather(one, two)), name="gathering")
        waiting = create_task(wait([one, two]), name="waiting")
        awaiting = create_task(wait_on(one), name="awaiting")
        await settled()
        taken = inspecting.snapshot()
        await gather(gathering, waiting, awaiting)
        return taken

    taken = run(main())
    one, two = facts("sleep 1", taken), facts("sleep 2", taken)
    gathering, waiting = facts("gathering", taken), facts("waiting", taken)
    awaiting = facts("awaiting", taken)
    both = sorted((one["id"], two["id"]))
    assert gathering["waits_for"]["kind"] == "gather"
    assert sorted(gathering["waits_for"]["ids"]) == both
    assert waiting["waits_for"]["kind"] == "tasks"
    assert sorted(waiting["waits_for"]["ids"]) == both
    assert awaiting["waits_for"] == {"kind": "task", "id": one["id"]}
    assert {waiting["id"], awaiting["id"]} <= set(one["awaited_by"])


def test_states_are_running_ready_and_waiting(run):
    async def main():
        create_task(sleep(0), name="not begun")
        woken = create_task(wait_on(future := get_running_loop().create_future()), name="woken")
        await sleep(0)
        gives_way = create_task(settled(), name="gives way")
        await sleep(0)
        future.set_result(None)
        fresh = create_task(sleep(0), name="fresh")
        taken = inspecting.snapshot()
        await gather(woken, gives_way, fresh)
        return taken

    taken = run(main())
    states = {task["name"]: task["state"] for task in taken["tasks"]}
    assert states.pop("woken") == states.pop("fresh") == states.pop("gives way") == "ready"
    assert "not begun" not in states, "it is done"
    ((name, state),) = states.items()
    assert name.startswith("Task-")
    assert state == "running"


def test_the_running_task_stands_where_the_snapshot_is_taken(run):
    def take():
        return inspecting.snapshot()

    async def inner():
        return take()

    async def main():
        return await inner()

    taken = run(main())
    (task,) = taken["tasks"]
    assert functions(task)[-3:] == ["main", "inner", "take"]
    (loop,) = taken["loops"]
    assert loop["task"] == task["id"]
    assert loop["running"]
    assert loop["thread"] == {"id": threading.get_ident(), "name": threading.current_thread().name}
    assert functions({"stack": loop["callback"]})[-3:] == ["main", "inner", "take"]


def test_a_task_that_is_current_outside_of_its_coroutine_stands_where_that_is(run):
    # As it is for an instant before each step and after it, in which a signal's handler or a debugger may look.
    async def main():
        loop = get_running_loop()
        task = create_task(wait_on(loop.create_future()), name="between")
        taken = loop.create_future()

        def look():
            _enter_task(loop, task)
            taken.set_result(inspecting.snapshot())
            _leave_task(loop, task)

        await sleep(0)
        loop.call_soon(look)
        told = facts("between", await taken)
        task.cancel()
        return told

    told = run(main())
    assert told["state"] == "running"
    assert functions(told) == ["wait_on"]


def test_a_loop_that_is_blocked_is_seen_from_another_thread(run_in_real_time):
    inside, go_on = threading.Event(), threading.Event()
    taken = []

    def look():
        inside.wait()
        taken.append(inspecting.snapshot())
        go_on.set()

    def blocks():
        inside.set()
        go_on.wait()

    async def main():
        looking = threading.Thread(target=look)
        looking.start()
        get_running_loop().call_soon(blocks)
        await sleep(0)
        looking.join()

    run_in_real_time(main())
    (loop,) = taken[0]["loops"]
    assert "blocks" in loop["callback"][0]["function"]
    assert loop["callback"][0]["line"] == blocks.__code__.co_firstlineno + 2
    assert loop["task"] is None


def test_a_loop_that_waits_is_in_no_callback():
    loop = ParkingEventLoop()
    taken, waits = [], threading.Event()

    async def main():
        waits.set()
        await loop.create_future()

    thread = threading.Thread(target=lambda: loop.run_forever(), name="apart")
    task = loop.create_task(main(), name="main")
    thread.start()
    waits.wait()
    # It may be about to wait still.
    while not taken or taken[-1]["loops"][0]["callback"] is not None:
        taken.append(inspecting.snapshot())
    loop.call_soon_threadsafe(task.cancel)
    loop.call_soon_threadsafe(loop.call_soon, loop.stop)
    thread.join()
    loop.close()

    (told,) = taken[-1]["loops"]
    assert told["thread"]["name"] == "apart"
    assert facts("main", taken[-1])["loop"] == told["id"]
    assert not inspecting.snapshot()["loops"]


def test_loops_of_all_threads_are_told_whether_they_run_or_not():
    loops = [ParkingEventLoop() for _ in range(2)]
    loops[0].call_soon(print)
    told = {each["id"]: each for each in inspecting.snapshot()["loops"]}
    for loop in loops:
        loop.close()
    assert told.keys() == {id(loop) for loop in loops}
    assert [told[id(loop)]["ready"] for loop in loops] == [1, 0]
    assert not any(each["running"] for each in told.values())


def test_deep_stacks_are_cut_in_the_middle(run):
    async def deep(n):
        return await (deep(n - 1) if n else wait_on(get_running_loop().create_future()))

    async def main():
        return await seen(deep(500))

    told = run(main())
    assert len(told["stack"]) == stacks.MOST_FRAMES + 1
    assert told["stack"][stacks.MOST_FRAMES // 2]["kind"] == "left out"
    assert functions(told)[-1] == "wait_on"


def test_attributes_that_run_code_are_not_asked_for(run):
    asked = []

    class Sly:
        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            future = get_running_loop().create_future()
            future._asyncio_future_blocking = True
            return future

        def __getattr__(self, name):
            asked.append(name)
            raise AttributeError(name)

        @property
        def cr_await(self):
            asked.append("cr_await")

    sly = Sly()

    async def main():
        task = create_task(wait_on(sly), name="one")
        await settled()
        asked.clear()
        told = facts("one")
        found = list(asked)
        task.cancel()
        await gather(task, return_exceptions=True)
        return told, found

    told, found = run(main())
    assert functions(told) == ["wait_on"]
    assert found == []


def test_local_variables_live_no_longer_for_it(run):
    class Thing:
        pass

    async def holder(future):
        thing = Thing()
        gone = weakref.ref(thing)
        await future
        del thing
        return gone() is None

    async def main():
        future = get_running_loop().create_future()
        task = create_task(holder(future), name="one")
        await settled()
        inspecting.snapshot()
        future.set_result(None)
        return await task

    assert run(main())


def test_ten_thousand_tasks_can_be_told(run):
    async def main():
        future = get_running_loop().create_future()
        tasks = [create_task(wait_on(wait_on(future))) for _ in range(10_000)]
        await settled()
        taken = inspecting.snapshot()
        future.set_result(None)
        await gather(*tasks)
        return taken

    taken = run(main())
    assert len(taken["tasks"]) == 10_001
    assert all(len(task["stack"]) == 2 for task in taken["tasks"] if task["state"] == "waiting")


def test_what_changes_meanwhile_does_no_harm(run_in_real_time):
    taken, over = [], threading.Event()

    def look():
        while not over.is_set():
            taken.append(len(inspecting.snapshot()["tasks"]))

    async def short(n):
        await sleep(n % 3 * 0.0001)

    async def main():
        looking = threading.Thread(target=look)
        looking.start()
        # Until it has met some of the tasks that come and go.
        while sum(number > 1 for number in taken) < 5:
            await gather(*(short(n) for n in range(50)))
        over.set()
        looking.join()

    run_in_real_time(main())
    assert max(taken) <= 51


def test_a_task_that_is_dropped_while_it_is_looked_at_ends_in_its_own_thread(run_in_real_time):
    ended_in = []

    async def left(future):
        try:
            await future
        finally:
            ended_in.append(threading.get_ident())

    async def main():
        from asyncio_core.inspecting import snapshots

        loop = get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        future = loop.create_future()
        held = [create_task(left(future))]
        await settled()
        # Now only this list holds it, as that of a snapshot would.
        del future
        thread = threading.Thread(target=snapshots._give_back, args=(held,))
        thread.start()
        thread.join()
        await settled()
        gc.collect()
        assert not held

    run_in_real_time(main())
    assert ended_in == [threading.get_ident()]


def test_nothing_of_it_is_loaded_before_somebody_asks():
    program = """
import asyncio_core, sys
async def main(): pass
asyncio_core.run(main())
print([name for name in sys.modules if name.startswith("asyncio_core.inspecting")])
"""
    assert printed_by(program).strip() == "[]"


def test_names_of_the_module_are_listed():
    assert "snapshot" in dir(inspecting)
    with pytest.raises(AttributeError, match="no attribute 'snap'"):
        _ = inspecting.snap
