"""How callbacks, and the stacks that made them, are shown in reprs and log records."""

from __future__ import annotations

import functools
import reprlib
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from traceback import StackSummary
    from types import FrameType
    from typing import Any

# Decorated callables point at what they wrap. An object that answers every attribute does so
# for ever; nobody nests decorators this deep.
_MAX_LAYERS = 64


def _suggest_call(given: object) -> str:
    """Return the end of a message about *given*, which cannot be awaited: where it is a function, to call it.

    ``asyncio.run(main)`` is written for ``asyncio.run(main())`` by nearly everybody once.
    """
    kind, func = "the function", given
    if isinstance(func, functools.partial):
        kind, func = "a partial call of", func.func
    elif isinstance(func, type):
        if not hasattr(func, "__await__"):
            return ""
        kind = "the class"
    elif not isinstance(func, (FunctionType, MethodType, BuiltinFunctionType)):
        return ""
    name = getattr(func, "__name__", None)
    if not isinstance(name, str) or not name.isidentifier():
        return ""
    if given is not func:
        return f" ({kind} {name}(), which has yet to be called)"
    arguments = "()" if _can_be_called(given) else "(...)"
    return f" ({kind} {name}; did you mean {name}{arguments}?)"


def _can_be_called(func: Any) -> bool:
    """Tell whether a call without arguments would do; True where that is not known."""
    from inspect import signature

    try:
        signature(func).bind()
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def _get_function_source(func: object) -> tuple[str, int] | None:
    """Return file and first line of the Python function under *func*'s wrappers, or None."""
    for _ in range(_MAX_LAYERS):
        if isinstance(func, (functools.partial, functools.partialmethod)):
            func = func.func
        elif (wrapped := getattr(func, "__wrapped__", None)) is not None:
            func = wrapped
        elif (function := getattr(func, "__func__", None)) is not None:
            func = function
        else:
            break
    code = getattr(func, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    return code.co_filename, code.co_firstlineno


def _format_args_and_kwargs(
    args: Iterable[Any], kwargs: Mapping[str, Any], *, debug: bool = False
) -> str:
    """Return the call's argument list, in parentheses; empty ones unless *debug*.

    Arguments may hold secrets, or be long: they are shown to those who asked for debug mode.
    """
    if not debug:
        return "()"
    shown = list(map(reprlib.repr, args))
    shown += [f"{key}={reprlib.repr(value)}" for key, value in kwargs.items()]
    return f"({', '.join(shown)})"


def _format_callback(
    func: object,
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    *,
    debug: bool = False,
    suffix: str = "",
) -> str:
    """Return the call of *func* as source would write it; partials become nested calls."""
    calls = [_format_args_and_kwargs(args, kwargs, debug=debug)]
    while isinstance(func, functools.partial):
        calls.append(_format_args_and_kwargs(func.args, func.keywords, debug=debug))
        func = func.func
    named = getattr(func, "__qualname__", None) or getattr(func, "__name__", None)
    # Mocks and the like answer with something that is no name.
    head = named if isinstance(named, str) else repr(func)
    return head + "".join(reversed(calls)) + suffix


def _format_callback_source(func: object, args: Iterable[Any], *, debug: bool = False) -> str:
    """Return the call of *func* and, where it is known, the place of its definition."""
    call = _format_callback(func, args, {}, debug=debug)
    place = _get_function_source(func)
    return call if place is None else f"{call} at {place[0]}:{place[1]}"


def extract_stack(f: FrameType | None = None, limit: int | None = None) -> StackSummary:
    """Return the stack that ends at frame *f* (the caller's by default), oldest entry first.

    *limit* is the number of entries kept, counted from the newest; by default
    ``constants.DEBUG_STACK_DEPTH``. Source lines are read when they are first shown.
    """
    import traceback

    if limit is None:
        from asyncio_core.constants import DEBUG_STACK_DEPTH

        limit = DEBUG_STACK_DEPTH
    newest = sys._getframe(1) if f is None else f
    entries = traceback.StackSummary.extract(
        traceback.walk_stack(newest), limit=limit, lookup_lines=False
    )
    entries.reverse()
    return entries


make_face(__name__, ("awaiting.base_futures", "awaiting.coroutines"))


lend_names(
    __name__,
    "constants",
    "inspect",
    "traceback",
)

leave_to_checkers(__name__)
