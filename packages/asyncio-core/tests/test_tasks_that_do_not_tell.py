"""Tasks of classes that fail to tell of themselves: they are shown all the same, with what can be read."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from asyncio_core import DeadlockError, inspecting
from asyncio_core.awaiting import graph
from asyncio_core.awaiting.asking import name_of
from asyncio_core.awaiting.task import Task, _PyTask
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.inspecting.callbacks import name_of_coroutine
from asyncio_core.loops import lingering
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.loops.runners import Runner
from asyncio_core.testing.making import laid_over
from asyncio_core.testing.virtual import VirtualPart

METHODS = ("get_name", "get_coro", "done", "get_loop", "__repr__")


def refusing(base, *methods):
    """Return a class of tasks of which some methods fail while it says so."""

    def refuse(self, *_):
        raise ZeroDivisionError("this task does not tell")

    return type("Mute", (base,), dict.fromkeys(methods, refuse))


class Nameless(Exception):
    """Cannot be written out."""

    def __str__(self):
        raise ZeroDivisionError

    __repr__ = __str__


async def wait_on(awaitable):
    return await awaitable


def facts(taken, number):
    (found,) = (task for task in taken["tasks"] if task["id"] == number)
    return found


@pytest.mark.parametrize("base", [Task, _PyTask])
@pytest.mark.parametrize("method", METHODS)
def test_what_one_method_does_not_tell_is_read_from_the_class_above(run, base, method):
    async def main():
        future = get_running_loop().create_future()
        kind = refusing(base)
        task = kind(wait_on(future), loop=get_running_loop(), name="mute")
        await sleep(0)
        setattr(kind, method, refusing(base, method).__dict__[method])
        taken = inspecting.snapshot()
        json.dumps(taken)
        delattr(kind, method)
        future.set_result(None)
        await task
        return facts(taken, id(task))

    told = run(main())
    assert told["name"] == "mute"
    assert [each["function"] for each in told["stack"]] == ["wait_on"]


@pytest.mark.parametrize("base", [Task, _PyTask])
def test_a_name_that_is_no_text_and_cannot_be_written_out(base):
    class Odd(base):
        def get_name(self):
            return Nameless()

    with Runner() as runner:

        async def main():
            task = Odd(
                wait_on(get_running_loop().create_future()), loop=get_running_loop(), name="odd"
            )
            told = name_of(task), name_of_coroutine(task), graph.format_call_graph(task)
            taken = facts(inspecting.snapshot(), id(task))
            task.cancel()
            return told, taken

        (name, function, shown), taken = runner.run(main())
    assert (name, function, taken["name"]) == ("odd", "wait_on", "odd")
    assert shown.startswith("* Task(name='odd', id=")


def test_a_call_graph_and_tasks_that_do_not_end_are_told(run, caplog):
    async def main():
        kind = refusing(Task)
        task = kind(
            wait_on(get_running_loop().create_future()), loop=get_running_loop(), name="mute"
        )
        for method in ("get_name", "get_coro", "__repr__"):
            setattr(kind, method, refusing(Task, method).__dict__[method])
        shown = graph.format_call_graph(task)
        with caplog.at_level(logging.WARNING, "asyncio"):
            lingering.name([task], "now")
        for method in ("get_name", "get_coro", "__repr__"):
            delattr(kind, method)
        task.cancel()
        return shown

    shown = run(main())
    assert "name='mute'" in shown
    assert "in async wait_on()" in shown
    assert shown in caplog.messages[0]
    assert caplog.messages[0].startswith("now 1 task has not ended:\n")


def test_a_deadlock_is_told():
    kind = refusing(Task, "get_name", "__repr__")

    async def main():
        loop = get_running_loop()
        await kind(wait_on(loop.create_future()), loop=loop, name="mute")

    with (
        pytest.raises(DeadlockError, match="name='mute'"),
        Runner(loop_factory=laid_over(VirtualPart, ParkingEventLoop)) as runner,
    ):
        runner.run(main())


def test_the_watchdog_tells_what_blocks(run, caplog):
    told = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record):
            told.set()

    async def main():
        loop = get_running_loop()

        async def blocks():
            assert told.wait(30)

        kind = refusing(Task, "get_name")
        await kind(blocks(), loop=loop, name="mute")

    handler = Handler()
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        inspecting.start_watchdog(0.01)
        run(main())
    finally:
        inspecting.stop_watchdog()
        logger.removeHandler(handler)
    assert "by task 'mute':" in caplog.text


def test_a_loop_that_does_not_tell_leaves_its_tasks_there(run, monkeypatch):
    """A loop whose class fails is left out, or told in part; no task is left out for it."""

    async def main():
        task = get_running_loop().create_task(
            wait_on(get_running_loop().create_future()), name="one"
        )
        kind = type(get_running_loop())
        with monkeypatch.context() as patch:
            patch.setattr(kind, "get_debug", lambda self: 1 / 0)
            patch.setattr(kind, "is_running", lambda self: 1 / 0)
            patch.setattr(kind, "time", lambda self: 1 / 0)
            taken = inspecting.snapshot()
        task.cancel()
        return facts(taken, id(task)), taken

    told, taken = run(main())
    assert told["name"] == "one"
    assert told["loop"] in {loop["id"] for loop in taken["loops"]}
