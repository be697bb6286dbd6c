"""What the umbrella's tests share: fresh interpreters, since importing happens once in a process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asyncio_test_support.fixture_types import Look, RunPython, Start


VARIABLE = "ASYNCIO_IMPLEMENTATION"


@pytest.fixture
def python(tmp_path: Path) -> RunPython:
    """Runs this interpreter afresh, in an empty directory, and returns what became of it."""

    def run(
        *arguments: str,
        implementation: str | None = None,
        environment: dict[str, str] | None = None,
        input: str = "",
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        hidden = ("PYTHON", VARIABLE, "ASYNCIO_LOOP")
        env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        if implementation is not None:
            env[VARIABLE] = implementation
        env.update(environment or {})
        if cwd is None:
            cwd = tmp_path / "empty"
            cwd.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, *arguments],
            env=env,
            input=input,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


@pytest.fixture
def check(python: RunPython) -> Callable[[str], str]:
    """Runs a program that must end well and quietly; returns what it printed."""

    def run(program: str) -> str:
        result = python("-W", "error", "-c", program)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return run


@pytest.fixture
def runtime() -> Iterator[dict[str, str]]:
    """The user's own folder, and that for temporary files; the path of a test's is too long for a socket's."""
    with tempfile.TemporaryDirectory(prefix="r-") as place:
        yield {"XDG_RUNTIME_DIR": place, "TMPDIR": place}


@pytest.fixture
def start(runtime: dict[str, str]) -> Iterator[Start]:
    """Starts a program, and waits until it has printed a line."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **runtime, **(environment or {})},
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def look(python: RunPython, runtime: dict[str, str]) -> Look:
    """Runs a command on a process, which has to succeed, and returns what it printed."""

    def run(command: str, child: subprocess.Popen[str], *options: str) -> str:
        pid = str(child.pid)
        result = python("-m", "asyncio", command, pid, *options, environment=runtime)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return run
