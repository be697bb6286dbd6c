from __future__ import annotations

import contextvars
import functools
import threading
import weakref

import pytest

from asyncio_core.awaiting.task import Task, _PyTask
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.scheduling.handles import Handle, TimerHandle, _ThreadSafeHandle
from asyncio_test_support.loops import run_a_round

variable = contextvars.ContextVar("variable", default="unset")


def callback(*args):
    return args


@pytest.fixture
def debug_loop(loop):
    loop.set_debug(True)
    return loop


def test_a_handle_calls_back_in_a_copy_of_the_present_context(loop):
    seen = []
    variable.set("then")
    handle = Handle(lambda: seen.append(variable.get()), (), loop)
    variable.set("now")
    handle._run()
    assert seen == ["then"]


def test_a_handle_calls_back_in_the_context_it_is_given(loop):
    context = contextvars.copy_context()
    handle = Handle(variable.set, ("inside",), loop, context)
    handle._run()
    assert context[variable] == "inside"
    assert handle.get_context() is context


def test_a_cancelled_handle_lets_go_of_callback_and_arguments(loop):
    argument = threading.Event()
    gone = weakref.ref(argument)
    handle = Handle(callback, (argument,), loop)
    handle.cancel()
    handle.cancel()
    del argument
    assert handle.cancelled()
    assert gone() is None


def test_what_a_callback_raises_goes_to_the_exception_handler(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    handle = Handle(lambda: 1 / 0, (), loop)
    handle._run()
    (report,) = reports
    assert isinstance(report["exception"], ZeroDivisionError)
    assert report["handle"] is handle
    assert report["message"].startswith("Exception in callback ")


def test_a_callback_that_cancels_its_handle_and_fails_is_reported(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    def fail():
        handle.cancel()
        raise ValueError

    handle = Handle(fail, (), loop)
    handle._run()
    assert "cancelled" in reports[0]["message"]


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt])
def test_exceptions_that_end_programs_pass(loop, exception):
    def leave():
        raise exception

    with pytest.raises(exception):
        Handle(leave, (), loop)._run()


def test_repr_names_the_callback_and_not_its_arguments(loop):
    text = repr(Handle(functools.partial(callback, "secret"), ("secret",), loop))
    assert text.startswith("<Handle callback()() at ")
    assert "secret" not in text


def test_repr_in_debug_mode_tells_arguments_and_origin(debug_loop):
    handle = Handle(callback, (1, 2), debug_loop)
    assert "callback(1, 2)" in repr(handle)
    assert f"created at {__file__}:" in repr(handle)
    handle.cancel()
    assert repr(handle).startswith("<Handle cancelled callback(1, 2)")


def test_repr_of_a_timer_tells_when(loop):
    timer = TimerHandle(12.5, callback, (), loop)
    assert repr(timer).startswith("<TimerHandle when=12.5 callback() at ")
    timer.cancel()
    assert repr(timer) == "<TimerHandle cancelled when=12.5>"


def test_timers_order_by_time_and_hash_by_it(loop):
    early, late = (TimerHandle(when, callback, (), loop) for when in (1, 2))
    twin = TimerHandle(1, callback, (), loop)
    assert early < late
    assert late > early
    assert early <= twin
    assert early >= twin
    assert early == twin
    assert early != late
    assert hash(early) == hash(1)


def test_timers_do_not_compare_with_anything_else(loop):
    timer = TimerHandle(1, callback, (), loop)
    assert timer != Handle(callback, (), loop)
    for operator in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
        assert getattr(timer, operator)(1) is NotImplemented


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_debug_mode_remembers_the_line_that_scheduled(debug_loop, schedule):
    args = (debug_loop.time(),) if schedule in ("call_later", "call_at") else ()
    handle = getattr(debug_loop, schedule)(*args, callback)
    assert handle._source_traceback[-1].name == "test_debug_mode_remembers_the_line_that_scheduled"


def test_cancelling_from_another_thread_waits_for_the_running_callback(loop):
    entered, cancelled, order = threading.Event(), threading.Event(), []

    def slow():
        entered.set()
        # Long enough to see a cancel() that does not wait, and no longer where it does.
        order.append("too early" if cancelled.wait(0.2) else "ran")

    def cancel():
        entered.wait()
        handle.cancel()
        order.append("cancelled")
        cancelled.set()

    handle = _ThreadSafeHandle(slow, (), loop)
    thread = threading.Thread(target=cancel)
    thread.start()
    handle._run()
    thread.join()
    assert order == ["ran", "cancelled"]


def test_a_thread_safe_handle_may_cancel_itself_while_it_runs(loop):
    handle = _ThreadSafeHandle(lambda: handle.cancel(), (), loop)
    handle._run()
    assert handle.cancelled()


def test_a_thread_safe_handle_that_was_cancelled_does_not_run(loop):
    ran = []
    handle = _ThreadSafeHandle(ran.append, (1,), loop)
    handle.cancel()
    handle._run()
    assert ran == []


@pytest.mark.parametrize("name", ["call_soon", "call_soon_threadsafe", "call_later", "task"])
def test_a_replaced_run_is_what_runs_handles_of_every_kind(loop, monkeypatch, name):
    """Tools that watch a loop put their own there, also while it runs."""
    seen = []
    own = Handle._run

    def watch(handle):
        seen.append(handle)
        own(handle)

    ran = []

    async def step():
        ran.append("task")

    async def main():
        monkeypatch.setattr(Handle, "_run", watch)
        tasks = []
        if name == "task":
            tasks.append(loop.create_task(step()))
        elif name == "call_later":
            loop.call_later(0, ran.append, name)
        else:
            getattr(loop, name)(ran.append, name)
        await sleep(0.001)

    loop.run_until_complete(main())
    monkeypatch.undo()
    assert ran == [name]
    assert seen
    assert all(isinstance(handle, Handle) for handle in seen)
    count = len(seen)
    loop.run_until_complete(sleep(0))
    assert len(seen) == count


@pytest.mark.parametrize("of", ["the loop", "Python"])
def test_a_replaced_run_is_what_runs_each_step_of_a_task_that_only_wants_turns(
    loop, monkeypatch, of
):
    """From one turn to the next: the step that is queued when it is replaced is run by it, too."""
    seen = []
    own = Handle._run

    def watch(handle):
        seen.append(handle._callback.__self__)
        own(handle)

    async def count(turns):
        for _ in range(turns):
            await sleep(0)

    kind = Task if of == "the loop" else _PyTask
    task = kind(count(20), loop=loop)
    for _ in range(5):
        run_a_round(loop)
    monkeypatch.setattr(Handle, "_run", watch)
    for _ in range(5):
        run_a_round(loop)
    monkeypatch.undo()
    assert seen.count(task) == 5
    loop.run_until_complete(task)
    assert seen.count(task) == 5
