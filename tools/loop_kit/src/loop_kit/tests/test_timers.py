"""call_later() and call_at(): never early, in the order of their times, and gone when cancelled."""

from __future__ import annotations

import asyncio
import gc
import random
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from loop_kit.peers import in_thread

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractEventLoop

DAY = 86400.0
#: What a clock's ticks and rounding to whole milliseconds may take off.
RESOLUTION = max(time.get_clock_info("monotonic").resolution, 0.0015)


async def test_time_is_a_float_that_does_not_go_back(loop: AbstractEventLoop) -> None:
    times = [loop.time() for _ in range(100)]
    await asyncio.sleep(0.005)
    times.append(loop.time())
    assert all(isinstance(value, float) for value in times)
    assert times == sorted(times)
    assert times[-1] > times[0]


def test_timers_run_in_the_order_of_their_times(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    start = loop.time()
    for number in (4, 1, 3, 2, 5):
        loop.call_at(start + number * 0.004, seen.append, number)
    loop.call_at(start + 0.025, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3, 4, 5]


def test_timers_that_are_due_together_run_in_the_order_of_their_times(
    loop: AbstractEventLoop,
) -> None:
    seen: list[int] = []
    start = loop.time() - 10
    for number in (4, 1, 3, 2, 5):
        loop.call_at(start + number, seen.append, number)
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3, 4, 5]


def test_thousands_of_timers_run_in_the_order_of_their_times(loop: AbstractEventLoop) -> None:
    seen: list[float] = []
    start = loop.time() + 0.02
    whens = [start + number * 0.0001 for number in range(2000)]
    # Times of one millisecond may be one time to a loop that counts in these.
    shuffled = whens[::20]
    random.Random(1).shuffle(shuffled)
    for when in shuffled:
        loop.call_at(when, seen.append, when)
    loop.call_at(whens[-1] + 0.01, loop.stop)
    loop.run_forever()
    assert seen == whens[::20]


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.0105, 0.03])
def test_timer_is_not_early(loop: AbstractEventLoop, delay: float) -> None:
    seen: list[float] = []

    def callback() -> None:
        seen.append(time.monotonic())
        loop.stop()

    start = time.monotonic()
    loop.call_later(delay, callback)
    loop.run_forever()
    assert seen[0] - start >= delay - RESOLUTION


def test_timer_is_not_much_too_late(loop: AbstractEventLoop) -> None:
    late: list[float] = []

    def once(when: float) -> None:
        late.append(loop.time() - when)
        loop.stop()

    for _ in range(20):
        when = loop.time() + 0.005
        loop.call_at(when, once, when)
        loop.run_forever()
    # The best of many, for a machine that does something else too.
    assert min(late) < 0.02


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_handle_is_one_of_asyncio(loop: AbstractEventLoop, method: str) -> None:
    handle = getattr(loop, method)(0, print)
    assert isinstance(handle, asyncio.TimerHandle)
    handle.cancel()


def test_handle_of_call_later_tells_its_time(loop: AbstractEventLoop) -> None:
    before = loop.time()
    handle = loop.call_later(60, print)
    after = loop.time()
    # A loop may count in milliseconds.
    assert before + 60 - 0.001 <= handle.when() <= after + 60 + 0.001
    assert not handle.cancelled()
    handle.cancel()
    assert handle.cancelled()


def test_call_at_takes_the_time_of_the_loop(loop: AbstractEventLoop) -> None:
    when = loop.time() + 60
    handle = loop.call_at(when, print)
    assert handle.when() == pytest.approx(when, abs=0.0011)
    handle.cancel()


def test_handle_keeps_its_time_after_it_is_cancelled(loop: AbstractEventLoop) -> None:
    when = loop.time() + 60
    handle = loop.call_at(when, print)
    handle.cancel()
    assert handle.when() == pytest.approx(when, abs=0.0011)


