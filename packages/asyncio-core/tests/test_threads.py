"""to_thread."""

from __future__ import annotations

import contextvars
import threading

import pytest

from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.threads import to_thread
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError


def test_function_runs_in_another_thread(run_in_real_time):
    async def main():
        return await to_thread(threading.current_thread)

    assert run_in_real_time(main()) is not threading.current_thread()


def test_arguments_and_result_go_through(run_in_real_time):
    def function(*args, **kwargs):
        return args, kwargs

    async def main():
        # Even arguments by the names of to_thread()'s own.
        return await to_thread(function, 1, 2, func=3, loop=4)

    assert run_in_real_time(main()) == ((1, 2), {"func": 3, "loop": 4})


def test_exception_goes_through(run_in_real_time):
    def function():
        raise OSError("in the thread")

    async def main():
        with pytest.raises(OSError, match="in the thread"):
            await to_thread(function)

    run_in_real_time(main())


def test_context_variables_are_seen_and_not_changed(run_in_real_time):
    variable = contextvars.ContextVar("variable", default="default")

    def function():
        seen = variable.get()
        variable.set("changed in the thread")
        return seen

    async def main():
        variable.set("set by the caller")
        return await to_thread(function), variable.get()

    assert run_in_real_time(main()) == ("set by the caller", "set by the caller")


def test_cancelled_caller_does_not_wait_for_the_function(run_in_real_time):
    started, release, finished = threading.Event(), threading.Event(), threading.Event()

    def function():
        started.set()
        assert release.wait(10)
        finished.set()

    async def main():
        task = create_task(to_thread(function))
        await get_running_loop().run_in_executor(None, started.wait, 10)
        task.cancel()
        with pytest.raises(CancelledError):
            await task
        assert not finished.is_set()
        release.set()

    run_in_real_time(main())
    assert finished.is_set()
