"""What is measured: small programs for any event loop, one module a subject.

They run in the measured process, with the asyncio of that process, on every Python from 3.11 on: nothing is imported
but the standard library. A case measures what stands inside `with measured:`; what is before and after is setting up
and clearing away. Its figure is divided by `count`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from contextlib import AbstractContextManager

    Body = Callable[[AbstractContextManager[object], int], Awaitable[None]]

#: The modules that hold cases, in the order in which tables show them.
SUBJECTS = ("tasks", "callbacks", "waiting", "locks", "generators", "threads", "holding")


class Unavailable(Exception):
    """The asyncio that is measured does not have what a case is about; `str()` says what."""


@dataclass(frozen=True)
class Case:
    """One small program."""

    name: str
    title: str  #: what one operation is
    body: Body
    subject: str
    counted: int  #: operations when instructions are counted
    timed: int  #: operations in a round of time, some 10 to 100 ms
    at_once: bool  #: so many things are there at once: growth and memory are measured with these
    #: Things to be there at once when memory is measured; 0: not one of `bench memory`.
    held: int
    #: Which memory is meant: what is taken at most, or what stays as long as the things are there.
    memory: Literal["peak", "stays"]


_cases: dict[str, Case] = {}


def case(
    title: str,
    *,
    counted: int = 1000,
    timed: int = 20_000,
    at_once: bool = False,
    held: int = 0,
    memory: Literal["peak", "stays"] = "peak",
) -> Callable[[Body], Body]:
    """Make a case of a coroutine function, under its name."""

    def add(body: Body) -> Body:
        name: str = body.__name__
        subject = body.__module__.rpartition(".")[2]
        assert name not in _cases
        _cases[name] = Case(name, title, body, subject, counted, timed, at_once, held, memory)
        return body

    return add


def load() -> dict[str, Case]:
    """Return all cases by name."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
    return _cases


class Named(Protocol):
    """What is chosen by its name or by its subject."""

    @property
    def name(self) -> str: ...
    @property
    def subject(self) -> str: ...


AnyCase = TypeVar("AnyCase", bound=Named)


def choose(words: Iterable[str], among: Iterable[AnyCase]) -> list[AnyCase]:
    """Return the cases with these names or subjects, in their order; ValueError for a word that is neither."""
    cases = list(among)
    wanted = set(words)
    known = {name for case in cases for name in (case.name, case.subject)}
    for word in wanted:
        if word not in known:
            names = ", ".join(case.name for case in cases)
            raise ValueError(f"no case {word!r}: there are {names}")
    return [case for case in cases if not wanted or {case.name, case.subject} & wanted]
