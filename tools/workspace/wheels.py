"""The wheels of the work tree as it is, built once for each state of it and each Python."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from workspace import environments, packages
from workspace.console import Failure
from workspace.paths import TOOLS, WHEELS

if TYPE_CHECKING:
    from pathlib import Path

    from workspace.interpreters import Interpreter

#: A loop distribution of the demo's own, to be chosen by its registered name.
EXTRA_LOOP = TOOLS / "demo" / "extra_loop"


def of_work_tree(python: Interpreter) -> Path:
    """Return the folder with the wheels of all distributions, and of the demo's loop, built where they are not there.

    There are pure wheels, and compiled ones for this Python, unless ASYNCIO_TWINS is `no` or there is no compiler.
    """
    state = packages.fingerprint(EXTRA_LOOP)[:16]
    folder = WHEELS / f"{state}{os.environ.get('ASYNCIO_TWINS', '')}-{python.version}"
    if folder.is_dir() and (_are_compiled(folder) or os.environ.get("ASYNCIO_TWINS") == "no"):
        return folder
    WHEELS.mkdir(parents=True, exist_ok=True)
    for old in WHEELS.iterdir():
        if old.is_dir() and not old.name.startswith(state):
            shutil.rmtree(old)
    # Whatever an interrupted run left; and pure wheels that were all there could be, for there may be a compiler now.
    fresh = WHEELS / "being-built"
    for old in (fresh, folder):
        shutil.rmtree(old, ignore_errors=True)
    arguments = ("--wheel", "--out", fresh, "--also", EXTRA_LOOP)
    if environments.build_packages(python, *arguments):
        raise Failure("the packages do not build")
    fresh.rename(folder)
    return folder


def _are_compiled(folder: Path) -> bool:
    return any(not wheel.name.endswith("-any.whl") for wheel in folder.glob("asyncio_core-*"))
