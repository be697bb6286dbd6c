"""The page of the campaign, in Markdown."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOUND = Path(__file__).with_name("found.toml")
LEFT_OUT = Path(__file__).with_name("left_out.toml")
LATENCIES = Path(__file__).with_name("latencies.json")
#: The chart, as the page knows it.
CHART = "assets/latencies.svg"

_HEAD = """\
# Faults at each place

What a program cannot do anything about is done to this asyncio at each place where it can happen. Each time, what was asked for must end
as documented, nothing may be left behind, and the loop goes on. `python3 tools/dev.py campaign` does so
([how](../../../tools/campaign/README.md)), and with `--write` it writes this page.
"""
_MIB = 1 << 20
_WHEN = "before, at most, after"


def page(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page of the campaign, in Markdown."""
    found = tomllib.loads(FOUND.read_text("utf-8"))["fault"]
    lines = [_HEAD]
    for part, described in PARTS.items():
        if part in kept:
            lines += [f"## {part}", "", described.what, "", *_table(kept[part])]
            lines += _left_out(left_out(part))
            lines += _seen(kept[part])
            if part == "load" and LATENCIES.exists():
                lines += latencies(json.loads(LATENCIES.read_text("utf-8")))
            lines += _faults([fault for fault in found if fault["part"] == part])
    return "\n".join(lines)


def left_out(part: str) -> list[dict[str, Any]]:
    """Return what is let alone in a part, as told in left_out.toml."""
    told = tomllib.loads(LEFT_OUT.read_text("utf-8"))["left_out"]
    return [one for one in told if one["part"] == part]


def _left_out(told: list[dict[str, Any]]) -> list[str]:
    if not told:
        return []
    rows = [
        (
            f"{one['what']} (`{one.get('function') or one['unit']}`)",
            ", ".join(one["pythons"]),
            one["why"],
        )
        for one in told
    ]
    return _rows(("left out, as no program survives it there", "Python", "why"), *rows)


def _table(results: Mapping[str, Any]) -> list[str]:
    rows = [("Python, form", "what", "points", "not as it must be")]
    for where, result in results.items():
        where_wrong = f": {', '.join(result['where'])}" if "where" in result else ""
        wrong = f"{result['wrong']}{where_wrong}"
        rows.append((where, f"{result['units']}", f"{result['points']:,}", wrong))
    return _rows(*rows)


def _faults(found: list[dict[str, str]]) -> list[str]:
    if not found:
        return ["Found: nothing.", ""]
    rows = [(fault["found"], fault["mended"]) for fault in found]
    return _rows(("found", "mended"), *rows)


def _rows(*rows: Sequence[str]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""]


def _seen(results: Mapping[str, Any]) -> list[str]:
    """Return what was seen of loads: how many there were, and what the process held."""
    seen = {where: result["seen"] for where, result in results.items() if "seen" in result}
    units = dict.fromkeys(unit for found in seen.values() for unit in found)
    if not units:
        return []
    rows = [("load", "Python, form", "how many", f"descriptors {_WHEN}", f"resident MiB {_WHEN}")]
    limits = []
    for unit in units:
        for where, found in seen.items():
            if one := found.get(unit):
                rows.append((unit, where, f"{one['many']:,}", *_levels(one)))
                if "limit" in one:
                    limits.append(
                        f"{one['many']:,} in {where}, {one['each']:,} bytes of resident memory for each"
                    )
    text = (
        "How many there are is as was asked for, which is not the same in all forms. Each load is there twice: before is after the first time, which leaves what is made once. The descriptors afterwards are the same, "
        "and what is resident is so but for what malloc(3) cannot give back (4 MiB and a tenth of what was there at most are the bound)."
    )
    lines = [text, "", *_rows(*rows)]
    if limits:
        limit = next(
            one["limit"] for found in seen.values() for one in found.values() if "limit" in one
        )
        lines += [
            f"At once on one loop, where a process may have {limit:,} descriptors: {'; '.join(limits)}, what the kernel takes not counted.",
            "",
        ]
    return lines


def _levels(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the cells of descriptors, and of resident memory."""
    descriptors = ", ".join(f"{each:,}" for each in found["descriptors"])
    return descriptors, ", ".join(f"{each / _MIB:.1f}" for each in found["resident"])


def latencies(result: Mapping[str, Any]) -> list[str]:
    """Return what a client in good order waits beside each load."""
    how = result["how"]
    heads = [f"{word}, ms" for word in how["percentiles"].values()]
    rows = [
        (
            "beside",
            "side",
            *heads,
            "of the load, a second",
            f"descriptors {_WHEN}",
            f"resident MiB {_WHEN}",
        )
    ]
    for load, figures in result["figures"].items():
        for side, found in figures.items():
            if "missing" in found:
                rows.append((load, f"`{side}`", found["missing"], *[""] * (len(rows[0]) - 3)))
                continue
            waits = [f"{found[name]:.2f}" for name in how["percentiles"]]
            rate = f"{found['rate']:,.0f}" if found["rate"] else ""
            rows.append((load, f"`{side}`", *waits, rate, *_levels(found)))
    text = (
        f"And what others feel of it. A client in good order, in a process of its own, asks a word each {how['pause'] * 1000:g} ms on its own connection while a load is on: "
        f"{how['asked']:,} questions to each side beside each load, in {how['rounds']} rounds in which all sides have their turns. It does not wait for an answer before it asks again. "
        "`ours` and `ours-pure` are this asyncio, compiled and pure. All processes share the machine's processors, the load's, too; "
        "a side that gets through more of a load has more of it."
    )
    return [
        text,
        "",
        f"[![Latencies beside loads]({CHART})]({CHART})",
        "",
        *_rows(*rows),
        _origin(result),
        "",
    ]


def _origin(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    sides = ", ".join(f"`{name}` {_side(side)}" for name, side in result["sides"].items())
    return f"Measured {result['made'][:10]} at commit {result['commit']} on {machine['processors']} x {machine['processor']}, {machine['system']}: {sides}."


def _side(side: Mapping[str, Any]) -> str:
    if "missing" in side:
        return f"not measured ({side['missing']})"
    package = side["requirement"].partition("==")[2]
    return " ".join(word for word in (package, f"on Python {side['python']}") if word)
