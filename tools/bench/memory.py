"""By memory: each case in a process of its own, which says what it has before, at most, and at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bench.workers import Lost
from workspace.console import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.cases import Case
    from bench.field import Runner
    from bench.results import Figures

#: Seconds for one case: a million of tasks take ten, and minutes on a busy machine.
LIMIT = 900.0
#: How many things there are in a case that does not say it.
MANY = 100_000


def check() -> None:
    if sys.platform != "linux":
        raise Failure("the memory of a process is read from /proc: on Linux only", 2)


def measure(
    runners: Sequence[Runner], cases: Sequence[Case], scale: float, show: Callable[[str], None]
) -> Figures:
    """Return bytes for each thing by case and side; `scale` makes them fewer."""
    figures: Figures = {case.name: {} for case in cases}
    for case in cases:
        for runner in runners:
            show(f"{case.name}: {runner.side.name}")
            count = max(1, round((case.held or MANY) * scale))
            figures[case.name][runner.side.name] = _one(runner, case, count)
    return figures


def _one(runner: Runner, case: Case, count: int) -> dict[str, Any]:
    worker = runner.start()
    try:
        answer = worker.ask(LIMIT, case=case.name, by="memory", count=count)
    except Lost as error:
        return {"missing": str(error)}
    finally:
        worker.close()
    if "missing" in answer:
        return answer
    found = answer["figures"]
    return {"value": found[case.memory] / count, "count": count, **found}
