"""`python -m asyncio trace`: what it writes of programs, and that nothing of it is left there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from array import array
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from asyncio_test_support.looked_into import BLOCKED, INSPECTOR, WAYS, talking
from asyncio_test_support.traces import events_of

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_test_support.fixture_types import Look, RunPython, Start

if sys.platform == "win32":
    pytest.skip("it asks over Unix sockets", allow_module_level=True)

FOR_EVER = talking("the one who asks")
A_WHILE = talking("the one who asks", rounds=20)


@pytest.mark.parametrize("way", WAYS)
def test_the_trace_of_a_process(
    start: Start, look: Look, tmp_path: Path, way: dict[str, str]
) -> None:
    child = start(FOR_EVER, way)
    path = tmp_path / "trace.json"
    told = look("trace", child, "-o", str(path), "--seconds", "0.2")
    events = events_of(path, child.pid)
    assert re.fullmatch(
        rf"{re.escape(str(path))}: {len(events)} events in 0\.\d+ s; "
        r"https://ui.perfetto.dev and chrome://tracing open it\n",
        told,
    )
    names = Counter(event["name"] for event in events if event["ph"] == "X")
    assert names["the one who asks: ask"] > 2
    assert names["turn"] > 2
    assert names["wait"] > 2
    assert {event["args"]["bytes"] for event in events if event["name"] in ("send", "recv")} == {8}
    tracks = {event["name"] for event in events if event["ph"] == "b"}
    assert {"the one who asks", "waits in sleep"} <= tracks
    assert any(name.startswith("waits in StreamReader.") for name in tracks)
    assert any(event["name"] == "wakes" for event in events)
    # It goes on as before, and can be traced again.
    look("trace", child, "-o", str(path), "--seconds", "0.01")
    assert child.poll() is None


def test_the_trace_of_a_program_is_of_all_of_it(python: RunPython, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(A_WHILE + "\nimport sys; sys.exit(sys.argv[1:] == ['--seconds', '1'])\n")
    path = tmp_path / "trace.json"
    result = python("-m", "asyncio", "trace", "-o", str(path), str(program), "--seconds", "1")
    assert (result.returncode, result.stdout) == (1, "up\n")
    assert result.stderr.startswith(f"{path}: ")
    events = events_of(path)
    names = Counter(event["name"] for event in events)
    assert names["the one who asks: ask"] > 40
    # Its first step is here, its last, and the one that made it.
    assert names["the one who asks"] == 2
    assert names["Task-1: main"] > 1
    # Eight bytes, twenty times, there and back. Small writes may go out together.
    sizes = [event["args"]["bytes"] for event in events if event["name"] in ("recv", "recv_into")]
    assert sum(sizes) == 2 * 20 * 8
    assert names["accept"] == 1


def test_the_trace_of_a_program_that_is_killed_has_what_it_did(
    python: RunPython, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, os\n"
        "async def main():\n"
        "    for _ in range(40):\n"
        "        await asyncio.sleep(0.02)\n"
        "    os._exit(3)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "trace.json"
    result = python("-m", "asyncio", "trace", "-o", str(path), str(program))
    assert result.returncode == 3
    assert "the last of them missing" in result.stderr
    names = Counter(event["name"] for event in events_of(path))
    # All but the last fifth of a second, or some more where the machine is busy.
    assert names["Task-1: main"] > 3


def test_a_forked_child_leaves_the_trace_to_its_parent(python: RunPython, tmp_path: Path) -> None:
    program = """
import asyncio, os, sys, warnings

warnings.simplefilter("ignore")

async def before():
    child = os.fork()
    if child == 0:
        return True
    os.waitpid(child, 0)

async def after():
    await asyncio.sleep(0.01)

async def main():
    if not await asyncio.create_task(before(), name="before"):
        await asyncio.create_task(after(), name="after")

