"""How high what a process holds rises with a load, and whether it falls again."""

from __future__ import annotations

import resource
import sys
from typing import Any, NamedTuple

from bench import resident

#: Blocks of memory that may come to be held from one time to the next: a tenth of one for each client of a few hundred.
_BLOCKS = 200
#: Bytes of resident memory that may come from one time to the next, and as a part of the most that there was. What malloc(3) cannot give back, as
#: something small behind it is still in use, is not at the same places each time.
_BYTES, _PART = 4 << 20, 0.1


class Load:
    """What one time of a load has to tell."""

    def __init__(self, size: int) -> None:
        self.size = size
        #: How many there were, of what there was much.
        self.many = 0
        self.descriptors = 0
        #: What else was seen, by name.
        self.more: dict[str, Any] = {}
        resident.forget_most()

    def is_on(self, many: int) -> None:
        """Look, as so many are there: the descriptors are most now."""
        self.many = max(self.many, many)
        self.descriptors = max(self.descriptors, resident.descriptors())


class Level(NamedTuple):
    """What the process holds, with all that nobody uses given back."""

    descriptors: int
    resident: int
    blocks: int


def level() -> Level:
    resident.tidy_up()
    return Level(resident.descriptors(), resident.now(), sys.getallocatedblocks())


def compare(first: Level, last: Level, most: int) -> list[str]:
    """Return what is wrong with what is held after the last time, where the first made what is made once."""
    wrong = []
    if last.descriptors != first.descriptors:
        wrong.append(f"{last.descriptors} descriptors afterwards, and {first.descriptors} before")
    if (more := last.blocks - first.blocks) > _BLOCKS:
        wrong.append(f"{more:,} blocks of memory more are held after another time")
    if (more := last.resident - first.resident) > _BYTES + _PART * (most - first.resident):
        wrong.append(f"{more:,} bytes more are resident after another time, of {most:,} at most")
    return wrong


def descriptors_allowed() -> int:
    """Return how many descriptors this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
