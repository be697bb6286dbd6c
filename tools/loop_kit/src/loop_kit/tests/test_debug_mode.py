"""Debug mode: what the loop checks and reports there."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import listening
from loop_kit.protocols import Recorder

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from loop_kit.loops import LoopChoice


def run_once(loop: AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_mode_is_set_and_told(loop: AbstractEventLoop) -> None:
    loop.set_debug(True)
    assert loop.get_debug() is True
    loop.set_debug(False)
    assert loop.get_debug() is False


async def test_mode_can_be_set_while_the_loop_runs(loop: AbstractEventLoop) -> None:
    loop.set_debug(True)
    assert loop.get_debug()
    await asyncio.sleep(0)
    loop.set_debug(False)
    await asyncio.sleep(0)
    assert not loop.get_debug()


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon(print),
        lambda loop: loop.call_later(1, print),
        lambda loop: loop.call_at(loop.time() + 1, print),
    ],
    ids=["call_soon", "call_later", "call_at"],
)
def test_call_from_another_thread_is_an_error(
    loop: AbstractEventLoop, call: Callable[[AbstractEventLoop], object]
) -> None:
    loop.set_debug(True)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            call(loop)
        except BaseException as error:
            errors.append(error)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=work)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert [type(error) for error in errors] == [RuntimeError]


def test_slow_callback_is_logged(loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01

    def slow() -> None:
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            pass

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.call_soon(slow)
        run_once(loop)
    assert any("slow" in record.getMessage() for record in caplog.records)


def test_threshold_for_slow_callbacks_is_a_tenth_of_a_second(loop: AbstractEventLoop) -> None:
    assert loop.slow_callback_duration == pytest.approx(0.1)


def test_quick_callback_is_not_logged(
    loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_debug(True)
    loop.slow_callback_duration = 5
    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.call_soon(int)
        run_once(loop)
    assert caplog.records == []


@pytest.mark.parametrize("method", ["call_soon", "call_later"])
def test_coroutine_as_a_callback_is_refused(loop: AbstractEventLoop, method: str) -> None:
    async def coroutine() -> None:
        return

    loop.set_debug(True)
    first = (0,) if method == "call_later" else ()
    wrong: Any = coroutine
    with pytest.raises(TypeError):
        getattr(loop, method)(*first, wrong)


def test_report_tells_where_the_task_was_made(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    import gc

    async def fail() -> None:
        raise LookupError("on purpose")

    loop.set_debug(True)
    task = loop.create_task(fail())
    run_once(loop)
    run_once(loop)
    del task
    gc.collect()
    report = reports.pop()
    frames = report["source_traceback"]
    assert any(frame.name == "test_report_tells_where_the_task_was_made" for frame in frames)


def test_report_tells_where_the_callback_was_registered(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    def fail() -> None:
        raise LookupError("on purpose")

    loop.set_debug(True)
    loop.call_soon(fail)
    run_once(loop)
    frames = reports.pop()["source_traceback"]
    assert frames[-1].name == "test_report_tells_where_the_callback_was_registered"


def test_loop_that_was_not_closed_warns(choice: LoopChoice) -> None:
    import gc

    made = choice.make()
    made.call_soon(made.stop)
    made.run_forever()
    with pytest.warns(ResourceWarning):
        del made
        gc.collect()


def test_transport_that_was_not_closed_warns(loop: AbstractEventLoop, choice: LoopChoice) -> None:
    import gc

    async def main() -> None:
        with listening() as listener:
            await loop.create_connection(Recorder, *listener.getsockname())

    loop.run_until_complete(main())
    with pytest.warns(ResourceWarning):
        loop.close()
        gc.collect()
