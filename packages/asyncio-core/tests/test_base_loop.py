"""The scheduler: order, time, stopping, closing."""

from __future__ import annotations

import contextvars
import dis
import gc
import os
import sys
import threading
import warnings
from fractions import Fraction

import pytest

from asyncio_core.awaiting.tasks import Task, create_task, current_task, sleep
from asyncio_core.choosing.running_loop import _get_running_loop, get_running_loop
from asyncio_core.loops import base_events
from asyncio_core.loops.parking import ParkingEventLoop


def run_all(loop):
    """Run until nothing is ready and no timer is left."""
    loop._run_forever_setup()
    try:
        while loop._ready or not all(timer.cancelled() for timer in loop._scheduled):
            loop._run_once()
        loop.stop()
        loop._run_once()
    finally:
        loop._run_forever_cleanup()


def test_callbacks_run_in_the_order_they_were_queued(loop):
    seen = []
    for number in range(5):
        loop.call_soon(seen.append, number)
    run_all(loop)
    assert seen == [0, 1, 2, 3, 4]


def test_callbacks_queued_by_callbacks_wait_for_the_next_turn(loop):
    seen = []

    def first():
        seen.append("first")
        loop.call_soon(seen.append, "next turn")
        loop.stop()

    loop.call_soon(first)
    loop.call_soon(seen.append, "same turn")
    loop.run_forever()
    assert seen == ["first", "same turn"]
    run_all(loop)
    assert seen[-1] == "next turn"


def test_a_cancelled_callback_does_not_run(loop):
    seen = []
    loop.call_soon(seen.append, 1).cancel()
    later = loop.call_soon(seen.append, 2)
    loop.call_soon(lambda: None)
    later.cancel()
    run_all(loop)
    assert seen == []


def test_callbacks_run_in_the_context_given(loop):
    variable = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    loop.call_soon(variable.set, 1, context=context)
    loop.call_later(1, lambda: variable.set(variable.get() + 1), context=context)
    loop.call_soon_threadsafe(lambda: variable.set(variable.get() + 1), context=context)
    run_all(loop)
    assert context[variable] == 3


def test_timers_run_by_time_and_then_by_order(loop):
    seen = []
    now = loop.time()
    loop.call_at(now + 2, seen.append, "c")
    loop.call_at(now + 1, seen.append, "a")
    loop.call_at(now + 1, seen.append, "b")
    loop.call_later(0, seen.append, "now")
    loop.call_later(-5, seen.append, "before now")
    run_all(loop)
    assert seen == ["before now", "now", "a", "b", "c"]


def test_a_timer_is_not_early(loop):
    seen = []
    due = loop.time() + 3600
    loop.call_at(due, lambda: seen.append(loop.time()))
    run_all(loop)
    assert seen[0] >= due


@pytest.mark.parametrize(("method", "value"), [("call_later", None), ("call_at", None)])
def test_a_time_of_none_is_a_type_error(loop, method, value):
    with pytest.raises(TypeError, match="None"):
        getattr(loop, method)(value, print)


def test_what_is_no_time_does_not_get_among_the_timers(loop):
    with pytest.raises(TypeError, match="when must be a number, not '1'"):
        loop.call_at("1", print)
    with pytest.raises(TypeError, match="delay must be a number, not '1'"):
        loop.call_later("1", print)
    seen = []
    # An int is as good as a float, and so is whatever else compares with one.
    loop.call_at(int(loop.time()) + 2, seen.append, "int")
    loop.call_at(Fraction(loop.time()) + 1, seen.append, "fraction")
    run_all(loop)
    assert seen == ["fraction", "int"]


def test_a_cancelled_timer_does_not_run_and_leaves_the_heap(loop):
    seen = []
    loop.call_later(1, seen.append, "cancelled").cancel()
    loop.call_later(2, seen.append, "kept")
    run_all(loop)
    assert seen == ["kept"]
    assert loop._timer_cancelled_count == 0


def test_many_cancelled_timers_leave_the_heap_before_their_time(loop):
    keep = loop.call_later(1, print)
    for _ in range(base_events._MIN_SCHEDULED_TIMER_HANDLES * 2):
        loop.call_later(10_000, print).cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert list(loop._scheduled) == [keep]
    assert loop._timer_cancelled_count == 0
    keep.cancel()


def test_a_timer_cancelled_after_it_became_due_counts_for_nothing(loop):
    seen = []
    second = loop.call_later(1, seen.append, "second")
    loop.call_at(second.when() - 1e-12, second.cancel)
    run_all(loop)
    assert seen == []
    assert loop._timer_cancelled_count == 0


