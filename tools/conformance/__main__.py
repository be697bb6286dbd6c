"""Run the interpreter's own tests of asyncio on this implementation: `python tools/dev.py conformance`.

Runs with the Python whose suite it is, in an environment that has the umbrella. Each class of tests gets a process
of its own, which proves that its asyncio is the one under test; each test gets a time limit; hanging and crashing are failures.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

import exclusions
from processes import Module, Outcome, Proof, WrongImplementation, list_tests, run_tests

#: What has to pass on every Python where it exists.
MODULES = (
    "test_futures",
    "test_futures2",
    "test_tasks",
    "test_locks",
    "test_queues",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_runners",
    "test_eager_task_factory",
    "test_staggered",
    "test_threads",
    "test_protocols",
    "test_transports",
    "test_pep492",
    "test_context",
)
SUITE = "test.test_asyncio"
BAD = ("failed", "passes-excluded", "unexplained-skip")


class Run:
    """One run over some modules, its outcomes, and what it prints."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.proof = Proof(expect_ours=options.implementation == "ours")
        self.rules = exclusions.load() if self.proof.expect_ours else exclusions.NO_RULES
        self.outcomes: dict[str, list[Outcome]] = {}
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)

    def selected(self, test: str) -> bool:
        patterns: list[str] = self.options.patterns
        return not patterns or any(p in test or fnmatch(test, p) for p in patterns)

    def judge(self, outcome: Outcome) -> None:
        """Turn what a test did into a verdict, by the rules for this Python."""
        excluded = self.rules.exclusions.get(outcome.test)
        if excluded is not None and outcome.outcome == "failed":
            outcome.outcome = "excluded"
            outcome.detail = f"{excluded.kind}: {excluded.reason}"
        elif excluded is not None:
            outcome.detail = f"is excluded ({excluded.kind}), but it {outcome.outcome}"
            outcome.outcome = "passes-excluded"
        elif outcome.outcome == "skipped" and not self._explained(outcome.detail):
            outcome.outcome = "unexplained-skip"

    def _explained(self, reason: str) -> bool:
        return not self.proof.expect_ours or self.rules.explains_skip(reason)

    def module(self, name: str) -> Module:
        options = self.options
        stand_ins = self.rules.stand_ins.get(name, {})
        limits = self.rules.limits()
        return Module(f"{SUITE}.{name}", options.limit, options.implementation, stand_ins, limits)

    def jobs(self) -> list[tuple[str, str, list[str]]]:
        """List (module, class, tests) for all that is to run."""
        options = self.options
        modules = options.modules or MODULES
        here = [name for name in modules if importlib.util.find_spec(f"{SUITE}.{name}")]
        for name in modules:
            if name not in here:
                self.say(f"    {name}: not in the suite of this Python")

        def tests_of(name: str) -> tuple[str, list[str]]:
            module = self.module(name)
            try:
                tests, skipped = list_tests(module, self.proof)
            except RuntimeError as error:
                self.say(f"      FAILED {error}")
                self.record(name, [Outcome(module.name, "failed", str(error))])
                return name, []
            if skipped:
                self.say(f"    {name}: the whole module is skipped: {skipped}")
                self.record(name, [Outcome(module.name, "skipped", skipped)])
            else:
                self._check_stale(module.name, tests)
            return name, tests

        found: list[tuple[str, str, list[str]]] = []
        with ThreadPoolExecutor(options.jobs) as pool:
            for name, tests in pool.map(tests_of, here):
                classes: dict[str, list[str]] = {}
                for test in filter(self.selected, tests):
                    classes.setdefault(test.rpartition(".")[0], []).append(test)
                found += [(name, group, listed) for group, listed in classes.items()]
        # The long ones first, so that no process is left running alone at the end.
        return sorted(found, key=lambda job: -len(job[2]))

    def _check_stale(self, module: str, tests: list[str]) -> None:
        listed = set(tests)
        for test in self.rules.exclusions:
            if test.startswith(f"{module}.") and test not in listed:
                self.problems.append(f"excluded, but there is no such test: {test}")

    def record(self, module: str, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.judge(outcome)
        with self._lock:
            self.outcomes.setdefault(module, []).extend(outcomes)

    def run(self) -> None:
        jobs = self.jobs()
        done = 0

        def work(job: tuple[str, str, list[str]]) -> None:
            nonlocal done
            module, group, tests = job
            got: list[Outcome] = []
            started = time.monotonic()
            run_tests(self.module(module), tests, self.proof, got.append)
            self.record(module, got)
            with self._lock:
                done += 1
                number = done
            counts = Counter(outcome.outcome for outcome in got)
            words = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
            name = group.removeprefix(f"{SUITE}.")
            seconds = time.monotonic() - started
            self.say(f"[{number:3}/{len(jobs)}] {name}: {words} ({seconds:.1f} s)")
            for outcome in got:
                if outcome.outcome in BAD:
                    self.say(f"      {outcome.outcome.upper()} {outcome.test}")

        with ThreadPoolExecutor(self.options.jobs) as pool:
            for _ in pool.map(work, jobs):
                pass

    def counts(self) -> Counter[str]:
        counts = Counter(o.outcome for group in self.outcomes.values() for o in group)
        counts["failed"] += counts.pop("passes-excluded", 0) + counts.pop("unexplained-skip", 0)
        counts["failed"] += len(self.problems)
        return counts

    def summary(self, seconds: float) -> None:
        every = [o for group in self.outcomes.values() for o in group]
        for outcome in every:
            if outcome.outcome in BAD:
                print(f"\n{'=' * 100}\n{outcome.outcome.upper()} {outcome.test}\n{outcome.detail}")
        for problem in self.problems:
            print(f"\nPROBLEM {problem}")
        for title in ("skipped", "excluded"):
            reasons = Counter(o.detail for o in every if o.outcome == title)
            if reasons:
                print(f"\n{title}, by reason:")
            for reason, number in reasons.most_common():
                print(f"  {number:4}  {reason}")
        print(f"\n{'module':<26}" + "".join(f"{w:>10}" for w in COLUMNS))
        for module in sorted(self.outcomes):
            counts = Counter(o.outcome for o in self.outcomes[module])
            counts["failed"] += counts["passes-excluded"] + counts["unexplained-skip"]
            print(f"{module:<26}" + "".join(f"{counts[w] or '':>10}" for w in COLUMNS))
        under_test = ", ".join(sorted(self.proof.seen))
        print(f"\nunder test, in each of {self.proof.processes} processes: {under_test}")
        counts = self.counts()
        words = ", ".join(f"{counts[word]} {word}" for word in COLUMNS)
        version = sys.version.split()[0]
        print(f"Python {version}: {words} in {seconds:.1f} s", flush=True)

    def write_json(self, path: Path) -> None:
        path.write_text(
            json.dumps(
                {
                    "python": sys.version.split()[0],
                    "implementation": sorted(self.proof.seen),
                    "counts": {word: self.counts()[word] for word in COLUMNS},
                    "problems": self.problems,
                    "tests": {
                        o.test: {"outcome": o.outcome, "detail": o.detail, "seconds": o.seconds}
                        for group in self.outcomes.values()
                        for o in group
                    },
                },
                indent=1,
            ),
            "utf-8",
        )


COLUMNS = ("passed", "failed", "skipped", "excluded")


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument(
        "--module",
        dest="modules",
        action="append",
        metavar="NAME",
        help="a module of test.test_asyncio (may be repeated; default: those that must pass)",
    )
    parser.add_argument(
        "-k",
        dest="patterns",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only tests whose full id contains or matches this (may be repeated)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one test")
    parser.add_argument(
        "--json", type=Path, action="append", default=[], help="write all outcomes into this file"
    )
    parser.add_argument(
        "--implementation",
        choices=("ours", "stdlib"),
        default="ours",
        help="stdlib: the standard asyncio, to compare with (no exclusions)",
    )
    options = parser.parse_args(words)
    if options.jobs < 1 or options.limit <= 0:
        parser.error("--jobs and --limit are positive")
    for name in options.modules or ():
        if not importlib.util.find_spec(f"{SUITE}.{name}"):
            parser.error(f"{SUITE} of Python {sys.version.split()[0]} has no module {name!r}")
    return options


def main(words: list[str]) -> int:
    if importlib.util.find_spec(SUITE) is None:
        print(f"this Python comes without its test suite: {sys.executable}", file=sys.stderr)
        return 2
    options = parse(words)
    started = time.monotonic()
    try:
        run = Run(options)
        run.run()
    except (WrongImplementation, exclusions.BadFile) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 1
    run.summary(time.monotonic() - started)
    for path in options.json:
        run.write_json(path)
    counts = run.counts()
    if not counts["passed"] and not counts["failed"]:
        print("conformance: no test ran", file=sys.stderr)
        return 1
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
