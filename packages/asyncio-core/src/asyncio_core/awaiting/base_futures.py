"""What holds for every future, whoever wrote its class: the states, the protocol, the repr."""

from __future__ import annotations

import functools
import reprlib
from _thread import get_ident

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.running_loop import _loop_of_the_standard
from asyncio_core.faces import make_face
from asyncio_core.format_helpers import _format_callback_source
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import Context
    from typing import Any

    from typing_extensions import TypeIs

    from asyncio_core.awaiting.futures import Future

__all__ = ()

# Strings, since debuggers and libraries print and compare them. All comparisons here are by
# identity, which interning makes safe.
_PENDING = "PENDING"
_CANCELLED = "CANCELLED"
_FINISHED = "FINISHED"


def isfuture(obj: object) -> TypeIs[Future[Any]]:
    """Tell whether *obj* is a future, by protocol rather than by class.

    A future's class has an attribute ``_asyncio_future_blocking``, and the instance's value of
    it is not None. So futures of other libraries pass, and classes and plain mocks do not.
    Added in Python 3.5.
    """
    future: Any = obj
    return (
        hasattr(future.__class__, "_asyncio_future_blocking")
        and future._asyncio_future_blocking is not None
    )


def _format_callbacks(cb: Sequence[tuple[Callable[..., object], Context]]) -> str:
    """Return a future's callbacks as ``cb=[…]``; of many, the first and the last."""
    shown = [_format_callback_source(callback, ()) for callback, _ in cb[:1]]
    if len(cb) > 2:
        shown.append(f"<{len(cb) - 2} more>")
    shown += [_format_callback_source(callback, ()) for callback, _ in cb[1:][-1:]]
    return f"cb=[{', '.join(shown)}]"


def _future_repr_info(future: Future[Any]) -> list[str]:
    """Return the words of a future's repr: state, outcome, callbacks, place of birth."""
    words = [future._state.lower()]
    if future._state is _FINISHED:
        if future._exception is None:
            words.append(f"result={reprlib.repr(future._result)}")
        else:
            words.append(f"exception={future._exception!r}")
    if future._callbacks:
        words.append(_format_callbacks(future._callbacks))
    if future._source_traceback:
        birth = future._source_traceback[-1]
        words.append(f"created at {birth.filename}:{birth.lineno}")
    return words


# For each thread, the ids of the futures whose repr is being made: each is inside of the one before it.
_showing: dict[int, list[int]] = {}
# A task waits for a task, which waits for a task: a repr that goes along shows so many of them.
_DEEPEST = 12


def _nested_repr(show: Callable[[Any], str]) -> Callable[[Any], str]:
    """Decorate what makes a repr: inside of itself a future is ``...``, and so is what is too deep."""

    @functools.wraps(show)
    def show_once(future: Any) -> str:
        thread = get_ident()
        inside = _showing.setdefault(thread, [])
        key = id(future)
        if key in inside or len(inside) == _DEEPEST:
            return "..."
        inside.append(key)
        try:
            return show(future)
        finally:
            inside.pop()
            if not inside:
                del _showing[thread]

    return show_once


@_nested_repr
def _future_repr(future: Future[Any]) -> str:
    """Return ``<Class state …>``."""
    return f"<{_class_shown(future)} {' '.join(_future_repr_info(future))}>"


def _class_shown(future: Future[Any]) -> str:
    """Return the name of a future's class; with whose it is, where a task of the standard asyncio shows it."""
    name = type(future).__name__
    if _loop_of_the_standard() is None:
        return name
    return f"asyncio_core.{name} (none of the standard asyncio)"


make_face(__name__, ("awaiting.base_tasks", "awaiting.futures"))


lend_names(
    __name__,
    "format_helpers",
)

leave_to_checkers(__name__)
