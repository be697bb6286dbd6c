"""Reads exclusions.toml: which tests of the interpreter's suite are expected to fail, where and why."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("exclusions.toml")

#: The kinds of reason that exist; anything else is a mistake in the file.
KINDS = {
    "older-behaviour": "asserts what an older Python did where this is the newest Python's behaviour",
    "own-structure": "patches or reads a private name of the standard implementation",
    "accelerator": "is about the interpreter's C accelerator",
    "deliberate": "asserts what this implementation does otherwise on purpose",
    "not-yet": "needs a part that a later release brings",
    "interpreter": "fails with the standard implementation too, on this interpreter",
}


@dataclass(frozen=True)
class Exclusion:
    """One test that is expected to fail, or that only the standard implementation has."""

    test: str
    kind: str
    reason: str
    limit: float | None = None  #: seconds, for a test that hangs; None for the usual limit


@dataclass(frozen=True)
class Rules:
    """What applies to the running Python."""

    exclusions: dict[str, Exclusion]
    #: What the suite's reason for a skip matches, and why a skip of that kind is right.
    skips: list[tuple[re.Pattern[str], str]]
    #: For each module, names to put into `asyncio.tasks` where they are missing, and what they are to be.
    stand_ins: dict[str, dict[str, str]]
    used: set[str] = field(default_factory=set)  #: patterns of skips that were met

    def limits(self) -> dict[str, float]:
        """Return how many seconds the tests that are known to hang get."""
        return {name: rule.limit for name, rule in self.exclusions.items() if rule.limit}

    def explained(self, reason: str) -> str:
        """Return why a skip that only this implementation makes is right, or an empty string."""
        for pattern, why in self.skips:
            if pattern.search(reason):
                self.used.add(pattern.pattern)
                return why
        return ""


class BadFile(Exception):
    """exclusions.toml says something that makes no sense."""


#: The forms that an implementation has; a rule without one is for both.
FORMS = ("compiled", "pure")


def form_here() -> str:
    """Return the form that asyncio_core has in this environment; pure where it is not there."""
    try:
        why_pure = importlib.import_module("asyncio_core.twins").why_pure
    except ImportError:
        return "pure"
    return "compiled" if why_pure is None else "pure"


def load(
    path: Path = FILE,
    version: str = "{}.{}".format(*sys.version_info),
    form: str | None = None,
) -> Rules:
    """Return the exclusions and explained skips that apply to a Python such as "3.13", and to a form.

    The form is by default that of this environment.
    """
    form = form or form_here()
    data = tomllib.loads(path.read_text("utf-8"))
    unknown = set(data) - {"exclusion", "skip", "stand-in"}
    if unknown:
        raise BadFile(f"{path.name}: unknown tables: {', '.join(sorted(unknown))}")
    found: dict[str, Exclusion] = {}
    for entry in data.get("exclusion", ()):
        if set(entry) - {"form", "limit"} != {"tests", "pythons", "kind", "reason"}:
            raise BadFile(f"{path.name}: needs tests, pythons, kind and reason: {entry}")
        if entry["kind"] not in KINDS:
            raise BadFile(f"{path.name}: unknown kind {entry['kind']!r} (of {', '.join(KINDS)})")
        _check_reason(path, entry)
        if entry["pythons"] != "all" and version not in entry["pythons"]:
            continue
        if not _is_for(path, entry, form):
            continue
        for test in entry["tests"]:
            if test in found:
                raise BadFile(f"{path.name}: {test} is there twice for Python {version}")
            found[test] = Exclusion(test, entry["kind"], entry["reason"], entry.get("limit"))
    skips = [
        (re.compile(entry["pattern"]), entry["reason"])
        for entry in data.get("skip", ())
        if _is_for(path, entry, form)
    ]
    stand_ins = {
        module: entry["names"] for entry in data.get("stand-in", ()) for module in entry["modules"]
    }
    return Rules(found, skips, stand_ins)


def _is_for(path: Path, entry: dict[str, Any], form: str) -> bool:
    wanted = entry.get("form", form)
    if wanted not in FORMS:
        raise BadFile(f"{path.name}: unknown form {wanted!r} (of {', '.join(FORMS)})")
    return bool(wanted == form)


def _check_reason(path: Path, entry: dict[str, Any]) -> None:
    reason: str = entry["reason"]
    if len(reason.split()) < 4:
        raise BadFile(f"{path.name}: a reason is a sentence: {entry['tests']}")
    if entry["kind"] == "older-behaviour" and not re.search(r"\b3\.\d+", reason):
        raise BadFile(f"{path.name}: says no Python that changed it: {entry['tests']}")


#: For the standard implementation, to compare with: nothing is excluded there.
NO_RULES = Rules({}, [], {})
