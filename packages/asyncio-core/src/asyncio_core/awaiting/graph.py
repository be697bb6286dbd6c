"""The call graph: which coroutines a task is in, and which tasks wait for it.

The stack of one task ends where the task begins. Who waits for the task is known to its future
(``future_add_to_awaited_by()``), and so on from task to task: together that is a graph. Many tasks can
wait for one, one for many, and tasks can wait for each other in a ring. Each future is therefore
visited once, without recursion: shared parts of the graph are shared in the capture, rings are cut
where they close, and in print a future whose entry stands further up is only named again. Time and
space are linear in the number of futures, frames and links.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import FrameType, GeneratorType

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.asking import coroutine_of, name_of
from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.choosing.running_loop import _get_running_loop
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, overload

    from _typeshed import SupportsWrite

    AnyFuture = Future[Any]
else:
    # Evaluated where a data class is looked into. `typing` is not loaded for it.
    AnyFuture = Future

__all__ = (
    "FrameCallGraphEntry",
    "FutureCallGraph",
    "capture_call_graph",
    "format_call_graph",
    "print_call_graph",
)

# Flags of code objects. `inspect` has names for them, but takes long to import.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200

# Where coroutines, asynchronous and plain generators keep their frame, and what they wait for.
_SUSPENDED_ATTRIBUTES = (
    ("cr_frame", "cr_await"),
    ("ag_frame", "ag_await"),
    ("gi_frame", "gi_yieldfrom"),
)

_STEP = 4  # Columns by which those who wait are indented.
# Deeper levels are numbered, not indented: a long chain would make the text grow with its square.
_DEEPEST_INDENT = 20


@dataclass(frozen=True, slots=True)
class FrameCallGraphEntry:
    """One frame of a call stack. Added in Python 3.14."""

    frame: FrameType


@dataclass(frozen=True, slots=True)
class FutureCallGraph:
    """A future, its call stack (innermost frame first, empty unless it is a task) and who awaits it.

    The graph is immutable, yet the frames are live: they go on when their tasks do. A future that
    several others lead to is one object, found in all of their `awaited_by`. Where futures await each
    other in a ring, one of them appears a second time, without stack and without those who await it.
    Added in Python 3.14.
    """

    future: AnyFuture
    call_stack: tuple[FrameCallGraphEntry, ...]
    awaited_by: tuple[FutureCallGraph, ...] = field(hash=False)

    def __repr__(self) -> str:
        # Written out in full, the repr of a graph with shared parts has no bounds.
        return (
            f"{type(self).__name__}(future={self.future!r}, "
            f"call_stack=<{len(self.call_stack)} frames>, awaited_by=<{len(self.awaited_by)} graphs>)"
        )


if TYPE_CHECKING:

    @overload
    def capture_call_graph(
        future: None = None, /, *, depth: int = 1, limit: int | None = None
    ) -> FutureCallGraph | None: ...

    @overload
    def capture_call_graph(
        future: Future[Any], /, *, depth: int = 1, limit: int | None = None
    ) -> FutureCallGraph: ...


def capture_call_graph(
    future: Future[Any] | None = None, /, *, depth: int = 1, limit: int | None = None
) -> FutureCallGraph | None:
    """Capture the call graph of a future or task, by default of the current task.

    For the current task `depth` innermost frames are left out; 1 begins at the caller. `limit` keeps
    that many frames of each stack: positive, the outermost ones, where the tasks began; negative, the
    innermost; zero, none.

    Returns None in a callback, where there is no task. Raises RuntimeError where neither a future is
    given nor a loop runs, and TypeError for what is not a future. Added in Python 3.14.
    """
    loop = _get_running_loop()
    current = None if loop is None else current_task(loop)
    if future is None:
        if loop is None:
            raise RuntimeError(
                "the call graph of no future was asked for, and no event loop is running"
            )
        if current is None:
            return None
        future = current
    elif not isfuture(future):
        raise TypeError(f"{future!r} object does not appear to be compatible with asyncio.Future")
    if limit == 0:
        frames: list[FrameType] = []
    elif future is current:
        frames = _frames_of_running(current, sys._getframe(), depth)
    else:
        frames = _frames_of_suspended(future)
    return _capture(future, frames, limit)


def format_call_graph(
    future: Future[Any] | None = None, /, *, depth: int = 1, limit: int | None = None
) -> str:
    """Return the call graph as text, "" where there is no task.

    The arguments and exceptions are those of `capture_call_graph()`. A future that several others
    lead to is written out once and marked "(shown above)" from then on. Added in Python 3.14.
    """
    graph = capture_call_graph(future, depth=depth + 1, limit=limit)
    return "" if graph is None else "\n".join(_lines(graph))


def print_call_graph(
    future: Future[Any] | None = None,
    /,
    *,
    file: SupportsWrite[str] | None = None,
    depth: int = 1,
    limit: int | None = None,
) -> None:
    """Print the call graph to `file`, by default standard output; see `format_call_graph()`.

    Added in Python 3.14.
    """
    print(format_call_graph(future, depth=depth + 1, limit=limit), file=file)


def _frames_of_running(task: Any, frame: FrameType | None, skip: int) -> list[FrameType]:
    """Return the stack from `frame` out to where the running task's coroutine begins."""
    coroutine = coroutine_of(task)
    root = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
    frames: list[FrameType] = []
    outermost_coroutine = 0
    while frame is not None:
        frames.append(frame)
        if frame is root:
            break
        if frame.f_code.co_flags & (_COROUTINE | _ASYNC_GENERATOR | _ITERABLE_COROUTINE):
            outermost_coroutine = len(frames)
        frame = frame.f_back
    else:
        # A compiled coroutine has no frame to stop at. What lies outside of the outermost
        # coroutine that has one is the loop, and who runs it.
        del frames[outermost_coroutine:]
    return frames[skip:]


