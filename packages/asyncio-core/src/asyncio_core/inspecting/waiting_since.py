"""How long tasks have waited, as far as somebody who looks again and again can tell."""

from __future__ import annotations

import time
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("WaitingSince",)


class WaitingSince:
    """Knows from one look to the next what each task waits for.

    Futures are told apart by weak references: a task that waits again and again has new ones, which often lie where the ones
    before lay.
    """

    def __init__(self) -> None:
        self._before: dict[int, tuple[ref[Any], float]] = {}
        self._now: dict[int, tuple[ref[Any], float]] = {}
        self._moment = 0.0

    def look(self) -> None:
        """Begin a look at all tasks."""
        self._moment = time.monotonic()
        self._before, self._now = self._now, {}

    def seconds(self, task: Any, future: Any) -> float:
        """Return for how many seconds a task has waited at least: since it was first seen to wait for this future."""
        try:
            reference = ref(future)
        except TypeError:
            return 0.0  # of another kind, and nothing is known of it
        known = self._before.get(id(task))
        since = known[1] if known is not None and known[0]() is future else self._moment
        self._now[id(task)] = reference, since
        return self._moment - since
