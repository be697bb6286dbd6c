"""Which file descriptors are open."""

from __future__ import annotations

import gc
import os
import sys


def open_descriptors() -> set[int]:
    """Return the numbers of all open file descriptors; the empty set where they can't be listed."""
    if sys.platform == "win32":
        return set()
    return {number for name in os.listdir("/dev/fd") if _is_open(number := int(name))}


def descriptors_left(before: set[int]) -> set[int]:
    """Return the descriptors that were opened since, and that no collection of garbage closes."""
    left = open_descriptors() - before
    if left:
        gc.collect()
        left = open_descriptors() - before
    return left


def _is_open(number: int) -> bool:
    # The descriptor that the folder itself was listed with is gone by now.
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
