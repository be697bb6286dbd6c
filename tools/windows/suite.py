"""The interpreter's own tests on the Windows Python: with this implementation, and with the standard one beside it.

What the standard asyncio does there is the measure: a test that it passes and this one does not is a failure, unless
exclusions.toml (the conformance runner's, or the one beside this file) names it with a reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windows.wine import copy_in_thread, windows_path
from workspace.console import Failure, say, step, took
from workspace.paths import REPORTS, TOOLS
from workspace.reports import table

# The runner's modules are scripts: they find each other as top-level modules.
sys.path.append(str(TOOLS / "conformance"))

import exclusions
from processes import (
    GRACE,
    WORKER,
    Module,
    Outcome,
    Proof,
    Worker,
    WrongImplementation,
    end_all,
    list_tests,
    run_tests,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

SUITE = "test.test_asyncio"
MODULES = (
    "test_windows_events",
    "test_windows_utils",
    "test_proactor_events",
    "test_events",
    "test_streams",
    "test_sock_lowlevel",
    "test_subprocess",
    "test_ssl",
    "test_sendfile",
)
EXCLUSIONS = Path(__file__).with_name("exclusions.toml")
IMPLEMENTATIONS = ("ours", "stdlib")
#: Seconds for one test; Wine is slow to start processes.
LIMIT = 30.0
#: Verdicts that are failures.
BAD = ("FAILED", "MISSING", "SKIPPED HERE ONLY", "EXCLUDED, BUT PASSES")


class WineWorker(Worker):
    """The conformance runner's worker, on the Windows Python."""

    def __init__(
        self, order: dict[str, Any], implementation: str, python: WindowsPython, wine: Wine
    ) -> None:
        self._python = python
        self._wine = wine
        super().__init__(order, implementation)

    def _launch(self, work: Path, implementation: str) -> subprocess.Popen[Any]:
        env = {"ASYNCIO_IMPLEMENTATION": "stdlib"} if implementation == "stdlib" else {}
        process = self._wine.start(
            [self._python.program, "-X", "faulthandler", windows_path(WORKER)],
            cwd=work,
            env=env,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        # The interpreter refuses a plain file there.
        self._copying = copy_in_thread(process.stderr, self._errors)
        return process

    def finish(self) -> str:
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._copying.join(2)
        return super().finish()


@dataclass(frozen=True)
class WineModule(Module):
    """A module of the suite that runs on the Windows Python."""

    python: WindowsPython
    wine: Wine

    def worker(self, order: dict[str, Any]) -> Worker:
        return WineWorker(order, self.implementation, self.python, self.wine)


@dataclass
class Comparison:
    """What one test did with both implementations, and what that comes to."""

    test: str
    ours: Outcome
    standard: Outcome
    verdict: str = ""
    reason: str = ""


@dataclass
class Run:
    """One run of modules of the suite on one Windows Python."""

    python: WindowsPython
    wine: Wine
    modules: Sequence[str] = MODULES
    patterns: Sequence[str] = ()
    jobs: int = 1
    comparisons: dict[str, list[Comparison]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> None:
        proofs = {name: Proof(expect_ours=name == "ours") for name in IMPLEMENTATIONS}
        try:
            outcomes = self._outcomes(proofs)
        except WrongImplementation as error:
            raise Failure(f"windows: {error}") from None
        finally:
            end_all()
        rules = self._rules()
        for module in self.modules:
            ours, standard = (outcomes[name, module] for name in IMPLEMENTATIONS)
            self.comparisons[module] = [
                judge(Comparison(test, _of(ours, test), _of(standard, test)), rules)
                for test in sorted({*ours, *standard})
            ]
        self._find_stale(rules[-1])

    def _rules(self) -> tuple[exclusions.Rules, ...]:
        version = self.python.version
        return tuple(exclusions.load(path, version) for path in (exclusions.FILE, EXCLUSIONS))

    def _outcomes(self, proofs: Mapping[str, Proof]) -> dict[tuple[str, str], dict[str, Outcome]]:
        """Run everything; the keys are (implementation, module), and then the test."""
        found: dict[tuple[str, str], dict[str, Outcome]] = {}
        jobs = [(name, module) for module in self.modules for name in IMPLEMENTATIONS]
        lock = threading.Lock()

        def work(job: tuple[str, str]) -> None:
            got = self._run_module(*job, proofs[job[0]])
            counts = Counter(outcome.outcome for outcome in got.values())
            seconds = took(sum(outcome.seconds for outcome in got.values()))
            with lock:
                found[job] = got
                words = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
                say(f"    [{len(found):2}/{len(jobs)}] {job[1]}, {job[0]}: {words} ({seconds})")

        title = f"test.test_asyncio on Windows Python {self.python.version}"
        with step(title), ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(work, jobs))
        return found

    def _run_module(self, implementation: str, name: str, proof: Proof) -> dict[str, Outcome]:
        module = WineModule(
            f"{SUITE}.{name}", LIMIT, implementation, {}, {}, self.python, self.wine
        )
        listing = list_tests([module], proof)[module.name]
        if listing.failed:
            return {module.name: Outcome(module.name, "failed", listing.failed)}
        if listing.skipped:
            return {module.name: Outcome(module.name, "skipped", listing.skipped)}
        tests = [test for test in listing.tests if self._selected(test)]
        got: dict[str, Outcome] = {}

        def report(outcome: Outcome) -> None:
            got[outcome.test] = outcome

        if tests:
            run_tests(module, tests, proof, report)
        return got

    def _selected(self, test: str) -> bool:
        return not self.patterns or any(pattern in test for pattern in self.patterns)

    def _find_stale(self, own: exclusions.Rules) -> None:
        """Name the exclusions for Windows that name no test."""
        if self.patterns:
            return
        here = {c.test for group in self.comparisons.values() for c in group}
        for test in own.exclusions:
            if test.split(".")[2] in self.modules and test not in here:
                self.problems.append(f"{EXCLUSIONS.name}: there is no test {test}")


def _of(outcomes: Mapping[str, Outcome], test: str) -> Outcome:
    return outcomes.get(test) or Outcome(test, "missing", "there is no such test")


def judge(this: Comparison, rules: Sequence[exclusions.Rules]) -> Comparison:
    """Give a verdict; the rules for Windows come last."""
    ours, standard = this.ours, this.standard
    excluded = next((r.exclusions[this.test] for r in rules if this.test in r.exclusions), None)
    if ours.outcome == "passed":
        for_windows = this.test in rules[-1].exclusions
        this.verdict = "EXCLUDED, BUT PASSES" if for_windows else "passed"
        if standard.outcome != "passed":
            this.reason = f"the standard asyncio: {standard.outcome}"
    elif ours.outcome == standard.outcome:
        this.verdict = ours.outcome if ours.outcome == "skipped" else "fails in both"
        this.reason = ours.detail if ours.outcome == "skipped" else ""
    elif excluded is not None:
        this.verdict = "excluded"
        this.reason = f"{excluded.kind}: {excluded.reason}"
    elif ours.outcome == "skipped":
        this.reason = next((why for r in rules if (why := r.explained(ours.detail))), "")
        this.verdict = "left out" if this.reason else "SKIPPED HERE ONLY"
        this.reason = this.reason or ours.detail
    elif standard.outcome == "passed":
        this.verdict = "MISSING" if ours.outcome == "missing" else "FAILED"
    else:
        this.verdict = f"{ours.outcome} here"
        this.reason = f"the standard asyncio: {standard.outcome}: {standard.detail}"
    return this


def report(run: Run, part: Part) -> None:
    """Print the tables, write them into a file, and add the counts to a part of the test run."""
    every = [c for group in run.comparisons.values() for c in group]
    lines = [f"Windows CPython {run.python.version} under Wine; ours beside the standard asyncio"]
    head = ("module", *(f"{who} {what}" for who in ("our", "their") for what in _COUNTED))
    rows = [head]
    for module, group in run.comparisons.items():
        rows.append((module, *_counts(group)))
    rows.append(("all", *_counts(every)))
    lines += table(rows)
    noted = [c for c in every if not (c.verdict in ("passed", "skipped") and not c.reason)]
    noted = [c for c in noted if c.verdict != "skipped"]
    if noted:
        lines += ["", *_table_of_tests(noted)]
    for line in lines:
        say(line)
    for this in every:
        if this.verdict in BAD:
            say(f"\n{'=' * 100}\n{this.verdict} {this.test}\n{this.ours.detail}")
    _write(run, lines, every)
    verdicts = Counter(this.verdict for this in every)
    part.failed += sum(verdicts[name] for name in BAD)
    part.passed += verdicts["passed"]
    part.skipped += sum(verdicts[n] for n in verdicts if n not in BAD and n != "passed")
    part.problems += run.problems


_COUNTED = ("passed", "failed", "skipped")


def _counts(group: Sequence[Comparison]) -> tuple[str, ...]:
    cells: list[str] = []
    for whose in ("ours", "standard"):
        counts = Counter(getattr(this, whose).outcome for this in group)
        counts["failed"] += counts["missing"]
        cells += [str(counts[word] or "") for word in _COUNTED]
    return tuple(cells)


def _table_of_tests(comparisons: Sequence[Comparison]) -> list[str]:
    rows = [("test", "ours", "standard", "verdict")]
    for c in comparisons:
        name = c.test.removeprefix(f"{SUITE}.")
        rows.append((name, c.ours.outcome, c.standard.outcome, c.verdict))
    lines = table(rows)
    whys = ["", *((c.reason.splitlines() or [""])[0] for c in comparisons)]
    return [f"{line}  {why}".rstrip() for line, why in zip(lines, whys, strict=True)]


def _write(run: Run, lines: Sequence[str], every: Sequence[Comparison]) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"windows-suite-{run.python.version}.txt"
    whole = [*lines, "", "every test:", "", *_table_of_tests(every)]
    path.write_text("\n".join(whole) + "\n", "utf-8")
    details = {
        c.test: {"verdict": c.verdict, "reason": c.reason}
        | {
            whose: {"outcome": o.outcome, "detail": o.detail, "seconds": round(o.seconds, 3)}
            for whose, o in (("ours", c.ours), ("standard", c.standard))
        }
        for c in every
    }
    path.with_suffix(".json").write_text(json.dumps(details, indent=1) + "\n", "utf-8")
    say(f"    every test: {path}")
