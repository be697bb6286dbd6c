"""Coroutines: telling them apart, showing them, and making them of generators."""

from __future__ import annotations

import collections.abc
import sys
import types

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from typing import Any, ParamSpec, TypeGuard, TypeVar, overload

    from typing_extensions import TypeIs, deprecated

    _CallableT = TypeVar("_CallableT", bound=Callable[..., object])
    _P = ParamSpec("_P")
    _T = TypeVar("_T")

# ``coroutine`` stands beside them, but a star import never brought it on the Pythons served here.
__all__ = ("iscoroutine", "iscoroutinefunction")

# Marks functions that return coroutines without being ``async def``; unittest.mock sets it too.
_is_coroutine = object()

# Flags of code objects (see ``inspect``, whose import would cost more than this module).
_CO_GENERATOR = 0x20
_CO_COROUTINE = 0x80
_CO_ITERABLE_COROUTINE = 0x100


def _is_debug_mode() -> bool:
    """Tell whether new loops start in debug mode: ``-X dev`` or ``PYTHONASYNCIODEBUG``."""
    if sys.flags.dev_mode:
        return True
    if sys.flags.ignore_environment:
        return False
    import os

    return os.environ.get("PYTHONASYNCIODEBUG", "") != ""


def iscoroutine(obj: object) -> TypeIs[Coroutine[Any, Any, Any]]:
    """Tell whether *obj* can be driven as a coroutine.

    True for what ``async def`` functions return, for anything with the methods of
    ``collections.abc.Coroutine``, and for a generator that ``types.coroutine`` or
    ``asyncio.coroutine`` marked as one. A plain generator counts on Python 3.11 only.
    """
    kind = type(obj)
    if kind is types.CoroutineType:
        return True
    if kind is types.GeneratorType:
        marked: int = obj.gi_code.co_flags & _CO_ITERABLE_COROUTINE  # type: ignore[attr-defined]
        return sys.version_info < (3, 12) or marked != 0
    return isinstance(obj, collections.abc.Coroutine)


if TYPE_CHECKING:

    @overload
    @deprecated("Goes away with Python 3.16; call inspect.iscoroutinefunction() instead.")
    def iscoroutinefunction(func: Callable[..., Coroutine[Any, Any, Any]]) -> bool: ...

    @overload
    @deprecated("Goes away with Python 3.16; call inspect.iscoroutinefunction() instead.")
    def iscoroutinefunction(
        func: Callable[_P, Awaitable[_T]],
    ) -> TypeGuard[Callable[_P, Coroutine[Any, Any, _T]]]: ...

    @overload
    @deprecated("Goes away with Python 3.16; call inspect.iscoroutinefunction() instead.")
    def iscoroutinefunction(
        func: Callable[_P, object],
    ) -> TypeGuard[Callable[_P, Coroutine[Any, Any, Any]]]: ...

    @overload
    @deprecated("Goes away with Python 3.16; call inspect.iscoroutinefunction() instead.")
    def iscoroutinefunction(
        func: object,
    ) -> TypeGuard[Callable[..., Coroutine[Any, Any, Any]]]: ...


def iscoroutinefunction(func: object) -> bool:
    """Tell whether calling *func* gives a coroutine.

    True for ``async def`` functions, for functions decorated with ``asyncio.coroutine`` and for
    those that ``inspect.markcoroutinefunction`` marked. Deprecated on Python 3.14 and newer,
    where ``inspect.iscoroutinefunction()`` replaces it: there a ``DeprecationWarning`` is issued.
    """
    if sys.version_info >= (3, 14):
        import warnings

        warnings.warn(
            "asyncio.iscoroutinefunction() goes away with Python 3.16; "
            "call inspect.iscoroutinefunction() instead",
            DeprecationWarning,
            stacklevel=2,
        )
    return _iscoroutinefunction(func)


def _iscoroutinefunction(func: object) -> bool:
    if getattr(func, "_is_coroutine", None) is _is_coroutine:
        return True
    import inspect

    return inspect.iscoroutinefunction(func)


def coroutine(func: _CallableT) -> _CallableT:
    """Make *func*, a generator function, one whose calls are coroutines (PEP 380, PEP 492).

    Inside, ``yield from`` waits as ``await`` does in ``async def``; outside, the result can be
    awaited, wrapped in a task and mixed with ``async def`` freely. A function that is no
    generator function is called, and what it returns is waited for if it can be. Python dropped
    this decorator in 3.11; it is kept here on every version.
    """
    code = getattr(func, "__code__", None)
    flags = code.co_flags if isinstance(code, types.CodeType) else 0
    if flags & (_CO_COROUTINE | _CO_ITERABLE_COROUTINE) or _iscoroutinefunction(func):
        return func
    generator_function: Callable[..., Any] = func
    if not flags & _CO_GENERATOR:
        generator_function = _waiting_for_result_of(func)
    made: Any = types.coroutine(generator_function)
    made._is_coroutine = _is_coroutine
    return made  # type: ignore[no-any-return]


def _waiting_for_result_of(func: Callable[..., Any]) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that calls *func* and waits for its result, if it is awaitable."""
    import functools

    @functools.wraps(func)
    def call_and_wait(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        result = func(*args, **kwargs)
        if isinstance(result, types.GeneratorType) or isfuture(result):
            result = yield from result
        elif isinstance(result, collections.abc.Awaitable):
            result = yield from result.__await__()
        return result

    return call_and_wait


def _attribute_of(coro: object, suffix: str) -> Any:
    """Return ``cr_suffix`` or ``gi_suffix`` of *coro*, or None; compiled ones may have neither."""
    found = getattr(coro, f"cr_{suffix}", None)
    return getattr(coro, f"gi_{suffix}", None) if found is None else found


def _format_coroutine(coro: object) -> str:
    """Return name, state and source position of *coro*, for the reprs of tasks.

    Works for coroutines made by compilers as well: those may lack code, frame, and even a name.
    """
    name = getattr(coro, "__qualname__", None) or getattr(coro, "__name__", None)
    if not name:
        name = f"<{type(coro).__name__} without __name__>"
    running = _attribute_of(coro, "running")
    code = _attribute_of(coro, "code")
    if not code:
        return f"{name}() running" if running else f"{name}()"
    frame = _attribute_of(coro, "frame")
    if frame is not None:
        return f"{name}() running at {code.co_filename or '<empty filename>'}:{frame.f_lineno}"
    # Without a frame it has ended; compiled coroutines keep theirs to themselves while they run.
    state = "running" if running else "done"
    return f"{name}() {state}, defined at {code.co_filename}:{code.co_firstlineno}"


make_face(
    __name__,
    (
        "awaiting.base_tasks",
        "awaiting.combinators",
        "scheduling.debugging",
        "format_helpers",
        "awaiting.graph",
        "loops.runners",
        "awaiting.task",
        "awaiting.waiting",
    ),
)


lend_names(
    __name__,
    "collections",
    "functools",
    "inspect",
    "os",
    "traceback",
)

leave_to_checkers(__name__)
