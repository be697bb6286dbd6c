"""`python -m asyncio top` and `trace`: what they tell of programs, and that nothing of it is left there."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Callable
    from pathlib import Path

    RunPython = Callable[..., subprocess.CompletedProcess[str]]
    Start = Callable[..., subprocess.Popen[str]]
    Look = Callable[..., str]

if sys.platform == "win32":
    pytest.skip("it asks over Unix sockets", allow_module_level=True)

import pty

#: Seconds: short, as a busy program does much in it.
SHORT = ("--once", "--interval", "0.1")

# A server and its client, with tasks that have names, which goes on until it is ended.
TALKING = """
import asyncio

async def answer(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()

async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in {rounds}:
        writer.write(b"question")
        assert await reader.read(100) == b"question"
        await asyncio.sleep(0.0001)
        if number == 3:
            print("up", flush=True)
    writer.close()
    await writer.wait_closed()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.create_task(ask(port), name="the one who asks")
    server.close()

asyncio.run(main())
"""
FOR_EVER = TALKING.format(rounds="iter(int, 1)").replace("number == 3", "True")
A_WHILE = TALKING.format(rounds="range(20)")


# top


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


@pytest.mark.parametrize("end", ["q", "Ctrl-C"])
def test_on_a_terminal_the_table_stays_in_its_place(
    start: Start, runtime: dict[str, str], end: str
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
                if end == "q":
                    os.write(ours, b"q")
                else:
                    top.send_signal(signal.SIGINT)
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


# trace


def events_of(path: Path, pid: int | None = None) -> list[dict[str, Any]]:
    """Return the events of a trace, which has to be one in the Trace Event Format."""
    trace = json.loads(path.read_text("utf-8"))
    events: list[dict[str, Any]] = trace["traceEvents"]
    for event in events:
        assert isinstance(event["name"], str) and event["name"]
        assert isinstance(event["tid"], int) and event["tid"] >= 0
        assert event["ts"] >= 0
        assert event["ph"] in {"M", "X", "s", "f", "b", "e"}
        assert "dur" not in event or (event["ph"] == "X" and event["dur"] >= 0)
        assert event["ph"] == "M" or isinstance(event["cat"], str)
    assert {event["pid"] for event in events} == ({pid} if pid else {events[0]["pid"]})
    check_nesting(events)
    check_flows(events)
    check_tasks(events)
    return events


def check_nesting(events: list[dict[str, Any]]) -> None:
    """Slices of a thread are one in the other, or one after the other."""
    slices = [event for event in events if event["ph"] == "X"]
    for tid in {event["tid"] for event in slices}:
        open_until: list[float] = []
        own = (event for event in slices if event["tid"] == tid)
        for event in sorted(own, key=lambda event: (event["ts"], -event["dur"])):
            # In nanoseconds, which floats would not add up to.
            begin = round(1000 * event["ts"])
            end = begin + round(1000 * event["dur"])
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or end <= open_until[-1], event
            open_until.append(end)


def check_flows(events: list[dict[str, Any]]) -> None:
    """Arrows have two ends, in this order, each in a slice of its thread."""
    flows = [event for event in events if event["ph"] in "sf"]
    begins = {event["id"]: event for event in flows if event["ph"] == "s"}
    ends = {event["id"]: event for event in flows if event["ph"] == "f"}
    assert begins.keys() == ends.keys()
    assert len(flows) == 2 * len(begins)
    places = [(e["tid"], e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X"]
    for number, begin in begins.items():
        assert begin["ts"] <= ends[number]["ts"]
        assert ends[number]["bp"] == "e"
        for end in (begin, ends[number]):
            assert any(t == end["tid"] and b <= end["ts"] <= e for t, b, e in places)


def check_tasks(events: list[dict[str, Any]]) -> None:
    """What begins on a task's track ends there, the last first."""
    stacks: dict[str, list[str]] = {}
    own = [event for event in events if event["ph"] in "be"]
    for event in sorted(own, key=lambda event: event["ts"]):
        stack = stacks.setdefault(event["id2"]["local"], [])
        if event["ph"] == "b":
            stack.append(event["name"])
        else:
            assert stack.pop() == event["name"]
    assert not any(stacks.values())


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


def test_a_trace_ends_at_ctrl_c(start: Start, runtime: dict[str, str], tmp_path: Path) -> None:
    child = start(FOR_EVER, INSPECTOR)
    path = tmp_path / "trace.json"
    with subprocess.Popen(
        [sys.executable, "-m", "asyncio", "trace", str(child.pid), "-o", str(path)],
        env={**os.environ, **runtime},
        stdout=subprocess.PIPE,
        text=True,
    ) as tracing:
        # The file is there when it has begun.
        while not path.exists() and tracing.poll() is None:
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
        (["trace"], "trace takes the id of a process, or a program"),
        (["trace", "x.py"], "trace takes the file to write as -o FILE"),
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
