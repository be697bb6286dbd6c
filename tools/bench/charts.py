"""Results as pictures: SVG, made with matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench import growth, results, sides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COLUMNS = 4
OURS, STANDARD, PEER = "#c2410c", "#475569", "#94a3b8"
#: Lines need to be told apart: ours and the standard one have their colours, the peers these in turn.
LINES = ("#2563eb", "#059669", "#7c3aed", "#ca8a04", "#0891b2", "#db2777", "#65a30d", "#9333ea")


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Write the chart of a result into a file, a panel for each case."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    # Text stays text, and the file of the same figures is the same.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 8}
    with matplotlib.rc_context(settings):
        panel = _lines if result["what"] == "growth" else _bars
        names = _panels(result)
        columns = min(COLUMNS, len(names)) or 1
        rows = math.ceil(len(names) / columns) or 1
        size = (3.4 * columns, 2.8 * rows + 0.5)
        figure, axes = pyplot.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained"
        )
        for axis, name in zip(axes.flat, names, strict=False):
            panel(axis, result, name)
        for axis in list(axes.flat)[len(names) :]:
            axis.set_axis_off()
        if result["what"] == "growth" and names:
            axes.flat[0].legend(fontsize=6, frameon=False)
        figure.suptitle(_title(result))
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def _title(result: Mapping[str, Any]) -> str:
    return f"{result['what']}: {result['unit']}, Python {results.python_of(result)}; less is better"


def _panels(result: Mapping[str, Any]) -> list[str]:
    if result["what"] == "growth":
        return list(dict.fromkeys(growth.split(name)[0] for name in result["figures"]))
    return list(result["figures"])


def _colour(side: str, peers: Sequence[str]) -> str:
    if sides.is_ours(side):
        return OURS
    if side == sides.STANDARD.name:
        return STANDARD
    return LINES[peers.index(side) % len(LINES)]


def _bars(axis: Any, result: Mapping[str, Any], case: str) -> None:
    """Draw one bar for each side, ours in its own colour, with the figure at its end."""
    names = results.measured(result)
    values = [results.value(result, case, name) for name in names]
    colours = [
        OURS if sides.is_ours(name) else STANDARD if name == sides.STANDARD.name else PEER
        for name in names
    ]
    labels = ["none" if value is None else f"{value:,.0f}" for value in values]
    bars = axis.barh(names, [value or 0 for value in values], color=colours)
    axis.bar_label(bars, labels, padding=2, fontsize=6)
    axis.invert_yaxis()
    axis.margins(x=0.25)
    axis.set_title(case, fontsize=9)
    axis.tick_params(axis="x", labelbottom=False, bottom=False)
    for edge in ("top", "right", "bottom"):
        axis.spines[edge].set_visible(False)


def _lines(axis: Any, result: Mapping[str, Any], case: str) -> None:
    """Draw one line for each side: flat where the whole grows as the number does."""
    sizes = sorted(size for name, size in map(growth.split, result["figures"]) if name == case)
    shown = results.measured(result)
    peers = [name for name in shown if not sides.is_ours(name) and name != sides.STANDARD.name]
    for side in shown:
        points = [
            (size, value)
            for size in sizes
            if (value := results.value(result, f"{case}@{size}", side)) is not None
        ]
        if not points:
            continue
        style = "--" if side == sides.OURS_PURE.name else "-"
        width = 2 if sides.is_ours(side) else 1
        axis.plot(
            *zip(*points, strict=True),
            style,
            label=side,
            color=_colour(side, peers),
            lw=width,
            marker=".",
            ms=4,
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title(case, fontsize=9)
    axis.grid(visible=True, which="major", lw=0.3)