def test_a_cancelled_timer_behind_one_that_is_due_is_not_counted_for_ever(loop):
    seen = []
    now = loop.time()
    loop.call_at(now + 1, seen.append, "first")
    loop.call_at(now + 1, seen.append, "second").cancel()
    run_all(loop)
    assert seen == ["first"]
    assert loop._timer_cancelled_count == 0


def test_the_view_of_timers_reads_like_a_list(loop):
    timer = loop.call_later(1, print)
    assert list(loop._scheduled) == [timer]
    assert loop._scheduled == [timer]
    assert [timer] == loop._scheduled
    assert timer in loop._scheduled
    assert len(loop._scheduled) == 1
    assert loop._scheduled != 5
    assert repr(loop._scheduled) == repr([timer])
    timer.cancel()
    run_all(loop)
    assert not loop._scheduled


def test_a_wait_is_never_longer_than_pollers_can_count(loop):
    waits = []
    loop._poll = waits.append
    loop.call_later(float("inf"), print).cancel()
    timer = loop.call_later(1e12, print)
    loop._run_once()
    assert waits == [base_events.MAXIMUM_SELECT_TIMEOUT]
    timer.cancel()


def test_a_loop_derived_only_with_a_selector_runs():
    class Selector:
        def __init__(self):
            self.waits = []

        def select(self, timeout):
            self.waits.append(timeout)
            return ["event"]

    class Loop(base_events.BaseEventLoop):
        def __init__(self):
            super().__init__()
            self._selector = Selector()
            self.events = []

        def _process_events(self, event_list):
            self.events += event_list

    loop = Loop()
    loop.stop()
    loop.run_forever()
    assert loop._selector.waits == [0]
    assert loop.events == ["event"]
    loop.close()


def test_a_bare_base_loop_says_what_to_install():
    loop = base_events.BaseEventLoop()
    try:
        for call in (
            loop._write_to_self,
            lambda: loop._process_events([]),
            lambda: loop._make_socket_transport(None, None),
            lambda: loop.add_reader(0, print),
            lambda: loop.add_signal_handler(2, print),
        ):
            with pytest.raises(NotImplementedError, match="install asyncio-"):
                call()
    finally:
        loop.close()


def test_stop_lets_the_turn_end(loop):
    seen = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, "same turn")
    loop.run_forever()
    assert seen == ["same turn"]
    assert not loop.is_running()


def test_stop_before_the_run_means_one_turn(loop):
    seen = []
    loop.call_soon(seen.append, 1)
    loop.stop()
    loop.run_forever()
    assert seen == [1]


def test_the_running_loop_is_known_only_while_it_runs(loop):
    seen = []
    loop.call_soon(lambda: seen.append((get_running_loop() is loop, loop.is_running())))
    run_all(loop)
    assert seen == [(True, True)]
    assert _get_running_loop() is None


def test_a_loop_can_be_driven_from_outside(loop):
    seen = []
    loop.call_soon(seen.append, 1)
    loop._run_forever_setup()
    try:
        assert loop.is_running()
        loop._run_once()
    finally:
        loop._run_forever_cleanup()
    assert seen == [1]
    assert not loop.is_running()


def test_a_running_loop_cannot_run_or_close_and_no_other_can_run(loop):
    other = ParkingEventLoop()
    errors = []

    def attempt(call):
        try:
            call()
        except RuntimeError as exc:
            errors.append(str(exc))

    loop.call_soon(attempt, loop.run_forever)
    loop.call_soon(attempt, loop.close)
    loop.call_soon(attempt, other.run_forever)
    run_all(loop)
    other.close()
    assert errors == [
        "This event loop is already running",
        "Cannot close a running event loop",
        "Cannot run the event loop while another loop is running",
    ]


def test_a_closed_loop_refuses_work(loop):
    loop.call_later(1, print)
    loop.call_soon(print)
    loop.close()
    loop.close()
    assert loop.is_closed()
    assert not loop._ready
    for call in (
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.run_in_executor(None, print),
        loop.run_forever,
        lambda: loop.run_until_complete(loop.create_future()),
    ):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            call()


def test_a_forgotten_loop_is_closed_with_a_warning():
    loop = ParkingEventLoop()
    timers = loop._timer_heap
    text = repr(loop)
    timers.append("a timer")
    with pytest.warns(ResourceWarning) as caught:
        del loop
        gc.collect()
    assert str(caught[0].message) == f"unclosed event loop {text}"
    assert not timers


def test_repr_tells_the_state(loop):
    assert repr(loop) == f"<{type(loop).__name__} running=False closed=False debug=False>"


def test_run_until_complete_returns_the_result(loop):
    async def main():
        await sleep(3600)
        return 42

    assert loop.run_until_complete(main()) == 42
    done = loop.create_future()
    done.set_result("kept")
    assert loop.run_until_complete(done) == "kept"


