"""The results that are kept in the work tree, and the README's tables, which are written from them."""

from __future__ import annotations

import json
import re
import statistics
from typing import TYPE_CHECKING, Any

from workspace.console import Failure
from workspace.paths import ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

README = ROOT / "README.md"
#: By Python: the counts of the last whole run of the interpreter's suite.
CONFORMANCE = TOOLS / "conformance" / "results.json"
#: The libraries that were tried out, with their versions.
LIBRARIES = ROOT / "tests-integration" / "libraries" / "results.json"

#: Measurements, as `bench` writes them; the page Performance shows them.
MEASUREMENTS = ROOT / "packages" / "asyncio" / "docs" / "performance"
#: The README's words for what was measured.
_MEASURED = {
    "scheduling": "tasks, timers, locks and queues",
    "echo": "servers: protocols, streams, datagrams, TLS, child processes",
    "services": "uvicorn, aiohttp, asyncpg, redis-py",
}

_COUNTS = ("passed", "excluded", "left-out", "skipped", "total")


def conformance_table(results: Mapping[str, Any]) -> str:
    """Return the README's table of the interpreter's suite, in Markdown."""
    kept = results["pythons"].values()
    # Where the compiled form runs, nothing is left out, and no column says so.
    shown = [
        word
        for word in _COUNTS
        if word != "left-out" or any(result["counts"][word] for result in kept)
    ]
    words = (word.replace("-", " ") for word in shown)
    rows: list[tuple[str, ...]] = [("Python", *words, "of what ran, passed")]
    for result in kept:
        counts = result["counts"]
        words = (f"{counts[word]:,}" for word in shown)
        rows.append((result["python"], *words, f"{share(counts):.1%}"))
    return _markdown(rows)


def share(counts: Mapping[str, int]) -> float:
    """Return how much passed of what this implementation ran; of nothing, all."""
    ran = counts.get("passed", 0) + counts.get("excluded", 0)
    return counts.get("passed", 0) / ran if ran else 1.0


def libraries_table(results: Mapping[str, Any]) -> str:
    """Return the README's table of libraries, several to a row."""
    cells = [f"{name} {version}" for name, version in sorted(results["libraries"].items())]
    cells += [f"{name} {version} (as the loop)" for name, version in results["loops"].items()]
    columns = 4
    cells += [""] * (-len(cells) % columns)
    rows = [tuple(cells[n : n + columns]) for n in range(0, len(cells), columns)]
    return _markdown([(f"on Python {results['python']}", *("" for _ in rows[0][1:])), *rows])


def summary(conformance: Mapping[str, Any], libraries: Mapping[str, Any]) -> str:
    """Return the README's lines on what was tested, in figures."""
    kept = list(conformance["pythons"].items())
    (oldest, old), (newest, new) = kept[0], kept[-1]
    passed = f"{new['counts']['passed']:,} of the interpreter's own tests of asyncio pass on Python {newest}"
    shares = f"{share(new['counts']):.1%} of what runs; on {oldest}, {share(old['counts']):.1%}"
    others = (
        f"{len(libraries['libraries'])} libraries and {len(libraries['loops'])} other event loops"
    )
    return f"{passed} ({shares}). {others} run with it, unmodified."


def kept_by_time() -> list[dict[str, Any]]:
    """Return the last measurement by time of each kind that the README shows; of each case, where later ones have fewer."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(MEASUREMENTS.glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        if result["by"] == "time" and (what := result["what"]) in _MEASURED:
            found[what] = with_later(found[what], result) if what in found else result
    return [found[what] for what in _MEASURED if what in found]


def with_later(former: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return a measurement with the cases of a later one in the place of its own.

    Figures are told as ratios within one case only, and all sides of a case were measured side by side. One of other sides replaces all.
    """
    if former["sides"].keys() != later["sides"].keys():
        return dict(later)
    merged = {name: {**former[name], **later[name]} for name in ("cases", "figures")}
    return {**later, **merged}


def speed_table(kept: Sequence[Mapping[str, Any]]) -> str:
    """Return the README's table of what others take, where ours takes 1."""
    sides = dict.fromkeys(name for result in kept for name in result["sides"])
    others = [name for name in sides if name != "C" and not name.startswith("ours")]
    rows: list[tuple[str, ...]] = [("times what ours takes", *others)]
    for result in kept:
        words = f"{_MEASURED[result['what']]} ({len(result['figures'])} measurements)"
        rows.append((words, *(_times(result, side) for side in others)))
    return _markdown(rows)


def _times(result: Mapping[str, Any], side: str) -> str:
    """Return the mean ratio of a side's figures to ours, and the range."""
    found = [
        figures[side]["value"] / figures["ours"]["value"]
        for figures in result["figures"].values()
        if "value" in figures.get(side, {}) and "value" in figures["ours"]
    ]
    if not found:
        return "none"
    return f"{statistics.geometric_mean(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def with_tables(text: str) -> str:
    """Return the README's text with its tables, and the lines above them, as the kept results have them."""
    kept = {
        name: json.loads(path.read_text("utf-8"))
        for name, path in (("conformance", CONFORMANCE), ("libraries", LIBRARIES))
        if path.exists()  # one of the two can be made before the other
    }
    made = {}
    if "conformance" in kept:
        made["conformance"] = conformance_table(kept["conformance"])
    if "libraries" in kept:
        made["libraries"] = libraries_table(kept["libraries"])
    if measured := kept_by_time():
        made["speed"] = speed_table(measured)
    if len(kept) == 2:
        made["summary"] = summary(**kept)
    for name, table in made.items():
        place = re.compile(f"(<!-- table: {name}(?: [^>]*)?-->\n).*?(<!-- end -->)", re.DOTALL)
        text, number = place.subn(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)  # type: ignore[misc]
        if number != 1:
            raise Failure(f"README.md has {number} places for the table of {name}")
    return text


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Keep results, and write the README's tables anew."""
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
