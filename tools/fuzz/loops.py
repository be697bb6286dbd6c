"""The loops that programs run on: none ever waits, so that a program takes no time and its order is its own.

What a program does when nothing is ready and no timer due is decided by the stage it stands on: `idle(seconds)` is called
with the time to the next timer, or None.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Idle = Callable[[float | None], None]

KINDS = ("selector", "parked", "virtual", "virtual")


class _NeverWaiting(selectors.DefaultSelector):
    """The system's selector, which tells of each wait instead of waiting."""

    idle: Idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and (timeout is None or timeout > 0):
            self.idle(timeout)
        return found


class _Virtual(asyncio.SelectorEventLoop):
    """A loop whose clock moves by what it would have waited."""

    now = 1000.0

    def time(self) -> float:
        return self.now


def make_loop(kind: str, idle: Idle) -> Any:
    """Return a new loop of a kind that calls `idle` where it would wait."""
    if kind == "parked":
        loop = _parked(idle)
        if loop is not None:
            return loop
    selector = _NeverWaiting()
    if kind != "virtual":
        selector.idle = idle
        return asyncio.SelectorEventLoop(selector)
    virtual = _Virtual(selector)

    def skip(timeout: float | None) -> None:
        if timeout is None:
            idle(None)
        else:
            virtual.now += timeout

    selector.idle = skip
    return virtual


def _parked(idle: Idle) -> Any:
    """Return a loop with a poll function of its own, where the asyncio that runs has such loops."""
    base: Any = asyncio.BaseEventLoop
    if not hasattr(base, "_poll"):
        return None

    class Parked(base):  # type: ignore[misc]
        woken = False

        def _poll(self, timeout: float | None) -> None:
            if not self.woken and (timeout is None or timeout > 0):
                idle(timeout)
            self.woken = False

        def _write_to_self(self) -> None:
            self.woken = True

        def _process_events(self, event_list: Any) -> None:
            pass

    return Parked()
