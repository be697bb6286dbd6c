"""`dev.py test`: every package on every Python here, in both forms, the interpreter's suite, types, lint, and the built wheels."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

from workspace import conformance, environments, twins
from workspace.console import Failure, say
from workspace.paths import REPORTS, ROOT
from workspace.reports import Part, closing_line, read_pytest, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workspace.interpreters import Interpreter

#: In this order: what is quick and fails often comes first.
PARTS = ("lint", "types", "unit", "seeds", "conformance", "integration")


#: The tests of the packages need nothing of one another, and wait as much as they work. (`-n0` after `--` undoes it.)
_SPREAD = (f"--numprocesses={min(2 * (os.cpu_count() or 1), 8)}",)
#: Those of the distributions work, and make environments for a whole file.
_SPREAD_BY_FILE = ("--numprocesses=auto", "--maxprocesses=8", "--dist=loadfile")

#: The tests that are run on shuffled loops too, and with which seeds here; `dev.py seeds` takes more of them.
_UNDER_SEEDS = (
    "packages/asyncio-sync/tests",
    *(
        f"packages/asyncio-core/tests/test_{name}.py"
        for name in ("combinators", "taskgroups", "timeouts", "waiting")
    ),
)
_FEW_SEEDS = "0:3"


def under_seeds(python: Interpreter, seeds: str, *extra: str) -> int:
    """Run tests in other legal orders than the usual one, once with each seed; return pytest's status."""
    where = environments.prepare("test", python)
    twins.refresh(where, python)
    chosen = () if _names_files(extra) else _UNDER_SEEDS
    environment = f"test.py{python.version}"
    seeding = (*_SPREAD, f"--seeds={seeds}")
    return environments.hatch_run(environment, "unit", "-q", *seeding, *chosen, *extra)


class Pipeline:
    """One run of the chosen parts, with what each of them counted."""

    def __init__(
        self,
        pythons: Sequence[Interpreter],
        extra: Sequence[str],
        forms: Sequence[str] = twins.FORMS,
    ) -> None:
        self._pythons = pythons
        self._extra = extra
        self._forms = forms
        self._parts: list[Part] = []

    def run(self, wanted: Sequence[str]) -> int:
        """Run the parts, print a table and pytest's closing line, and return the exit status."""
        started = time.monotonic()
        REPORTS.mkdir(parents=True, exist_ok=True)
        say(f"Pythons: {environments.versions_line(self._pythons)}")
        for name in PARTS:
            if name in wanted:
                getattr(self, f"_{name}")()
        return self._summary(time.monotonic() - started)

    def _part(self, title: str, body: Callable[[Part], None]) -> None:
        """Run one part; whatever ends it is written down, and the next part runs."""
        part = Part(title)
        self._parts.append(part)
        say()
        say(f"==> {title}")
        started = time.monotonic()
        try:
            body(part)
        except Failure as failure:
            part.problems.append(str(failure))
        part.seconds = time.monotonic() - started
        if part.left_out:
            say(f"--- {title}: LEFT OUT: {part.left_out}")
        for problem in part.problems:
            say(f"!!! {title}: {problem}")

    def _check(self, title: str, environment: str) -> None:
        def body(part: Part) -> None:
            environments.prepare(environment)
            status = environments.hatch_run(environment, "check")
            if status:
                part.problems.append(f"exit status {status}")

        self._part(title, body)

    def _lint(self) -> None:
        self._check("format and lint", "lint")

    def _types(self) -> None:
        self._check("mypy --strict", "types")

    def _pytest(
        self, part: Part, environment: str, script: str, *arguments: str, form: str = ""
    ) -> None:
        report = _fresh_report("-".join(filter(None, (script, environment, form))) + ".xml")
        status = environments.hatch_run(
            environment,
            script,
            *arguments,
            f"--junitxml={report}",
            *self._extra,
            variables=twins.variables(form),
        )
        read_pytest(part, status, report)

    def _unit(self) -> None:
        ends = (self._pythons[0], self._pythons[-1])
        for python, form in itertools.product(self._pythons, self._forms):
            if form == twins.PURE and python not in ends and len(self._forms) > 1:
                continue

            def body(part: Part, python: Interpreter = python, form: str = form) -> None:
                if self._has(part, python, form):
                    where = f"test.py{python.version}"
                    self._pytest(part, where, "unit", "-q", *_SPREAD, form=form)

            self._part(f"tests of the packages, Python {python.version}, {form}", body)

    def _seeds(self) -> None:
        python = self._pythons[-1]
        form = self._forms[-1]

        def body(part: Part) -> None:
            if self._has(part, python, form):
                chosen = () if _names_files(self._extra) else _UNDER_SEEDS
                seeding = ("-q", *_SPREAD, f"--seeds={_FEW_SEEDS}")
                where = f"test.py{python.version}"
                self._pytest(part, where, "unit", *seeding, *chosen, form=form)

        self._part(f"other orders of things, Python {python.version}, {form}", body)

    def _conformance(self) -> None:
        for python, form in itertools.product(self._pythons, self._forms):
            if form == twins.PURE and python != self._pythons[-1]:
                continue

            def body(part: Part, python: Interpreter = python, form: str = form) -> None:
                if self._has(part, python, form):
                    suite = conformance.run_suite(python, ["--quick"], form)
                    conformance.add_to_part(part, suite)

            self._part(f"the interpreter's suite, Python {python.version}, {form}", body)

    def _has(self, part: Part, python: Interpreter, form: str) -> bool:
        """Make the environment of a Python, and tell whether it has this form; else the part says why not."""
        environment = environments.prepare("test", python)
        if form == twins.COMPILED:
            part.left_out = twins.refresh(environment, python)
        return not part.left_out

    def _integration(self) -> None:
        def body(part: Part) -> None:
            environments.prepare("integration")
            for python in self._pythons:
                environments.link(python)
            pythons = ",".join(python.version for python in self._pythons)
            tests = () if _names_files(self._extra) else ("tests-integration",)
            arguments = (*_SPREAD_BY_FILE, *tests, f"--pythons={pythons}")
            self._pytest(part, "integration", "all", *arguments)

        self._part("the built distributions", body)

    def _summary(self, seconds: float) -> int:
        say()
        head = ("part", "passed", "failed", "skipped", "time", "")
        for line in table([head, *(part.row() for part in self._parts)]):
            say(line)
        for part in self._parts:
            if part.left_out:
                say(f"--- {part.title}: LEFT OUT: {part.left_out}")
            for problem in part.problems:
                say(f"!!! {part.title}: {problem}")
        say()
        print(closing_line(self._parts, seconds), flush=True)
        return 0 if all(part.ok for part in self._parts) else 1


def _names_files(arguments: Sequence[str]) -> bool:
    """Tell whether arguments for pytest say where the tests are."""
    return any((ROOT / word.partition("::")[0]).exists() for word in arguments)


def _fresh_report(name: str) -> Path:
    """Return where a run is to leave its report, with none of an earlier run there."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / name
    report.unlink(missing_ok=True)
    return report
