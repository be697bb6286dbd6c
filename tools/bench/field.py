"""Who can be measured here: each side's process is started once, and says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.environments import NotInstalled, prepare
from bench.sides import ANY_FORM
from bench.workers import PROGRAM, START, Lost, Process, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.sides import Side
    from workspace.interpreters import Interpreter


@dataclass
class Runner:
    """A side with the Python that it runs on, and what its process says of itself."""

    side: Side
    python: Path
    facts: dict[str, Any]

    def start(self, under: Sequence[str] = (), program: Path = PROGRAM) -> Process:
        return Worker(self.side, self.python, under, program)


class Absent(Exception):
    """A side that cannot be measured; `str()` is the reason."""


def find(
    side: Side, python: Interpreter, given: Mapping[str, Path], more: Sequence[str] = ()
) -> Runner:
    """Return a side that is ready to be measured, in the environment given for it or one that is made, with `more`."""
    try:
        path = given.get(side.name) or prepare(side, python, more)
    except NotInstalled as error:
        raise Absent(f"cannot be installed: {error}") from None
    worker = Worker(side, path)
    try:
        answer = worker.ask(START)
    except Lost as error:
        raise Absent(f"does not start: {error}") from None
    finally:
        worker.close()
    if "facts" not in answer:
        raise Absent(f"has no loop: {answer['missing']}")
    facts = answer["facts"]
    _check(side, facts)
    return Runner(side, path, facts)


def _check(side: Side, facts: Mapping[str, Any]) -> None:
    """Let no side be measured in another's name."""
    if facts["implementation"] != side.implementation:
        raise Absent(f"the {facts['implementation']} asyncio runs, not the {side.implementation}")
    if side.form == "compiled" and facts["form"] == "pure":
        raise Absent(f"not built: {facts['why_pure']}")
    if side.form not in (facts["form"], ANY_FORM):
        raise Absent(f"runs in its {facts['form'] or 'only'} form")


def find_all(
    sides: Iterable[Side],
    python: Interpreter,
    given: Mapping[str, Path],
    show: Callable[[str], None],
    more: Sequence[str] = (),
) -> tuple[list[Runner], dict[str, str]]:
    """Return who can be measured, and of the others the reasons, by name."""
    runners: list[Runner] = []
    absent: dict[str, str] = {}
    for side in sides:
        show(side.name)
        try:
            runners.append(find(side, python, given, more))
        except Absent as error:
            absent[side.name] = str(error)
    return runners, absent
