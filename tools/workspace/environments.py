"""Hatch in .venv, and hatch's environments under .cache/."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from workspace import interpreters, packages
from workspace.console import Failure, run_quietly, say, step
from workspace.paths import CACHE, ON_WINDOWS, ROOT, VENV, executable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workspace.interpreters import Interpreter

HATCH = "hatch>=1.16.2,<2"
#: Those that come with older Pythons cannot install into the newest.
PIP = "pip>=25"
#: The environments that hold the packages in place, and what builds those.
WITH_PACKAGES = ("default", "test")
BACKEND = ("hatchling>=1.27", "editables", "cython>=3.3.1,<3.4")
_STAMP = VENV / "hatch-requirement.txt"
_INTERPRETER_LINKS = CACHE / "interpreters"
#: What an active environment leaves in the shell.
_ACTIVE = ("VIRTUAL_ENV", "PYTHONHOME", "HATCH_ENV", "HATCH_ENV_ACTIVE")
#: What a user's shell may hold that must not reach the tests: they choose for themselves.
_OURS = ("ASYNCIO_LOOP", "ASYNCIO_IMPLEMENTATION", "ASYNCIO_PURE_PYTHON", "PYTHONASYNCIODEBUG")
_PYTHONS = (
    *("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONWARNINGS", "PYTHONDEVMODE"),
    "PYTHONDONTWRITEBYTECODE",  # it makes every start slow, of ours more than of what is cached
)


def ensure_hatch() -> Path:
    """Make .venv with hatch in it, unless it is there, and return the path of hatch."""
    hatch = executable(VENV, "hatch")
    made_of = f"{HATCH} {PIP}"
    if hatch.exists() and _works(VENV) and _read(_STAMP) == made_of:
        return hatch
    pip = [str(executable(VENV)), "-m", "pip"]
    if not _works(VENV, "pip"):
        pip = _make_venv(str(interpreters.default().path))
    run_quietly(
        "installing hatch into .venv",
        [*pip, "--disable-pip-version-check", "install", HATCH, PIP],
        env=base_environment(),
    )
    _STAMP.write_text(made_of)
    return hatch


def _make_venv(python: str) -> list[str]:
    """Make .venv and return the command that runs pip on it."""
    command = [python, "-m", "venv", "--clear", str(VENV)]
    with step("making .venv"):
        made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if made.returncode == 0:
        return [str(executable(VENV)), "-m", "pip"]
    # Debian splits ensurepip off, and where it is there it may not be able to work. Any pip of this
    # machine can install into an environment that has none.
    pip = _some_pip()
    run_quietly("making .venv without pip", [*command, "--without-pip"])
    return [*pip, "--python", str(executable(VENV))]


def _some_pip() -> list[str]:
    for version in interpreters.SUPPORTED:
        here = interpreters.find(version)
        if here is not None and here.has_pip:
            return [str(here.path), "-m", "pip"]
    raise Failure("no pip on this machine: install it (Debian: apt-get install python3-pip)")


def own_pip() -> list[str]:
    """Return the command that runs the workspace's pip, which can install for any of the Pythons (`--python`)."""
    ensure_hatch()
    return [str(executable(VENV)), "-m", "pip"]


def base_environment() -> dict[str, str]:
    """The caller's environment variables without those that would bend what runs here."""
    dropped = {*_ACTIVE, *_OURS, *_PYTHONS}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _hatch_environment() -> dict[str, str]:
    env = base_environment()
    # Everything that hatch makes stays in the work tree; a user's own configuration is left out of it.
    env["HATCH_DATA_DIR"] = str(CACHE / "hatch")
    env["HATCH_CACHE_DIR"] = str(CACHE / "hatch" / "cache")
    config = CACHE / "hatch" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch()
    env["HATCH_CONFIG"] = str(config)
    env["HATCH_INTERACTIVE"] = "0"
    env["PATH"] = f"{_INTERPRETER_LINKS}{os.pathsep}{env.get('PATH', os.defpath)}"
    return env


def link(interpreter: Interpreter) -> None:
    """Let hatch see an interpreter that is not on the PATH: as a link in a folder that goes first."""
    if ON_WINDOWS:
        return
    _INTERPRETER_LINKS.mkdir(parents=True, exist_ok=True)
    link = _INTERPRETER_LINKS / f"python{interpreter.version}"
    if link.is_symlink() and os.readlink(link) == str(interpreter.path):
        return
    link.unlink(missing_ok=True)
    link.symlink_to(interpreter.path)


