"""`dev.py install`: the packages, built and installed into an environment of the caller's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workspace import environments, interpreters, packages, wheels
from workspace.console import Failure, run_quietly
from workspace.paths import executable

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The distribution that needs all others.
WHOLE = "asyncio"

#: What is asked of the Python of an environment.
_PROBE = """
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "number": sys.version_info[:2],
    "version": sys.version.split()[0],
    "own": sys.prefix != sys.base_prefix or os.path.isdir(os.path.join(sys.prefix, "conda-meta")),
    "managed": os.path.isfile(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
    "pip": importlib.util.find_spec("pip") is not None,
}))
"""
#: What is installed, told without an import of it.
_VERSIONS = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    print(f"{name} {importlib.metadata.version(name)}")
"""


@dataclass(frozen=True)
class Target:
    """An environment to install into, as its own Python describes it."""

    python: Path
    version: str
    has_pip: bool

    @property
    def pip(self) -> list[str]:
        """The command that runs a pip on it."""
        if self.has_pip:
            return [str(self.python), "-m", "pip"]
        return [*environments.own_pip(), "--python", str(self.python)]

    @property
    def builder(self) -> interpreters.Interpreter:
        """The Python to build with: for another implementation than CPython any, as that gets the pure form."""
        here = interpreters.probe(str(self.python))
        if here is None:
            return interpreters.default()
        return interpreters.find(here.version) or here


def install(into: str | None, words: Sequence[str]) -> int:
    """Install the pieces that are named, or all, and what they need; print what is there then."""
    pieces = [_piece(word) for word in words] or [WHOLE]
    target = _describe(_named(into) if into is not None else _active())
    built = wheels.of_work_tree(target.builder)
    # By force: another build may have had the same version.
    from_built = ("--no-index", "--find-links", str(built), "--force-reinstall")
    run_quietly(
        f"installing {', '.join(pieces)} for Python {target.version}",
        [*target.pip, "--disable-pip-version-check", "install", *from_built, *pieces],
        env=environments.base_environment(),
    )
    show = ("-c", _VERSIONS, *pieces)
    if WHOLE in pieces:
        show = ("-m", "asyncio", "--version")
    done = subprocess.run(
        [target.python, *show],
        env=environments.base_environment(),
        # Not where a folder of the caller's might be named asyncio.
        cwd=built,
    )
    return done.returncode


def _piece(word: str) -> str:
    """Return the distribution that a person means by `asyncio-sync`, `asyncio_sync` or `sync`."""
    names = [package.name for package in packages.load()]
    name = word.lower().replace("_", "-")
    for known in (name, f"{WHOLE}-{name}"):
        if known in names:
            return known
    raise Failure(f"install: there is no piece {word!r} (there are {', '.join(names)})", status=2)


def _named(text: str) -> Path:
    """Return the Python of `--into`: a virtual environment's folder, or a Python."""
    path = Path(text)
    if path.is_dir():
        for python in (executable(path), path / "python.exe"):
            if python.exists():
                return python.absolute()
        raise Failure(f"install: {text} is no environment: {executable(path)} is missing", status=2)
    found = shutil.which(text)
    if found is None:
        raise Failure(
            f"install: {text}: there is no such environment, and no such Python", status=2
        )
    return Path(found).absolute()


def _active() -> Path:
    """Return the Python of the environment that is active, or that runs this."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.executable)
    folder = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if folder:
        return _named(folder)
    raise Failure(
        "install: no environment is active: activate one, or name one with --into "
        "(`python3 -m venv FOLDER` makes one)",
        status=2,
    )


def _describe(python: Path) -> Target:
    try:
        answer = subprocess.run(
            [python, "-I", "-c", _PROBE], stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        raise Failure(f"install: {python} is no Python that runs", status=2) from None
    if tuple(facts["number"]) < (3, 11):
        raise Failure(
            f"install: {python} is Python {facts['version']}: 3.11 or newer is needed", status=2
        )
    if facts["managed"] and not facts["own"]:
        raise Failure(
            f"install: {python} belongs to the system, which lets nobody else install there (PEP 668): "
            "make an environment with `python3 -m venv FOLDER`",
            status=2,
        )
    return Target(python, facts["version"], facts["pip"])
