"""The runner of the interpreter's suite as a program: its choices, its exit status, and how it is interrupted."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import ROOT, clean_environment, run

RUNNER = ROOT / "tools" / "conformance"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("test.test_asyncio") is None,
    reason="the Python of this environment comes without its test suite",
)


def conformance(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it on the standard asyncio, which is there in any environment."""
    command = [sys.executable, RUNNER, "--implementation", "stdlib", *arguments]
    return run(command, check=False)


def test_chosen_tests_run_and_are_written_down(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = conformance("--module", "test_locks", "-k", "*.LockTests.test_repr", "--json", report)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout.splitlines()[-1]
    told = json.loads(report.read_text("utf-8"))
    assert told["counts"]["passed"] == told["counts"]["total"] == 1
    assert told["implementation"] == ["standard"]
    assert not told["whole"]
    (test,) = told["tests"]
    assert test == "test.test_asyncio.test_locks.LockTests.test_repr"


def test_module_that_this_python_lacks_is_told_and_no_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = conformance(
        *("--module", "test_nothing", "--module", "test_locks", "-k", "LockTests.test_repr"),
        *("--json", report),
    )
    assert done.returncode == 0
    assert "test_nothing: not in Python 3." in done.stdout
    assert json.loads(report.read_text("utf-8"))["missing_modules"] == ["test_nothing"]


@pytest.mark.parametrize(
    "arguments", [("--module", "test_nothing"), ("--module", "test_locks", "-k", "no such test")]
)
def test_nothing_to_run_has_a_status_of_its_own(arguments: tuple[str, ...]) -> None:
    done = conformance(*arguments)
    assert done.returncode == 5
    assert "no test was chosen" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("--jobs", "0"), ("--limit", "-1"), ("--quick", "--module", "test_locks")]
)
def test_options_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    assert conformance(*arguments).returncode == 2


def test_implementation_that_is_not_there_ends_the_run() -> None:
    done = run([sys.executable, RUNNER, "--module", "test_locks"], check=False)
    assert done.returncode == 1
    assert "(the standard one)" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc to look into")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_the_runner_ends_its_processes(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, RUNNER, "--implementation", "stdlib", "--module", "test_tasks"]
    environment = {**clean_environment(), "TMPDIR": str(tmp_path)}
    runner = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    with runner:
        assert runner.stdout is not None
        assert runner.stdout.readline().startswith("[  1/")
        runner.send_signal(number)
        assert runner.wait(30) == 130
    until = time.monotonic() + 10
    while left := with_folder(tmp_path):
        assert time.monotonic() < until, left
        time.sleep(0.05)
    assert not list(tmp_path.glob("conformance-*"))


def with_folder(folder: Path) -> list[str]:
    """Return the processes that have a folder for temporary files of their own."""
    wanted = f"TMPDIR={folder}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.append(environ.parent.name)
        except OSError:
            continue  # ended meanwhile, or another user's
    return [pid for pid in found if pid != str(os.getpid())]
