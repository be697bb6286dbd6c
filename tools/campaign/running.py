"""The part `programs`: the programs of the demo run in turn, each over and over, on the loop `chaos`.

A point is one run of a program, in a process of its own, and its seed says what happens in it. What chaos does is what any system may do, and a
program that is right does not notice: it has to check and to tell what it does on the ordinary loop, where it runs first.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asyncio_test_support.workers import form

if TYPE_CHECKING:
    from parts import Extent
    from stage import Tools
    from worker import Notes

FOLDER = Path(__file__).resolve().parents[1] / "demo" / "programs"
#: The Python that has the libraries which the programs need; `dev.py campaign` says which.
PYTHON = "CAMPAIGN_PROGRAMS_PYTHON"
#: Points of each unit in the short form.
_IN_BRIEF = 2
#: Seconds that a program may take; less than a point may.
_LIMIT = 50.0
#: What a program is at liberty to tell otherwise from run to run: how much had to be sent again, and which loop a server of its own has.
_VARIES = re.compile(r"\d+ sent again| on \w+Loop\b")
_CHAOS = "asyncio_core.testing.chaos."
_SAY_FORM = "import asyncio_core.twins as t; print('pure' if t.twins is None else 'compiled')"


class _Program(NamedTuple):
    """A program with its arguments, of few clients each, so that there are many runs."""

    words: tuple[str, ...]
    #: How often what may happen does happen, beside the order of things and pieces of what is sent: in every second run, and in the others.
    faults: tuple[str, str] = ("eintr=0.02,slow=0.05", "eintr=0.2,slow=0.4")


#: A packet that the system has no memory for is lost, as others are, and this program sends it again.
_LOSES = ("eintr=0.02,slow=0.05,enobufs=0.01", "eintr=0.2,slow=0.4,enobufs=0.1")
_PROGRAMS = {
    "generators": _Program(("generators.py",)),
    "TCP clients": _Program(("tcp_clients.py", "100")),
    "aiohttp": _Program(("web_aiohttp.py",)),
    # Its server has the loop that asyncio chooses: chaos, too.
    "uvicorn and httpx": _Program(("web_uvicorn.py", "50", "none")),
    "HTTPS": _Program(("web_https.py", "20")),
    "WebSockets": _Program(("web_sockets.py",)),
    "Unix sockets": _Program(("unix_socket.py",)),
    "UDP": _Program(("udp_packets.py", "4000"), _LOSES),
    "pipelines of processes": _Program(("pipeline.py",)),
}
#: They need no library, and little time.
_QUICK = ("generators", "TCP clients")


def units(*, brief: bool) -> list[str]:
    return [unit for unit in _PROGRAMS if unit in _QUICK or not brief]


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run a program on the ordinary loop, and then on chaos, as long as there is time and once at least."""
    program = _PROGRAMS[unit]
    until = time.monotonic() + extent.seconds
    notes.begins("on the ordinary loop")
    expected = _run(program.words, {})
    wrong = expected.wrong or _other_form(tools)
    notes.ends("on the ordinary loop", wrong, left_out=True)
    if wrong:
        return
    for seed in itertools.count(extent.seed):
        notes.begins(f"seed {seed}")
        notes.ends(f"seed {seed}", _point(program, seed, expected))
        done = seed + 1 - extent.seed
        if done >= _IN_BRIEF if extent.brief else time.monotonic() > until:
            break


def _point(program: _Program, seed: int, expected: _Run) -> list[str]:
    """Return what a run on chaos did otherwise, and how to have it once more."""
    chosen = {
        "ASYNCIO_LOOP": "chaos",
        "ASYNCIO_SEED": f"{seed}",
        "ASYNCIO_CHAOS": f"all=0,{program.faults[seed % 2]}",
        # The order of a set is as good as another.
        "PYTHONHASHSEED": f"{seed}",
    }
    found = _run(program.words, chosen)
    wrong = list(found.wrong)
    if found.result and not found.result["loop"].startswith(_CHAOS):
        wrong.append(f"ran on the loop {found.result['loop']}")
    if not wrong and (found.told, found.facts) != (expected.told, expected.facts):
        wrong.append(f"it tells {[*found.told, found.facts]}")
        wrong.append(f"on the ordinary loop {[*expected.told, expected.facts]}")
    if wrong:
        settings = " ".join(f"{name}={value}" for name, value in chosen.items())
        wrong.append(f"{settings} python tools/demo/programs/{shlex.join(program.words)}")
    return wrong


class _Run:
    """What a program did."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        #: What it printed, but for how far it was and the result.
        self.told: list[str] = []
        self.result: dict[str, Any] = {}
        for line in output.splitlines():
            if line.startswith('{"result"'):
                self.result = json.loads(line)["result"]
            elif not line.startswith('{"done"'):
                self.told.append(line)
        #: What is wrong in any case.
        self.wrong: list[str] = list(self.result.get("notes", ()))
        if not self.result:
            self.wrong.append(f"no result, exit status {status}")
        elif status and not self.wrong:
            self.wrong.append(f"exit status {status}")
        if errors.strip():
            # Nothing never awaited, nothing unclosed, nothing reported to the loop.
            self.wrong.append(f"it wrote to standard error:\n{errors.rstrip()[-4000:]}")

    @property
    def facts(self) -> dict[str, Any]:
        """The result, without what may be otherwise."""
        facts = {name: value for name, value in self.result.items() if name != "loop"}
        return {**facts, "what": _VARIES.sub("", facts.get("what", ""))}


def _run(words: tuple[str, ...], chosen: dict[str, str]) -> _Run:
    """Run a program, and end it, and what it has started, after a while."""
    process = subprocess.Popen(
        [os.environ.get(PYTHON, sys.executable), str(FOLDER / words[0]), *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONFAULTHANDLER": "1",
            "PYTHONWARNINGS": "default::ResourceWarning",
            **chosen,
        },
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        # It shows where it is.
        process.send_signal(signal.SIGABRT)
        process.wait()
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        errors += f"\nended after {_LIMIT:.0f} s"
    return _Run(process.returncode, output, errors)


def _other_form(tools: Tools) -> list[str]:
    """Tell whether the programs run another form of asyncio than this process."""
    command = [os.environ.get(PYTHON, sys.executable), "-c", _SAY_FORM]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tools.folder)
    found = done.stdout.strip() or done.stderr
    return [] if found == form() else [f"the programs run the {found} form"]
