"""An environment for each side, made with what the side needs and nothing else, and kept until that changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.sides import WORK_TREE
from workspace import packages
from workspace.paths import CACHE, LOGS, executable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.sides import Side
    from workspace.interpreters import Interpreter

FOLDER = CACHE / "bench" / "environments"
#: Seconds that an installation may take. Ours compiles, where it can.
LIMIT = 900


class NotInstalled(Exception):
    """The environment of a side cannot be made; `str()` is the reason, in a line."""


def prepare(side: Side, python: Interpreter, more: Sequence[str] = ()) -> Path:
    """Return the Python of a side's environment, which is made where it is not there, with `more` besides."""
    folder = FOLDER / (f"{python.version}-services" if more else python.version) / side.environment
    stamp = folder / "made-of.txt"
    wanted = "\n".join((f"{python.full} {python.path}", _requirement(side), *more, ""))
    made = executable(folder)
    if stamp.is_file() and stamp.read_text("utf-8") == wanted and made.exists():
        return made
    shutil.rmtree(folder, ignore_errors=True)
    virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"]
    _run(side, [*virtualenv, "--python", str(python.path), str(folder)])
    pip = [str(made), "-m", "pip", "--disable-pip-version-check", "install"]
    if side.requirement:
        _run(side, [*pip, *_what(side)])
    if more:
        _run(side, [*pip, *more])
    stamp.write_text(wanted, "utf-8")
    return made


def _requirement(side: Side) -> str:
    return packages.fingerprint() if side.requirement == WORK_TREE else side.requirement


def _what(side: Side) -> list[str]:
    if side.requirement == WORK_TREE:
        return [str(package.folder) for package in packages.load() if _runs_here(package.name)]
    # A loop that has to be compiled here would need its language's compiler.
    return ["--only-binary=:all:", *side.requirement.split()]


def _runs_here(name: str) -> bool:
    return name != "asyncio-iocp" or sys.platform == "win32"


def _run(side: Side, command: Sequence[str]) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"bench-{side.environment}.log"
    try:
        with log.open("ab") as out:
            out.write(f"$ {' '.join(command)}\n".encode())
            out.flush()
            quietly = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
            subprocess.run(command, check=True, timeout=LIMIT, **quietly)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"installing took longer than {LIMIT} s") from None
    except subprocess.CalledProcessError:
        lines = log.read_text("utf-8", "replace").splitlines()
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        raise NotInstalled((errors or lines)[-1]) from None
