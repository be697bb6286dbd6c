"""Programs run as a user would run them, and fresh environments with the built wheels."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workspace.interpreters import Interpreter

ROOT = Path(__file__).resolve().parents[1]


def clean_environment() -> dict[str, str]:
    """The environment variables of a user who has set none that matter here."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCIO_", "PYTHON", "PYTEST_", "HATCH_", "COV_", "VIRTUAL_ENV"))
    }


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a program; with `check`, one that fails shows all that it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        timeout=timeout,
    )
    if check and done.returncode:
        words = " ".join(str(part) for part in command)
        pytest.fail(f"{words}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment, and what one does in it."""

    folder: Path
    wheelhouse: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def pip(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run(
            [self.python, "-m", "pip", "--disable-pip-version-check", *arguments],
            cwd=self.folder,
            check=check,
        )

    def install(self, *requirements: str | Path) -> None:
        """Install from the built wheels and nothing else."""
        self.pip("install", "--quiet", "--no-index", "--find-links", self.wheelhouse, *requirements)

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        cwd: Path | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python, away from the work tree."""
        command = [self.python, *arguments]
        return run(command, cwd=cwd or self.folder, env=env, check=check, timeout=timeout)

    def shell(self, line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as if this environment were activated; what it says goes to one place, as on a terminal."""
        path = f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return run(["bash", "-c", f"exec 2>&1; {line}"], cwd=cwd, env={"PATH": path})

    def evaluate(self, code: str, env: Mapping[str, str] | None = None) -> str:
        """Run code and return what it printed; a warning is an error."""
        return self.run("-W", "error", "-c", code, env=env).stdout.strip()

    @property
    def site_packages(self) -> Path:
        return Path(self.evaluate("import sysconfig; print(sysconfig.get_path('purelib'))"))


class MakeEnvironment(Protocol):
    def __call__(
        self, *requirements: str | Path, python: Interpreter | None = None
    ) -> Environment: ...
