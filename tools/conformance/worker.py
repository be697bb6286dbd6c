"""One process of the conformance runner: proves which asyncio it has, runs tests, and reports each as it ends.

Started by the runner, never by hand. It reads one JSON object from standard input, `{"modules": [names], "tests": [ids],
"limit": seconds, "limits": {id: seconds}, "stand_ins": {name: name}}` (no `tests`: list those of the modules and
stop), and writes one JSON object a line to the standard output it was given; what the tests print goes to standard
error.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import sys
import sysconfig
import threading
import time
import traceback
import unittest
import warnings
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    _ExcInfo = (
        tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    )


def implementation() -> dict[str, Any]:
    """Tell which asyncio this process has, from what is loaded and not from what was asked for."""
    import asyncio

    standard = os.path.join(sysconfig.get_path("stdlib"), "asyncio") + os.sep
    loaded = {
        name: getattr(module, "__file__", None) or ""
        for name, module in list(sys.modules.items())
        if name == "asyncio" or name.startswith("asyncio.")
    }
    return {
        "implementation": getattr(asyncio, "__implementation__", None),
        "file": asyncio.__file__,
        "standard_modules": sorted(n for n, f in loaded.items() if f.startswith(standard)),
        "accelerator": sys.modules.get("_asyncio") is not None,
        "forms": forms(),
    }


def forms() -> dict[str, str]:
    """Tell of each package with compiled twins whether those run, or why not."""
    found = {}
    for package in [n for n in sys.modules if n.startswith("asyncio_") and "." not in n]:
        if importlib.util.find_spec(f"{package}.twins") is not None:
            why = importlib.import_module(f"{package}.twins").why_pure
            found[package] = "compiled" if why is None else f"pure: {why}"
    return found


#: Seconds: tests that take less leave no connections and processes to the garbage collector.
LITTLE = 0.05
#: Seconds that the threads of a test have to end after it.
THREADS_END = 0.5


class Reporter(unittest.TestResult):
    """Writes an event when a test starts and one when it ends, and limits its time."""

    def __init__(self, out: IO[str], limit: float, limits: dict[str, float]) -> None:
        super().__init__()
        self._out = out
        self._limit = limit
        self._limits = limits
        self._started = 0.0
        self._outcome: tuple[str, str] = ("passed", "")
        self._inside = False
        self._threads: set[threading.Thread] = set()

    def send(self, **event: Any) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def limited(self, seconds: float | None = None) -> None:
        """Limit the time of what comes now, afresh.

        What hangs in C or holds the GIL is ended too, with the stacks of all threads on standard error.
        """
        faulthandler.dump_traceback_later(seconds or self._limit, exit=True)

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._outcome = ("passed", "")
        self._inside = True
        self._threads = set(threading.enumerate())
        self._started = time.monotonic()
        self.send(event="start", test=test.id())
        self.limited(self._limits.get(test.id()))

    def stopTest(self, test: unittest.TestCase) -> None:
        if not self._inside:
            return  # 3.12.1 does not start a test that its decorator skips, and stops it nevertheless
        seconds = time.monotonic() - self._started
        self.limited()  # for what comes between two tests
        super().stopTest(test)
        self._inside = False
        if seconds > LITTLE:
            # What it left to the collector is not to be reported in a test that asserts silence.
            gc.collect()
        outcome, detail = self._outcome
        self.send(
            event="end",
            test=test.id(),
            outcome=outcome,
            detail=detail,
            seconds=seconds,
            threads=self._left_behind(),
        )

    def _left_behind(self) -> list[str]:
        """Return the names of the threads that the test started and that do not end with it."""
        until = time.monotonic() + THREADS_END
        names = []
        for thread in threading.enumerate():
            if thread not in self._threads:
                thread.join(max(0.0, until - time.monotonic()))
                if thread.is_alive():
                    names.append(thread.name)
        return names

    def _note(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        """Keep the outcome of the running test; what happens around the tests of a class is reported at once."""
        if self._inside:
            if self._outcome[0] == "failed":
                detail = f"{self._outcome[1]}\n{detail}"
            self._outcome = (outcome, detail)
        elif isinstance(test, unittest.TestCase):
            self.send(
                event="end",
                test=test.id(),
                outcome=outcome,
                detail=detail,
                seconds=0.0,
                threads=[],
            )
        else:
            self.send(event="around", test=test.id(), outcome=outcome, detail=detail)

    def _text(self, err: _ExcInfo, test: unittest.TestCase) -> str:
        return str(self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addError(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        self._note(test, "failed", self._text(err, test))

    def addFailure(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        self._note(test, "failed", self._text(err, test))

    def addSubTest(
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: _ExcInfo | None
    ) -> None:
        if err is not None:
            self._note(test, "failed", f"{subtest.id()}\n{self._text(err, test)}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        # A skip after a failure, in another subtest, changes nothing.
        if self._outcome[0] != "failed":
            self._note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        self._note(test, "passed", "")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "failed", "unexpected success")


def put_stand_ins(names: dict[str, str]) -> None:
    """Give `asyncio.tasks` names that a test module takes for granted, where it does not have them."""
    if not names:
        return
    import asyncio.tasks

    for name, source in names.items():
        if not hasattr(asyncio.tasks, name):
            setattr(asyncio.tasks, name, getattr(asyncio.tasks, source))


#: What the suite's tests with much data may take at most; the largest say that they need less.
MEMORY = 3 * 2**30


def allow_memory() -> None:
    """Let the tests with much data run, where the machine has the memory for them."""
    support = importlib.import_module("test.support")
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if there > 2 * MEMORY:
        support.set_memlimit(f"{MEMORY // 2**30}G")


def flatten(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    if isinstance(suite, unittest.TestSuite):
        for part in suite:
            yield from flatten(part)
    else:
        yield suite


def take_standard_output() -> IO[str]:
    """Keep the pipe to the runner for the events alone."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def load(module: str) -> list[unittest.TestCase]:
    """Import a module of the suite and return its tests; what the import raises passes."""
    loaded = importlib.import_module(module)
    return list(flatten(unittest.defaultTestLoader.loadTestsFromModule(loaded)))


