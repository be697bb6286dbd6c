"""Traces: what has to hold of each that `python -m asyncio trace` writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def events_of(path: Path, pid: int | None = None) -> list[dict[str, Any]]:
    """Return the events of a trace, which has to be one in the Trace Event Format."""
    trace = json.loads(path.read_text("utf-8"))
    events: list[dict[str, Any]] = trace["traceEvents"]
    for event in events:
        assert isinstance(event["name"], str)
        assert event["name"]
        assert isinstance(event["tid"], int)
        assert event["tid"] >= 0
        assert event["ts"] >= 0
        assert event["ph"] in {"M", "X", "s", "f", "b", "e"}
        assert "dur" not in event or (event["ph"] == "X" and event["dur"] >= 0)
        assert event["ph"] == "M" or isinstance(event["cat"], str)
    assert {event["pid"] for event in events} == ({pid} if pid else {events[0]["pid"]})
    _check_nesting(events)
    _check_flows(events)
    _check_tasks(events)
    return events


def _check_nesting(events: list[dict[str, Any]]) -> None:
    """Slices of a thread are one in the other, or one after the other."""
    slices = [event for event in events if event["ph"] == "X"]
    for tid in {event["tid"] for event in slices}:
        open_until: list[float] = []
        own = (event for event in slices if event["tid"] == tid)
        for event in sorted(own, key=lambda event: (event["ts"], -event["dur"])):
            # In nanoseconds, which floats would not add up to.
            begin = round(1000 * event["ts"])
            end = begin + round(1000 * event["dur"])
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or end <= open_until[-1], event
            open_until.append(end)


def _check_flows(events: list[dict[str, Any]]) -> None:
    """Arrows have two ends, in this order, each where a slice of its thread begins."""
    flows = [event for event in events if event["ph"] in "sf"]
    begins = {event["id"]: event for event in flows if event["ph"] == "s"}
    ends = {event["id"]: event for event in flows if event["ph"] == "f"}
    assert begins.keys() == ends.keys()
    assert len(flows) == 2 * len(begins)
    slices = {(event["tid"], event["ts"]) for event in events if event["ph"] == "X"}
    for number, begin in begins.items():
        assert begin["ts"] <= ends[number]["ts"]
        assert ends[number]["bp"] == "e"
        for end in (begin, ends[number]):
            assert (end["tid"], end["ts"]) in slices


def _check_tasks(events: list[dict[str, Any]]) -> None:
    """What begins on a task's track ends there, the last first."""
    stacks: dict[str, list[str]] = {}
    own = [event for event in events if event["ph"] in "be"]
    for event in sorted(own, key=lambda event: event["ts"]):
        stack = stacks.setdefault(event["id2"]["local"], [])
        if event["ph"] == "b":
            stack.append(event["name"])
        else:
            assert stack.pop() == event["name"]
    assert not any(stacks.values())
