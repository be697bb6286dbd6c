"""Steps that show what they are doing, and failures that take one line to say."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workspace.paths import LOGS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: Seconds between two signs of life of a quiet step: on a terminal, and in a log.
TICK_ON_TERMINAL = 1.0
TICK_IN_LOG = 20.0
#: Lines of a failed step's output that are shown.
TAIL = 60


class Failure(Exception):
    """Something that ends the command: `str()` is the one line to show, `status` the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def say(message: str = "") -> None:
    """Print a line to standard error, where the steps report; standard output is the programs'."""
    print(message, file=sys.stderr, flush=True)


def took(seconds: float) -> str:
    """Write a duration for people: `4.2 s`, `3 min 07 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step, signs of life while it lasts, and how long it took."""
    started = time.monotonic()
    finished = threading.Event()
    on_terminal = sys.stderr.isatty()

    def tick() -> None:
        while not finished.wait(TICK_ON_TERMINAL if on_terminal else TICK_IN_LOG):
            elapsed = took(time.monotonic() - started)
            if on_terminal:
                print(f"\r--> {title} … {elapsed}\x1b[K", end="", file=sys.stderr, flush=True)
            else:
                say(f"    … {title}: {elapsed} so far")

    if on_terminal:
        print(f"--> {title} …", end="", file=sys.stderr, flush=True)
    else:
        say(f"--> {title}")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        finished.set()
        ticker.join()
        line = f"{outcome} {took(time.monotonic() - started)}"
        say(f"\r--> {title}: {line}\x1b[K" if on_terminal else f"    {title}: {line}")


def run_quietly(
    title: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> str:
    """Run a command as a step and return its output.

    The output goes into a log file; where the command fails, its last lines are shown and Failure is raised.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (re.sub(r"[^A-Za-z0-9.]+", "-", title).strip("-").lower() + ".log")
    try:
        with step(title), log.open("wb") as out:
            subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                check=True,
            )
    except subprocess.CalledProcessError as error:
        lines = log.read_text("utf-8", "replace").splitlines()
        for line in lines[-TAIL:]:
            say(f"    | {line}")
        raise Failure(f"{title}: exit status {error.returncode} (whole output: {log})") from None
    except FileNotFoundError:
        raise Failure(f"{title}: no such program: {command[0]}") from None
    return log.read_text("utf-8", "replace")
