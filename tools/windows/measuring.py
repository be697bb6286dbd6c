"""A soak and a measurement on the Windows Python, this implementation beside the standard asyncio."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from windows.programs import COMPLETION, READINESS, STANDARD, Variant
from windows.wine import windows_path
from workspace.console import say
from workspace.paths import REPORTS, ROOT
from workspace.reports import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

FOLDER = Path(__file__).parent / "programs"
#: Echo throughput is taken so many times for each variant, in turn, and so many seconds for each kind.
ROUNDS = 7
SECONDS = 1.5
VARIANTS = (COMPLETION, READINESS, STANDARD)


def soak(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Open, use and close many connections; handles and memory have to stay flat. The standard's may end as it likes."""
    report: list[str] = []
    for variant in (COMPLETION, STANDARD):
        say(f"--> soak.py: {variant.title}")
        status, lines = _run(python, wine, variant, "soak.py", limit=3600)
        report += ["", variant.title, *lines]
        for line in lines:
            say(f"    {line}")
        if status and variant is not STANDARD:
            part.failed += 1
            part.problems.append(f"soak.py ({variant.title}): {_why(status)}")
        elif status:
            say(f"    ({_why(status)})")
        else:
            part.passed += 1
    _keep("soak", python, report)


def echo(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Measure how fast messages come back, in rounds: each variant once in each."""
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(ROUNDS):
        say(f"--> echo_rate.py: round {number + 1} of {ROUNDS}")
        # The other way round every second time, so that none is always the first.
        in_turn = VARIANTS if number % 2 == 0 else VARIANTS[::-1]
        rounds.append({v.title: _echo_once(part, python, wine, v) for v in in_turn})
    whole = [found for found in rounds if all(found.values())]
    if whole:
        lines = [
            f"messages a second, median of {len(whole)} rounds; x: by the standard's, the median of the rounds' ratios",
            *table(_rows(whole)),
        ]
        for line in lines:
            say(f"    {line}")
        _keep("echo", python, lines)


def _echo_once(part: Part, python: WindowsPython, wine: Wine, variant: Variant) -> dict[str, float]:
    """Return messages a second by kind; nothing where the program failed, which is a problem of the part."""
    status, lines = _run(python, wine, variant, "echo_rate.py", SECONDS, limit=120)
    if status:
        part.failed += 1
        part.problems.append(f"echo_rate.py ({variant.title}): {_why(status)}")
        say("\n".join(lines))
        return {}
    found = json.loads(lines[-1])
    if not found["loop"].startswith(variant.loop):
        part.failed += 1
        part.problems.append(f"echo_rate.py ({variant.title}): ran on {found['loop']}")
        return {}
    part.passed += 1
    rates: dict[str, float] = found["rates"]
    return rates


def _rows(rounds: Sequence[dict[str, dict[str, float]]]) -> list[tuple[str, ...]]:
    """Return a row for each kind of traffic: the variants' medians, with ratios to the standard and their range."""
    rows: list[tuple[str, ...]] = [("", *(v.title for v in VARIANTS))]
    for kind in rounds[0][STANDARD.title]:
        cells: list[str] = []
        for variant in VARIANTS:
            rates = [found[variant.title][kind] for found in rounds]
            cell = f"{median(rates):,.0f}"
            if variant is not STANDARD:
                ratios = [
                    found[variant.title][kind] / found[STANDARD.title][kind] for found in rounds
                ]
                cell += f" (x {median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f})"
            cells.append(cell)
        rows.append((kind, *cells))
    return rows


def _run(
    python: WindowsPython, wine: Wine, variant: Variant, name: str, *words: object, limit: float
) -> tuple[int, list[str]]:
    command = [python.program, windows_path(FOLDER / name), *words]
    status, output = wine.run(command, cwd=ROOT, limit=limit, env=variant.environment)
    return status, output.decode("utf-8", "replace").splitlines()


def _why(status: int) -> str:
    return "did not end in its time" if status == 124 else f"exit status {status}"


def _keep(name: str, python: WindowsPython, lines: Sequence[str]) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"windows-{name}-{python.version}.txt"
    head = f"{name}, Windows CPython {python.version} under Wine"
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
