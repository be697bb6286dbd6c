"""`python -m asyncio_core.testing`: it looks for a seed with which a program fails, and says in one line what it cannot do."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from asyncio_test_support.fixture_types import RunPython

    Seek = Callable[..., subprocess.CompletedProcess[str]]

FOLDER = pathlib.Path(__file__).parent / "races"
NAME = "python -m asyncio_core.testing"
RUNS_A_LOOP = "import asyncio; asyncio.run(asyncio.sleep(0))"
WELL = (sys.executable, "-c", RUNS_A_LOOP)
# Fails with each seed, and says which it was given.
FAILING = """
import asyncio, os
asyncio.run(asyncio.sleep(0))
print("seed", os.environ.get("ASYNCIO_SEED"), os.environ.get("ASYNCIO_DECISIONS"))
raise SystemExit(1)
"""
FAILS = (sys.executable, "-c", FAILING)


@pytest.fixture
def seek(python: RunPython) -> Seek:
    """Runs the command."""
    return lambda *arguments, **options: python("-m", "asyncio_core.testing", *arguments, **options)


def test_a_race_is_found_and_what_it_takes_is_told(python: RunPython) -> None:
    program = str(FOLDER / "unfair_lock.py")
    command = ("-m", "asyncio_core.testing", "--seeds", "0:20", "--", sys.executable, program)
    done = python(*command)
    assert done.returncode == 1, done.stderr
    assert "IndexError" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("ASYNCIO_LOOP=shuffled ASYNCIO_DECISIONS=0.")
    loop, _, played = last.partition(" ")
    variables = dict(pair.split("=", 1) for pair in (loop, played))
    done = python(program, environment=variables)
    assert (done.returncode, "IndexError" in done.stderr) == (1, True)


def test_where_nothing_is_found_it_says_so(seek: Seek) -> None:
    done = seek("--seeds", "0:2", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "no failure with 2 seeds\n")
    done = seek("--seeds", "7", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "no failure with 1 seed\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "x", "--", *WELL], "--seeds takes FIRST:END, or one seed, got 'x'"),
        (["--seeds", "1:x", "--", *WELL], "--seeds takes FIRST:END, or one seed, got '1:x'"),
        (["--seeds", "3:0", "--", *WELL], "--seeds 3:0 holds no seed"),
        (["--seeds", "3:3", "--", *WELL], "--seeds 3:3 holds no seed"),
        (["--seeds=-1:2", "--", *WELL], "--seeds -1:2: a seed is a whole number from 0 on, not -1"),
        (["--attempts", "0", "--", *WELL], "--attempts takes a number from 1 on, got '0'"),
        (["--attempts", "many", "--", *WELL], "--attempts takes a number from 1 on, got 'many'"),
        (
            ["--loop", "virtual", "--", *WELL],
            "--loop virtual: no seed decides what its loops do; it does with shuffled and chaos",
        ),
        (["--loop", "selectors", "--", *WELL], "--loop selectors: no seed decides"),
        (["--loop", "nosuch", "--", *WELL], "--loop nosuch: there is no event loop named 'nosuch'"),
        (["--loop", "", "--", *WELL], "--loop : there is no event loop named ''"),
        ([], "the following arguments are required: PROGRAM"),
        (
            ["--seeds", "0:3", "--", sys.executable, "-c", "print('up')"],
            "the program has made no loop of ASYNCIO_LOOP=shuffled, so no seed decides anything in it",
        ),
    ],
)
def test_what_it_cannot_do_is_one_line(seek: Seek, arguments: list[str], told: str) -> None:
    done = seek(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{NAME}: {told}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other words for it")
@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("/no/such/program", "No such file or directory"),
        (
            "no_such.py",
            "No such file or directory (a program in Python is run as python no_such.py)",
        ),
        (os.devnull, "Permission denied"),
    ],
)
def test_a_program_that_cannot_be_run_is_told(seek: Seek, program: str, told: str) -> None:
    done = seek("--", program)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{NAME}: {program}: {told}\n"


def test_a_program_that_makes_no_loop_any_more_has_no_decisions_of_the_run_before(
    seek: Seek, tmp_path: Path
) -> None:
    # It runs a loop with the first seed only, and is killed with the second.
    program = (
        "import asyncio, os\n"
        "if os.environ['ASYNCIO_SEED'] == '1': os._exit(3)\n"
        "asyncio.run(asyncio.sleep(0))\n"
    )
    done = seek("--seeds", "0:2", "--", sys.executable, "-c", program)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first == "fails: ASYNCIO_LOOP=shuffled ASYNCIO_SEED=1"
    assert second.startswith("what was decided is not known")


def test_what_the_environment_has_for_programs_is_not_for_those_that_are_looked_at(
    seek: Seek,
) -> None:
    environment = {"ASYNCIO_DECISIONS": "0.1=1", "ASYNCIO_SEED": "99"}
    done = seek("--seeds", "5:6", "--", *FAILS, environment=environment)
    assert "seed 5 None\n" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
@pytest.mark.parametrize("program", [WELL, FAILS])
def test_an_output_that_is_full_is_told(program: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "asyncio_core.testing", "--seeds", "0:1", "--", *program],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == f"{NAME}: standard output: No space left on device\n"


@pytest.mark.skipif(
    sys.platform == "win32", reason="pipes without readers are another matter there"
)
def test_a_reader_that_has_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "asyncio_core.testing", "--seeds", "0:1", "--", *FAILS],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")


WAITS = """
import asyncio, os
asyncio.run(asyncio.sleep(0))
with open(os.environ["STARTED"], "a") as started:
    started.write(f"{os.getpid()}\\n")
import signal
signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_program_in_one_line(tmp_path: Path, number: int) -> None:
    started = tmp_path / "started"
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "asyncio_core.testing", "--seeds", "3:9", "--"),
            *(sys.executable, "-c", WAITS),
        ],
        env={**os.environ, "STARTED": str(started)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as seeking:
        while not (started.exists() and started.read_text().endswith("\n")):
            assert seeking.poll() is None
        seeking.send_signal(number)
        output, errors = seeking.communicate()
    assert (seeking.returncode, output) == (128 + number, "")
    assert errors == f"{NAME}: interrupted at ASYNCIO_SEED=3\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
