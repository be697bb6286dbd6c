"""Pictures of what programs show on a terminal: run in earnest, and drawn by rich as SVG."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from docs.shelf import DOCS
from workspace import environments, interpreters
from workspace.console import Failure, step
from workspace.paths import executable

#: The page, the program on it that is looked at, and what that is given: many orders.
PAGE = DOCS / "howto" / "hanging.md"
PROGRAM = "shop.py"
ORDERS = "100000"
TOP = DOCS / "assets" / "top.svg"
#: What the page points at in the table: the function that the loop is in at the end of the interval.
SEEN = "signature"
#: Characters in a line: the longest one, of the loop, fits.
WIDTH = 150


def draw() -> list[Path]:
    """Draw them anew, and return their files."""
    python = executable(environments.prepare("test", interpreters.default()))
    with step(f"looking at {PROGRAM}"), tempfile.TemporaryDirectory() as folder:
        Path(folder, PROGRAM).write_text(_program(), "utf-8")
        shown = _top_of(python, folder)
    _draw(shown, "python -m asyncio top PID", TOP)
    return [TOP]


def _program() -> str:
    found = re.search(
        rf'^```python title="{re.escape(PROGRAM)}"\n(.*?)^```$',
        PAGE.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    if found is None:
        raise Failure(f"there is no {PROGRAM} on {PAGE}")
    return found[1]


def _top_of(python: Path, folder: str) -> str:
    """Return what `top --once` shows of the program, run in a folder."""
    environment = {**environments.base_environment(), "ASYNCIO_INSPECT": "1"}
    with subprocess.Popen(
        [python, PROGRAM, ORDERS], cwd=folder, env=environment, stdin=subprocess.DEVNULL
    ) as running:
        try:
            while True:
                told = subprocess.run(
                    [python, "-m", "asyncio", "top", str(running.pid), "--once"],
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                # It takes a moment until it can be asked, and works; and mostly it is seen in what takes it longest.
                if told.returncode == 0 and SEEN in told.stdout and "customer" in told.stdout:
                    return told.stdout
                if running.poll() is not None:
                    raise Failure(f"{PROGRAM} ended: {told.stderr}")
        finally:
            running.kill()


def _draw(text: str, title: str, path: Path) -> None:
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, highlight=False)
        console.print(text.rstrip(), markup=False, overflow="crop", no_wrap=True)
        # The same names of styles each time.
        console.save_svg(str(path), title=title, theme=MONOKAI, unique_id="top")
