"""What the demo's programs have in common: checking replies, and telling the demo how far they are.

A program prints one JSON object a line: `{"done": n, "total": n}` now and then, and `{"result": …}` at its end.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from typing import Any

#: Differences that are kept word for word; all of them are counted.
KEPT = 10


def loop_name(kind: Any) -> str:
    """Return `module.Name` of a loop's class, by the module that its code is in.

    Where this project's asyncio runs, its classes show the standard asyncio's names.
    """
    made_in = getattr(kind.__init__, "__globals__", {}).get("__name__", "")
    return f"{made_in if made_in.startswith('asyncio_') else kind.__module__}.{kind.__qualname__}"


class Report:
    """Counts what was checked and what differed from what it should have been."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.checked = 0
        self.differed = 0
        self.notes: list[str] = []
        self.extra: dict[str, Any] = {}
        self._shown = 0.0

    def check(self, what: str, got: object, expected: object) -> None:
        """Compare one thing, and show now and then how many have been compared."""
        self.checked += 1
        if got != expected:
            self.differed += 1
            if len(self.notes) < KEPT:
                self.notes.append(f"{what}: got {got!r:.300}, expected {expected!r:.300}")
        now = time.monotonic()
        if now - self._shown > 0.25:
            self._shown = now
            self._print({"done": self.checked, "total": self.total})

    def finish(self, loop: asyncio.AbstractEventLoop) -> int:
        """Print the result and return the exit status of the program."""
        # What was never checked has differed: a program that stops half-way is no success.
        if self.checked != self.total:
            self.differed += 1
            self.notes.append(f"checked {self.checked} things, expected {self.total}")
        self._print(
            {
                "result": {
                    "checked": self.checked,
                    "differed": self.differed,
                    "notes": self.notes,
                    "implementation": getattr(asyncio, "__implementation__", "standard"),
                    "loop": loop_name(type(loop)),
                    "python": platform.python_version(),
                    **self.extra,
                }
            }
        )
        return 1 if self.differed else 0

    @staticmethod
    def _print(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
