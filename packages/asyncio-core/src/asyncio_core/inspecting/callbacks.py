"""What a callback is called, and which task it is a step of. Nothing in here fails."""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, CoroutineType, FunctionType, MethodType

from asyncio_core.awaiting.asking import coroutine_of
from asyncio_core.awaiting.task import Task, _PyTask
from asyncio_core.inspecting.stacks import is_compiled
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WAKERS = () if twins is None else (twins.TaskWaker,)
_METHODS = (MethodType, BuiltinMethodType, *_WAKERS)
_STEPS = ("_step", "_wakeup")
_FUNCTIONS = (FunctionType, MethodType, BuiltinMethodType)
# Partial functions in partial functions, and coroutines in coroutines, that are looked into.
_DEEPEST = 100


def task_of(callback: Any) -> Any:
    """Return the task whose step a callback is, or None."""
    if type(callback) in _METHODS:
        owner = callback.__self__
        # Of exactly this class are nearly all.
        if type(owner) is Task or isinstance(owner, (Task, _PyTask)):
            return owner if _attribute(callback, "__name__") in _STEPS else None
    return None


def name_of_callback(callback: Any) -> str:
    """Name a function as it names itself, and other things by their class."""
    for _ in range(_DEEPEST):
        if type(callback) is not partial:
            break
        callback = callback.func
    if callback is None:
        return "(cancelled)"
    if type(callback) in _FUNCTIONS:
        return _attribute(callback, "__qualname__")
    return type(callback).__qualname__


def _attribute(thing: Any, name: str) -> str:
    """Return a name that a thing has, or else its class'. What is not the interpreter's own may fail to tell."""
    try:
        return str(getattr(thing, name))
    except Exception:
        return type(thing).__qualname__


def name_of_coroutine(task: Any) -> str:
    """Name the function that a task runs."""
    coro = coroutine_of(task)
    return "(over)" if coro is None else _attribute(coro, "__qualname__")


def innermost_of(task: Any) -> str:
    """Name the coroutine in which a suspended task waits."""
    current, found = coroutine_of(task), None
    for _ in range(_DEEPEST):
        if type(current) is not CoroutineType:
            break
        found, current = current, current.cr_await
    if current is not None and is_compiled(type(current), "cr_await"):
        return _attribute(current, "__qualname__")
    return "" if found is None else found.cr_code.co_qualname


if twins is not None:
    # Its `Watch` asks for what is rare.
    twins.know(task_of=task_of, name_of_callback=name_of_callback, is_compiled=is_compiled)