def _frames_of_suspended(future: Any) -> list[FrameType]:
    """Return the stack of a task that does not run just now; none for a plain future."""
    awaited = None if getattr(future, "get_coro", None) is None else coroutine_of(future)
    frames = []
    while awaited is not None:
        frame, awaited = _look_into(awaited)
        if frame is not None:
            frames.append(frame)
    frames.reverse()
    return frames


def _look_into(awaitable: Any) -> tuple[FrameType | None, Any]:
    """Return the frame of a suspended coroutine or generator and what that waits for.

    Both are None for other awaitables, the frame also where the coroutine has ended.
    """
    for frame_attribute, next_attribute in _SUSPENDED_ATTRIBUTES:
        if hasattr(awaitable, next_attribute):
            frame = getattr(awaitable, frame_attribute, None)
            if isinstance(awaitable, GeneratorType) and not _is_generator_coroutine(frame):
                # The inside of somebody's __await__(), such as a future's, is not for the reader.
                frame = None
            return frame, getattr(awaitable, next_attribute)
    return None, None


def _is_generator_coroutine(frame: FrameType | None) -> bool:
    return frame is not None and bool(frame.f_code.co_flags & _ITERABLE_COROUTINE)


class _Visit:
    """A future on the way from the first one to the one that is visited now."""

    __slots__ = ("awaiters", "found", "frames", "future")

    def __init__(self, future: Any, frames: list[FrameType]) -> None:
        self.future = future
        self.frames = frames
        self.awaiters: Iterator[Any] = iter(getattr(future, "_asyncio_awaited_by", None) or ())
        self.found: list[FutureCallGraph] = []


def _capture(future: Any, frames: list[FrameType], limit: int | None) -> FutureCallGraph:
    """Build the graph, depth first, visiting each future once."""
    finished: dict[int, FutureCallGraph] = {}
    path = [_Visit(future, frames)]
    on_path = {id(future)}
    while True:
        visit = path[-1]
        for awaiter in visit.awaiters:
            key = id(awaiter)
            if key in finished:
                visit.found.append(finished[key])
            elif key in on_path:
                visit.found.append(FutureCallGraph(awaiter, (), ()))
            else:
                path.append(_Visit(awaiter, [] if limit == 0 else _frames_of_suspended(awaiter)))
                on_path.add(key)
                break
        else:
            graph = FutureCallGraph(
                visit.future, tuple(_entries(visit.frames, limit)), tuple(visit.found)
            )
            path.pop()
            if not path:
                return graph
            path[-1].found.append(graph)
            finished[id(visit.future)] = graph
            on_path.remove(id(visit.future))


def _entries(frames: list[FrameType], limit: int | None) -> Iterable[FrameCallGraphEntry]:
    if limit is not None:
        frames = frames[-limit:] if limit > 0 else frames[:-limit]
    return map(FrameCallGraphEntry, frames)


def _lines(graph: FutureCallGraph) -> Iterator[str]:
    """Write the graph out, each future once."""
    shown = set()
    waiting = [(graph, 0)]
    while waiting:
        node, level = waiting.pop()
        margin = " " * (_STEP * min(level, _DEEPEST_INDENT))
        head = f"{margin}* {_title(node.future)}"
        if level > _DEEPEST_INDENT:
            head += f" [level {level}]"
        if id(node.future) in shown:
            yield f"{head} (shown above)"
            continue
        shown.add(id(node.future))
        yield head
        if node.call_stack:
            yield f"{margin}  + Call stack:"
            for entry in node.call_stack:
                yield f"{margin}  |   {_describe(entry.frame)}"
        if node.awaited_by:
            yield f"{margin}  + Awaited by:"
            waiting.extend((awaiter, level + 1) for awaiter in reversed(node.awaited_by))


def _title(future: Any) -> str:
    if getattr(future, "get_name", None) is None:
        return f"Future(id={id(future):#x})"
    return f"Task(name={name_of(future)!r}, id={id(future):#x})"


def _describe(frame: FrameType) -> str:
    code = frame.f_code
    kind = ""
    if code.co_flags & _COROUTINE:
        kind = "async "
    elif code.co_flags & _ASYNC_GENERATOR:
        kind = "async generator "
    elif code.co_flags & _GENERATOR:
        kind = "generator "
    return f"File {code.co_filename!r}, line {frame.f_lineno}, in {kind}{code.co_qualname}()"


lend_names(
    __name__,
    "dataclasses",
    "events",
    "futures",
    "io",
    "tasks",
    "types",
)

leave_to_checkers(__name__)
