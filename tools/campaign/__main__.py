"""Faults at each place where they can happen: `python3 tools/dev.py campaign [PART …]`. README.md beside this file tells more."""

from __future__ import annotations

import argparse
import json
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import kept
import native
import state
from parts import PARTS, Extent
from processes import GIVEN_UP, THIS, Interpreter, Outcome, Process

from asyncio_test_support.workers import FORMS, WrongForm


class Campaign:
    """A run of some parts in some forms."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._state = state.State(options.state)
        self._here = options.interpreter
        self.wrong = 0
        #: How many units there were of what was asked for.
        self.units = 0

    def run(self) -> dict[str, dict[str, Any]]:
        """Run all; return the results, by part and by Python and form."""
        results: dict[str, dict[str, Any]] = {}
        for part in self._options.parts or PARTS:
            for form in self._options.forms:
                if form not in PARTS[part].forms:
                    continue
                result = self._run_part(part, form)
                results.setdefault(part, {})[f"{self._here.name}, {form}"] = result
        return results

    def _run_part(self, part: str, form: str) -> dict[str, Any]:
        options = self._options
        more = dict(PARTS[part].environment)
        if PARTS[part].with_library and not self._here.worker:
            more["LD_PRELOAD"] = str(native.build(options.state.parent))
        process = Process(form, self._here, limit=options.limit, more=more)
        started = time.monotonic()
        outcomes = []
        try:
            units = [
                unit
                for unit in process.units(part, brief=options.brief)
                if any(fnmatchcase(unit, f"*{pattern}*") for pattern in options.only)
            ]
            for number, unit in enumerate(units, 1):
                title = f"{part}, {form}, {number} of {len(units)}: {unit}"
                outcomes.append(self._run_unit(process, part, unit, title))
        finally:
            process.close()
        self.units += len(units)
        points = sum(outcome.points for outcome in outcomes)
        wrong = sum(len(outcome.wrong) for outcome in outcomes)
        self.wrong += wrong
        seconds = time.monotonic() - started
        print(
            f"{part}, {form}: {points} points of {len(units)}, {wrong} are wrong ({seconds:.0f} s)",
            flush=True,
        )
        seen = {
            unit: told
            for unit, outcome in zip(units, outcomes, strict=True)
            for told in outcome.seen.values()
        }
        result: dict[str, Any] = {"units": len(units), "points": points, "wrong": wrong}
        if wrong:
            result["where"] = [
                unit for unit, outcome in zip(units, outcomes, strict=True) if outcome.wrong
            ]
        return {**result, "seen": seen} if seen else result

    def _run_unit(self, process: Process, part: str, unit: str, title: str) -> Outcome:
        options = self._options
        extent = Extent(options.brief, options.seconds, options.seed, options.size)
        key = (part, process.form, self._here.name, unit, f"{extent}")
        outcome = None if options.anew else self._state.get(*key)
        if outcome is None:
            on_terminal = sys.stderr.isatty()

            def tell(points: int) -> None:
                if on_terminal:
                    print(f"\r{title}: {points}\x1b[K", end="", file=sys.stderr, flush=True)

            outcome = process.run(part, unit, extent, tell=tell)
            if GIVEN_UP not in outcome.wrong:
                self._state.put(outcome, *key)
            end = "\r\x1b[K" if on_terminal else ""
            print(f"{end}{title}: {outcome.points} points", file=sys.stderr, flush=True)
        for name, wrong in list(outcome.wrong.items())[: options.most]:
            print(f"{part}, {process.form}, {unit}, {name}:", flush=True)
            for line in wrong:
                print("    " + line.replace("\n", "\n    "), flush=True)
        return outcome


def _interpreter(told: str) -> Interpreter:
    return Interpreter(*json.loads(told))


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev.py campaign", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    text = "the forms to run, of compiled, pure and standard (compiled,pure)"
    parser.add_argument("--forms", default="compiled,pure", help=text)
    text = "only what has this in its name, or matches it (may be repeated)"
    parser.add_argument("--only", action="append", metavar="PATTERN", help=text)
    parser.add_argument("--brief", action="store_true", help="only what takes little time")
    text = "what has no end of its own goes on for so many seconds, each unit in each form (120)"
    parser.add_argument("--seconds", type=float, default=120.0, help=text)
    text = "the first seed of what is made at random (0)"
    parser.add_argument("--seed", type=int, default=0, help=text)
    text = "so many clients where there are many, five times as many children, and fifty times as many names (400)"
    parser.add_argument("--size", type=int, default=400, help=text)
    text = "do again what was done with these sources, too"
    parser.add_argument("--anew", action="store_true", help=text)
    text = "keep the results, and write the page packages/asyncio/docs/campaign.md"
    parser.add_argument("--write", action="store_true", help=text)
    text = "seconds for a point, then it hangs (60)"
    parser.add_argument("--limit", type=float, default=60, help=text)
    text = "show so many points of a scenario that are wrong (5)"
    parser.add_argument("--most", type=int, default=5, help=text)
    text = "where it is written down what has been done"
    parser.add_argument("--state", type=Path, default=state.STATE, help=text)
    # How another Python is started, in JSON: name, command, environment, the path of the worker. `dev.py windows` says so.
    parser.add_argument("--interpreter", type=_interpreter, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    options.interpreter = options.interpreter or THIS
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {min(unknown)!r}; there are {', '.join(PARTS)}")
    options.forms = options.forms.split(",")
    if unknown := set(options.forms) - set(FORMS):
        parser.error(f"there is no form {min(unknown)!r}; there are {', '.join(FORMS)}")
    options.only = options.only or [""]
    for name in ("seconds", "size", "limit", "most"):
        least = 1 if name == "size" else 0
        if (value := getattr(options, name)) < least or (name == "limit" and value <= 0):
            parser.error(f"--{name} {value}: too small")
    usual = all(getattr(options, name) >= parser.get_default(name) for name in ("seconds", "size"))
    if options.write and (options.brief or options.only != [""] or not usual):
        parser.error(
            "--write keeps whole runs only: without --brief and --only, and with no less than the usual --seconds and --size"
        )
    return options


def main(words: list[str]) -> int:
    options = _options(words)
    campaign = Campaign(options)
    try:
        results = campaign.run()
    except (WrongForm, native.NoCompiler) as error:
        print(f"campaign: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncampaign: stopped; it goes on here the next time", file=sys.stderr)
        return 130
    if not campaign.units:
        print("campaign: there is nothing of what was asked for", file=sys.stderr)
        return 2
    if options.write:
        kept.write(results)
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
