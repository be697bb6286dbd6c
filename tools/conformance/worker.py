"""One process of the conformance runner: proves which asyncio it has, runs tests, and reports each as it ends.

Started by the runner, never by hand. It reads one JSON object from standard input, `{"module": …, "tests": [ids],
"limit": seconds, "stand_ins": {name: name}}` (no `tests`: list them and stop), and writes one JSON object a line to the standard output it was given; what the
tests print goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import sysconfig
import time
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
        "accelerator": "_asyncio" in sys.modules,
    }


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

    def send(self, **event: Any) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._outcome = ("passed", "")
        self._inside = True
        self._started = time.monotonic()
        self.send(event="start", test=test.id())
        # A test that hangs in C or holds the GIL is ended too, with the stacks of all threads on stderr.
        limit = self._limits.get(test.id(), self._limit)
        faulthandler.dump_traceback_later(limit, exit=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)
        self._inside = False
        outcome, detail = self._outcome
        seconds = time.monotonic() - self._started
        self.send(event="end", test=test.id(), outcome=outcome, detail=detail, seconds=seconds)

    def _note(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        """Keep the outcome of the running test; what happens around the tests of a class is reported at once."""
        if self._inside:
            if self._outcome[0] == "failed":
                detail = f"{self._outcome[1]}\n{detail}"
            self._outcome = (outcome, detail)
        else:
            self.send(event="end", test=test.id(), outcome=outcome, detail=detail, seconds=0.0)

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
        # A skipped subtest leaves the verdict to the rest of its test.
        if self._outcome[0] != "failed":
            self._note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        self._note(test, "passed", "")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "failed", "unexpected success")


def put_stand_ins(names: dict[str, str]) -> None:
    """Give `asyncio.tasks` names that a test module takes for granted, where it does not have them."""
    import asyncio.tasks

    for name, source in names.items():
        if not hasattr(asyncio.tasks, name):
            setattr(asyncio.tasks, name, getattr(asyncio.tasks, source))


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


def main() -> int:
    out = take_standard_output()
    order = json.load(sys.stdin)
    reporter = Reporter(out, order["limit"], order["limits"])
    reporter.send(event="implementation", **implementation())
    put_stand_ins(order["stand_ins"])
    warnings.simplefilter("default")
    faulthandler.dump_traceback_later(order["limit"], exit=True)
    try:
        loaded = unittest.defaultTestLoader.loadTestsFromName(order["module"])
    except unittest.SkipTest as skip:
        reporter.send(event="module-skipped", reason=str(skip))
        return 0
    finally:
        faulthandler.cancel_dump_traceback_later()
    cases = list(flatten(loaded))
    if "tests" not in order:
        reporter.send(event="tests", tests=[case.id() for case in cases])
        return 0
    wanted = set(order["tests"])
    unittest.TestSuite(case for case in cases if case.id() in wanted).run(reporter)
    # Once more at the end: most of asyncio is imported by the tests themselves.
    reporter.send(event="implementation", **implementation())
    reporter.send(event="done")
    return 0


if __name__ == "__main__":
    # Leaves without waiting for what a test may have left running: the tests' verdicts are out.
    code = main()
    sys.stderr.flush()
    os._exit(code)
