"""Types are for checkers, which read the source: at run time public functions and classes tell none.

The standard asyncio annotates next to nothing, and what looks at annotations while a program runs acts on
what it finds. `pydantic.validate_call()` refuses ``wait_for(fut: Awaitable[T], …)``, which it can't check;
beartype refuses the 0 of ``sleep(0)`` where ``float`` is written; containers that fill in parameters by their
types try to make a loop. Besides, most names in annotations here are imported for checkers only, below ``if
TYPE_CHECKING:``, so that a start loads neither `typing` nor modules that it does not use: whoever evaluated
such an annotation would get a NameError.

So each module that public names are taken from drops the annotations of what it offers, at its end. Not so
`timeouts`, whose standard namesake is annotated, and the fields of data classes: they name what is there.
"""

from __future__ import annotations

import sys
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Classes that have been looked at, others' too.
_seen: set[type] = set()

# The distributions' packages, which show each other's classes, and the one that shows them all.
_OURS = frozenset(
    {"asyncio", "asyncio_core", "asyncio_iocp", "asyncio_selectors"}
    | {"asyncio_streams", "asyncio_subprocess", "asyncio_sync"}
)
_DESCRIPTORS = frozenset({classmethod, property, staticmethod})


def leave_to_checkers(module: str) -> None:
    """Drop the annotations of the functions and classes that the module named `module` defines or shows."""
    # Over copies: another thread may use the module or a class meanwhile.
    for value in tuple(vars(sys.modules[module]).values()):
        kind = type(value)
        if kind is FunctionType:
            if _package_of(value) in _OURS:
                del value.__annotations__
        elif issubclass(kind, type) and value not in _seen:
            for cls in value.__mro__:
                if cls not in _seen:
                    _seen.add(cls)
                    if _package_of(cls) in _OURS:
                        _drop_from_class(cls)


def _package_of(value: Any) -> str:
    return str(value.__module__).partition(".")[0]


def _drop_from_class(cls: type) -> None:
    for member in tuple(vars(cls).values()):
        # Compiled methods that stand in for a function say that they are one.
        if isinstance(member, FunctionType):
            del member.__annotations__
        elif type(member) in _DESCRIPTORS:
            _drop_below(member)
    # Those of a data class are what it is made from.
    if "__annotations__" in vars(cls) and "__dataclass_fields__" not in vars(cls):
        del cls.__annotations__


def _drop_below(descriptor: Any) -> None:
    """Drop the annotations of the functions that a descriptor calls."""
    if type(descriptor) is property:
        functions: tuple[Any, ...] = (descriptor.fget, descriptor.fset, descriptor.fdel)
    else:
        functions = (descriptor.__func__,)
        # It has a copy of them.
        vars(descriptor).pop("__annotations__", None)
    for function in functions:
        if type(function) is FunctionType:
            del function.__annotations__
