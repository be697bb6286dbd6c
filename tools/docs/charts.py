"""Kept measurements as a part of a page: for each a chart, ratios, the machine and the versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import growth, ratios, results, sides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

#: Where charts are, beside the page.
FOLDER = "performance"
NOTHING = "None is kept in this copy yet. The commands above make them."


def page(folder: Path) -> str:
    """Return a section for each measurement in a folder, the newest first, and for each chart without figures."""
    kept = sorted(
        {path.stem for path in (*folder.glob("*.json"), *folder.glob("*.svg"))}, reverse=True
    )
    return "\n".join(line for name in kept for line in _section(folder, name)) or NOTHING


def _section(folder: Path, name: str) -> Iterator[str]:
    figures, chart = folder / f"{name}.json", folder / f"{name}.svg"
    result = results.load(figures) if figures.exists() else None
    title = _title(result) if result else name.replace("-", " ").replace("_", " ").capitalize()
    yield f"### {title}"
    yield ""
    if chart.exists():
        # A chart of many cases is looked at by itself.
        yield f"[![{title}]({FOLDER}/{chart.name})]({FOLDER}/{chart.name})"
        yield ""
    if result:
        yield from _ratios(result)
        yield from _origin(result)


def _title(result: Mapping[str, Any]) -> str:
    what, by = result["what"], result["by"]
    return f"{what.capitalize()}, Python {results.python_of(result)}" + (
        f", by {by}" if by != what else ""
    )


def _ratios(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables of what ours takes of what the others take."""
    shown = results.measured(result)
    others = [name for name in shown if not sides.is_ours(name)]
    mine = [name for name in shown if sides.is_ours(name)]
    if not mine or not others:
        return
    # The pure form is told beside the standard asyncio, which is what there is where nothing can be compiled.
    pairs = [(mine[0], other) for other in others]
    pairs += [(name, sides.STANDARD.name) for name in mine[1:] if sides.STANDARD.name in others]
    yield f"Ratios of {result['unit']}: below 1, ours takes less than the other; 0.5 is half."
    yield ""
    if result["what"] == "growth":
        for one, other in pairs:
            yield from _table(f"{one} / {other}", *_by_size(result, one, other))
    else:
        head = [f"{one} / {other}" for one, other in pairs]
        rows = {
            _name(result, case): [ratios.ratio(result, case, one, other) for one, other in pairs]
            for case in result["figures"]
        }
        yield from _table("", head, rows)


def _by_size(
    result: Mapping[str, Any], one: str, other: str
) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the head and the rows of a table with a column for each size."""
    named = [growth.split(name) for name in result["figures"]]
    sizes = sorted({size for _, size in named})
    rows: dict[str, list[float | None]] = {}
    for case in dict.fromkeys(case for case, _ in named):
        rows[_name(result, case)] = [
            ratios.ratio(result, f"{case}@{size}", one, other) if (case, size) in named else None
            for size in sizes
        ]
    return [f"{size:,}" for size in sizes], rows


def _table(
    corner: str, head: Iterable[str], rows: Mapping[str, Iterable[float | None]]
) -> Iterator[str]:
    columns = list(head)
    yield _row((corner, *columns))
    yield _row(("---", *("--:" for _ in columns)))
    for name, cells in rows.items():
        yield _row((name, *("-" if cell is None else f"{cell:.2f}" for cell in cells)))
    yield ""


def _name(result: Mapping[str, Any], case: str) -> str:
    title = result["cases"].get(case, {}).get("title", "")
    return f"`{case}`: {title}" if title else f"`{case}`"


def _origin(result: Mapping[str, Any]) -> Iterator[str]:
    machine = result["machine"]
    commit = f" from commit {result['commit']}" if result["commit"] else ""
    where = f"{machine['processors']} x {machine['processor']}, {machine['system']}"
    yield f"Made {result['made'][:10]}{commit} on {where}."
    yield ""
    yield _row(("side", "what it is"))
    yield _row(("---", "---"))
    for name, side in result["sides"].items():
        yield _row((f"`{name}`", _side(side)))
    yield ""


def _side(side: Mapping[str, Any]) -> str:
    if "missing" in side:
        return f"not measured: {side['missing']}"
    requirement = side.get("requirement", "")
    words = (
        f"this asyncio, {side.get('form', '')}" if requirement == sides.WORK_TREE else requirement,
        f"Python {side['python']}" if "python" in side else "",
        f"`{side['loop']}`" if "loop" in side else "",
    )
    return ", ".join(word.replace("==", " ") for word in words if word)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
