"""How tasks are shown: their repr and their stack."""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.base_futures import _class_shown, _future_repr_info, _nested_repr
from asyncio_core.awaiting.coroutines import _attribute_of, _format_coroutine
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, TextIO

    from asyncio_core.awaiting.task import Task


def _task_repr_info(task: Task[Any]) -> list[str]:
    """Return the words of a task's repr: a future's, with name, coroutine and what it waits for."""
    state, *rest = _future_repr_info(task)
    if task.cancelling() and not task.done():
        state = "cancelling"
    words = [state, f"name={task.get_name()!r}"]
    if (coro := task.get_coro()) is not None:
        words.append(f"coro=<{_format_coroutine(coro)}>")
    if task._fut_waiter is not None:
        words.append(f"wait_for={task._fut_waiter!r}")
    return words + rest


@_nested_repr
def _task_repr(task: Task[Any]) -> str:
    """Return ``<Task state …>``."""
    return f"<{_class_shown(task)} {' '.join(_task_repr_info(task))}>"


def _task_get_stack(task: Task[Any], limit: int | None) -> list[FrameType]:
    """Return the frames of the coroutine's stack, or of its exception's traceback, oldest first.

    Of a stack, *limit* keeps the newest frames; of a traceback, the oldest.
    """
    frames: list[FrameType] = []
    frame = _attribute_of(task.get_coro(), "frame")
    if frame is not None:
        while frame is not None and (limit is None or len(frames) < limit):
            frames.append(frame)
            frame = frame.f_back
        frames.reverse()
    elif task._exception is not None:
        entry = task._exception.__traceback__
        while entry is not None and (limit is None or len(frames) < limit):
            frames.append(entry.tb_frame)
            entry = entry.tb_next
    return frames


def _task_print_stack(task: Task[Any], limit: int | None, file: TextIO | None) -> None:
    """Print what ``_task_get_stack()`` returns in the form of a traceback."""
    import traceback

    error = task._exception
    frames = task.get_stack(limit=limit)
    if not frames:
        print(f"No stack for {task!r}", file=file)
        return
    title = "Stack" if error is None else "Traceback"
    print(f"{title} for {task!r} (most recent call last):", file=file)
    # Of a frame in a traceback, the line it is at now is not always the one that raised.
    lines = {}
    entry = error.__traceback__ if error is not None else None
    while entry is not None:
        lines[id(entry.tb_frame)] = entry.tb_lineno
        entry = entry.tb_next
    summary = traceback.StackSummary.extract(
        (frame, lines.get(id(frame), frame.f_lineno)) for frame in frames
    )
    print("".join(summary.format()), file=file, end="")
    if error is not None:
        for line in traceback.format_exception_only(error):
            print(line, file=file, end="")


lend_names(
    __name__,
    "base_futures",
    "coroutines",
    "linecache",
    "reprlib",
    "traceback",
)

leave_to_checkers(__name__)
