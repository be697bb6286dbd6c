"""Where a task stands: its coroutines, from the one it runs down to the one that waits.

Only what the interpreter itself made is asked, and attributes of compiled types: an attribute of a class in Python may
be code that somebody wrote. Local variables are not read by name either, which up to Python 3.12 keeps a copy of
them in the frame; what a coroutine holds is told by the garbage collector.
"""

from __future__ import annotations

import gc
from types import (
    AsyncGeneratorType,
    CoroutineType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
)

from asyncio_core.awaiting.futures import _PyFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any

# Flags of code objects, as `inspect` calls them.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200

_KINDS = (
    (_ITERABLE_COROUTINE, "coroutine"),
    (_ASYNC_GENERATOR, "async generator"),
    (_GENERATOR, "generator"),
)

# What the interpreter puts between a coroutine and what it drives; it tells of the latter to the collector only.
_BETWEEN = frozenset(
    ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper")
)
_DRIVEN = (CoroutineType, GeneratorType, AsyncGeneratorType)

# What a future's __await__() does is not for the reader.
_INSIDE = _PyFuture.__await__.__code__

#: Coroutines that are gone through at most to come to the innermost one.
DEEPEST = 20_000
#: Frames of one task that are told; of more, those at both ends.
MOST_FRAMES = 200


def coroutines(outermost: Any) -> Iterator[Any]:
    """Yield the coroutines and generators of a suspended task, from the outermost to the one that waits.

    Those inside of futures are left out.
    """
    current = outermost
    for _ in range(DEEPEST):
        kind = type(current)
        if kind is CoroutineType:
            yield current
            current = current.cr_await
        elif kind is GeneratorType:
            if current.gi_code is not _INSIDE:
                yield current
            current = current.gi_yieldfrom
        elif kind is AsyncGeneratorType:
            yield current
            current = current.ag_await
        elif kind.__name__ in _BETWEEN and kind.__module__ == "builtins":
            current = _driven_by(current)
        elif is_compiled(kind, "cr_await"):
            yield current
            current = current.cr_await
        else:
            return


def _driven_by(between: Any) -> Any:
    for held in gc.get_referents(between):
        if type(held) in _DRIVEN or type(held).__name__ in _BETWEEN:
            return held
    return None


def is_compiled(kind: type, name: str) -> bool:
    """Tell whether a type has the attribute, and reading it runs no code of Python's."""
    for base in kind.__mro__:
        found = base.__dict__.get(name)
        if found is not None:
            return type(found) in (GetSetDescriptorType, MemberDescriptorType)
    return False


# By what the interpreter's own types have the code and the frame.
_CODES = {CoroutineType: "cr_code", GeneratorType: "gi_code", AsyncGeneratorType: "ag_code"}
_FRAMES = {CoroutineType: "cr_frame", GeneratorType: "gi_frame", AsyncGeneratorType: "ag_frame"}


def code_of(coroutine: Any) -> CodeType | None:
    """Return the code of a coroutine or generator; None where it is compiled."""
    name = _CODES.get(type(coroutine))
    return None if name is None else getattr(coroutine, name)


def frame_of(coroutine: Any) -> FrameType | None:
    """Return the frame of a coroutine or generator; None where it has ended, or is compiled."""
    name = _FRAMES.get(type(coroutine))
    return None if name is None else getattr(coroutine, name)


_RUNNING = {CoroutineType: "cr_running", GeneratorType: "gi_running"}


def is_suspended(coroutine: Any) -> bool:
    """Tell whether a task's coroutine stands still; False where it is compiled, which does not tell."""
    name = _RUNNING.get(type(coroutine))
    return name is not None and not getattr(coroutine, name)


def facts_of_coroutines(chain: list[Any]) -> list[dict[str, object]]:
    """Tell where each of some coroutines stands."""
    told = []
    for coroutine in _ends_of(chain):
        if coroutine is None:
            told.append(_left_out(len(chain) - MOST_FRAMES))
            continue
        frame = frame_of(coroutine)
        if frame is not None:
            told.append(facts_of_frame(frame))
        elif type(coroutine) not in _FRAMES:
            name = getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
            told.append({"function": str(name), "file": None, "line": None, "kind": "compiled"})
    return told


def facts_of_frames(frames: list[FrameType]) -> list[dict[str, object]]:
    """Tell where each of some frames stands."""
    return [
        _left_out(len(frames) - MOST_FRAMES) if frame is None else facts_of_frame(frame)
        for frame in _ends_of(frames)
    ]


def facts_of_frame(frame: FrameType) -> dict[str, object]:
    """Tell the function of a frame, its file, and the line it is at."""
    code = frame.f_code
    return {
        "function": code.co_qualname,
        "file": code.co_filename,
        "line": frame.f_lineno,
        "kind": "coroutine" if code.co_flags & _COROUTINE else _kind_of(code.co_flags),
    }


def _ends_of(items: list[Any]) -> list[Any]:
    """Return the items, or of too many those at both ends, with None in between."""
    if len(items) <= MOST_FRAMES:
        return items
    half = MOST_FRAMES // 2
    return [*items[:half], None, *items[-half:]]


def _left_out(number: int) -> dict[str, object]:
    return {"function": f"({number} more)", "file": None, "line": None, "kind": "left out"}


def _kind_of(flags: int) -> str:
    return next((name for flag, name in _KINDS if flags & flag), "function")
