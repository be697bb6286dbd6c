"""The processes that run points, one for each form of asyncio, started again when one crashes or hangs."""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asyncio_test_support.workers import Ended, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parts import Extent

WORKER = Path(__file__).with_name("worker.py")
#: So many processes may end in the midst of one unit.
_CRASHES = 5
#: In the place of the points that are left then.
GIVEN_UP = "the rest"


class Outcome(NamedTuple):
    """What came of a unit."""

    points: int
    #: What is wrong, by the names of points.
    wrong: dict[str, list[str]]
    #: What else is told of points, by their names.
    seen: dict[str, dict[str, Any]]


class Interpreter(NamedTuple):
    """How a Python is started, and what its results are called."""

    name: str
    command: list[str]
    environment: dict[str, str]
    #: The path of `worker.py`, as that Python knows it; nothing for this one.
    worker: str = ""


THIS = Interpreter(platform.python_version(), [sys.executable], {})


class Process:
    """One process at a time, which runs units in one form."""

    def __init__(
        self,
        form: str,
        here: Interpreter = THIS,
        *,
        limit: float,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.form = form
        more = {**here.environment, **(more or {})}
        program = Path(here.worker or WORKER)
        self._worker = Worker(program, form, limit=limit, environment=more, python=here.command)
        self.close = self._worker.close

    def units(self, part: str, *, brief: bool) -> list[str]:
        """Return what there is of a part; raises WrongForm."""
        self._worker.ask(part=part, units="brief" if brief else "all")
        units: list[str] = self._worker.answer()["units"]
        return units

    def run(
        self, part: str, unit: str, extent: Extent, *, tell: Callable[[int], None] = lambda _: None
    ) -> Outcome:
        """Run all points of a unit; `tell` is called with the number of those that have ended."""
        points = 0
        wrong: dict[str, list[str]] = {}
        seen: dict[str, dict[str, Any]] = {}
        without: list[str] = []
        until = time.monotonic() + extent.seconds
        for _ in range(_CRASHES):
            now = ""
            left = extent._replace(seconds=until - time.monotonic())
            try:
                self._worker.ask(part=part, unit=unit, without=without, extent=left)
                while True:
                    answer = self._worker.answer()
                    if "begins" in answer:
                        now = answer["begins"]
                    elif "ends" in answer:
                        points += "left_out" not in answer
                        without.append(answer["ends"])
                        if answer["wrong"]:
                            wrong[answer["ends"]] = answer["wrong"]
                        if "seen" in answer:
                            seen[answer["ends"]] = answer["seen"]
                        tell(points)
                    elif "fails" in answer:
                        wrong[now or "at first"] = [answer["fails"]]
                        return Outcome(points, wrong, seen)
                    else:
                        return Outcome(points, wrong, seen)
            except Ended as ended:
                points += 1
                without.append(now)
                wrong[now] = [str(ended)]
        wrong[GIVEN_UP] = [f"{_CRASHES} processes have ended in it, and no further one was begun"]
        return Outcome(points, wrong, seen)
