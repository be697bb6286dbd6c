"""What a task tells of itself to who reports about it, also where its class fails to.

A program's own class of tasks may raise in each of its methods. What reports a hang, or shows all tasks, must show that task too:
then the classes above it are asked, of which one is ours.
"""

from __future__ import annotations

from asyncio_core.awaiting.futures import _get_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def ask(task: Any, method: str, read: Callable[[Any], T], otherwise: T) -> T:
    """Call a method of a task, and return what `read()` makes of its result; `otherwise` where no class can tell."""
    try:
        return read(getattr(task, method)())
    except Exception:
        pass
    for kind in type(task).__mro__:
        own = kind.__dict__.get(method)
        if own is not None:
            try:
                return read(own(task))
            except Exception:
                continue
    return otherwise


def _itself(result: Any) -> Any:
    return result


def name_of(task: Any) -> str:
    """Return a task's name, or else what its class is called."""
    return ask(task, "get_name", str, type(task).__qualname__)


def coroutine_of(task: Any) -> Any:
    """Return a task's coroutine; None where there is none, or it is not told."""
    return ask(task, "get_coro", _itself, None)


def loop_of(task: Any) -> Any:
    """Return a task's loop; None where it is not told."""
    try:
        return _get_loop(task)
    except Exception:
        return ask(task, "get_loop", _itself, None)


def is_done(task: Any) -> bool:
    """Tell whether a task has ended; False where it is not told."""
    return ask(task, "done", bool, False)
