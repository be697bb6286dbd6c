"""Random programs of a StreamReader, held against a model of it: `python tools/dev.py fuzz --reader`.

Programs, model and comparison are `asyncio_test_support.reader`. Each form runs its share in processes of its own, one
at a time; a program that ends one is made smaller like one that finds a difference, in a process for each try.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio_test_support.reader.operations import Program

from asyncio_test_support.reader import making, shrinking
from asyncio_test_support.workers import FORMS

WORKER = Path(__file__).with_name("reader_worker.py")
_BATCH = 500
#: How often a program that crashes is made smaller: a try takes a process.
_TRIES = 300


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz --reader", description=__doc__)
    parser.add_argument("--seconds", type=float, help="for so long (60, unless --count is given)")
    parser.add_argument("--count", type=int, help="so many programs")
    parser.add_argument("--seed", type=int, default=0, help="the first program's number (0)")
    parser.add_argument("--only", type=int, metavar="SEED", help="one program")
    parser.add_argument(
        "--forms",
        type=lambda text: text.split(","),
        default=["pure", "compiled"],
        help="which forms run them, by turns (pure,compiled)",
    )
    parser.add_argument("--most", type=int, default=5, help="stop after so many that differ (5)")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one program (20)")
    options = parser.parse_args(words)
    if not set(options.forms) <= {"pure", "compiled"}:
        parser.error("--forms: pure, compiled or both")
    if options.only is not None:
        options.seed, options.count = options.only, 1
    if options.seconds is None and options.count is None:
        options.seconds = 60.0
    return options


def main(words: list[str]) -> int:
    options = parse(words)
    started = time.monotonic()
    last = None if options.count is None else options.seed + options.count
    done, bad = dict.fromkeys(options.forms, 0), 0
    for first in itertools.count(options.seed, _BATCH):
        late = options.seconds is not None and time.monotonic() - started > options.seconds
        if late or bad >= options.most or (last is not None and first >= last):
            break
        end = first + _BATCH if last is None else min(first + _BATCH, last)
        for form in options.forms:
            bad += run(form, first, end, options.limit)
            done[form] += end - first
    counts = ", ".join(f"{count} on the {form} form" for form, count in done.items())
    seconds = time.monotonic() - started
    print(f"programs of a reader: {counts}: {bad} differ from the model ({seconds:.0f} s)")
    return 1 if bad else 0


def run(form: str, first: int, end: int, limit: float) -> int:
    """Run the programs of some seeds, print what is wrong with them, and return with how many something is."""
    bad = 0
    while first < end:
        process = _started(form, limit, str(first), str(end))
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                told = json.loads(line)
                first = told.get("begins", first)
                if "differs" in told:
                    bad += 1
                    print(f"\n==> seed {first}, {form}: {told['differs']}\n\n{told['test']}")
        if process.wait() == 0:
            break
        bad += 1
        print(f"\n==> seed {first}, {form}: it ends the process with {process.returncode}")
        smallest = shrinking.shrink(
            making.make(first), lambda program: _crashes(program, form, limit), tries=_TRIES
        )
        print(f"\n{shrinking.as_test(smallest, f'seed_{first}')}", flush=True)
        first += 1
    return bad


def _crashes(program: Program, form: str, limit: float) -> bool:
    process = _started(form, limit, quiet=True)
    process.communicate(repr(program))
    return process.returncode != 0


def _started(
    form: str, limit: float, *arguments: str, quiet: bool = False
) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ASYNCIO_")}
    return subprocess.Popen(
        [sys.executable, str(WORKER), form, str(limit), *arguments],
        stdin=subprocess.PIPE if quiet else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
        env={**kept, **FORMS[form]},
    )
