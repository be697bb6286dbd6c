"""`python -m asyncio top`: what it tells of programs, and that nothing of it is left there."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asyncio_test_support.looked_into import (
    BLOCKED,
    BUSY,
    DEADLOCKED,
    IDLE,
    INSPECTOR,
    MANY,
    WAYS,
    from_314,
)

if TYPE_CHECKING:
    from asyncio_test_support.fixture_types import Look, RunPython, Start

if sys.platform == "win32":
    pytest.skip("it asks over Unix sockets", allow_module_level=True)

import pty

#: Seconds: short, as a busy program does much in it.
SHORT = ("--once", "--interval", "0.1")


@pytest.mark.parametrize("way", WAYS)
def test_figures_of_a_busy_program(start: Start, look: Look, way: dict[str, str]) -> None:
    child = start(BUSY, way)
    told = json.loads(look("top", child, *SHORT, "--json"))
    (loop,) = told["loops"]
    assert told["pid"] == child.pid
    # Each of its turns runs one step of its one task.
    assert loop["turns"] > 100
    assert abs(loop["turns"] - loop["callbacks"]) <= 1
    assert (loop["ready_mean"], loop["ready_most"]) == (1, 1)
    assert 0 < loop["lag"]["p50"] <= loop["lag"]["p99"] <= loop["lag"]["max"]
    (task,) = told["tasks"]
    assert (task["name"], task["function"]) == ("Task-1", "busy")
    assert task["count"] == loop["callbacks"]
    assert 0 < task["seconds"] <= loop["busy"] <= told["seconds"]
    assert [each["name"] for each in told["callbacks"]] == ["busy"]

    lines = look("top", child, *SHORT).splitlines()
    assert re.match(rf"process {child.pid}: 0\.\d\d s, processor [\d.]+%, tasks 1$", lines[0])
    assert re.search(r"in thread MainThread .* ready \d, timers 0, descriptors \d", lines[1])
    figures = next(line for line in lines if line.startswith("  turns "))
    assert re.match(
        r"  turns \d+/s, callbacks \d+/s, busy .*, ready mean 1.0 most 1, lag p50", figures
    )
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == ["RUN", "TIME", "STEPS", "LONGEST", "TASK", "FUNCTION"]
    assert table[1].endswith("  Task-1  busy")
    assert child.poll() is None


@pytest.mark.parametrize("way", WAYS)
def test_figures_of_a_program_in_which_nothing_runs(
    start: Start, look: Look, way: dict[str, str]
) -> None:
    for program in (IDLE, DEADLOCKED):
        child = start(program, way)
        lines = look("top", child, *SHORT).splitlines()
        assert "busy 0.0%" in lines[2]
        assert lines[3] == "nothing ran"


def test_what_blocks_a_loop_takes_all_the_time(start: Start, look: Look) -> None:
    child = start(BLOCKED, INSPECTOR)
    told = json.loads(look("top", child, *SHORT, "--json"))
    (loop,), (task,) = told["loops"], told["tasks"]
    assert loop["turns"] == 0
    assert [each["function"] for each in loop["callback"]] == ["main", "blocks"]
    assert (task["name"], task["function"]) == ("Task-1", "main")
    assert told["seconds"] == task["seconds"] == task["longest"] == loop["lag"]["max"]
    assert "main > blocks, at <string>:7" in look("top", child, *SHORT)


def test_a_program_without_a_loop_is_told(start: Start, look: Look) -> None:
    program = """
import asyncio, time
asyncio.new_event_loop().close()
print("up", flush=True)
time.sleep(3600)
"""
    lines = look("top", start(program, INSPECTOR), *SHORT).splitlines()
    assert lines[1:] == ["no loop of this asyncio is there"]


TWO_LOOPS = """
import asyncio, threading

async def busy():
    while True:
        await asyncio.sleep(0)

async def main():
    print("up", flush=True)
    await busy()

