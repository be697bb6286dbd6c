"""The watchdog: what it tells of a callback that blocks its loop, and what it does not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import pytest

from asyncio_core import inspecting
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.inspecting import watchdog


class Told(logging.Handler):
    """What is logged, and a way to wait for it."""

    def __init__(self):
        super().__init__()
        self.messages = []
        self.came = threading.Condition()

    def emit(self, record):
        with self.came:
            self.messages.append(record.getMessage())
            self.came.notify_all()

    def wait_for(self, number):
        with self.came:
            assert self.came.wait_for(lambda: len(self.messages) >= number, 30)


@pytest.fixture
def told():
    """What is logged; the watchdog ends after the test."""
    handler = Told()
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield handler
    inspecting.stop_watchdog()
    logger.removeHandler(handler)


@pytest.fixture
def looks(monkeypatch):
    """Return a function that waits until the watchdog has looked so many times more."""
    count = threading.Semaphore(0)
    look = watchdog.Watchdog._look

    def counted(self):
        look(self)
        count.release()

    monkeypatch.setattr(watchdog.Watchdog, "_look", counted)

    def wait(number):
        for _ in range(number):
            assert count.acquire(timeout=30)

    return wait


def test_a_task_that_blocks_is_told_while_it_does_and_how_long_it_took(run_in_real_time, told):
    def blocks():
        told.wait_for(1)

    async def blocking():
        blocks()

    async def main():
        inspecting.start_watchdog(0.01)
        await create_task(blocking(), name="culprit")
        while len(told.messages) < 2:
            await sleep(0.001)

    run_in_real_time(main())
    first, second = told.messages
    head, *stack = first.splitlines()
    assert "is blocked for 0." in head
    assert head.endswith(" seconds by task 'culprit':")
    assert stack[0].endswith("in blocking")
    assert stack[2].endswith("in blocks")
    assert "told.wait_for(1)" in stack[3]
    assert second.startswith("The callback that blocked its loop took ")


def test_a_plain_callback_is_told_too_and_each_block_once(run_in_real_time, told, looks):
    def blocks(number):
        told.wait_for(number)
        looks(10)

    async def main():
        loop = get_running_loop()
        inspecting.start_watchdog(0.01)
        for number in (1, 3):
            loop.call_soon(blocks, number)
            while len(told.messages) < number + 1:
                await sleep(0.001)

    run_in_real_time(main())
    assert [" by a callback:" in message for message in told.messages] == [True, False] * 2


@pytest.fixture
def long_looked_after(monkeypatch, looks):
    """Return a function that starts a watchdog of a second, and one that waits until it looked for longer.

    A second, as on a busy machine short callbacks take long, too.
    """
    monkeypatch.setattr(watchdog, "_LOOKS", 100)
    return lambda: inspecting.start_watchdog(1), lambda: looks(120)


def test_many_short_callbacks_of_one_task_block_nothing(run_in_real_time, told, long_looked_after):
    begin, wait = long_looked_after
    enough = threading.Event()

    def work():
        sum(range(1000))

    def count():
        wait()
        enough.set()

    async def main():
        begin()
        counting = threading.Thread(target=count)
        counting.start()
        while not enough.is_set():
            work()
            await sleep(0)
        counting.join()

    run_in_real_time(main())
    assert told.messages == []


def test_a_loop_that_waits_is_not_blocked(run_in_real_time, told, long_looked_after):
    begin, wait = long_looked_after

    async def main():
        loop = get_running_loop()
        begin()
        woken = loop.create_future()

        def count():
            wait()
            loop.call_soon_threadsafe(woken.set_result, None)

        counting = threading.Thread(target=count)
        counting.start()
        await woken
        counting.join()

    run_in_real_time(main())
    assert told.messages == []


@pytest.mark.parametrize("debug", [False, True])
def test_debug_mode_makes_no_difference(run_in_real_time, told, debug):
    async def main():
        get_running_loop().slow_callback_duration = 100
        inspecting.start_watchdog(0.01)
        told.wait_for(1)
        while len(told.messages) < 2:
            await sleep(0.001)

    run_in_real_time(main(), debug=debug)
    # On a busy machine there may be more, of other callbacks.
    blocked, freed = told.messages[:2]
    assert "is blocked for " in blocked
    assert freed.startswith("The callback that blocked its loop took ")


def test_a_second_call_changes_the_time_and_stopping_ends_the_thread(told):
    inspecting.start_watchdog(100)
    inspecting.start_watchdog(0.01)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("asyncio-watchdog") == 1
    inspecting.stop_watchdog()
    assert "asyncio-watchdog" not in [thread.name for thread in threading.enumerate()]
    inspecting.stop_watchdog()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match=r"seconds|time"):
        inspecting.start_watchdog(seconds)


PROGRAM = """
import logging, sys, threading
import asyncio_core

told = threading.Event()

class Handler(logging.Handler):
    def emit(self, record):
        print(record.getMessage().splitlines()[0].partition(" blocked for ")[0][-2:], flush=True)
        told.set()

logging.getLogger("asyncio").addHandler(Handler())

async def main():
    told.wait(float(sys.argv[1]))

asyncio_core.run(main())
"""


def run_with(seconds, patience):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(patience)],
        env={**os.environ, "ASYNCIO_WATCHDOG": seconds},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return result.returncode, result.stdout.split()[:1], result.stderr


def test_the_environment_starts_it():
    assert run_with("0.01", 40) == (0, ["is"], "")


@pytest.mark.parametrize("seconds", ["soon", "-1", "0"])
def test_an_environment_that_names_no_time_is_warned_of(seconds):
    status, printed, errors = run_with(seconds, 0)
    assert (status, printed) == (0, [])
    assert f"RuntimeWarning: ASYNCIO_WATCHDOG={seconds}: no watchdog" in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_has_one_of_its_own():
    program = """
import os, threading, warnings
from asyncio_core import inspecting
warnings.filterwarnings("ignore", "This process .* is multi-threaded")
inspecting.start_watchdog(60)
pid = os.fork()
names = [thread.name for thread in threading.enumerate()]
if pid == 0:
    os._exit(names.count("asyncio-watchdog"))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), names.count("asyncio-watchdog"))
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("1 1\n", "")