@pytest.mark.parametrize("delay", [0, -1, -1e9])
def test_timer_that_is_due_already_runs(loop: AbstractEventLoop, delay: float) -> None:
    seen: list[int] = []
    loop.call_later(delay, seen.append, 1)
    assert seen == []
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_call_at_in_the_past_runs(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    loop.call_at(loop.time() - 100, seen.append, 1)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_cancelled_timer_does_not_run(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handles = [loop.call_later(0.002, seen.append, number) for number in range(10)]
    for handle in handles[::2]:
        handle.cancel()
        handle.cancel()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert sorted(seen) == [1, 3, 5, 7, 9]


def test_timer_cancelled_by_another_of_the_same_round_does_not_run(
    loop: AbstractEventLoop,
) -> None:
    seen: list[int] = []
    handles: list[asyncio.TimerHandle] = []

    def cancel_the_others(mine: int) -> None:
        seen.append(mine)
        for number, handle in enumerate(handles):
            if number != mine:
                handle.cancel()

    past = loop.time() - 10
    handles += [loop.call_at(past + number, cancel_the_others, number) for number in range(3)]
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert len(seen) == 1


def test_cancelling_a_timer_that_ran_does_nothing(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handle = loop.call_later(0, seen.append, 1)
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    handle.cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_cancelled_timers_let_go_of_their_arguments(loop: AbstractEventLoop) -> None:
    class Argument:
        pass

    arguments = [Argument() for _ in range(200)]
    alive = weakref.WeakSet(arguments)
    handles = [loop.call_later(3600, id, argument) for argument in arguments]
    arguments.clear()
    for handle in handles:
        handle.cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    gc.collect()
    assert len(alive) == 0


def test_timers_cancelled_by_the_thousand_do_not_keep_the_others(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handles = [loop.call_later(3600 + number, print) for number in range(5000)]
    loop.call_later(0.005, seen.append, 1)
    handles += [loop.call_later(0.001, print, "never") for number in range(5000)]
    for handle in handles:
        handle.cancel()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert seen == [1]


@pytest.mark.parametrize("days", [2, 25, 50, 36500])
async def test_far_timer_is_accepted_and_waits(loop: AbstractEventLoop, days: float) -> None:
    # Beyond a day since Python 3.8; 25 and 50 days are beyond 31 and 32 bits of milliseconds.
    seen: list[int] = []
    handle = loop.call_later(days * DAY, seen.append, 1)
    assert handle.when() == pytest.approx(loop.time() + days * DAY, abs=1)
    await in_thread(time.sleep, 0)
    await asyncio.sleep(0.001)
    assert seen == []
    handle.cancel()


async def test_loop_that_waits_for_a_far_timer_sees_events(
    loop: AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    handle = loop.call_later(50 * DAY, print)
    receiving = loop.create_task(loop.sock_recv(right, 10))
    await in_thread(left.send, b"event")
    assert await receiving == b"event"
    handle.cancel()


async def test_nearer_timer_shortens_the_wait(loop: AbstractEventLoop) -> None:
    far = loop.call_later(3600, print)
    near = loop.create_future()
    # Set by a callback of a loop that has nothing but the far one to wait for.
    await in_thread(
        loop.call_soon_threadsafe, lambda: loop.call_later(0.001, near.set_result, "near")
    )
    assert await near == "near"
    far.cancel()


async def test_timer_runs_although_callbacks_are_always_ready(loop: AbstractEventLoop) -> None:
    seen = loop.create_future()
    handle = loop.call_soon(lambda: None)

    def again() -> None:
        nonlocal handle
        handle = loop.call_soon(again)

    again()
    loop.call_later(0.002, seen.set_result, "on time")
    assert await seen == "on time"
    handle.cancel()


def test_timer_scheduled_by_a_timer_runs(loop: AbstractEventLoop) -> None:
    seen: list[int] = []

    def step(number: int) -> None:
        seen.append(number)
        if number == 5:
            loop.stop()
        else:
            loop.call_later(0, step, number + 1)

    loop.call_later(0, step, 1)
    loop.run_forever()
    assert seen == [1, 2, 3, 4, 5]


def test_timers_wait_for_the_next_run_of_a_stopped_loop(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    when = loop.time() + 0.05
    loop.call_at(when, seen.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    # Unless the machine had other things to do for so long.
    assert seen == [] or loop.time() > when
    loop.call_at(when + 0.005, loop.stop)
    loop.run_forever()
    assert seen == [1]


async def test_sleep_and_timeouts_work_on_the_loop(loop: AbstractEventLoop) -> None:
    start = loop.time()
    assert await asyncio.sleep(0.005, "result") == "result"
    assert loop.time() - start >= 0.005 - RESOLUTION
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await loop.create_future()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(loop.create_future(), 0.001)
    async with asyncio.timeout(60):
        await asyncio.sleep(0)
