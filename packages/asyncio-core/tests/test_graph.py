"""capture_call_graph, format_call_graph, print_call_graph."""

from __future__ import annotations

import io
import types

import pytest

from asyncio_core.awaiting.combinators import gather
from asyncio_core.awaiting.futures import future_add_to_awaited_by
from asyncio_core.awaiting.graph import (
    FrameCallGraphEntry,
    FutureCallGraph,
    capture_call_graph,
    format_call_graph,
    print_call_graph,
)
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.awaiting.waiting import sleep, wait
from asyncio_core.choosing.running_loop import get_running_loop


def functions(graph):
    return [entry.frame.f_code.co_name for entry in graph.call_stack]


async def wait_on(awaitable):
    return await awaitable


async def turn(times=3):
    for _ in range(times):
        await sleep(0)


def test_stack_of_the_current_task_begins_at_the_caller_and_ends_with_the_task(run):
    def function():
        return capture_call_graph()

    def generator():
        yield function()

    async def numbers():
        for graph in generator():
            yield graph

    async def inner():
        async for graph in numbers():
            return graph

    async def main():
        return await create_task(inner())

    graph = run(main())
    assert functions(graph)[:4] == ["function", "generator", "numbers", "inner"]
    assert len(graph.call_stack) == 4


def test_depth_leaves_out_innermost_frames(run):
    async def inner(depth):
        return capture_call_graph(depth=depth)

    async def main():
        names = [functions(await create_task(wait_on(inner(depth)))) for depth in range(5)]
        assert names[0] == ["capture_call_graph", "inner", "wait_on"]
        assert names[1:] == [["inner", "wait_on"], ["wait_on"], [], []]

    run(main())


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["inner", "wait_on", "outer"]),
        (1, ["outer"]),
        (2, ["wait_on", "outer"]),
        (-1, ["inner"]),
        (-2, ["inner", "wait_on"]),
        (0, []),
        (50, ["inner", "wait_on", "outer"]),
    ],
)
@pytest.mark.parametrize("running", [True, False])
def test_limit_keeps_one_end_of_the_stack(run, limit, expected, running):
    async def inner(future):
        if running:
            return capture_call_graph(limit=limit)
        await future

    async def outer(future):
        return await wait_on(inner(future))

    async def main():
        future = get_running_loop().create_future()
        task = create_task(outer(future))
        await turn()
        future.set_result(None)
        graph = capture_call_graph(task, limit=limit)
        return graph, await task

    graph, running_graph = run(main())
    assert functions(running_graph if running else graph) == (
        expected if running else functions(graph)
    )
    if not running:
        assert len(graph.call_stack) == len(expected)


def test_stack_of_a_suspended_task(run):
    @types.coroutine
    def generator_coroutine(future):
        return (yield from future)

    async def numbers(future):
        yield await generator_coroutine(future)

    async def outer(future):
        return [number async for number in numbers(future)]

    async def simple(future):
        await generator_coroutine(future)

    async def main():
        future = get_running_loop().create_future()
        task = create_task(simple(future))
        await turn()
        names = functions(capture_call_graph(task))
        future.set_result(None)
        await task
        return names

    assert run(main()) == ["generator_coroutine", "simple"]


def test_awaiting_tasks_are_found(run):
    async def main():
        future = get_running_loop().create_future()
        tasks = [create_task(wait_on(future), name=name) for name in ("one", "two")]
        await turn()
        graph = capture_call_graph(future)
        future.set_result(None)
        await wait(tasks)
        return graph, tasks

    graph, tasks = run(main())
    assert graph.call_stack == ()
    assert {node.future for node in graph.awaited_by} == set(tasks)


def test_shared_part_is_captured_once_and_shown_once(run):
    async def main():
        future = get_running_loop().create_future()
        one, two = (create_task(wait_on(future), name=name) for name in ("one", "two"))
        both = create_task(wait_on(gather(one, two)), name="both")
        future_add_to_awaited_by(one, both)
        future_add_to_awaited_by(two, both)
        await turn()
        graph, text = capture_call_graph(future), format_call_graph(future)
        future.set_result(None)
        await both
        return graph, text

    graph, text = run(main())
    first, second = (
        next(node for node in branch.awaited_by if node.future.get_name() == "both")
        for branch in graph.awaited_by
    )
    assert first is second
    headings = [line for line in text.splitlines() if "name='both'" in line]
    assert [line.endswith("(shown above)") for line in headings] == [False, True]


def test_graph_of_many_diamonds_stays_small(run):
    # Each level doubles the number of ways; written out, they would never end.
    async def main():
        levels = 200
        future = get_running_loop().create_future()
        tips = [future]
        tasks = []
        for _ in range(levels):
            tips = [create_task(wait(tips)) for _ in range(2)]
            tasks += tips
            await turn()
        text = format_call_graph(future)
        repr(capture_call_graph(future))
        future.set_result(None)
        await wait(tasks)
        return text

    async def wait(futures):
        return await gather(*futures)

    text = run(main())
    assert text.count("* Task(") == 2 + 2 * 2 * 199
    assert len(text.splitlines()) < 200 * 20


