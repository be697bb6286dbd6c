"""What is left to chance: drawn from a seed, noted, and played again.

A decision is a number below a limit, and 0 is what a loop does that nobody shuffles. So what a run has done otherwise is a short
table, from the number of a decision to what was decided; and a run that is given such a table decides 0 in all other cases.

ASYNCIO_SEED           The seed of each loop that is made. Without it one is drawn for the process.
ASYNCIO_DECISIONS      A table to play instead of a seed: "0.17=2,0.40=1", each the number of the loop in its process, that
                       of the decision, and what to decide; "none" for no such decision; "@FILE" for what stands in a file.
ASYNCIO_DECISIONS_TO   A file to which the process writes its table when it ends.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
from random import Random, SystemRandom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ("Decisions", "Table", "format_table", "parse_table")

SEED = "ASYNCIO_SEED"
PLAYED = "ASYNCIO_DECISIONS"
NOTED = "ASYNCIO_DECISIONS_TO"

_NONE = "none"
_ENTRY = re.compile(r"([0-9]+)\.([0-9]+)=([0-9]+)")

if TYPE_CHECKING:
    Table = Mapping[tuple[int, int], int]
else:
    Table = dict


class Decisions:
    """The decisions of one loop.

    `seed` is a whole number from 0 on; ValueError otherwise. `number` is that of the loop in its process. With a table, `played`, nothing is drawn. `taken` is the table of what was
    decided otherwise than usual, `number_of_next` how many decisions there were.
    """

    def __init__(self, seed: int, number: int = 0, played: Table | None = None) -> None:
        self.seed = checked_seed(seed)
        self.number = number
        self.taken: dict[tuple[int, int], int] = {}
        self._played = played
        self._draw = Random(seed).random
        self.number_of_next = 0

    def choose(self, limit: int, share: float = 1.0) -> int:
        """Return a number below `limit`; with a `share` below 1, another than 0 in so many cases only."""
        place = self.number, self.number_of_next
        self.number_of_next += 1
        if self._played is not None:
            value = self._played.get(place, 0)
            if value >= limit:
                value = 0
        else:
            drawn = self._draw()
            if share >= 1:
                value = int(drawn * limit)
            elif drawn < share:
                value = 1 + int(drawn / share * (limit - 1))
            else:
                value = 0
        if value:
            self.taken[place] = value
        return value

    def happens(self, share: float) -> bool:
        """Decide whether something happens that does in so many of all cases."""
        return share > 0 and bool(self.choose(2, share))

    @property
    def how_to_repeat(self) -> str:
        """What to put into the environment for the same decisions."""
        if self._played is None:
            return f"{SEED}={self.seed}"
        return f"{PLAYED}={format_table(self._played)}"


def checked_seed(seed: int) -> int:
    """Return a seed; raises ValueError for one below 0, which `random` would take for the same without its sign."""
    if seed < 0:
        raise ValueError(f"a seed is a whole number from 0 on, not {seed}")
    return seed


def _seed_in(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        raise ValueError("a seed is a whole number from 0 on") from None
    return checked_seed(seed)


def format_table(table: Table) -> str:
    """Return a table as text; the inverse of `parse_table()`."""
    if not table:
        return _NONE
    return ",".join(f"{loop}.{place}={value}" for (loop, place), value in sorted(table.items()))


def parse_table(text: str) -> dict[tuple[int, int], int]:
    """Read a table from a text, or from a file whose name follows an @; raises ValueError for what is none."""
    if text.startswith("@"):
        try:
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            raise ValueError(f"no table can be read there: {error.strerror}") from None
    text = text.strip()
    if text == _NONE:
        return {}
    table: dict[tuple[int, int], int] = {}
    for entry in text.split(","):
        found = _ENTRY.fullmatch(entry.strip())
        if found is None:
            raise ValueError(f"{entry!r} is none of loop.decision=value")
        loop, place, value = map(int, found.groups())
        if table.setdefault((loop, place), value) != value:
            raise ValueError(f"decision {loop}.{place} stands there twice, with different values")
    return table


class _Process:
    """What all loops of the process share: the seed, or the table, and what they have decided."""

    def __init__(self) -> None:
        self.made: list[Decisions] = []
        self.played = _read(PLAYED, parse_table)
        # What is drawn where no seed is given, and whether it was needed.
        self.seed = SystemRandom().randrange(1_000_000)
        self.drawn = False

    def decisions(self) -> Decisions:
        seed = _read(SEED, _seed_in)
        if seed is None:
            seed = self.seed
            self.drawn = self.played is None
        made = Decisions(seed, len(self.made), self.played)
        self.made.append(made)
        return made

    def tell(self) -> None:
        """Say at the end how to have the same once more."""
        path = os.environ.get(NOTED)
        if path:
            self._note(path)
        # Not for loops that were made and not run, by a listing say.
        decided = any(one.number_of_next for one in self.made)
        if self.drawn and decided and sys.stderr is not None:
            print(f"asyncio: {SEED}={self.seed} repeats this order of things", file=sys.stderr)

    def _note(self, path: str) -> None:
        table = {place: value for one in self.made for place, value in one.taken.items()}
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(format_table(table))
        except OSError as error:
            if sys.stderr is not None:
                print(f"asyncio: {NOTED}={path}: {error.strerror}", file=sys.stderr)


_process: _Process | None = None


def decisions_of_process() -> Decisions:
    """Return the decisions for the next loop of the process, by its environment.

    Raises ValueError where a variable is not understood.
    """
    global _process
    if _process is None:
        _process = _Process()
        atexit.register(_process.tell)
    return _process.decisions()


def _read(variable: str, read: Callable[[str], _T]) -> _T | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return read(text)
    except ValueError as exc:
        raise ValueError(f"{variable}={text}: {exc}") from None
