"""One run over modules of the suite: lists the tests, runs each class in a process, compares, and shows progress."""

from __future__ import annotations

import pkgutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from typing import TYPE_CHECKING

import exclusions
import verdicts
from processes import Listing, Module, Outcome, Proof, end_all, list_tests, run_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SUITE = "test.test_asyncio"
#: Modules whose classes take longest for the number of their tests: they start first.
SLOW = ("test_ssl", "test_events", "test_subprocess", "test_sslproto", "test_taskgroups")


def modules_here() -> list[str]:
    """Return the names of the modules that the suite of this Python has."""
    folder = import_module(SUITE).__path__
    return sorted(m.name for m in pkgutil.iter_modules(folder) if m.name.startswith("test_"))


@dataclass(frozen=True)
class Options:
    """What is to run, and how."""

    modules: Sequence[str]
    patterns: Sequence[str] = ()
    jobs: int = 1
    limit: float = 60.0
    implementation: str = "ours"

    def selected(self, test: str) -> bool:
        return not self.patterns or any(p in test or fnmatch(test, p) for p in self.patterns)

    def module(self, name: str, rules: exclusions.Rules, *, standard: bool = False) -> Module:
        return Module(
            f"{SUITE}.{name}",
            self.limit,
            "stdlib" if standard else self.implementation,
            {} if standard else rules.stand_ins.get(name, {}),
            rules.limits(),
        )


#: A module, and some tests of it.
_Tests = tuple[str, list[str]]


