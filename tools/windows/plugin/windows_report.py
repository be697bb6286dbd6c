"""A plugin of pytest on the Windows Python: writes each test's start and outcome to a file, at once.

A test that hangs or crashes ends the process; what it was can be told from the file then, and the next process goes on after it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_OUT = open(os.environ["WINDOWS_REPORT"], "a", encoding="utf-8")  # noqa: SIM115 - until the process ends
_outcomes: dict[str, tuple[str, str]] = {}


def _write(**event: Any) -> None:
    _OUT.write(json.dumps(event) + "\n")
    _OUT.flush()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    with open(os.environ["WINDOWS_DONE"], encoding="utf-8") as file:
        done = set(json.load(file))
    left = [item for item in items if item.nodeid not in done]
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
    items[:] = left


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.outcome != "passed":
        detail = _reason(report) if report.skipped else str(report.longrepr)
        _write(event="end", test=report.nodeid, outcome=report.outcome, detail=detail)


def pytest_runtest_logstart(nodeid: str) -> None:
    _outcomes[nodeid] = ("passed", "")
    _write(event="start", test=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        text = f"{_outcomes[report.nodeid][1]}\n{report.when}: {report.longreprtext}".strip()
        _outcomes[report.nodeid] = ("failed", text)
    elif report.skipped:
        _outcomes[report.nodeid] = ("skipped", _reason(report))


def pytest_runtest_logfinish(nodeid: str) -> None:
    outcome, detail = _outcomes.pop(nodeid)
    _write(event="end", test=nodeid, outcome=outcome, detail=detail)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    _write(event="done", status=int(exitstatus))


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"fails as expected: {report.wasxfail}"
    where = report.longrepr
    text = where[2] if isinstance(where, tuple) else str(where)
    return text.removeprefix("Skipped: ")
