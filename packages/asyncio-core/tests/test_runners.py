"""run and Runner."""

from __future__ import annotations

import contextvars
import inspect
import signal
import sys
import threading

import pytest

from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.task_registry import all_tasks, current_task
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.loop_registry import LoopNotFoundError
from asyncio_core.choosing.policies import (
    BaseDefaultEventLoopPolicy,
    _get_event_loop_policy,
    _set_event_loop_policy,
)
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.loops.runners import Runner, run
from asyncio_test_support.coroutines import forever


@pytest.fixture
def interrupt():
    """Return a function that does what Ctrl-C does; make sure that Python's handler is in place."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def policy():
    """Set a policy that makes loops of core."""

    class Policy(BaseDefaultEventLoopPolicy):
        _loop_factory = ParkingEventLoop

    policy = Policy()
    _set_event_loop_policy(policy)
    yield policy
    _set_event_loop_policy(None)


# run()


def test_run_returns_and_raises_what_main_does():
    async def fails():
        raise OSError("from main")

    assert run(sleep(0, "result"), loop_factory=ParkingEventLoop) == "result"
    with pytest.raises(OSError, match="from main"):
        run(fails(), loop_factory=ParkingEventLoop)


def test_run_closes_its_loop():
    async def main():
        return get_running_loop()

    assert run(main(), loop_factory=ParkingEventLoop).is_closed()


def test_run_takes_its_loop_from_the_policy_and_makes_it_current(policy):
    async def main():
        return _get_event_loop_policy().get_event_loop() is get_running_loop()

    assert run(main()) is True
    with pytest.raises(RuntimeError, match="no current event loop"):
        policy.get_event_loop()


def test_loop_of_a_factory_does_not_become_current(policy):
    mine = policy.new_event_loop()
    policy.set_event_loop(mine)

    async def main():
        return get_running_loop()

    assert run(main(), loop_factory=ParkingEventLoop) is not mine
    assert policy.get_event_loop() is mine
    mine.close()


def test_run_refuses_to_run_within_a_loop():
    async def main():
        coroutine = sleep(0)
        try:
            with pytest.raises(RuntimeError, match=r"asyncio.run\(\) cannot be called"):
                run(coroutine, loop_factory=ParkingEventLoop)
            with pytest.raises(RuntimeError, match=r"Runner.run\(\) cannot be called"):
                Runner(loop_factory=ParkingEventLoop).run(coroutine)
        finally:
            coroutine.close()

    run(main(), loop_factory=ParkingEventLoop)


@pytest.mark.parametrize("start", [run, lambda coroutine: Runner().run(coroutine)])
def test_wrong_name_of_a_loop_is_the_only_complaint(start, monkeypatch):
    monkeypatch.setenv("ASYNCIO_LOOP", "no-such-loop")
    _set_event_loop_policy(None)
    coroutine = sleep(0)

    with pytest.raises(LoopNotFoundError, match="no-such-loop"):
        start(coroutine)

    # It was closed, so nobody warns that it was never awaited.
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


@pytest.mark.parametrize("start", [run, lambda main, **how: Runner(**how).run(main)])
def test_coroutine_is_left_for_another_try_when_a_factory_fails(start):
    def factory():
        raise OSError("no loop today")

    coroutine = sleep(0, "second try")
    with pytest.raises(OSError, match="no loop today"):
        start(coroutine, loop_factory=factory)

    assert run(coroutine, loop_factory=ParkingEventLoop) == "second try"


@pytest.mark.parametrize("thing", [1, None, "text"])
def test_run_refuses_what_cannot_be_awaited(thing):
    with pytest.raises(TypeError, match="an awaitable is required"):
        run(thing, loop_factory=ParkingEventLoop)


def test_run_cancels_what_main_left_behind():
    ended = []

    async def left_behind():
        try:
            await forever()
        finally:
            await sleep(0)
            ended.append(True)

    async def main():
        create_task(left_behind())
        await sleep(0)

    run(main(), loop_factory=ParkingEventLoop)
    assert ended == [True]


def test_run_reports_failures_of_what_main_left_behind():
    reports = []

    async def left_behind():
        try:
            await forever()
        finally:
            raise OSError("in clean-up")

    async def main():
        get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        task = create_task(left_behind())
        await sleep(0)
        return task

    task = run(main(), loop_factory=ParkingEventLoop)
    (report,) = reports
    assert report["task"] is task
    assert str(report["exception"]) == "in clean-up"
    assert "shutdown" in report["message"]


def test_run_closes_asynchronous_generators():
    closed = []

    async def generator():
        try:
            yield 1
        finally:
            await sleep(0)
            closed.append(True)

    kept = generator()

    async def main():
        return await anext(kept)

    assert run(main(), loop_factory=ParkingEventLoop) == 1
    assert closed == [True]


def test_run_waits_for_threads():
    release, finished = threading.Event(), []

    def work():
        assert release.wait(10)
        finished.append(True)

    async def main():
        get_running_loop().run_in_executor(None, work)
        release.set()

    run(main(), loop_factory=ParkingEventLoop)
    assert finished == [True]


@pytest.mark.parametrize("debug", [True, False])
def test_debug_switches_the_debug_mode(debug):
    async def main():
        return get_running_loop().get_debug()

    assert run(main(), debug=debug, loop_factory=ParkingEventLoop) is debug


# Runner


def test_runner_keeps_loop_and_context_from_run_to_run():
    variable = contextvars.ContextVar("variable", default="unset")

    async def swap(value):
        before = variable.get()
        variable.set(value)
        return before, get_running_loop()

    with Runner(loop_factory=ParkingEventLoop) as runner:
        assert runner.run(swap("first")) == ("unset", runner.get_loop())
        assert runner.run(swap("second")) == ("first", runner.get_loop())
    assert variable.get() == "unset"


def test_runner_runs_in_the_given_context_even_an_empty_one():
    variable = contextvars.ContextVar("variable")

    async def set_it():
        variable.set("set")

    async def get_it():
        return variable.get("not set")

    empty = contextvars.Context()
    with Runner(loop_factory=ParkingEventLoop) as runner:
        runner.run(set_it(), context=empty)
        assert runner.run(get_it()) == "not set"
    assert empty[variable] == "set"


def test_runner_runs_any_awaitable():
    class Awaitable:
        def __await__(self):
            return sleep(0, "awaited").__await__()

    with Runner(loop_factory=ParkingEventLoop) as runner:
        future = runner.get_loop().create_future()
        future.set_result("future")
        assert runner.run(future) == "future"
        assert runner.run(Awaitable()) == "awaited"


def test_closed_runner_is_of_no_use():
    runner = Runner(loop_factory=ParkingEventLoop)
    loop = runner.get_loop()
    runner.close()
    assert loop.is_closed()
    runner.close()
    with pytest.raises(RuntimeError, match="Runner is closed"):
        runner.get_loop()
    with pytest.raises(RuntimeError, match="Runner is closed"):
        runner.__enter__()


def test_runner_makes_its_loop_when_it_is_needed():
    made = []

    def factory():
        made.append(ParkingEventLoop())
        return made[-1]

    runner = Runner(loop_factory=factory)
    assert not made
    runner.close()
    assert not made
    with runner:
        assert runner.get_loop() is made[0]
    assert len(made) == 1


def test_failing_shutdown_still_closes_the_loop():
    class BadLoop(ParkingEventLoop):
        async def shutdown_asyncgens(self):
            raise OSError("shutdown failed")

    runner = Runner(loop_factory=BadLoop)
    loop = runner.get_loop()
    with pytest.raises(OSError, match="shutdown failed"):
        runner.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="Runner is closed"):
        runner.get_loop()


# Ctrl-C


def test_interrupt_cancels_main_and_becomes_keyboard_interrupt(interrupt):
    seen = []

    async def main():
        get_running_loop().call_soon(interrupt)
        try:
            await forever()
        except CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        run(main(), loop_factory=ParkingEventLoop)
    assert seen == ["cancelled"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupt_wakes_a_loop_that_waits():
    # The signal comes while nothing else happens: sent by a thread once the loop has parked.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    parked = threading.Event()

    class TellingLoop(ParkingEventLoop):
        def _poll(self, timeout):
            if timeout is None:
                parked.set()
            super()._poll(timeout)

    def press():
        assert parked.wait(10)
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)  # to the process, as Ctrl-C
        else:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=press)

    async def main():
        thread.start()
        await forever()

    try:
        with pytest.raises(KeyboardInterrupt):
            run(main(), loop_factory=TellingLoop)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_main_may_ignore_one_interrupt(interrupt):
    async def main():
        get_running_loop().call_soon(interrupt)
        try:
            await forever()
        except CancelledError:
            return "cleaned up"

    assert run(main(), loop_factory=ParkingEventLoop) == "cleaned up"


def test_second_interrupt_is_raised_at_once(interrupt):
    steps = []

    async def main():
        interrupt()
        steps.append("after the first")
        interrupt()
        steps.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        run(main(), loop_factory=ParkingEventLoop)
    assert steps == ["after the first"]


def test_interrupt_of_a_task_that_is_cancelled_anyway_stays_a_cancellation(interrupt):
    async def main():
        current_task().cancel()
        interrupt()
        await forever()

    with pytest.raises(CancelledError):
        run(main(), loop_factory=ParkingEventLoop)


def test_handler_of_the_program_is_left_alone(interrupt):
    caught = []
    signal.signal(signal.SIGINT, lambda *_: caught.append(True))

    async def main():
        interrupt()
        await sleep(0)
        return "not cancelled"

    assert run(main(), loop_factory=ParkingEventLoop) == "not cancelled"
    assert caught == [True]


def test_handler_that_main_installs_stays(interrupt):
    def handler(*_):
        pass

    async def main():
        signal.signal(signal.SIGINT, handler)

    run(main(), loop_factory=ParkingEventLoop)
    assert signal.getsignal(signal.SIGINT) is handler


def test_run_in_another_thread_leaves_signals_alone(interrupt):
    handlers = []

    async def main():
        handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run, args=(main(),), kwargs={"loop_factory": ParkingEventLoop})
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_nothing_runs_after_a_run():
    async def main():
        create_task(forever())
        await sleep(0)
        return get_running_loop()

    loop = run(main(), loop_factory=ParkingEventLoop)
    assert all_tasks(loop) == set()
