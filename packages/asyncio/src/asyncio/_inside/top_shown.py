"""The figures of a process' loops as tables."""

from __future__ import annotations

from asyncio._inside.shown import labels_of, lines_of_loop, shown_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_TASKS = ("RUN", "TIME", "STEPS", "LONGEST", "TASK", "FUNCTION")
_CALLBACKS = ("LONGEST", "MEAN", "TIME", "CALLS", "CALLBACK OR FUNCTION OF TASKS")
# Where there are several.
_LOOP = "LOOP"
# Columns that are names.
_NAMES = ("TASK", "FUNCTION", "CALLBACK OR FUNCTION OF TASKS", _LOOP)


def lines_of(figures: dict[str, Any], rows: int) -> Iterator[str]:
    """Yield the lines of an interval's figures, with no more tasks and no more callbacks than so many each."""
    seconds = figures["seconds"]
    yield (
        f"process {figures['pid']}: {seconds:.2f} s, processor {_share(figures['cpu'], seconds)}, "
        f"tasks {figures['known_tasks']}"
    )
    for loop in figures["loops"]:
        yield from lines_of_loop(loop)
        yield "  " + _line_of_figures(loop, seconds)
    told, slowest = figures["tasks"][:rows], _slowest(figures["callbacks"])[:rows]
    if not told and not slowest:
        yield "nothing ran" if figures["loops"] else "no loop of this asyncio is there"
        return
    labels = labels_of(figures["loops"])
    tables = (
        (told, _TASKS, [_row_of_task(task, seconds) for task in told]),
        (slowest, _CALLBACKS, [_row_of_callback(each) for each in slowest]),
    )
    for facts, head, cells in tables:
        if len(labels) > 1:
            of_loops = [labels.get(each["loop"], "closed") for each in facts]
            head = (*head, _LOOP)
            cells = [(*row, label) for row, label in zip(cells, of_loops, strict=True)]
        if cells:
            yield ""
            yield from _table([head, *cells])


def _slowest(callbacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(callbacks, key=lambda each: -each["longest"])


def _row_of_task(task: dict[str, Any], seconds: float) -> tuple[str, ...]:
    return (
        _share(task["seconds"], seconds),
        _time(task["seconds"]),
        str(task["count"]),
        _time(task["longest"]),
        shown_name(task["name"]),
        shown_name(task["function"]),
    )


def _row_of_callback(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        _time(each["longest"]),
        _time(each["seconds"] / max(1, each["count"])),
        _time(each["seconds"]),
        str(each["count"]),
        shown_name(each["name"]),
    )


def _line_of_figures(loop: dict[str, Any], seconds: float) -> str:
    words = [
        f"turns {loop['turns'] / seconds:.0f}/s",
        f"callbacks {loop['callbacks'] / seconds:.0f}/s",
        f"busy {_share(loop['busy'], seconds)}",
        f"ready mean {loop['ready_mean']:.1f} most {loop['ready_most']}",
    ]
    lag = loop["lag"]
    words.append("lag " + " ".join(f"{name} {_time(lag[name])}" for name in ("p50", "p99", "max")))
    return ", ".join(words)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{1e3 * seconds:.2f} ms"
    return f"{1e6 * seconds:.1f} us"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names = [head in _NAMES for head in rows[0]]
    for row in rows:
        cells = (
            cell.ljust(width) if is_name else cell.rjust(width)
            for cell, width, is_name in zip(row, widths, names, strict=True)
        )
        yield "  ".join(cells).rstrip()
