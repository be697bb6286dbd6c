"""What the umbrella's tests share: fresh interpreters, since importing happens once in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    RunPython = Callable[..., subprocess.CompletedProcess[str]]

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
