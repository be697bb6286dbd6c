"""`asyncio.run(main)`, where `asyncio.run(main())` was meant, says so."""

from __future__ import annotations

import functools

import pytest

import asyncio_core
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.loops.parking import ParkingEventLoop


async def main():
    """What is run."""


async def with_arguments(name):
    """What cannot be run as it is."""


class Service:
    async def serve(self):
        """Run as a method."""

    def __await__(self):
        yield


def run_in_loop(call):
    async def wrapper():
        made = call()
        if hasattr(made, "send"):
            await made

    with asyncio_core.Runner(loop_factory=ParkingEventLoop) as runner:
        runner.run(wrapper())


def in_runner(given):
    with asyncio_core.Runner(loop_factory=ParkingEventLoop) as runner:
        runner.run(given)


def until_complete(given):
    loop = ParkingEventLoop()
    try:
        loop.run_until_complete(given)
    finally:
        loop.close()


async def in_group(given):
    try:
        async with asyncio_core.TaskGroup() as group:
            group.create_task(given)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def running():
    return asyncio_core.get_running_loop()


CALLS = {
    "run": lambda given: asyncio_core.run(given, loop_factory=ParkingEventLoop),
    "Runner.run": in_runner,
    "run_until_complete": until_complete,
    "create_task": lambda given: run_in_loop(lambda: asyncio_core.create_task(given)),
    "loop.create_task": lambda given: run_in_loop(lambda: running().create_task(given)),
    "Task": lambda given: run_in_loop(lambda: asyncio_core.Task(given)),
    "eager_task_factory": lambda given: run_in_loop(
        lambda: asyncio_core.eager_task_factory(running(), given)
    ),
    "ensure_future": lambda given: run_in_loop(lambda: asyncio_core.ensure_future(given)),
    "gather": lambda given: run_in_loop(lambda: asyncio_core.gather(given)),
    "shield": lambda given: run_in_loop(lambda: asyncio_core.shield(given)),
    "wait_for": lambda given: run_in_loop(lambda: asyncio_core.wait_for(given, 1)),
    "as_completed": lambda given: run_in_loop(
        lambda: [*map(type, asyncio_core.as_completed([given]))]
    ),
    "TaskGroup.create_task": lambda given: run_in_loop(lambda: in_group(given)),
    "run_coroutine_threadsafe": lambda given: run_in_loop(
        lambda: asyncio_core.run_coroutine_threadsafe(given, running())
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_function_is_named_and_its_call_suggested(call):
    with pytest.raises(TypeError, match=r"the function main; did you mean main\(\)\?"):
        call(main)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (with_arguments, "the function with_arguments; did you mean with_arguments(...)?"),
        (Service().serve, "the function serve; did you mean serve()?"),
        (Service, "the class Service; did you mean Service()?"),
        (functools.partial(with_arguments, 1), "a partial call of with_arguments(), which has yet"),
    ],
)
def test_what_is_suggested(given, said):
    for call in CALLS.values():
        with pytest.raises(TypeError) as caught:
            call(given)
        assert said in str(caught.value)


@pytest.mark.parametrize("given", [1, None, "main", int, BaseEventLoop, lambda: None, object()])
def test_nothing_is_suggested_for_what_is_no_function(given):
    for call in CALLS.values():
        with pytest.raises(TypeError) as caught:
            call(given)
        assert "did you mean" not in str(caught.value)