def hatch_run(
    environment: str,
    *command: str | Path,
    cwd: Path = ROOT,
    variables: Mapping[str, str] | None = None,
) -> int:
    """Run a script or a program in one of hatch's environments, in view, and return its exit status.

    It gets more environment variables if told so.
    """
    arguments = [str(part) for part in command]
    script = f"{environment}:{arguments[0]}"
    hatch = [str(ensure_hatch()), "--no-color", "run", script, *arguments[1:]]
    env = {**_hatch_environment(), **(variables or {})}
    return subprocess.run(hatch, env=env, cwd=cwd).returncode


def prepare(environment: str, interpreter: Interpreter | None = None) -> Path:
    """Make one of hatch's environments, or bring it up to date, and return its folder.

    With an interpreter, it is the environment of that Python in the matrix of this name.
    """
    name = environment
    if interpreter is not None:
        link(interpreter)
        name = f"{environment}.py{interpreter.version}"
    path = _find(name)
    editable = environment in WITH_PACKAGES
    stamp = path / "made-of.txt"
    made_of = packages.editable_fingerprint() if editable else ""
    if path.is_dir() and not (_works(path) and _read(stamp) == made_of):
        say(f"    the environment {name} is out of date: making it anew")
        shutil.rmtree(path)
    env = _hatch_environment()
    if editable:
        if not path.is_dir():
            _seed(name, path, (interpreter or interpreters.default()).path)
        env["PIP_NO_BUILD_ISOLATION"] = "0"  # pip reads it so: no isolation
    # `run` brings the dependencies of an environment up to date, which `env create` leaves as they are.
    hatch = [str(ensure_hatch()), "--no-color", "run", f"{name}:python", "-V"]
    run_quietly(f"preparing the environment {name}", hatch, env=env)
    stamp.write_text(made_of)
    return path


def build_packages(
    python: Interpreter, *arguments: str | Path, variables: Mapping[str, str] | None = None
) -> int:
    """Run tools/build_packages.py with a Python, and return its exit status."""
    prepare("build", python)
    return hatch_run(f"build.py{python.version}", "all", *arguments, variables=variables)


def _seed(name: str, path: Path, python: Path) -> None:
    """Make an environment that has the build backend, before hatch fills it.

    Else pip fetches the backend anew for each of the packages, which takes longer than all the rest.
    """
    # Hatch remembers what it put into one of this name, and would leave the new one without it.
    for memory in (CACHE / "hatch" / "env" / ".metadata").rglob(f"{name}.json"):
        memory.unlink()
    env = base_environment()
    virtualenv = [str(executable(VENV)), "-m", "virtualenv", "--no-periodic-update"]
    run_quietly(
        f"making the environment {name}", [*virtualenv, "--python", str(python), str(path)], env=env
    )
    pip = [str(executable(path)), "-m", "pip", "--disable-pip-version-check", "install"]
    run_quietly(f"installing the build backend into {name}", [*pip, *BACKEND], env=env)


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _find(environment: str) -> Path:
    answer = subprocess.run(
        [ensure_hatch(), "--no-color", "env", "find", environment],
        env=_hatch_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = answer.stdout.split("\n")
    if answer.returncode or not lines[0]:
        raise Failure(f"hatch knows no environment {environment}: {answer.stderr.strip()}")
    return Path(lines[0].strip())


def _works(environment: Path, module: str = "sys") -> bool:
    """Tell whether an environment's interpreter starts; it does not after its Python was moved, say."""
    command = [str(executable(environment)), "-I", "-c", f"import {module}"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def program_environment(environment: Path, *, as_called: bool = False) -> dict[str, str]:
    """Environment variables for a program that runs in an environment, as if that were activated.

    With `as_called`, all that the caller's shell says to Python and to asyncio reaches the program.
    """
    if as_called:
        env = {name: value for name, value in os.environ.items() if name not in _ACTIVE}
    else:
        env = base_environment()
    env["VIRTUAL_ENV"] = str(environment)
    env["PATH"] = f"{executable(environment).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    return env


def versions_line(found: Iterable[Interpreter]) -> str:
    return ", ".join(f"{here.version} ({here.full})" for here in found)