def list_tests(modules: list[str], reporter: Reporter) -> None:
    for module in modules:
        reporter.send(event="module", module=module)
        reporter.limited()
        try:
            tests = list(dict.fromkeys(case.id() for case in load(module)))
        except unittest.SkipTest as skip:
            reporter.send(event="module-skipped", module=module, reason=str(skip))
        except Exception:
            # One that does not import is the runner's to judge, and the next may import well.
            reporter.send(event="module-failed", module=module, why=traceback.format_exc())
        else:
            reporter.send(event="tests", module=module, tests=tests)


def run_tests(module: str, tests: set[str], reporter: Reporter) -> None:
    reporter.limited()
    cases = load(module)
    unittest.TestSuite(case for case in cases if case.id() in tests).run(reporter)


def main() -> int:
    out = take_standard_output()
    order = json.load(sys.stdin)
    reporter = Reporter(out, order["limit"], order["limits"])
    reporter.send(event="implementation", **implementation())
    put_stand_ins(order["stand_ins"])
    allow_memory()
    warnings.simplefilter("default")
    if "tests" in order:
        (module,) = order["modules"]
        run_tests(module, set(order["tests"]), reporter)
    else:
        list_tests(order["modules"], reporter)
    # Once more at the end: most of asyncio is imported by the tests themselves.
    reporter.send(event="implementation", **implementation())
    reporter.send(event="done")
    return 0


if __name__ == "__main__":
    # Leaves without waiting for what a test may have left running: the tests' verdicts are out.
    code = main()
    sys.stderr.flush()
    os._exit(code)
