"""Results as pictures: SVG, made with matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench import growth, ratios, results, sides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COLUMNS = 4
OURS, STANDARD, PEER = "#c2410c", "#475569", "#94a3b8"
#: Lines need to be told apart: ours and the standard one have their colours, the peers these in turn.
LINES = ("#2563eb", "#059669", "#7c3aed", "#ca8a04", "#0891b2", "#db2777", "#65a30d", "#9333ea")

#: What stands below the lines of latencies, by the names of figures.
PERCENTILES = {"p50": "median", "p99": "99 %", "p999": "99.9 %", "worst": "worst"}


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Write the chart of a result into a file, a panel for each case."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    # Text stays text, and the file of the same figures is the same.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 8}
    with matplotlib.rc_context(settings):
        panel = {"growth": _lines, "load": _percentiles}.get(result["what"], _bars)
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
        if panel is not _bars and names:
            axes.flat[0].legend(fontsize=6, frameon=False)
        figure.suptitle(_title(result))
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def draw_overview(shown: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write one chart of several results: what each case costs the other sides, where it costs ours 1."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    settings = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9}
    with matplotlib.rc_context(settings):
        heights = [len(result["figures"]) + 1.5 for result in shown]
        figure, axes = pyplot.subplots(
            len(shown),
            1,
            figsize=(7.5, 0.24 * sum(heights) + 0.8),
            squeeze=False,
            sharex=True,
            layout="constrained",
            gridspec_kw={"height_ratios": heights},
        )
        others = _others(shown)
        for axis, result in zip(axes.flat, shown, strict=True):
            _dots(axis, result, others)
        for side in others:
            axes.flat[0].plot([], [], "o", label=side, color=_colour(side, _peers(others)), ms=5)
        figure.legend(loc="outside lower center", ncols=len(others), frameon=False)
        axes.flat[-1].set_xlabel("times what ours takes: right of the line, ours is faster")
        python = results.python_of(shown[0])
        figure.suptitle(f"The cost of each, Python {python}")
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def _others(shown: Sequence[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for result in shown for name in results.measured(result))
    return [name for name in names if not sides.is_ours(name) and name != sides.YARDSTICK.name]


def _peers(names: Sequence[str]) -> list[str]:
    return [name for name in names if not sides.is_ours(name) and name != sides.STANDARD.name]


def _dots(axis: Any, result: Mapping[str, Any], others: Sequence[str]) -> None:
    """Draw a line for each case, with a dot where the cost of each side is as a ratio to ours."""
    cases = list(result["figures"])
    for side in others:
        found = [
            (times, place)
            for place, case in enumerate(cases)
            if (times := ratios.ratio(result, case, side, sides.OURS.name)) is not None
        ]
        if found:
            axis.plot(*zip(*found, strict=True), "o", color=_colour(side, _peers(others)), ms=5)
    axis.axvline(1, color=OURS, lw=1.5)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda times, _: f"{times:g}")
    axis.set_xticks([0.5, 1, 2, 5, 10])
    axis.set_xticks([], minor=True)
    axis.set_yticks(range(len(cases)), [case.replace("_", " ") for case in cases])
    axis.set_ylim(len(cases) - 0.5, -0.5)
    axis.set_title(f"{result['what']}, {result['unit'].partition(' for ')[0]}", fontsize=9)
    axis.grid(visible=True, axis="both", lw=0.3)
    for edge in ("top", "right"):
        axis.spines[edge].set_visible(False)


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
    from matplotlib.ticker import LogLocator

    sizes = sorted(size for name, size in map(growth.split, result["figures"]) if name == case)
    shown = results.measured(result)
    peers = _peers(shown)
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
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    # They would be nine tenths of the file.
    axis.minorticks_off()
    axis.set_title(case, fontsize=9)
    axis.grid(visible=True, which="major", lw=0.3)


def _percentiles(axis: Any, result: Mapping[str, Any], case: str) -> None:
    """Draw one line for each side: what half of the questions waited, and what the worst."""
    shown = results.measured(result)
    peers = _peers(shown)
    for side in shown:
        found = result["figures"][case].get(side, {})
        if "value" not in found:
            continue
        axis.plot(
            list(PERCENTILES.values()),
            [found[name] for name in PERCENTILES],
            "--" if side == sides.OURS_PURE.name else "-",
            label=side,
            color=_colour(side, peers),
            lw=2 if sides.is_ours(side) else 1,
            marker=".",
            ms=4,
        )
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.minorticks_off()
    axis.set_title(f"beside: {case}", fontsize=9)
    axis.grid(visible=True, which="major", axis="y", lw=0.3)
