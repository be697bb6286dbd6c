"""Growth: the time of one operation where a thousand things are there at once, and up to a million."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import counting, results, timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.cases import Case
    from bench.field import Runner
    from bench.results import Figures

SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: What the time with most is held against: with fewer, a round has costs of its own, and all fits into the cache.
FIRST = 10_000
#: So many operations for a size, in rounds, and not more rounds than that.
OPERATIONS, MOST_ROUNDS = 300_000, 15


def measure(
    runners: Sequence[Runner],
    cases: Sequence[Case],
    sizes: Sequence[int],
    rounds: int | None,
    show: Callable[[str], None],
) -> Figures:
    """Return figures by case and size (`spawn_all@1000`), and by side."""
    wanted = [(case, size, rounds or _rounds(size)) for case in cases for size in sizes]
    found = timing.measure(runners, wanted, show)
    return {f"{case.name}@{size}": figures for case, size, figures in found}


def count(
    runners: Sequence[Runner],
    cases: Sequence[Case],
    sizes: Sequence[int],
    jobs: int,
    show: Callable[[str], None],
) -> Figures:
    """Return the same by instructions, which say how the work grows, without what the caches make of it."""
    wanted = {f"{case.name}@{size}": (case, size) for case in cases for size in sizes}
    return counting.measure(runners, wanted, jobs, show)


def _rounds(size: int) -> int:
    """Return how often a size is measured: what is over in a moment needs a median, what takes long does not."""
    return max(1, min(MOST_ROUNDS, OPERATIONS // size))


def split(name: str) -> tuple[str, int]:
    """Return case and size of `spawn_all@1000`."""
    case, _, size = name.partition("@")
    return case, int(size)


def factors(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return by case and side the time of one operation with most things, divided by that with few: 1 is linear."""
    sizes: dict[str, list[int]] = {}
    for case, size in map(split, result["figures"]):
        sizes.setdefault(case, []).append(size)
    found: dict[str, dict[str, float]] = {}
    for case, those in sizes.items():
        most = max(those)
        few = FIRST if FIRST in those and most > FIRST else min(those)
        for side in result["sides"]:
            first = results.value(result, f"{case}@{few}", side)
            last = results.value(result, f"{case}@{most}", side)
            if first and last and few != most:
                found.setdefault(case, {})[side] = last / first
    return found