asyncio.run(main())
"""
    path = tmp_path / "trace.json"
    result = python("-m", "asyncio", "trace", "-o", str(path), "-c", program)
    assert (result.returncode, result.stdout) == (0, "")
    names = Counter(event["name"] for event in events_of(path))
    assert (names["before: before"], names["after: after"]) == (1, 2)


@pytest.mark.parametrize("form", ["0", "1"])
def test_options_may_stand_at_the_end_and_forms_are_the_same(
    python: RunPython, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "trace.json"
    result = python(
        *("-m", "asyncio", "trace", "-c", A_WHILE, "--seconds", "30", "-o", str(path)),
        environment={"ASYNCIO_PURE_PYTHON": form},
    )
    assert (result.returncode, result.stdout) == (0, "up\n")
    woken = [event for event in events_of(path) if event["ph"] == "f"]
    # At least by the timer, by what came, and by what was begun, for each round.
    assert len(woken) >= 60


def test_the_trace_of_a_blocked_program_shows_by_what(
    start: Start, look: Look, tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"
    look("trace", start(BLOCKED, INSPECTOR), "-o", str(path), "--seconds", "0.05")
    slices = [event for event in events_of(path) if event["ph"] == "X"]
    assert [event["name"] for event in slices] == ["main", "blocks"]
    assert all(event["args"] == {"unfinished": True} for event in slices)


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_that_outlasts_the_trace_ends_with_the_step_it_is_in(
    tmp_path: Path, order: int
) -> None:
    from asyncio._inside.trace_events import TraceWriter

    from asyncio_core.inspecting.recording import BITS_OF_KIND, CALLBACK, IO, UNFINISHED

    # The trace ends at 300, while the thread sends, until 400.
    unfinished = (CALLBACK | UNFINISHED << BITS_OF_KIND, 7, 100, 300, 1, 0, 0, 0)
    send = (IO, 7, 200, 400, 2, 5, 8, 0)
    records = array("q", [*unfinished, *send] if order > 0 else [*send, *unfinished])
    path = tmp_path / "trace.json"
    facts = {"begun": 0, "pid": 1, "program": "x.py", "python": "3", "form": "pure"}
    names = {"names": ["answer", "send"], "tasks": [], "threads": [(7, 7, "MainThread")]}
    with path.open("w") as file:
        writer = TraceWriter(file, facts)
        writer.add(names, records.tobytes())
        writer.close()
    slices = [event["name"] for event in events_of(path) if event["ph"] == "X"]
    assert sorted(slices) == ["answer", "send"]


def test_a_trace_ends_at_ctrl_c(start: Start, runtime: dict[str, str], tmp_path: Path) -> None:
    child = start(FOR_EVER, INSPECTOR)
    path = tmp_path / "trace.json"
    with subprocess.Popen(
        [sys.executable, "-m", "asyncio", "trace", str(child.pid), "-o", str(path)],
        env={**os.environ, **runtime},
        stdout=subprocess.PIPE,
        text=True,
    ) as tracing:
        # There is something in it when it has begun.
        while not (path.exists() and path.stat().st_size) and tracing.poll() is None:
            pass
        tracing.send_signal(signal.SIGINT)
        told, _ = tracing.communicate()
    assert tracing.returncode == 0
    assert told.startswith(f"{path}: ")
    assert events_of(path, child.pid)
    assert child.poll() is None


def test_a_program_that_makes_no_loop_has_no_trace(python: RunPython, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    result = python("-m", "asyncio", "trace", "-o", str(path), "-c", "print('up')")
    assert (result.returncode, result.stdout) == (2, "up\n")
    told = "it made no event loop of this asyncio, so there is no trace"
    assert result.stderr == f"python -m asyncio: -c: {told}\n"
    assert not path.exists()
    result = python("-m", "asyncio", "trace", "-o", str(path), "-m", "this")
    assert result.stderr == f"python -m asyncio: -m this: {told}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trace"], "trace takes the id of a process, or a program"),
        (["trace", "x.py"], "trace takes the file to write as -o FILE"),
        (["trace", "-o", "", "x.py"], "trace takes the file to write as -o FILE"),
        (["trace", "0", "-o", "f"], "process 0: there is no such process"),
        (
            ["trace", "-o", "f", "--seconds", "nan", "1"],
            "--seconds takes a number of seconds, got 'nan'",
        ),
        (["trace", "-o", "no/f", "x.py"], "no/f: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    from asyncio._commands import main

    assert main(arguments) == 2
    assert capsys.readouterr().err == f"python -m asyncio: {told}\n"
