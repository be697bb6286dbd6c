"""Counts of test runs, added up: what pytest leaves in its report files, and the table and the closing line of all."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: What pytest writes where a skip has no reason.
_NO_REASON = ("", "unconditional skip", "unconditional test skip")


@dataclass
class Part:
    """One part of the whole test run."""

    title: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    left_out: str = ""  #: why nothing of it ran

    @property
    def ok(self) -> bool:
        return not self.failed and not self.problems

    def row(self) -> tuple[str, ...]:
        counts = (str(n) if n else "" for n in (self.passed, self.failed, self.skipped))
        verdict = "LEFT OUT" if self.left_out else "ok"
        return (self.title, *counts, f"{self.seconds:.0f} s", verdict if self.ok else "FAILED")


def read_pytest(part: Part, status: int, report: Path) -> None:
    """Add what a run of pytest counted; a run that ended badly without a failing test is a problem too."""
    try:
        root = ET.parse(report).getroot()
    except (OSError, ET.ParseError):
        part.problems.append(f"pytest left no report (exit status {status})")
        return
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            part.failed += 1
            continue
        skip = case.find("skipped")
        if skip is None:
            part.passed += 1
            continue
        part.skipped += 1
        if skip.get("message", "") in _NO_REASON:
            name = f"{case.get('classname')}::{case.get('name')}"
            part.problems.append(f"{name} is skipped without a reason")
    if status not in (0, 1) or (status and not part.failed):
        part.problems.append(f"pytest ended with exit status {status}")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows of words in columns; the first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            word.ljust(width) if n == 0 else word.rjust(width)
            for n, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def closing_line(parts: Sequence[Part], seconds: float) -> str:
    """Write the sum in the words of pytest's last line."""
    failed = sum(part.failed or bool(part.problems) for part in parts)
    words = [
        f"{count} {word}"
        for count, word in (
            (failed, "failed"),
            (sum(part.passed for part in parts), "passed"),
            (sum(part.skipped for part in parts), "skipped"),
        )
        if count
    ]
    hours, rest = divmod(int(seconds), 3600)
    clock = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f" {', '.join(words) or 'no tests ran'} in {seconds:.2f}s ({clock}) ".center(80, "=")