def test_run_until_complete_raises_what_was_raised(loop):
    async def main():
        raise LookupError("spam")

    with pytest.raises(LookupError, match="spam"):
        loop.run_until_complete(main())


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_ends_programs_ends_the_run_and_not_the_next_one(loop, exception):
    async def leave():
        raise exception

    with pytest.raises(exception):
        loop.run_until_complete(leave())

    async def main():
        await sleep(0)
        return "another turn"

    assert loop.run_until_complete(main()) == "another turn"


def test_an_interrupted_turn_keeps_what_it_has_not_run(loop):
    seen = []

    def leave():
        raise KeyboardInterrupt

    loop.call_soon(leave)
    loop.call_soon(seen.append, "kept")
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert seen == []
    run_all(loop)
    assert seen == ["kept"]


def test_a_run_that_is_stopped_early_says_so(loop):
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="stopped before Future completed"):
        loop.run_until_complete(future)
    # The future's callback was taken back: its end does not stop a later run.
    future.set_result(None)
    loop.run_until_complete(sleep(1))


def test_call_soon_threadsafe_wakes_the_loop_from_another_thread(run_in_real_time):
    async def main():
        loop = get_running_loop()
        future = loop.create_future()
        thread = threading.Thread(
            target=loop.call_soon_threadsafe, args=(future.set_result, "from a thread")
        )
        thread.start()
        try:
            return await future
        finally:
            thread.join()

    assert run_in_real_time(main()) == "from a thread"


def test_create_task_passes_its_arguments_to_the_task(loop):
    context = contextvars.copy_context()

    async def main():
        return current_task().get_name()

    task = loop.create_task(main(), name="named", context=context)
    assert type(task) is Task
    assert loop.run_until_complete(task) == "named"
    assert task.get_context() is context


def test_a_task_factory_gets_the_arguments_as_given(loop):
    calls = []

    def factory(loop, coro, **kwargs):
        calls.append(kwargs)
        return Task(coro, loop=loop, **kwargs)

    async def main():
        create_task(sleep(0))
        await create_task(sleep(0), name="given")

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    loop.run_until_complete(main())
    assert calls == [{}, {}, {"name": "given"}]


def test_a_task_factory_of_the_old_form_makes_named_tasks(loop):
    loop.set_task_factory(lambda loop, coro, context=None: Task(coro, loop=loop, context=context))
    task = loop.create_task(sleep(0), name="given")
    assert task.get_name() == "given"
    loop.run_until_complete(task)


def test_a_task_factory_has_to_be_callable(loop):
    with pytest.raises(TypeError, match="task factory"):
        loop.set_task_factory("spam")
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


def test_a_task_cut_off_by_an_interrupt_is_not_reported_as_destroyed(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    def leave():
        raise KeyboardInterrupt

    loop.call_soon(leave)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(sleep(1))
    with warnings.catch_warnings():
        # The coroutine has not begun when it is dropped.
        warnings.simplefilter("ignore", RuntimeWarning)
        loop._ready.clear()
        gc.collect()
    assert reports == []


def test_the_clock_does_not_go_back():
    loop = ParkingEventLoop()
    assert loop.time() <= loop.time()
    loop.close()


def test_turns_without_timers_do_not_read_the_clock(loop):
    reads = []
    loop.time = lambda: reads.append(1) or 0.0
    for _ in range(3):
        loop.call_soon(lambda: None)
    loop.stop()
    loop.run_forever()
    assert reads == []


def test_a_run_that_cannot_begin_leaves_a_loop_that_can_be_run():
    class Loop(ParkingEventLoop):
        fails = True

        def _run_forever_setup(self):
            super()._run_forever_setup()
            if self.fails:
                raise MemoryError

    loop = Loop()
    with pytest.raises(MemoryError):
        loop.run_forever()
    assert not loop.is_running()
    assert _get_running_loop() is None
    loop.fails = False
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


def test_ctrl_c_between_two_turns_leaves_a_loop_that_can_be_run_again():
    """The interpreter looks for signals where it jumps back, which it may leave out of what `finally` guards."""
    loop = ParkingEventLoop()
    loop._turns_by_itself = False  # in C there is nothing to trace
    folder = os.path.dirname(base_events.__file__)
    jumps = []

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(folder):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if "JUMP_BACKWARD" in name:
                jumps.append(frame.f_lineno)
                raise KeyboardInterrupt
        return trace

    loop.call_soon(loop.call_soon, int)
    before = sys.gettrace()
    # Python 3.12 tells of instructions where some frame wanted that before.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    finally:
        sys.settrace(before)
    assert len(jumps) == 1
    assert not loop.is_running()
    assert _get_running_loop() is None
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
