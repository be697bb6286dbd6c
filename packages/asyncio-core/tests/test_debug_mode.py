from __future__ import annotations

import sys
import threading

import pytest

from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.programs import printed_by


@pytest.fixture
def debug_loop():
    loop = ParkingEventLoop()
    loop.set_debug(True)
    yield loop
    loop.close()


async def coroutine_function():
    """A coroutine function, which is no callback."""


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ([], {}, "False"),
        ([], {"PYTHONASYNCIODEBUG": ""}, "False"),
        ([], {"PYTHONASYNCIODEBUG": "1"}, "True"),
        (["-E"], {"PYTHONASYNCIODEBUG": "1"}, "False"),
        (["-X", "dev"], {}, "True"),
    ],
)
def test_debug_mode_starts_as_the_interpreter_was_started(options, environment, expected):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from asyncio_core import ParkingEventLoop\n"
        "loop = ParkingEventLoop(); print(loop.get_debug()); loop.close()"
    )
    assert printed_by(code, *options, env=environment) == expected


@pytest.mark.parametrize("callback", [None, 1, coroutine_function])
@pytest.mark.parametrize(
    "schedule", ["call_soon", "call_soon_threadsafe", "call_later", "call_at", "run_in_executor"]
)
def test_what_cannot_be_called_back_is_refused(debug_loop, schedule, callback):
    first = {"call_later": [1], "call_at": [1], "run_in_executor": [None]}.get(schedule, [])
    with pytest.raises(TypeError, match=schedule if schedule != "call_later" else "call_at"):
        getattr(debug_loop, schedule)(*first, callback)
    assert not debug_loop._ready


def test_calls_from_another_thread_are_refused_while_the_loop_runs(debug_loop):
    errors = []

    def call_in_thread():
        for call in (
            lambda: debug_loop.call_soon(print),
            lambda: debug_loop.call_later(1, print),
            lambda: debug_loop.call_at(1, print),
        ):
            try:
                call()
            except RuntimeError as exc:
                errors.append(str(exc))
        debug_loop.call_soon_threadsafe(debug_loop.stop)

    thread = threading.Thread(target=call_in_thread)
    debug_loop.call_soon(thread.start)
    debug_loop.run_forever()
    thread.join()
    assert len(errors) == 3
    assert all(error.startswith("Non-thread-safe operation") for error in errors)


def test_slow_callbacks_are_logged_with_their_time(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 5

    def slow():
        loop._now += 5

    def quick():
        loop._now += 4.9

    loop.call_soon(slow)
    loop.call_soon(quick)
    loop.stop()
    loop.run_forever()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "slow() at " in record.message
    assert record.message.endswith("took 5.000 seconds")


def test_slow_steps_are_logged_as_the_task_they_belong_to(loop, caplog):
    loop.set_debug(True)

    async def slow():
        loop._now += 1

    loop.run_until_complete(loop.create_task(slow(), name="the slow one"))
    (record,) = caplog.records
    assert record.message.startswith("Executing <Task ")
    assert "the slow one" in record.message


def test_the_origin_of_coroutines_is_tracked_while_the_loop_runs(debug_loop):
    depths = []
    before = sys.get_coroutine_origin_tracking_depth()
    debug_loop.call_soon(lambda: depths.append(sys.get_coroutine_origin_tracking_depth()))
    debug_loop.stop()
    debug_loop.run_forever()
    assert depths[0] > 0
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_debug_mode_can_be_switched_while_the_loop_runs(loop):
    depths = []

    def look(then):
        depths.append(sys.get_coroutine_origin_tracking_depth())
        then()

    loop.call_soon(loop.set_debug, True)
    loop.call_later(1, look, lambda: loop.set_debug(False))
    loop.call_later(2, look, loop.stop)
    loop.run_forever()
    assert depths[0] > 0
    assert depths[1] == 0


def test_an_origin_depth_that_was_set_before_is_restored(debug_loop):
    sys.set_coroutine_origin_tracking_depth(3)
    try:
        debug_loop.stop()
        debug_loop.run_forever()
        assert sys.get_coroutine_origin_tracking_depth() == 3
    finally:
        sys.set_coroutine_origin_tracking_depth(0)


def test_cancelled_callbacks_do_not_run_in_debug_mode_either(debug_loop):
    seen = []
    debug_loop.call_soon(seen.append, 1).cancel()
    later = debug_loop.call_soon(seen.append, 2)
    debug_loop._ready.appendleft(debug_loop._ready.pop())
    later.cancel()
    debug_loop.stop()
    debug_loop.run_forever()
    assert seen == []
