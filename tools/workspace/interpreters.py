"""The CPythons of this machine: found on the PATH, under pyenv, and among those fetched into .cache/."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workspace.console import Failure, say
from workspace.paths import FETCHED_PYTHONS, ON_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")

_PROBE = """
import importlib.machinery, importlib.util, json, sys
def found(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": "%d.%d" % sys.version_info[:2],
    "full": sys.version.split()[0],
    "path": getattr(sys, "_base_executable", None) or sys.executable,
    "suite": found("test.test_asyncio"),
    "pip": found("pip"),
    "extension": importlib.machinery.EXTENSION_SUFFIXES[0],
    "gil": sys.version_info < (3, 13) or sys._is_gil_enabled(),
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """One CPython that runs here."""

    version: str  #: "3.13"
    full: str  #: "3.13.0"
    path: Path
    has_suite: bool  #: the interpreter's own tests of asyncio are installed with it
    has_pip: bool
    extension_suffix: str = ""  #: ".cpython-313-x86_64-linux-gnu.so"


@functools.cache
def probe(path: str) -> Interpreter | None:
    """Ask a program what Python it is; None where it is none that can be used."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if facts["implementation"] != "cpython" or not facts["gil"]:
        return None
    return Interpreter(
        facts["version"],
        facts["full"],
        Path(facts["path"]),
        facts["suite"],
        facts["pip"],
        facts["extension"],
    )


def _candidates(version: str) -> Iterator[str]:
    if version == "{}.{}".format(*sys.version_info):
        yield getattr(sys, "_base_executable", None) or sys.executable
    name = f"python{version}.exe" if ON_WINDOWS else f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and os.access(path := os.path.join(folder, name), os.X_OK):
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    releases = [p for p in pyenv.glob(f"{version}*") if _is_release_of(p.name, version)]
    for release in sorted(releases, key=_release_key, reverse=True):
        yield str(release / "bin" / name)
    yield str(FETCHED_PYTHONS / "usr" / "bin" / name)


def _is_release_of(name: str, version: str) -> bool:
    return re.fullmatch(re.escape(version) + r"(\.\d+|-dev|(\.0)?(a|b|rc)\d+)", name) is not None


def _release_key(path: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", path.name))


@functools.cache
def find(version: str) -> Interpreter | None:
    """Return the CPython to use for a version such as "3.13".

    One that brings its own test suite goes before one that does not, as Debian's, for the conformance part.
    """
    best: Interpreter | None = None
    for path in _candidates(version):
        here = probe(path)
        if here is None or here.version != version:
            continue
        if here.has_suite:
            return here
        best = best or here
    return best


def parse_version(text: str) -> str:
    """Return "3.13" for what a person typed, or raise Failure with status 2."""
    wanted = text.strip().removeprefix("python").removeprefix("py")
    if wanted in SUPPORTED:
        return wanted
    raise Failure(f"unknown Python: {text!r} (one of {', '.join(SUPPORTED)} is possible)", status=2)


def available(wanted: Sequence[str] = ()) -> list[Interpreter]:
    """Return the interpreters of the wanted versions, or of all, and report those that are missing.

    A version that was asked for by name and is not there is a Failure with status 2.
    """
    found: list[Interpreter] = []
    for version in wanted or SUPPORTED:
        here = find(version)
        if here is not None:
            found.append(here)
        elif wanted:
            raise Failure(
                f"Python {version} was not found on this machine "
                "(`python3 tools/dev.py pythons` lists what is there and may fetch more)",
                status=2,
            )
        else:
            say(
                f"--- Python {version} is not here and is LEFT OUT (see `python3 tools/dev.py pythons`)"
            )
    if not found:
        raise Failure(f"no CPython of {', '.join(SUPPORTED)} was found on this machine", status=2)
    return found


def default() -> Interpreter:
    """Return the interpreter that runs this command, or else the oldest supported one that is here."""
    running = "{}.{}".format(*sys.version_info)
    here = find(running) if running in SUPPORTED else None
    return here or available()[0]
