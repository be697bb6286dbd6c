"""What is kept: what has been done, for a run that goes on where the last one stopped, and the results for the page."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts import PARTS
from processes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cache" / "campaign" / "state.json"
RESULTS = Path(__file__).with_name("results.json")
FOUND = Path(__file__).with_name("found.toml")
LEFT_OUT = Path(__file__).with_name("left_out.toml")
PROGRAMS = ROOT / "tools" / "demo" / "programs"
PAGE = ROOT / "packages" / "asyncio" / "docs" / "campaign.md"

_HEAD = """\
# Faults at each place

What a program cannot do anything about is done to this asyncio at each place where it can happen. Each time, what was asked for must end
as documented, nothing may be left behind, and the loop goes on. `python3 tools/dev.py campaign` does so
([how](../../../tools/campaign/README.md)), and with `--write` it writes this page.
"""
_SOURCES = (".py", ".pyx", ".pxi", ".h", ".c")


class State:
    """The outcomes of units that have been run, as long as no source has changed since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of = _fingerprint()
        self._done: dict[str, Any] = {}
        try:
            kept = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return
        if kept.get("of") == self._of:
            self._done = kept["done"]

    def get(self, *key: str) -> Outcome | None:
        found = self._done.get("/".join(key))
        return None if found is None else Outcome(found["points"], found["wrong"])

    def put(self, outcome: Outcome, *key: str) -> None:
        self._done["/".join(key)] = outcome._asdict()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({"of": self._of, "done": self._done}), "utf-8")
        new.replace(self._path)


def _fingerprint() -> str:
    """Return what changes with each source of the packages, of the campaign and of the programs that it runs."""
    digest = hashlib.sha1()
    for folder in (ROOT / "packages", Path(__file__).parent, PROGRAMS):
        for path in sorted(folder.rglob("*")):
            if path == LEFT_OUT or (path.suffix in _SOURCES and "tests" not in path.parts):
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def write(new: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the results of a whole run beside those of others, and write the page anew."""
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part, results in new.items():
        kept[part] = dict(sorted({**kept.get(part, {}), **results}.items()))
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(kept), "utf-8")


def page(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page of the campaign, in Markdown."""
    found = tomllib.loads(FOUND.read_text("utf-8"))["fault"]
    lines = [_HEAD]
    for part, described in PARTS.items():
        if part in kept:
            lines += [f"## {part}", "", described.what, "", *_table(kept[part]), ""]
            lines += _left_out(left_out(part))
            lines += _faults([fault for fault in found if fault["part"] == part])
    return "\n".join(lines)


def left_out(part: str) -> list[dict[str, Any]]:
    """Return what has no faults in a part, as told in left_out.toml."""
    told = tomllib.loads(LEFT_OUT.read_text("utf-8"))["left_out"]
    return [one for one in told if one["part"] == part]


def _left_out(told: list[dict[str, Any]]) -> list[str]:
    if not told:
        return []
    rows = [
        f"| {one['what']} (`{one['function']}`) | {', '.join(one['pythons'])} | {one['why']} |"
        for one in told
    ]
    title = "| left out, as no program survives it there | Python | why |"
    return [title, "|---|---|---|", *rows, ""]


def _table(results: Mapping[str, Any]) -> list[str]:
    rows = [("Python, form", "what", "points", "not as it must be")]
    for where, result in results.items():
        rows.append((where, f"{result['units']}", f"{result['points']:,}", f"{result['wrong']}"))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---|---|---|---|", *lines[1:]]


def _faults(found: list[dict[str, str]]) -> list[str]:
    if not found:
        return ["Found: nothing.", ""]
    rows = [f"| {fault['found']} | {fault['mended']} |" for fault in found]
    return ["| found | mended |", "|---|---|", *rows, ""]
