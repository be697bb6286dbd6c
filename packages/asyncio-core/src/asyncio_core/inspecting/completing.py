"""Which tasks complete a future: `shield()` and `gather()` make futures that end when tasks do.

A task knows what is called when it is done. If that is a method of a future, or a function of ours, what it holds is a future that
it will complete. What a function of the program's does with one is not known.
"""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType

from asyncio_core.awaiting.futures import Future, _PyFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# Partial functions in partial functions, and gathering futures in gathering futures, that are looked into.
_DEEPEST = 100


class Completers:
    """The tasks that complete a future, as far as their callbacks tell."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        self._tasks: set[int] = set()
        self._by_future: dict[int, dict[int, None]] = {}
        for task in tasks:
            key = id(task)
            self._tasks.add(key)
            left = [task]
            while left:
                for future in _completed_by(left.pop()):
                    known = self._by_future.setdefault(id(future), {})
                    if key not in known:
                        known[key] = None
                        left.append(future)

    def of(self, future: Any) -> list[int]:
        """Return the ids of the tasks that a future waits for, through others; of none where that is not known."""
        found: dict[int, None] = {}
        left, passed = [future], set[int]()
        while left and len(passed) < _DEEPEST * _DEEPEST:
            current = left.pop()
            key = id(current)
            if key in passed:
                continue
            passed.add(key)
            if key in self._tasks:
                found[key] = None
                continue
            children = children_of(current)
            if children is None:
                found.update(self._by_future.get(key, {}))
            else:
                left.extend(reversed(children))
        return list(found)


def children_of(future: Any) -> list[Any] | None:
    """Return what a gathering future still waits for; None for another future."""
    if getattr(type(future), "_children", None) is None:
        return None
    return [child for child in list(future._children) if not child.done()]


def _completed_by(future: Any) -> list[Any]:
    """Return the futures that are completed when one is done."""
    try:
        return [each for callback, _ in future._callbacks or () for each in _futures_in(callback)]
    except Exception:
        return []  # Of another kind, or it went on meanwhile.


def _futures_in(callback: Any) -> Iterator[Any]:
    """Yield the futures that a callback completes, other than tasks."""
    for _ in range(_DEEPEST):
        if type(callback) is not partial:
            break
        callback = callback.func
    if type(callback) in (MethodType, BuiltinMethodType):
        if _is_plain_future(callback.__self__):
            yield callback.__self__
    elif type(callback) is FunctionType and _is_ours(callback):
        for cell in callback.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # It is empty.
            if _is_plain_future(content):
                yield content


def _is_ours(function: FunctionType) -> bool:
    return str(function.__globals__.get("__name__")).startswith("asyncio_")


def _is_plain_future(thing: Any) -> bool:
    kind = type(thing)
    return issubclass(kind, (Future, _PyFuture)) and not hasattr(kind, "get_coro")
