"""Results on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench import growth, results, sides
from bench.ratios import best_peer, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Where there is no terminal nothing is cut off.
WIDE = 240
WORSE, BETTER = "red", "green"
_NONE = "-"


def console() -> Console:
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDE)


def figure(value: float | None) -> str:
    """Write a figure with three digits or more."""
    if value is None:
        return _NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show(result: Mapping[str, Any], out: Console) -> None:
    """Print all figures, ours beside the others, and who has none and why."""
    shown = results.measured(result)
    out.print(_headline(result))
    if shown:
        out.print(_figures(result, shown))
    for mine in filter(sides.is_ours, shown):
        out.print(_ratios(result, mine, shown))
    if any("messages_per_second" in found for found in _every(result)):
        out.print(_rates(result, shown))
    if result["what"] == "growth" and shown:
        out.print(_growth(result, shown))
    for line in reasons(result):
        out.print(line, soft_wrap=True, markup=False)


def _headline(result: Mapping[str, Any]) -> str:
    commit = f", commit {result['commit']}" if result["commit"] else ""
    return (
        f"Python {results.python_of(result)}{commit}: {result['unit']}"
        f" ({result['machine']['processors']} x {result['machine']['processor']})"
    )


def _figures(result: Mapping[str, Any], shown: Sequence[str]) -> Table:
    table = Table("case", *shown)
    for column in table.columns[1:]:
        column.justify = "right"
    for case in result["figures"]:
        values = [results.value(result, case, name) for name in shown]
        least = min((value for value in values if value is not None), default=None)
        cells = [
            f"[bold]{figure(value)}[/bold]" if value == least is not None else figure(value)
            for value in values
        ]
        table.add_row(case, *cells)
    return table


def _ratios(result: Mapping[str, Any], mine: str, shown: Iterable[str]) -> Table:
    others = [name for name in shown if not sides.is_ours(name)]
    table = Table(
        "case", *others, "best of them", title=f"{mine}, as a ratio to each", title_justify="left"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for case in result["figures"]:
        best = best_peer(result, case)
        cells = [_coloured(ratio(result, case, mine, name)) for name in others]
        last = f"{_coloured(ratio(result, case, mine, best))} {best}" if best else _NONE
        table.add_row(case, *cells, last)
    return table


def _every(result: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (found for figures in result["figures"].values() for found in figures.values())


def _rates(result: Mapping[str, Any], shown: Sequence[str]) -> Table:
    title = "messages per second, and megabytes of them"
    table = Table("case", *shown, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for case, figures in result["figures"].items():
        rates = (figures.get(name, {}) for name in shown)
        table.add_row(case, *map(_rate, rates))
    return table


def _rate(found: Mapping[str, Any]) -> str:
    if "messages_per_second" not in found:
        return _NONE
    return f"{found['messages_per_second']:,.0f}, {figure(found['bytes_per_second'] / 1e6)}"


def _growth(result: Mapping[str, Any], shown: Sequence[str]) -> Table:
    title = "one operation where most things are there, as a ratio to one where few are"
    table = Table("case", *shown, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for case, found in growth.factors(result).items():
        ratios = (found.get(name) for name in shown)
        table.add_row(case, *(_NONE if each is None else f"{each:.2f}" for each in ratios))
    return table


def _coloured(value: float | None) -> str:
    if value is None:
        return _NONE
    colour = WORSE if value > 1 else BETTER
    return f"[{colour}]{value:.2f}[/{colour}]"


def reasons(result: Mapping[str, Any]) -> list[str]:
    """Return a line for each side that was not measured, and for each reason why one lacks figures."""
    lines = [
        f"{name}: {side['missing']}" for name, side in result["sides"].items() if "missing" in side
    ]
    lacking: dict[tuple[str, str], list[str]] = {}
    for case, figures in result["figures"].items():
        for name, found in figures.items():
            if "missing" in found:
                lacking.setdefault((name, found["missing"]), []).append(case)
    for (name, reason), cases in lacking.items():
        which = f"all {len(cases)}" if len(cases) == len(result["figures"]) else ", ".join(cases)
        lines.append(f"{name}: {reason} ({which})")
    return lines


def changes(rows: Sequence[Any], names: tuple[str, str], out: Console) -> None:
    """Print what `comparing.compare` found."""
    table = Table("case", "side", *names, "ratio", "")
    for column in table.columns[2:5]:
        column.justify = "right"
    colours = {"more": WORSE, "less": BETTER}
    for row in rows:
        ratio_ = _NONE if row.ratio is None else f"{row.ratio:.3f}"
        colour = colours.get(row.verdict)
        verdict = f"[{colour}]{row.verdict}[/{colour}]" if colour else row.verdict
        table.add_row(row.case, row.side, figure(row.before), figure(row.after), ratio_, verdict)
    out.print(table)
