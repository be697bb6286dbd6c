"""What pages hold that is made from other files: ``<!-- made: NAME -->`` in a page stands for it."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from docs import charts
from docs.shelf import MEASUREMENTS
from workspace.console import Failure
from workspace.paths import PACKAGES, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLACE = re.compile(r"^<!-- made: ([\w ]+) -->$", re.MULTILINE)
# A list of points, each with lines that are indented.
_DIFFERENCES = re.compile(
    r"^Different from the standard library's:\n\n((?:(?:- |  ).*\n)+)", re.MULTILINE
)
EXCLUSIONS = TOOLS / "conformance" / "exclusions.toml"


def fill_in(text: str, measurements: Path = MEASUREMENTS) -> str:
    """Return a page's text with all that is made in its places; `measurements` is the folder of those that are kept.

    Raise Failure for a name that nothing is made for.
    """
    makers: dict[str, Callable[[], str]] = {
        "charts": lambda: charts.page(measurements),
        "differences": differences,
        "older behaviour": older_behaviour,
        "rooms": rooms,
    }

    def make(match: re.Match[str]) -> str:
        if match[1] not in makers:
            raise Failure(f"nothing is made for {match[0]}; there is: {', '.join(makers)}")
        return makers[match[1]]()

    return _PLACE.sub(make, text)


def older_behaviour() -> str:
    """Return a table of what Pythons did before the newest behaviour, from the list of excluded tests."""
    rules = tomllib.loads(EXCLUSIONS.read_text("utf-8"))["exclusion"]
    reasons: dict[str, dict[str, None]] = {}
    for rule in rules:
        if rule["kind"] == "older-behaviour":
            # Two entries have one reason where both forms of a class are tested.
            reasons.setdefault(rule["reason"], {}).update(dict.fromkeys(rule["pythons"]))
    rows = sorted((sorted(pythons, key=_number), reason) for reason, pythons in reasons.items())
    lines = ["| what the list says | Pythons that do otherwise |", "|---|---|"]
    for pythons, reason in rows:
        # Names are not bold.
        words = reason.replace("_", r"\_")
        lines.append(f"| {words} | {', '.join(pythons)} |")
    return "\n".join(lines)


def _number(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.split(".")))


def differences() -> str:
    """Return what each piece's list of changes says to be different from the standard library's, the newest release first."""
    lines = []
    for path in sorted(PACKAGES.glob("*/CHANGELOG.md")):
        found = [
            point
            for text in _DIFFERENCES.findall(path.read_text("utf-8"))
            for point in (text.strip(), "")
        ]
        if found:
            lines += [f"### {path.parent.name}", "", *found]
    if not lines:
        raise Failure("no CHANGELOG.md tells what is different")
    return "\n".join(lines)


def rooms() -> str:
    """Return the README's picture of who imports whom, which `dev.py rooms` draws."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(
        r"^<!-- picture: rooms .*?-->\n(.*?)^<!-- end -->", text, re.DOTALL | re.MULTILINE
    )
    if not found:
        raise Failure("README.md has no picture of the rooms")
    return found[1].strip()
