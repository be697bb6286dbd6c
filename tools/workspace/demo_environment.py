"""The environment of `dev.py demo` and `dev.py run`: the built packages, installed with pip as a user would."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from workspace import environments, wheels
from workspace.console import Failure, run_quietly
from workspace.paths import ROOT, WHEELS, executable

if TYPE_CHECKING:
    from workspace.interpreters import Interpreter


def prepare(python: Interpreter) -> Path:
    """Return the environment's folder, with what is in the work tree installed in it.

    Nothing is done where neither the packages nor the environment changed since the last time.
    """
    built = wheels.of_work_tree(python)
    libraries = hashlib.sha256((ROOT / "hatch.toml").read_bytes()).hexdigest()[:16]
    wanted = f"{built.name} {libraries} {python.full} {python.path}\n"
    known = _stamp_of(python)
    if known is not None and known[1] == wanted and executable(known[0]).exists():
        return known[0]
    environment = environments.prepare("demo", python)
    run_quietly(
        f"installing the packages for Python {python.version}",
        [
            *(executable(environment), "-m", "pip", "--disable-pip-version-check", "install"),
            *("--no-index", "--find-links", built, "--force-reinstall"),
            # By name: there are wheels with compiled twins for this Python, and pure ones.
            *sorted({wheel.name.split("-")[0] for wheel in built.glob("*.whl")}),
        ],
        env=environments.program_environment(environment),
    )
    _stamp(python).write_text(f"{environment}\n{wanted}", "utf-8")
    return environment


def check_loop(environment: Path) -> None:
    """Raise Failure with status 2 where ASYNCIO_LOOP names no loop that can be had.

    Told here in one line, before the program starts; in the program it would be a traceback.
    """
    if not os.environ.get("ASYNCIO_LOOP"):
        return
    done = subprocess.run(
        [executable(environment), "-c", _CHECK],
        env=environments.program_environment(environment, as_called=True),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failure(done.stderr.strip(), status=2)


_CHECK = """
import sys
from asyncio_core.choosing.loop_registry import LoopSelectionError, default_policy
try:
    default_policy()
except LoopSelectionError as error:
    sys.exit(str(error))
"""


def _stamp(python: Interpreter) -> Path:
    return WHEELS / f"demo-{python.version}.txt"


def _stamp_of(python: Interpreter) -> tuple[Path, str] | None:
    try:
        first, _, rest = _stamp(python).read_text("utf-8").partition("\n")
    except OSError:
        return None
    return Path(first), rest
