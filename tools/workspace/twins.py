"""The two forms of the packages, and the compiled twins in the work tree: built again where their sources are newer.

The build hook that lies beside a package's pyproject.toml does the building.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from workspace import packages
from workspace.console import Failure, step
from workspace.environments import program_environment
from workspace.paths import executable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workspace.interpreters import Interpreter

COMPILED, PURE = FORMS = ("compiled", "pure")
#: What the twins are made of.
_SOURCES = (".pyx", ".pxi", ".pxd", ".h")
#: The exit status of the hook where this machine, or this Python, lacks what it takes.
_LACKING = 3
_PURE_VARIABLE = "ASYNCIO_PURE_PYTHON"


def variables(form: str) -> dict[str, str]:
    """Return the environment variables that choose a form."""
    return {_PURE_VARIABLE: "1"} if form == PURE else {}


def chosen_form() -> str | None:
    """Return the form that the caller's environment variables ask for, if they ask for one."""
    return PURE if os.environ.get(_PURE_VARIABLE, "0") not in ("", "0") else None


def refresh(environment: Path, python: Interpreter) -> str:
    """Build again what is out of date, and return why the packages are pure in an environment.

    Nothing is returned where they are compiled. What does not compile, and what does not load, is a Failure;
    so is a machine without a compiler where ASYNCIO_TWINS is `yes`. Where it is `no`, nothing is built.
    """
    wanted = os.environ.get("ASYNCIO_TWINS") or "auto"
    if wanted == "no":
        return "ASYNCIO_TWINS is no"
    names = []
    for hook, source in _twins():
        if _is_stale(hook, source, python) and (why := _build(hook, environment)):
            if wanted == "yes":
                raise Failure(why)
            return why
        names.append(source.parent.name)
    _check(names, environment)
    return ""


def _twins() -> Iterator[tuple[Path, Path]]:
    """Yield the build hook and the source of each package that has twins."""
    for package in packages.load():
        for source in sorted((package.folder / "src").glob("*/_twins.pyx")):
            yield package.folder / "hatch_build.py", source


def _is_stale(hook: Path, source: Path, python: Interpreter) -> bool:
    inputs = [path for path in source.parent.rglob("*") if path.suffix in _SOURCES]
    try:
        built = source.with_name(f"_twins{python.extension_suffix}").stat().st_mtime
    except FileNotFoundError:
        return True
    # The interpreter may be another one of the same version than it was.
    return any(path.stat().st_mtime >= built for path in (*inputs, hook, python.path))


def _build(hook: Path, environment: Path) -> str:
    """Run a build hook and return what is lacking for it."""
    with step(f"compiling {hook.parent.name}"):
        done = subprocess.run(
            [executable(environment), hook],
            env=program_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if done.returncode not in (0, _LACKING):
        raise Failure(done.stderr.strip())
    return done.stderr.strip() if done.returncode else ""


def _check(names: list[str], environment: Path) -> None:
    code = "from importlib import import_module\n"
    code += "".join(f"print(import_module('{name}.twins').why_pure or '')\n" for name in names)
    done = subprocess.run(
        [executable(environment), "-c", code],
        env=program_environment(environment),
        capture_output=True,
        text=True,
    )
    if done.returncode or done.stdout.strip():
        raise Failure(f"twins that were built do not run: {(done.stdout + done.stderr).strip()}")