class Run:
    """The outcomes of one run by module, and what is wrong beyond single tests."""

    def __init__(self, options: Options, rules: exclusions.Rules | None = None) -> None:
        self.options = options
        self.ours = options.implementation == "ours"
        self.proof = Proof(expect_ours=self.ours)
        self._standard = Proof(expect_ours=False)
        self.rules = rules or (exclusions.load() if self.ours else exclusions.NO_RULES)
        self.outcomes: dict[str, list[Outcome]] = {}
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)

    def run(self) -> None:
        """Run all of it; what ends this ends the processes too."""
        try:
            listings = self._list(self.proof)
            standard = self._list(self._standard, standard=True) if self.ours else {}
            self._check_exclusions(listings, standard)
            self._progress(self._jobs(listings), self._run_job)
            for name, there in standard.items():
                self._add_missing(name, listings[name], there)
            self._compare(standard)
        except BaseException:
            end_all()
            raise

    def counts(self, module: str = "") -> Counter[str]:
        """Count the verdicts, of a module or of all; what is bad counts as failed."""
        chosen = [self.outcomes[module]] if module else list(self.outcomes.values())
        counts: Counter[str] = Counter()
        for outcome in (o for group in chosen for o in group):
            counts["failed" if outcome.outcome in verdicts.BAD else outcome.outcome] += 1
            counts["total"] += 1
        return counts

    @property
    def good(self) -> bool:
        return not self.counts()["failed"] and not self.problems

    @property
    def whole(self) -> bool:
        """Whether this is a run of the whole suite."""
        options = self.options
        return self.ours and not options.patterns and set(options.modules) == set(modules_here())

    def _list(self, proof: Proof, *, standard: bool = False) -> dict[str, Listing]:
        modules = [
            self.options.module(name, self.rules, standard=standard)
            for name in self.options.modules
        ]
        found = list_tests(modules, proof)
        return {name.removeprefix(f"{SUITE}."): listing for name, listing in found.items()}

    def _check_exclusions(self, listings: dict[str, Listing], standard: dict[str, Listing]) -> None:
        """An exclusion of a test that is not there has outlived its test, or is misspelt."""
        here = set(modules_here())
        for test in self.rules.exclusions:
            module = test.removeprefix(f"{SUITE}.").partition(".")[0]
            lists = [found[module] for found in (listings, standard) if module in found]
            known = {name for listing in lists for name in listing.tests}
            if module not in here or (known and test not in known):
                self.problems.append(f"excluded, but this Python has no such test: {test}")

    def _jobs(self, listings: dict[str, Listing]) -> list[_Tests]:
        """Return (module, tests of one class) for all that is to run, and record what cannot run."""
        found: list[_Tests] = []
        for name, listing in listings.items():
            whole = f"{SUITE}.{name}"
            if listing.failed:
                self._record(name, [Outcome(whole, "failed", listing.failed)])
                self.say(f"      FAILED {name} cannot be imported")
            elif listing.skipped:
                self._record(name, [Outcome(whole, "skipped", listing.skipped)])
                self.say(f"    {name}: the whole module is skipped: {listing.skipped}")
            classes: dict[str, list[str]] = {}
            for test in filter(self.options.selected, listing.tests):
                classes.setdefault(test.rpartition(".")[0], []).append(test)
            found += [(name, tests) for tests in classes.values()]
        # The long ones first, so that no process is left running alone at the end.
        return sorted(found, key=lambda job: (job[0] not in SLOW, -len(job[1])))

    def _record(self, module: str, outcomes: Iterable[Outcome]) -> None:
        with self._lock:
            self.outcomes.setdefault(module, []).extend(outcomes)

    def _run_job(self, module: str, tests: Sequence[str]) -> str:
        got: list[Outcome] = []
        run_tests(self.options.module(module, self.rules), tests, self.proof, got.append)
        for outcome in got:
            verdicts.judge(outcome, self.rules)
        self._record(module, got)
        counts = Counter(outcome.outcome for outcome in got)
        words = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
        bad = [f"\n      {o.outcome.upper()} {o.test}" for o in got if o.outcome in verdicts.BAD]
        name = tests[0].rpartition(".")[0].removeprefix(f"{SUITE}.")
        return f"{name}: {words}{''.join(bad)}"

    def _progress(self, jobs: Sequence[_Tests], call: Callable[[str, Sequence[str]], str]) -> None:
        """Work on the jobs, several at once, and say what each did as it ends."""
        done = 0

        def work(job: _Tests) -> None:
            nonlocal done
            started = time.monotonic()
            first, *rest = call(*job).splitlines()
            first += f" ({time.monotonic() - started:.1f} s)"
            with self._lock:
                done += 1
                print(f"[{done:3}/{len(jobs)}]", "\n".join((first, *rest)), flush=True)

        pool = ThreadPoolExecutor(self.options.jobs)
        try:
            for _ in pool.map(work, jobs):
                pass
        except BaseException:
            # The workers of these jobs, or the pool's threads would go on waiting for them.
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise
        finally:
            pool.shutdown()

    def _add_missing(self, name: str, ours: Listing, standard: Listing) -> None:
        """Add tests that the module does not make where it is run with this implementation."""
        if not ours.tests:
            return  # the whole module is skipped or does not import: a verdict of its own
        missing = set(standard.tests) - set(ours.tests)
        found = [
            Outcome(test, "missing") for test in sorted(missing) if self.options.selected(test)
        ]
        for outcome in found:
            verdicts.judge(outcome, self.rules)
            self._say_if_bad(outcome)
        self._record(name, found)

    def _say_if_bad(self, outcome: Outcome) -> None:
        if outcome.outcome in verdicts.BAD:
            self.say(f"      {outcome.outcome.upper()} {outcome.test}")

    def _compare(self, standard: dict[str, Listing]) -> None:
        """Run with the standard asyncio what a verdict hangs on."""
        answers: dict[str, Outcome] = {}
        jobs: list[_Tests] = []
        for name, there in standard.items():
            whole = f"{SUITE}.{name}"
            if there.skipped:
                answers[whole] = Outcome(whole, "skipped", there.skipped)
            asked = {o.test for o in self.outcomes.get(name, ()) if verdicts.has_to_be_compared(o)}
            if tests := [test for test in there.tests if test in asked]:
                jobs.append((name, tests))

        def ask(name: str, tests: Sequence[str]) -> str:
            got: list[Outcome] = []
            module = self.options.module(name, self.rules, standard=True)
            run_tests(module, tests, self._standard, got.append)
            with self._lock:
                answers.update((outcome.test, outcome) for outcome in got)
            return f"{name}: {len(got)} compared with the standard asyncio"

        self._progress(jobs, ask)
        for outcome in (o for group in self.outcomes.values() for o in group):
            if self.ours and verdicts.has_to_be_compared(outcome):
                verdicts.compare(outcome, answers)
                self._say_if_bad(outcome)
