"""The tests that a loop is known to fail, and who is right by the documentation.

A difference is an expectation of failure, and a strict one: a test that passes although it is listed fails the
run, so the list can only shrink as loops are mended.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

#: The kit's own list.
KNOWN = Path(__file__).with_name("differences.toml")

#: Who is right, and what that means.
SIDES = {
    "documentation": "the documentation says what the test asserts; the loop does otherwise",
    "silent": "the documentation does not decide; the test holds what the standard loop does",
}


class BadDifferences(ValueError):
    """A file of differences says something that is not understood."""


@dataclass(frozen=True)
class Loop:
    """A loop that the list knows: its name there, its title, and the classes that it goes by."""

    name: str
    title: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """Tests that one loop fails for one reason."""

    loop: str
    tests: tuple[str, ...]
    right: str
    because: str
    #: From this Python on, and before that one; None for no such limit.
    since: tuple[int, ...] | None = None
    before: tuple[int, ...] | None = None
    #: Only under this implementation of asyncio ("standard", or what `asyncio.__implementation__` says).
    asyncio: str = ""
    #: Whether it depends on the moment, so that the test may pass too.
    sometimes: bool = False
    #: Whether to run the test at all: not where it would end the process or hang it.
    run: bool = True

    def holds(self, version: tuple[int, ...], implementation: str) -> bool:
        return (
            (self.since is None or version >= self.since)
            and (self.before is None or version < self.before)
            and self.asyncio in ("", implementation)
        )

    @property
    def where(self) -> str:
        parts = []
        if self.since and self.before:
            parts.append(f"Python {_dotted(self.since)}, before {_dotted(self.before)}")
        elif self.since:
            parts.append(f"Python {_dotted(self.since)} and newer")
        elif self.before:
            parts.append(f"Python before {_dotted(self.before)}")
        if self.asyncio:
            parts.append(f"{self.asyncio} asyncio")
        if self.sometimes:
            parts.append("sometimes")
        return ", ".join(parts)


@dataclass(frozen=True)
class Differences:
    """One file, or several after one another."""

    loops: tuple[Loop, ...]
    entries: tuple[Difference, ...]

    def name_of(self, made: str) -> str:
        """Return the name of the loop whose class is `made`, or "" for one that is not in the list."""
        for loop in self.loops:
            if any(fnmatchcase(made, pattern) for pattern in loop.classes):
                return loop.name
        return ""

    def find(
        self, test: str, variant: str, loop: str, version: tuple[int, ...], implementation: str
    ) -> Difference | None:
        """Return the difference that names a test (`file::function`) or one variant of it (`…[variant]`)."""
        names = {test, f"{test}[{variant}]"}
        for entry in self.entries:
            mine = entry.loop == loop and names & set(entry.tests)
            if mine and entry.holds(version, implementation):
                return entry
        return None


def read(*paths: Path) -> Differences:
    """Read files of differences; a later one may add to the loops of an earlier one."""
    loops: dict[str, Loop] = {}
    entries: list[Difference] = []
    for path in paths:
        content = tomllib.loads(path.read_text("utf-8"))
        for table in content.get("loop", []):
            made = Loop(table["name"], table["title"], tuple(table["classes"]))
            loops[made.name] = made
        entries += [_entry(table, loops, path) for table in content.get("difference", [])]
    return Differences(tuple(loops.values()), tuple(entries))


def _entry(table: dict[str, Any], loops: dict[str, Loop], path: Path) -> Difference:
    unknown = set(table) - set(Difference.__dataclass_fields__)
    if unknown:
        raise BadDifferences(f"{path}: {', '.join(sorted(unknown))} in {table.get('tests')}")
    if table["loop"] not in loops:
        raise BadDifferences(f"{path}: no loop of the name {table['loop']!r}")
    if table["right"] not in SIDES:
        raise BadDifferences(f"{path}: right = {table['right']!r} is none of {', '.join(SIDES)}")
    values = {
        **table,
        "tests": tuple(table["tests"]),
        "because": " ".join(table["because"].split()),
    }
    for limit in ("since", "before"):
        if limit in table:
            values[limit] = tuple(int(part) for part in table[limit].split("."))
    return Difference(**values)


def as_table(differences: Differences) -> str:
    """Return all of it as Markdown, one table to a loop."""
    parts = []
    for loop in differences.loops:
        mine = [entry for entry in differences.entries if entry.loop == loop.name]
        parts.append(f"### {loop.title}\n")
        if not mine:
            parts.append("None.\n")
            continue
        rows = ["| tests | where | right | why |", "|---|---|---|---|"]
        for entry in mine:
            tests = "<br>".join(f"`{test}`" for test in entry.tests)
            rows.append(
                f"| {tests} | {entry.where or 'always'} | {entry.right} | {entry.because} |"
            )
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts).rstrip()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
