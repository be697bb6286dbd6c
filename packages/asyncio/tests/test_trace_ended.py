"""`python -m asyncio trace`: how it ends, by signals and otherwise, and what is in its file then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_test_support.looked_into import IDLE, INSPECTOR, WAYS, talking
from asyncio_test_support.traces import events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asyncio_test_support.fixture_types import RunPython, Start

    Trace = Callable[..., subprocess.Popen[str]]

if sys.platform == "win32":
    pytest.skip("it asks over Unix sockets", allow_module_level=True)

import pty

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PASSED_ON = (*ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

FOR_EVER = talking("the one who asks")
# So little that it is written down as it comes.
TICKS = """
import asyncio

async def main():
    print("up", flush=True)
    while True:
        await asyncio.sleep(0.01)

asyncio.run(main())
"""

# Says which signals come, and how often each; ends at a line.
HEARS = """
import asyncio, signal, sys

heard = []

async def main():
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        loop.add_signal_handler(number, hear, number.name)
    print("up", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    print(*heard, flush=True)

def hear(name):
    heard.append(name)
    print(name, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def trace(runtime: dict[str, str]) -> Iterator[Trace]:
    """Begins to trace."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        tracing = subprocess.Popen(
            [sys.executable, "-m", "asyncio", "trace", *arguments],
            env={**os.environ, **runtime},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        begun.append(tracing)
        return tracing

    yield run
    for tracing in begun:
        tracing.kill()
        tracing.communicate()


def line_of(tracing: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints that is traced."""
    assert tracing.stdout is not None
    return tracing.stdout.readline()


def until_begun(path: Path, tracing: subprocess.Popen[str]) -> None:
    """Wait until there is something in the file, or the trace has ended."""
    while not (path.exists() and path.stat().st_size) and tracing.poll() is None:
        pass


# Signals.


def test_a_signal_is_the_programs(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    tracing = trace("-o", str(path), "-c", HEARS)
    assert line_of(tracing) == "up\n"
    for number in PASSED_ON:
        tracing.send_signal(number)
        assert line_of(tracing) == f"{number.name}\n"
    heard, told = tracing.communicate("\n")
    assert (tracing.returncode, heard.split()) == (0, [number.name for number in PASSED_ON])
    assert told.startswith(f"{path}: ")
    assert events_of(path)


@pytest.mark.parametrize("number", PASSED_ON)
def test_a_signal_that_ends_the_program_ends_the_trace(
    trace: Trace, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "trace.json"
    tracing = trace("-o", str(path), "-c", FOR_EVER)
    assert line_of(tracing) == "up\n"
    tracing.send_signal(number)
    _, told = tracing.communicate()
    # Ctrl-C ends the program by an exception, and Python says so by the same signal.
    assert tracing.returncode == 128 + number
    assert f"{path}: " in told
    assert events_of(path)


def test_a_signal_before_there_is_a_loop_is_the_programs(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    tracing = trace("-o", str(path), "-c", "import signal; print('up', flush=True); signal.pause()")
    assert line_of(tracing) == "up\n"
    tracing.send_signal(signal.SIGTERM)
    _, told = tracing.communicate()
    assert (tracing.returncode, told) == (128 + signal.SIGTERM, "")
    assert not path.exists()


def test_ctrl_c_on_the_terminal_comes_once(runtime: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    # The terminal sends it to both. A second one would have asyncio.run() end at once.
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, "-o", str(tmp_path / "trace.json"), "-c", HEARS],
        env={**os.environ, **runtime},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as tracing:
        os.close(theirs)
        with open(ours, "r+b", buffering=0) as terminal:
            shown = b""
            while b"up" not in shown:
                shown += terminal.read(1000)
            terminal.write(b"\x03")
            while b"SIGINT" not in shown:
                shown += terminal.read(1000)
            os.kill(tracing.pid, signal.SIGUSR1)
            while b"SIGUSR1" not in shown:
                shown += terminal.read(1000)
            terminal.write(b"\n")
            while True:
                try:
                    more = terminal.read(1000)
                except OSError:
                    break  # The other end is closed.
                if not more:
                    break
                shown += more
    assert tracing.returncode == 0
    assert b"\r\nSIGINT SIGUSR1\r\n" in shown


# Takes the terminal that it has as that of its session.
IN_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from asyncio._commands import main
sys.exit(main(["trace", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("way", WAYS)
def test_a_trace_of_a_process_ends_at_a_signal(
    start: Start, trace: Trace, tmp_path: Path, way: dict[str, str], number: signal.Signals
) -> None:
    child = start(FOR_EVER, way)
    path = tmp_path / "trace.json"
    tracing = trace(str(child.pid), "-o", str(path))
    until_begun(path, tracing)
    tracing.send_signal(number)
    told, errors = tracing.communicate()
    assert (tracing.returncode, errors) == (0, "")
    assert told.startswith(f"{path}: ")
    assert events_of(path, child.pid)
    assert child.poll() is None


def test_one_that_is_to_live_on_without_a_terminal_does(
    start: Start, trace: Trace, tmp_path: Path
) -> None:
    child = start(TICKS, INSPECTOR)
    path = tmp_path / "trace.json"
    # As nohup does.
    tracing = trace(
        *(str(child.pid), "-o", str(path)),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    until_begun(path, tracing)
    tracing.send_signal(signal.SIGHUP)
    size = path.stat().st_size
    while path.stat().st_size <= size and tracing.poll() is None:
        pass
    assert tracing.poll() is None
    tracing.send_signal(signal.SIGTERM)
    told, _ = tracing.communicate()
    assert (tracing.returncode, told.startswith(f"{path}: ")) == (0, True)


# What was in the file before.

BEFORE = '{"traceEvents": []}\n'


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["-c", "print('up')"], 2),
        (["-c", "import sys; sys.exit(3)"], 3),
        (["no-such-program.py"], 2),
        (["-m", "no_such_module"], 1),
        (["0"], 2),
    ],
)
def test_without_a_trace_the_file_stays_as_it_was(
    python: RunPython, tmp_path: Path, arguments: list[str], status: int
) -> None:
    path, other = tmp_path / "trace.json", tmp_path / "other.json"
    path.write_text(BEFORE)
    result = python("-m", "asyncio", "trace", "-o", str(path), *arguments)
    assert (result.returncode, path.read_text()) == (status, BEFORE)
    python("-m", "asyncio", "trace", "-o", str(other), *arguments)
    assert not other.exists()


def test_where_another_traces_the_file_stays_as_it_was(
    start: Start, trace: Trace, python: RunPython, runtime: dict[str, str], tmp_path: Path
) -> None:
    child = start(IDLE, INSPECTOR)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    second.write_text(BEFORE)
    tracing = trace(str(child.pid), "-o", str(first))
    until_begun(first, tracing)
    pid = str(child.pid)
    result = python("-m", "asyncio", "trace", "-o", str(second), pid, environment=runtime)
    assert (result.returncode, second.read_text()) == (2, BEFORE)
    tracing.send_signal(signal.SIGINT)
    tracing.communicate()
    assert events_of(first)


def test_what_was_there_before_is_replaced_as_a_whole(python: RunPython, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("x" * 1_000_000)
    result = python("-m", "asyncio", "trace", "-o", str(path), "-c", talking("Ada", rounds=1))
    assert result.returncode == 0
    assert events_of(path)


def test_a_file_that_cannot_be_written_is_told_before_the_program_runs(
    python: RunPython, tmp_path: Path
) -> None:
    result = python("-m", "asyncio", "trace", "-o", str(tmp_path), "-c", "print('up')")
    told = f"python -m asyncio: {tmp_path}: Is a directory\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", told)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_ends_the_trace_and_not_the_program(python: RunPython) -> None:
    program = talking("Ada", rounds=500) + "\nprint('down')\n"
    result = python("-m", "asyncio", "trace", "-o", "/dev/full", "-c", program)
    told = "python -m asyncio: /dev/full: No space left on device\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "up\ndown\n", told)


def test_a_folder_for_temporary_files_with_a_long_path_is_no_hindrance(
    python: RunPython, tmp_path: Path
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    path = tmp_path / "trace.json"
    program = talking("Ada", rounds=1)
    result = python(
        *("-m", "asyncio", "trace", "-o", str(path), "-c", program),
        environment={"TMPDIR": str(folder)},
    )
    assert (result.returncode, os.listdir(folder)) == (0, [])
    assert events_of(path)


# To standard output.


def test_a_trace_of_a_process_may_go_to_standard_output(
    start: Start, python: RunPython, runtime: dict[str, str], tmp_path: Path
) -> None:
    child = start(FOR_EVER, INSPECTOR)
    result = python(
        *("-m", "asyncio", "trace", "-o", "-", "--seconds", "0.1", str(child.pid)),
        environment=runtime,
    )
    assert result.returncode == 0
    assert result.stderr.startswith("standard output: ")
    assert json.loads(result.stdout)["traceEvents"]


def test_one_of_a_program_may_not_as_that_is_the_programs(python: RunPython) -> None:
    result = python("-m", "asyncio", "trace", "-o", "-", "-c", "print('up')")
    told = "trace writes to standard output with the id of a process only: a program's output goes there"
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"python -m asyncio: {told}\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_standard_output_that_is_full_is_told(start: Start, runtime: dict[str, str]) -> None:
    child = start(FOR_EVER, INSPECTOR)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "asyncio",
                "trace",
                "-o",
                "-",
                "--seconds",
                "0.1",
                str(child.pid),
            ],
            env={**os.environ, **runtime},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    told = "python -m asyncio: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)
    assert child.poll() is None
