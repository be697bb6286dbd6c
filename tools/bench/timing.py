"""By time: rounds of a case in which every side has its turn, one after the other, so that all have the same weather.

A figure is the median of the rounds; the spread is the median of their distances from it, which a few bad rounds do not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.workers import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.cases import Case
    from bench.field import Runner
    from bench.results import Figures
    from bench.workers import Process

#: Seconds for one round of one case, which takes about a tenth of one on a quiet machine; large sizes get more.
LIMIT = 300.0
#: Rounds before those that are measured, where there are several.
WARM = 1
NANO = 1e9


def figure(seconds: Sequence[float], count: int) -> dict[str, Any]:
    """Return nanoseconds for one operation: the median, the spread, and what each round had."""
    import pyperf

    values = [NANO * each / count for each in seconds]
    run = pyperf.Run(values, metadata={"name": "round"}, collect_metadata=False)
    benchmark = pyperf.Benchmark([run])
    spread = benchmark.median_abs_dev() if len(values) > 1 else 0.0
    return {"value": benchmark.median(), "spread": spread, "rounds": values}


class _Side:
    """One side: a process for as long as it lives."""

    def __init__(self, runner: Runner) -> None:
        self.name = runner.side.name
        self._runner = runner
        self._worker: Process | None = None

    def round(self, case: Case, count: int) -> dict[str, Any]:
        """Return the seconds of one round, or why there are none."""
        if self._worker is None:
            self._worker = self._runner.start()
        try:
            answer = self._worker.ask(LIMIT, case=case.name, by="time", count=count)
        except Lost as error:
            self._worker = None
            return {"missing": str(error)}
        return answer.get("figures", answer)  # type: ignore[no-any-return]

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()


def measure(
    runners: Sequence[Runner],
    sizes: Sequence[tuple[Case, int, int]],
    show: Callable[[str], None],
) -> list[tuple[Case, int, dict[str, dict[str, Any]]]]:
    """Measure (case, operations, rounds) for all sides, and return (case, operations, figures by side)."""
    sides = [_Side(runner) for runner in runners]
    found = []
    try:
        for case, count, rounds in sizes:
            show(f"{case.name}, {count:,} times")
            found.append((case, count, _one_case(sides, case, count, rounds)))
    finally:
        for side in sides:
            side.close()
    return found


def _one_case(
    sides: Sequence[_Side], case: Case, count: int, rounds: int
) -> dict[str, dict[str, Any]]:
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    missing: dict[str, dict[str, Any]] = {}
    warm = WARM if rounds > 1 else 0
    for number in range(warm + rounds):
        # Each round begins with another side: none is always the one behind a certain other.
        turn = number % len(sides)
        for side in (*sides[turn:], *sides[:turn]):
            if side.name in missing:
                continue
            answer = side.round(case, count)
            if "missing" in answer:
                missing[side.name] = answer
            elif number >= warm:
                seconds[side.name].append(answer["seconds"])
    return {
        side.name: missing.get(side.name) or figure(seconds[side.name], count) for side in sides
    }


def figures_of(found: Sequence[tuple[Case, int, dict[str, dict[str, Any]]]]) -> Figures:
    """Return the figures by case and side."""
    return {case.name: figures for case, _, figures in found}
