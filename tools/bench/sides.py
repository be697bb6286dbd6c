"""The two sides of a measurement: this asyncio and the interpreter's own, as programs of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

#: Title of a side, and what a process is to have in its environment for it.
SIDES: dict[str, dict[str, str]] = {
    "independent": {},
    "standard": {"ASYNCIO_IMPLEMENTATION": "stdlib"},
}


def start(side: str, program: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a program on one side; lines go to its input and come from its output."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ASYNCIO_")}
    command = [sys.executable, str(program), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**env, **SIDES[side]},
    )


def ask(process: subprocess.Popen[str], word: str = "") -> Any:
    """Send a word, if there is one, and return what comes back, a line of JSON."""
    assert process.stdin is not None
    assert process.stdout is not None
    if word:
        print(word, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with status {process.wait()}")
    return json.loads(line)