def test_long_chain_needs_neither_recursion_nor_much_space(run):
    async def main():
        future = tip = get_running_loop().create_future()
        for _ in range(3000):
            tip = create_task(wait_on(tip))
        await turn()
        text = format_call_graph(future)
        future.set_result(None)
        await tip
        return text

    text = run(main())
    assert text.count("* Task(") == 3000
    assert "[level 3000]" in text
    assert max(map(len, text.splitlines())) < 400


def test_ring_of_futures_is_cut(loop):
    futures = [loop.create_future() for _ in range(3)]
    for number, future in enumerate(futures):
        future_add_to_awaited_by(future, futures[number - 1])
    seen = []
    node = capture_call_graph(futures[0])
    while node.awaited_by:
        seen.append(node.future)
        (node,) = node.awaited_by
    assert seen == [futures[0], futures[2], futures[1]]
    assert node == FutureCallGraph(futures[0], (), ())
    text = format_call_graph(futures[0])
    assert text.count("* Future(") == 4
    assert text.endswith("(shown above)")


def test_finished_task_has_no_stack(run):
    async def main():
        task = create_task(sleep(0))
        await task
        return capture_call_graph(task)

    assert run(main()).call_stack == ()


def test_task_in_an_eager_start_ends_where_it_began(run):
    async def eager():
        return capture_call_graph()

    async def main():
        task = create_task(eager(), eager_start=True)
        return functions(await task)

    assert run(main()) == ["eager"]


def test_coroutine_without_frames_ends_before_the_loop(run):
    class Opaque:
        """A coroutine as compilers make them."""

        def __init__(self, coro):
            self._coro = coro

        def send(self, value):
            return self._coro.send(value)

        def throw(self, *args):
            return self._coro.throw(*args)

        def close(self):
            self._coro.close()

        def __await__(self):
            return self

    import collections.abc

    collections.abc.Coroutine.register(Opaque)

    async def visible():
        return capture_call_graph()

    async def main():
        return functions(await create_task(Opaque(visible())))

    assert run(main()) == ["visible"]


def test_without_a_task_there_is_no_graph(run):
    async def main():
        results = []

        def callback():
            results.append(capture_call_graph())
            results.append(format_call_graph())

        get_running_loop().call_soon(callback)
        await turn()
        return results

    assert run(main()) == [None, ""]


def test_without_a_loop_a_future_is_needed(loop):
    with pytest.raises(RuntimeError, match="no event loop is running"):
        capture_call_graph()
    assert capture_call_graph(loop.create_future()).call_stack == ()


def test_what_is_no_future_is_refused(run):
    async def main():
        with pytest.raises(TypeError, match="'text'"):
            capture_call_graph("text")

    run(main())


def test_text_has_a_line_for_each_frame_of_each_kind(run):
    def generator():
        yield format_call_graph()

    async def numbers():
        for text in generator():
            yield text

    async def main():
        async for text in numbers():
            return text

    text = run(main())
    lines = [line.rpartition(" in ")[2] for line in text.splitlines() if "|   File" in line]
    place = "test_text_has_a_line_for_each_frame_of_each_kind.<locals>."
    assert lines[:3] == [
        f"generator {place}generator()",
        f"async generator {place}numbers()",
        f"async {place}main()",
    ]
    assert text.startswith("* Task(name='")


def test_print_call_graph_begins_at_its_caller(run, capsys):
    async def caller():
        file = io.StringIO()
        print_call_graph(file=file)
        print_call_graph()
        return file.getvalue()

    async def main():
        return await create_task(caller(), name="the task")

    text = run(main())
    lines = text.splitlines()
    assert lines[0].startswith("* Task(name='the task', id=0x")
    assert lines[1] == "  + Call stack:"
    assert ".caller()" in lines[2]
    printed = capsys.readouterr().out
    assert printed.replace(lines[2], "") != printed or "caller()" in printed


def test_entries_are_frozen(run):
    async def main():
        return capture_call_graph()

    graph = run(main())
    with pytest.raises(AttributeError):
        graph.future = None
    entry = graph.call_stack[0]
    assert entry == FrameCallGraphEntry(entry.frame)
    with pytest.raises(AttributeError):
        entry.frame = None
    assert isinstance(hash(graph), int)


def test_edges_of_waiting_functions_are_gone_afterwards(run):
    async def main():
        future = get_running_loop().create_future()
        waiting = create_task(wait([future]))
        await turn()
        nodes = capture_call_graph(future).awaited_by
        assert [node.future for node in nodes] == [waiting]
        future.set_result(None)
        await waiting
        assert capture_call_graph(future).awaited_by == ()
        assert current_task() is not None

    run(main())