threading.Thread(target=lambda: asyncio.run(busy()), name="other", daemon=True).start()
asyncio.run(main())
"""


def test_of_several_loops_each_row_names_its_own(start: Start, look: Look) -> None:
    told = look("top", start(TWO_LOOPS, INSPECTOR), *SHORT)
    rows = [line for line in told.splitlines() if " Task-" in line]
    loops = {row.split("  ")[-1] for row in rows}
    assert loops == {f"_UnixSelectorEventLoop in {name}" for name in ("MainThread", "other")}
    assert told.count("  LOOP\n") == 2


def test_many_tasks_are_counted(start: Start, look: Look) -> None:
    child = start(MANY, INSPECTOR)
    assert ", tasks 10001\n" in look("top", child, *SHORT)


def test_tables_come_one_after_the_other_until_the_process_ends(
    start: Start, runtime: dict[str, str]
) -> None:
    child = start(BUSY, INSPECTOR)
    with subprocess.Popen(
        [sys.executable, "-m", "asyncio", "top", str(child.pid), "--interval", "0.05"],
        env={**os.environ, **runtime},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as top:
        assert top.stdout is not None and top.stderr is not None
        heads = 0
        for line in top.stdout:
            heads += line.startswith("process ")
            if heads == 3:
                child.kill()
        errors = top.stderr.read()
    assert top.returncode == 2
    assert errors == f"python -m asyncio: process {child.pid}: it has ended\n"


@pytest.mark.parametrize("end", ["q", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_on_a_terminal_the_table_stays_in_its_place(
    start: Start, runtime: dict[str, str], end: str | signal.Signals
) -> None:
    child = start(BUSY, INSPECTOR)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "asyncio", "top", str(child.pid), "--interval", "0.05"],
        env={**os.environ, **runtime},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as top:
        os.close(theirs)
        shown = b""
        ended = False
        while select.select([ours], [], [], 30)[0]:
            try:
                shown += os.read(ours, 10_000)
            except OSError:
                break  # The other end is closed.
            if not ended and shown.count(b"\x1b[H") >= 3:
                ended = True
                if isinstance(end, str):
                    os.write(ours, end.encode())
                else:
                    top.send_signal(end)
        os.close(ours)
    assert (top.returncode, b"Traceback" in shown) == (0, False)
    assert shown.startswith(b"\x1b[?1049h\x1b[?25l\x1b[Hprocess ")
    assert shown.endswith(b"\x1b[?25h\x1b[?1049l")
    assert child.poll() is None


@from_314
def test_the_standard_asyncio_is_not_measured(
    start: Start, python: RunPython, runtime: dict[str, str]
) -> None:
    child = start(IDLE, {"ASYNCIO_IMPLEMENTATION": "stdlib"})
    result = python("-m", "asyncio", "top", str(child.pid), *SHORT, environment=runtime)
    told = f"process {child.pid}: it runs the standard asyncio"
    assert (result.returncode, result.stderr) == (2, f"python -m asyncio: {told}\n")


def test_one_at_a_time_measures(
    start: Start, look: Look, python: RunPython, runtime: dict[str, str]
) -> None:
    child = start(BUSY, INSPECTOR)
    with subprocess.Popen(
        [sys.executable, "-m", "asyncio", "top", str(child.pid), "--interval", "0.05"],
        env={**os.environ, **runtime},
        stdout=subprocess.PIPE,
    ) as top:
        assert top.stdout is not None
        top.stdout.readline()
        pid = str(child.pid)
        refused = python("-m", "asyncio", "top", pid, *SHORT, environment=runtime)
        # Those who only look may.
        assert "Task-1" in look("ps", child)
        top.kill()
    told = f"process {pid}: it is measured or traced already, and by one at a time"
    assert (refused.returncode, refused.stderr) == (2, f"python -m asyncio: {told}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["top"], "top takes the id of a process, got ''"),
        (["top", "x"], "top takes the id of a process, got 'x'"),
        (["top", "0"], "process 0: there is no such process"),
        (["top", "1", "--twice"], "top takes no --twice; top --help tells what it takes"),
        (["top", "1", "--json"], "top takes --json together with --once"),
        (["top", "1", "--interval"], "top takes a value for --interval"),
        (["top", "1", "--interval", "0"], "--interval takes a number of seconds, got '0'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    from asyncio._commands import main

    assert main(arguments) == 2
    assert capsys.readouterr().err == f"python -m asyncio: {told}\n"
