"""Random programs of tasks, run by two forms of asyncio, whose logs have to be the same: `python tools/dev.py fuzz`.

The pure form says what is right. A program whose log differs, or that ends the process, is made smaller as long as that stays,
and is printed. With --reader it is programs of a StreamReader, held against a model (`--reader --help`). README.md
beside this file tells more.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import programs
import shrinking
from sides import Crash, Side

from asyncio_test_support.workers import FORMS, WrongForm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree import Program

_BATCH = 50
#: How often a program is run on each side before its logs count as different.
_RUNS = 12


class Comparison:
    """Two sides, and what is wrong between them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.sides = [
            Side(form, limit=options.limit, stress=options.stress) for form in options.forms
        ]
        self._stress = options.stress
        self.crashes: list[Crash] = []

    def close(self) -> None:
        for side in self.sides:
            side.close()

    def bad_seeds(self, first: int, last: int) -> list[int]:
        """Run the programs of these seeds on both sides; return those that are not the same."""
        with ThreadPoolExecutor(len(self.sides)) as pool:
            found = list(pool.map(lambda side: self._digests(side, first, last), self.sides))
        return [seed for seed in range(first, last) if self._differ(*(f.get(seed) for f in found))]

    def _digests(self, side: Side, first: int, last: int) -> dict[int, str]:
        digests: dict[int, str] = {}
        while first < last:
            try:
                digests.update(side.digests(first, last))
                break
            except Crash as crash:
                self.crashes.append(crash)
                seed = first if crash.seed is None else crash.seed
                digests[seed] = f"{crash.how}: crashes"
                first = seed + 1
        return digests

    def _differ(self, *digests: str | None) -> bool:
        if self._stress:
            return any(digest and digest.endswith("crashes") for digest in digests)
        return len(set(digests)) > 1

    def logs(self, program: Program, runs: int = 1) -> list[list[list[str]]]:
        """Return the logs of each side; a crash is a log of one line."""
        logs = []
        for side in self.sides:
            try:
                logs.append(side.logs(program, runs))
            except Crash as crash:
                logs.append([[f"crash: {crash.how}"]])
        return logs

    def difference(self, program: Program) -> tuple[list[str], list[str]] | None:
        """Return a log of each side where they have none in common; None where all is well.

        Sets keep their members in an order of their own, and some of that shows: what a program does may be one of
        several things. Then each side does each of them now and then.
        """
        for runs in (1, _RUNS):
            left, right = self.logs(program, runs)
            if self._stress:
                crashed = any(log[:1] and log[0].startswith("crash") for log in (*left, *right))
                return (left[0], right[0]) if crashed else None
            if any(log in right for log in left):
                return None
        return left[0], right[0]


def report(comparison: Comparison, program: Program, *, whole: bool) -> bool:
    """Print a program, and in what its logs differ; return whether they do."""
    difference = comparison.difference(program)
    if difference is None:
        return False
    print(f"\n==> seed {program.seed}", flush=True)
    if not whole:
        program = shrinking.shrink(program, lambda p: comparison.difference(p) is not None)
        difference = comparison.difference(program) or difference
    print(f"# options: {program.options}\n{program.source()}")
    (left, right), (one, other) = difference, (side.form for side in comparison.sides)
    shown = difflib.unified_diff(left, right, one, other, lineterm="", n=4)
    print("\n".join(shown), flush=True)
    return True


def _batches(options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Yield ranges of seeds until the time or the number is used up."""
    ends = time.monotonic() + options.seconds if options.seconds else None
    last = None if options.count is None else options.seed + options.count
    for start in itertools.count(options.seed, _BATCH):
        if (ends is not None and time.monotonic() > ends) or (last is not None and start >= last):
            return
        yield start, start + _BATCH if last is None else min(start + _BATCH, last)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, help="for so long (60, unless --count is given)")
    parser.add_argument("--count", type=int, help="so many programs")
    parser.add_argument("--seed", type=int, default=0, help="the first program's number (0)")
    parser.add_argument("--only", type=int, metavar="SEED", help="one program, shown whole")
    parser.add_argument(
        "--forms",
        type=lambda text: text.split(","),
        default=["pure", "compiled"],
        help="the two sides (pure,compiled; standard is the interpreter's own asyncio)",
    )
    parser.add_argument("--whole", action="store_true", help="print programs as they are")
    parser.add_argument("--most", type=int, default=5, help="stop after so many that differ (5)")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one program (20)")
    parser.add_argument(
        "--stress",
        action="store_true",
        help="collect garbage all the time: logs are not compared, but nothing may crash",
    )
    options = parser.parse_args(words)
    if len(options.forms) != 2 or not set(options.forms) <= set(FORMS):
        parser.error(f"--forms: two of {', '.join(FORMS)}")
    if options.seconds is None and options.count is None:
        options.seconds = 60.0
    return options


def main(words: list[str]) -> int:
    if "--reader" in words:
        import reader

        return reader.main([word for word in words if word != "--reader"])
    options = parse(words)
    comparison = Comparison(options)
    try:
        if options.only is not None:
            report(comparison, programs.make_program(options.only), whole=True)
            return 0
        return _search(comparison, options)
    except WrongForm as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    finally:
        comparison.close()


def _search(comparison: Comparison, options: argparse.Namespace) -> int:
    started = time.monotonic()
    done, unsettled, bad = 0, 0, []
    for first, last in _batches(options):
        for seed in comparison.bad_seeds(first, last):
            crashes = [crash for crash in comparison.crashes if crash.seed == seed]
            for crash in crashes:
                print(f"\n{crash}", flush=True)
            if report(comparison, programs.make_program(seed), whole=options.whole):
                bad.append(seed)
            elif crashes:
                bad.append(seed)
                print("    … which it does not alone: what ran before it in the process matters")
            else:
                unsettled += 1
            if len(bad) >= options.most:
                break
        done += last - first
        if len(bad) >= options.most:
            break
    seconds = time.monotonic() - started
    forms = " and ".join(options.forms)
    print(
        f"{done} programs on {forms}: {len(bad)} differ{f': {bad}' if bad else ''}; "
        f"{unsettled} have an order that is not settled on one side either ({seconds:.0f} s)"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
