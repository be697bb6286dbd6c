"""`python -m asyncio ps`, `pstree`, `top` and `trace` of a process on Windows, by way of its inspector's pipe."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if sys.platform != "win32":
    pytest.skip("other systems have their own tests of it", allow_module_level=True)

from asyncio_test_support.looked_into import BLOCKED, BUSY, DEADLOCKED, INSPECTOR, MANY

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_test_support.fixture_types import Look, RunPython, Start


def test_who_waits_for_whom(start: Start, look: Look) -> None:
    child = start(DEADLOCKED, INSPECTOR)
    lines = look("pstree", child).splitlines()
    assert lines[0].startswith("loop ")
    assert lines[1] == "- Task-1: waiting for 2 tasks: A, B"
    assert sum("waiting for lock" in line for line in lines) == 2
    rows = look("ps", child).splitlines()
    assert any("Task-1" in row and "waiting" in row for row in rows)
    taken = json.loads(look("ps", child, "--json"))
    assert taken["pid"] == child.pid
    assert sorted(task["name"] for task in taken["tasks"]) == ["A", "B", "Task-1"]
    assert child.poll() is None


def test_a_blocked_loop_answers_and_says_by_what(start: Start, look: Look) -> None:
    child = start(BLOCKED, INSPECTOR)
    assert "blocked by main > blocks, at <string>:7" in look("pstree", child)
    assert "main > blocks, at <string>:7" in look("top", child, "--once", "--interval", "0.1")


def test_figures(start: Start, look: Look) -> None:
    child = start(BUSY, INSPECTOR)
    told = json.loads(look("top", child, "--once", "--interval", "0.1", "--json"))
    (loop,), (task,) = told["loops"], told["tasks"]
    assert loop["turns"] > 10
    assert (task["name"], task["function"]) == ("Task-1", "busy")


def test_many_tasks(start: Start, look: Look) -> None:
    child = start(MANY, INSPECTOR)
    assert len(json.loads(look("ps", child, "--json"))["tasks"]) == 10_001


def test_a_trace(start: Start, look: Look, tmp_path: Path) -> None:
    child = start(BUSY, INSPECTOR)
    path = tmp_path / "trace.json"
    look("trace", child, "-o", str(path), "--seconds", "0.1")
    events = json.loads(path.read_text("utf-8"))["traceEvents"]
    names = Counter(event["name"] for event in events)
    assert names["Task-1: busy"] > 10
    assert names["turn"] > 10
    assert child.poll() is None


@pytest.mark.parametrize("command", ["ps", "pstree", "top", "trace"])
def test_what_has_no_inspector_is_told_in_one_line(
    start: Start, python: RunPython, tmp_path: Path, command: str
) -> None:
    child = start(BUSY)
    options = ["-o", str(tmp_path / "trace.json")] if command == "trace" else []
    result = python("-m", "asyncio", command, str(child.pid), *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"python -m asyncio: process {child.pid}: ")
    assert "ASYNCIO_INSPECT=1" in result.stderr
    assert result.stderr.count("\n") == 1


def test_tracing_a_program_is_refused(python: RunPython, tmp_path: Path) -> None:
    result = python("-m", "asyncio", "trace", "-o", str(tmp_path / "trace.json"), "-c", "1")
    assert result.returncode == 2
    assert "is not there on Windows" in result.stderr
