"""The processes that run programs: one for each form of asyncio, started again when it crashes or hangs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tree

from asyncio_test_support.workers import Ended, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree import Program

WORKER = Path(__file__).with_name("worker.py")
#: Sets have one order in all processes.
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


class Crash(Exception):
    """A process died, or hung and was ended."""

    def __init__(self, side: str, seed: int | None, ended: Ended) -> None:
        super().__init__(f"{side}: seed {seed}: {ended}")
        self.seed = seed
        self.how = ended.how


class Side:
    """One process at a time, which runs programs in one form."""

    def __init__(self, form: str, *, limit: float, stress: bool = False) -> None:
        self.form = form
        arguments = ("--stress",) if stress else ()
        self._worker = Worker(WORKER, form, *arguments, limit=limit, environment=_ENVIRONMENT)
        self.close = self._worker.close
        self._seed: int | None = None

    def logs(self, program: Program, runs: int) -> list[list[str]]:
        """Run a program so often and return its logs; raises Crash."""
        self._seed = None
        self._worker.ask(program=tree.to_json(program), runs=runs)
        answer: list[list[str]] = self._answer()["logs"]
        return answer

    def digests(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Run the programs of the seeds from `first` up to, but not with, `last`; raises Crash."""
        self._seed = None
        self._worker.ask(seeds=[first, last])
        for _ in range(first, last):
            answer = self._answer()
            yield answer["seed"], answer["log"]

    def _answer(self) -> dict[str, Any]:
        try:
            while "begins" in (answer := self._worker.answer()):
                self._seed = answer["begins"]
        except Ended as ended:
            raise Crash(self.form, self._seed, ended) from None
        return answer
