"""Names for other modules that are there when asked for, and names of steps that others call."""

from __future__ import annotations

import importlib
import sys
import types

import pytest

import asyncio_core
from asyncio_core.awaiting import tasks
from asyncio_core.awaiting.tasks import Task, create_task, gather, sleep
from asyncio_core.lent_names import lend_names
from asyncio_core.loops import base_events
from asyncio_core.scheduling import events
from asyncio_test_support.programs import printed_by


def test_a_name_stands_for_the_module_itself():
    assert base_events.threading is sys.modules["threading"]
    assert base_events.tasks is tasks
    assert tasks.weakref is importlib.import_module("weakref")
    assert tasks.GenericAlias is types.GenericAlias
    assert {"threading", "tasks", "logger", "_format_handle"} <= set(dir(base_events))
    assert "_event_loop_policy" in dir(events)


def test_what_a_name_stands_for_is_imported_when_it_is_asked_for():
    code = (
        "import sys, asyncio_core.loops.base_events as module\n"
        "assert 'subprocess' not in sys.modules and 'ssl' not in sys.modules\n"
        "assert 'ssl' in dir(module) and 'ssl' not in sys.modules\n"
        "assert module.ssl is sys.modules['ssl']"
    )
    printed_by(code)


def test_a_replaced_name_is_given_back(monkeypatch):
    before = base_events.traceback
    with monkeypatch.context() as patch:
        patch.setattr(base_events, "traceback", None)
        assert base_events.traceback is None
    assert base_events.traceback is before


def test_what_is_not_there_is_an_attribute_error(monkeypatch):
    module = types.ModuleType("lender")
    module.__getattr__ = lambda name: name.upper() if name == "own" else None
    monkeypatch.setitem(sys.modules, "lender", module)
    names = ("os", "tasks", "no_such_module", "path=os:path", "away=asyncio_not_there.rooms")
    lend_names("lender", *names, known=lambda: ("own",))
    assert module.own == "OWN"
    assert module.path is module.os.path
    assert module.tasks is tasks
    assert {"own", "os", "path"} <= set(dir(module))
    with pytest.raises(AttributeError, match="needs no_such_module, which is not there"):
        module.no_such_module
    with pytest.raises(
        AttributeError, match=r"lender\.away needs the distribution asyncio-not-there"
    ):
        module.away
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        base_events.spam


# Steps by the names that others know


def test_a_handle_is_named_by_its_task(loop):
    async def main():
        pass

    task = loop.create_task(main(), name="spam")
    assert base_events._format_handle(loop._ready[0]) == repr(task)
    plain = loop.call_later(1, print)
    assert base_events._format_handle(plain) == str(plain)
    loop.run_until_complete(task)
    plain.cancel()


def test_a_replaced_format_of_handles_is_used_for_reports(loop, monkeypatch, caplog):
    monkeypatch.setattr(base_events, "_format_handle", lambda handle: "spam")
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    loop.run_until_complete(sleep(0))
    assert "Executing spam took" in caplog.text


def test_the_steps_of_waiting_can_be_called(run):
    async def main():
        loop = asyncio_core.get_running_loop()
        quick, slow = create_task(sleep(1, "quick")), create_task(sleep(10))
        done, pending = await tasks._wait({quick, slow}, 2, tasks.ALL_COMPLETED, loop)
        assert (done, pending) == ({quick}, {slow})
        await tasks._cancel_and_wait(slow)
        assert slow.cancelled()
        other = create_task(sleep(10))
        await tasks._cancel_and_wait(other, loop=loop)
        assert other.cancelled()
        waiter = loop.create_future()
        loop.call_later(1, tasks._release_waiter, waiter)
        assert await waiter is None
        tasks._release_waiter(waiter, "called twice")

    run(main())


def test_tasks_are_numbered_by_the_counter(run, monkeypatch):
    async def main():
        number = tasks._task_name_counter()
        assert create_task(sleep(0)).get_name() == f"Task-{number + 1}"
        monkeypatch.setattr(tasks, "_task_name_counter", lambda: 1000)
        assert create_task(sleep(0)).get_name() == "Task-1000"

    run(main())


def test_a_replaced_step_is_the_one_that_is_called(run, monkeypatch):
    called = []

    def spy(name):
        step = getattr(tasks, name)

        def record(*args, **kwargs):
            called.append(name)
            return step(*args, **kwargs)

        monkeypatch.setattr(tasks, name, record)

    for name in ("ensure_future", "_wait", "_cancel_and_wait", "current_task", "Task"):
        spy(name)

    async def main():
        await gather(sleep(0))
        await tasks.wait([create_task(sleep(0))])
        with pytest.raises(TimeoutError):
            await tasks.wait_for(asyncio_core.get_running_loop().create_future(), 0)

    try:
        run(main())
    finally:
        monkeypatch.undo()
    assert {"ensure_future", "_wait", "_cancel_and_wait", "current_task", "Task"} <= set(called)
    assert isinstance(tasks.Task, type)
    assert tasks.Task is Task


def test_a_loop_that_somebody_else_runs_is_the_running_one(loop, monkeypatch):
    # As trio-asyncio does: the functions are replaced, and coroutines driven by other means.
    for name in ("get_running_loop", "_get_running_loop"):
        monkeypatch.setattr(events, name, lambda: loop)

    def first(coro):
        try:
            return coro.send(None)
        finally:
            coro.close()

    async def grouped():
        async with asyncio_core.TaskGroup() as group:
            group.create_task(sleep(1))

    task, other, limited, group = create_task(sleep(0)), loop.create_future(), sleep(1), grouped()
    gathered = [gather(task)]
    assert first(sleep(1)).get_loop() is loop
    assert task.get_loop() is loop
    assert asyncio_core.Future().get_loop() is loop
    assert first(tasks.wait([other])).get_loop() is loop
    assert gathered[0].get_loop() is loop
    assert tasks.current_task() is None
    assert tasks.all_tasks() == {task}
    with pytest.raises(RuntimeError, match="inside a task"):
        first(tasks.wait_for(limited, 1))
    with pytest.raises(RuntimeError, match="parent task"):
        first(group)
    limited.close()
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="no running event loop"):
        tasks.current_task()
    loop.run_until_complete(gathered[0])


def test_a_thread_is_not_taken_for_the_loops_own(loop, monkeypatch):
    for name in ("get_running_loop", "_get_running_loop"):
        monkeypatch.setattr(events, name, lambda: loop)
    call = asyncio_core.to_thread(len, "")
    future = call.send(None)
    loop._default_executor.shutdown()
    # The result waits for the loop's turn.
    assert not future.done()
    monkeypatch.undo()
    call.close()
    loop.run_until_complete(sleep(0))
