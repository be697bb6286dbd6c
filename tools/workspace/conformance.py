"""`dev.py conformance`: the interpreter's own suite on one Python after the other, what came of it, and what is kept of that."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workspace import environments, interpreters, results, twins
from workspace.console import Failure, say, took
from workspace.paths import REPORTS
from workspace.reports import Part, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workspace.interpreters import Interpreter

#: The runner's exit status where nothing was chosen of what this Python has.
_NOTHING = 5
_COLUMNS = ("passed", "failed", "excluded", "left-out", "skipped", "total")


@dataclass
class Suite:
    """What came of the suite of one Python."""

    python: Interpreter
    status: int = 0
    seconds: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)  #: of the runner; empty if it left none
    problems: list[str] = field(default_factory=list)
    form: str = twins.COMPILED

    @property
    def ok(self) -> bool:
        return self.status in (0, _NOTHING) and not self.problems

    def count(self, word: str) -> int:
        counts: dict[str, int] = self.report.get("counts", {})
        return counts.get(word, 0)

    def row(self) -> tuple[str, ...]:
        counts = (str(self.count(word) or "") for word in _COLUMNS)
        verdict = "ok" if self.ok else "FAILED"
        return (self.python.full, *counts, took(self.seconds), self.form, verdict)


def run_suite(python: Interpreter, arguments: Sequence[str], form: str) -> Suite:
    """Run the suite of one Python with ours in place, in one of its forms."""
    suite = Suite(python, form=form)
    if not python.has_suite:
        suite.problems.append(
            f"{python.path} comes without its test suite (Debian: the package libpython{python.version}-testsuite)"
        )
        return suite
    environment = environments.prepare("test", python)
    if form == twins.COMPILED and (why := twins.refresh(environment, python)):
        suite.problems.append(f"there is no compiled form: {why}")
        return suite
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"conformance-{python.version}-{form}.json"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    suite.status = environments.hatch_run(
        f"test.py{python.version}",
        "conformance",
        f"--json={report}",
        *arguments,
        variables=twins.variables(form),
    )
    suite.seconds = time.monotonic() - started
    try:
        suite.report = json.loads(report.read_text("utf-8"))
    except (OSError, ValueError):
        suite.problems.append(f"the runner left no report (exit status {suite.status})")
    else:
        suite.problems += suite.report["problems"]
        suite.problems += _of_another_form(suite)
        if suite.status not in (0, 1, _NOTHING):
            suite.problems.append(f"the runner ended with exit status {suite.status}")
    return suite


def _of_another_form(suite: Suite) -> list[str]:
    """Return the packages that the runner saw in another form than was to be tested."""
    forms: dict[str, str] = suite.report["forms"]
    others = {name: form for name, form in forms.items() if form.split(":")[0] != suite.form}
    return [f"{name} is {form}, not {suite.form}" for name, form in others.items()]


def add_to_part(part: Part, suite: Suite) -> None:
    """Add the counts of a suite to a part of `dev.py test`."""
    part.passed += suite.count("passed")
    part.failed += suite.count("failed")
    part.skipped += sum(suite.count(word) for word in ("skipped", "excluded", "left-out"))
    part.problems += suite.problems
    if not suite.ok and part.ok:
        part.problems.append(f"the runner ended with exit status {suite.status}")


def over_all(suites: Sequence[Suite]) -> list[str]:
    """Return the problems that only all the runs together show."""
    found = []
    reports = [suite.report for suite in suites if suite.report]
    if reports:
        nowhere = set.intersection(*(set(report["missing_modules"]) for report in reports))
        found += [f"no Python of this run has the module {name}" for name in sorted(nowhere)]
        if not nowhere and all(suite.status == _NOTHING for suite in suites):
            found.append("no test was chosen on any Python")
    if _is_complete(suites):
        used = {rule for report in reports for rule in report["rules_used"]}
        rules = {rule for report in reports for rule in report["rules"]}
        found += [f"explains no skip on any Python: {rule!r}" for rule in sorted(rules - used)]
    return found


def _is_complete(suites: Sequence[Suite]) -> bool:
    """Tell whether these are whole suites of all the supported Pythons."""
    versions = {suite.python.version for suite in suites if suite.report.get("whole")}
    return versions == set(interpreters.SUPPORTED)


def run(
    pythons: Sequence[Interpreter],
    arguments: Sequence[str],
    *,
    write_results: bool,
    form: str | None = None,
) -> int:
    """Run the suites, print a table of them, and return the exit status.

    Without a form, it is the compiled one where there is one.
    """
    suites = []
    for python in pythons:
        say()
        chosen = form or best_form(python)
        say(f"==> the interpreter's suite, Python {python.version}, {chosen}")
        suites.append(run_suite(python, arguments, chosen))
    problems = over_all(suites)
    say()
    for line in table(
        [("Python", *_COLUMNS, "time", "form", ""), *(suite.row() for suite in suites)]
    ):
        print(line, flush=True)
    for suite in suites:
        problems += [f"Python {suite.python.version}: {problem}" for problem in suite.problems]
    for problem in problems:
        say(f"!!! {problem}")
    ok = not problems and all(suite.ok for suite in suites)
    if write_results:
        compiled = all(suite.form == twins.COMPILED for suite in suites)
        if not ok or not compiled or not _is_complete(suites):
            raise Failure(
                "the results are kept of whole suites of "
                f"{', '.join(interpreters.SUPPORTED)}, compiled, without a failure only"
            )
        results.write(results.CONFORMANCE, kept(suites))
        say(f"--> written: {results.CONFORMANCE.name}, {results.README.name}")
    return 0 if ok else 1


def best_form(python: Interpreter) -> str:
    """Return the form that users of this Python get, and say why where that is not the compiled one."""
    why = twins.refresh(environments.prepare("test", python), python)
    if why:
        say(f"--- Python {python.version}: the compiled form is LEFT OUT: {why}")
    return twins.PURE if why else twins.COMPILED


def break_on_purpose(python: Interpreter, arguments: Sequence[str]) -> int:
    """Let the runner try out its breakages, and return its exit status."""
    environments.prepare("test", python)
    environment = f"test.py{python.version}"
    return environments.hatch_run(environment, "conformance", "--breakages", *arguments)


def kept(suites: Sequence[Suite]) -> dict[str, Any]:
    """Return what is kept of whole runs."""
    return {
        "pythons": {
            suite.python.version: {
                "python": suite.python.full,
                "counts": {word: suite.count(word) for word in _COLUMNS if word != "failed"},
                "left_out": suite.report["left_out"],
                "modules": {
                    name: {word: n for word, n in counts.items() if n}
                    for name, counts in suite.report["modules"].items()
                },
            }
            for suite in suites
        }
    }
