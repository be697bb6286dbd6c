"""The shell lines of README.md, typed in their order in a fresh environment, in a copy of the work tree."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import ROOT, clean_environment, run
from test_readmes import read
from workspace import packages
from workspace.paths import VENV

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workspace.interpreters import Interpreter

VERSION = packages.load()[0].version
#: Lines that take minutes: their commands are only asked for help.
LONG = ("python3 tools/dev.py demo", "python3 tools/dev.py test")
#: Seconds for all lines of the page together.
LIMIT = 280
MARK = "=== typed: "

INSTALL = "python3 tools/dev.py install"
VENV_LINE = "python3 -m venv"
WHICH = "python -c \"import asyncio; print(getattr(asyncio, '__implementation__', 'standard'))\""
PIECES = ["core", "selectors", "streams", "subprocess", "sync"]


def test_the_page_holds_the_lines_that_are_looked_at() -> None:
    lines = read(ROOT / "README.md").commands
    assert {*LONG, INSTALL, f"{INSTALL} asyncio-core asyncio-sync", WHICH} <= set(lines)


def typed(lines: list[str], folder: Path, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Type lines into one shell, and return each with what it printed; one that fails ends it."""
    script = "set -e\n"
    for line in lines:
        script += f"echo {MARK!r}{_quoted(line)}\n{line}\n"
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout
    parts = re.split(f"^{MARK}(.*)\n", done.stdout, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _quoted(line: str) -> str:
    return "'" + line.replace("'", "'\\''") + "'"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the work tree, with the hatch of this one, which takes long to install."""
    folder = tmp_path / "clone"
    made = ("build", "dist", "__pycache__", "*.so", ".git", ".venv", ".cache", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*made))
    if VENV.is_dir():
        (folder / ".venv").symlink_to(VENV)
    return folder


@pytest.fixture
def shell(tmp_path: Path, any_python: Interpreter) -> dict[str, str]:
    """The environment variables of a shell whose `python3` is one Python, with a home of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(any_python.path)
    return {
        **clean_environment(),
        "HOME": str(tmp_path),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PIP_CACHE_DIR": run([sys.executable, "-m", "pip", "cache", "dir"]).stdout.strip(),
        # What compiling takes is not what is looked at here.
        "ASYNCIO_TWINS": "no",
    }


@pytest.fixture
def make_environment_line(any_python: Interpreter) -> str | None:
    """What does the same as `python3 -m venv` where a Python lacks pip, as Debian's and those made of its packages do."""
    code = (
        "import ensurepip, pathlib, sys;"
        "sys.exit(not any(pathlib.Path(ensurepip.__file__).parent.glob('_bundled/pip-*')))"
    )
    if run([any_python.path, "-c", code], check=False).returncode == 0:
        return None
    return f"{sys.executable} -m virtualenv --quiet --no-periodic-update --python {any_python.path}"


def test_every_line_does_what_the_page_says(
    copy: Path, shell: dict[str, str], tmp_path: Path, make_environment_line: str | None
) -> None:
    lines = read(ROOT / "README.md").commands
    # What is typed after the removal is looked at before the next installation.
    looking = [WHICH, "pip list --format freeze"]
    script = []
    for line in lines:
        if line.startswith(VENV_LINE) and make_environment_line is not None:
            line = line.replace(VENV_LINE, make_environment_line)
        script.append(f"{line} --help" if line in LONG else line)
        if line.startswith("pip uninstall "):
            script += looking
    printed = typed(script, copy, shell)
    assert [line for line, _ in printed] == script

    environment = tmp_path / "with-asyncio"
    assert environment.is_dir()
    head = f"asyncio {VERSION} (independent), "
    for (line, output), (_, after) in itertools.pairwise(printed):
        if line.endswith(" --help"):
            assert output.startswith("usage: tools/dev.py ")
        elif line == INSTALL:
            assert f"\n{head}" in output
            assert all(f"\nasyncio-{piece} " in output for piece in PIECES)
        elif line.startswith(INSTALL):
            assert output.endswith(f"asyncio-core {VERSION}\nasyncio-sync {VERSION}\n")
        elif line == "python -m asyncio --version":
            assert output.startswith(head)
        elif line.startswith("pip uninstall "):
            assert "Successfully uninstalled asyncio-" in output
            assert after == "standard\n"
    assert "asyncio" not in dict(printed)[looking[1]]
    which = [output for line, output in printed if line == WHICH]
    assert which == ["independent\n", "standard\n"]
    (loops,) = (output for line, output in printed if line == "python -m asyncio loops")
    assert re.search(r"^selectors +asyncio-selectors .* default +usable$", loops, re.MULTILINE)
