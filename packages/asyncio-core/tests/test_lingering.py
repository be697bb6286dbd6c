"""What a run that does not end says about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.runners import Runner


async def lingers(seconds):
    try:
        await get_running_loop().create_future()
    except CancelledError:
        await sleep(seconds)


def end_with(loop, seconds):
    """Let a run on `loop`, whose clock skips the waiting, end with a task that takes so long to."""
    held = []

    async def main():
        held.append(create_task(lingers(seconds), name="the one that lingers"))
        held.append(create_task(lingers(0), name="the other"))
        await sleep(0)

    with Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def test_tasks_that_do_not_end_are_named_after_some_seconds_with_where_they_stand(loop, caplog):
    end_with(loop, 60)
    (record,) = caplog.records
    message = record.getMessage()
    assert record.levelname == "WARNING"
    assert "5 seconds after they were cancelled" in message
    assert " 1 task has not ended:" in message
    assert "name='the one that lingers'" in message
    assert "in async lingers()" in message
    assert "the other" not in message


def test_a_run_that_ends_in_time_says_nothing(loop, caplog):
    end_with(loop, 4)
    assert not caplog.records


def test_of_many_the_first_are_told(loop, caplog):
    held = []

    async def main():
        held.extend(create_task(lingers(60), name=f"n{number:02}") for number in range(30))
        await sleep(0)

    with Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    message = caplog.records[0].getMessage()
    assert " 30 tasks have not ended:" in message
    assert "n19" in message
    assert "n20" not in message
    assert message.endswith("… and 10 more")


WITHOUT_DESCRIPTORS = """
import logging, os, resource
import asyncio_core
from asyncio_core.loops import lingering

async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    lingering.name([asyncio_core.current_task()], "Now,")

logging.basicConfig(format="%(message)s")
asyncio_core.run(main(), loop_factory=asyncio_core.ParkingEventLoop)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_where_nothing_can_be_loaded_tasks_are_named_as_they_show_themselves():
    child = subprocess.run(
        [sys.executable, "-c", WITHOUT_DESCRIPTORS],
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    assert child.stderr.startswith("Now, 1 task has not ended:\n<Task pending name='Task-1'")


INTERRUPTED = """
import asyncio_core

async def stubborn():
    print("waits", flush=True)
    try:
        await asyncio_core.sleep(3600)
    except asyncio_core.CancelledError:
        # Told from a callback, when this task waits again.
        loop = asyncio_core.get_running_loop()
        loop.call_soon(lambda: print("was cancelled", flush=True))
        await cleaning_up()

async def cleaning_up():
    await asyncio_core.sleep(3600)

async def main():
    async with asyncio_core.TaskGroup() as group:
        group.create_task(stubborn(), name="stubborn")

asyncio_core.run(main(), loop_factory=asyncio_core.ParkingEventLoop)
"""
# It ends by itself, and one of its tasks does not.
ENDING = INTERRUPTED.replace(
    """
    async with asyncio_core.TaskGroup() as group:
        group.create_task(stubborn(), name="stubborn")
""",
    """
    held.append(asyncio_core.create_task(stubborn(), name="stubborn"))
    await asyncio_core.sleep(0)

held = []
""",
)


@pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C alone there")
def test_a_second_interrupt_names_what_did_not_end_at_the_first():
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as child:
        assert child.stdout.readline() == "waits\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "was cancelled\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=40)
    assert "When Ctrl-C came a second time, 2 tasks have not ended:" in errors
    assert "Task(name='stubborn'" in errors
    assert "in async cleaning_up()" in errors
    assert "KeyboardInterrupt" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C alone there")
def test_an_interrupt_at_the_end_names_what_did_not_end():
    with subprocess.Popen(
        [sys.executable, "-c", ENDING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as child:
        assert child.stdout.readline() == "waits\n"
        assert child.stdout.readline() == "was cancelled\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=40)
    assert "When Ctrl-C came, at the end of the run, 1 task has not ended:" in errors
    assert "in async cleaning_up()" in errors
    assert "KeyboardInterrupt" in errors
