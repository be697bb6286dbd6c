"""Cancelling along what a task waits for: other tasks, gatherings of them, however deep that goes.

A class whose `cancel()` asks others does it in steps, a generator that yields each future to ask, is
sent the answer and returns its own. They are taken here, on a list, so that the way may be longer than the
interpreter's stack is deep. A `cancel()` that a subclass or a program has put in its place is called.
"""

from __future__ import annotations

from types import BuiltinMethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeAlias

    Steps: TypeAlias = Generator[Any, bool, bool]

__all__ = ("cancel_along", "cancels_in_steps")

# For each cancel() that can be taken in steps, these.
_steps_of: dict[Any, Callable[[Any, Any], Steps]] = {}


def cancels_in_steps(cancel: Callable[..., bool], steps: Callable[[Any, Any], Steps]) -> None:
    """Say that `steps(future, msg)` does in steps what `cancel(future, msg)`, a method, does."""
    _steps_of[cancel] = steps


def cancel_along(steps: Steps, msg: Any) -> bool:
    """Take the steps of one future's `cancel()`, and of those it leads to; return the answer."""
    waiting: list[Steps] = []
    # What the next of the steps is sent; nothing where they begin.
    answer: Any = None
    try:
        while True:
            try:
                asked = steps.send(answer)
            except StopIteration as end:
                answer = end.value
                if not waiting:
                    return bool(answer)
                steps = waiting.pop()
                continue
            cancel = asked.cancel
            begin = _steps_of.get(_function_of(cancel))
            if begin is None:
                answer = cancel(msg=msg)
            else:
                waiting.append(steps)
                steps, answer = begin(asked, msg), None
    finally:
        # Where a cancel() raised, the steps that wait for its answer end here, from the inside.
        steps.close()
        while waiting:
            waiting.pop().close()


def _function_of(method: Any) -> Any:
    """Return what a class has as this method; None for what is no method."""
    if type(method) is BuiltinMethodType:
        return getattr(type(method.__self__), method.__name__, None)
    return getattr(method, "__func__", None)
