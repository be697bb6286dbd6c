"""The error where a loop waits and nothing can come any more, with who waits for what."""

from __future__ import annotations

import re

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.asking import name_of
from asyncio_core.awaiting.graph import capture_call_graph, format_call_graph
from asyncio_core.awaiting.task_registry import all_tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from asyncio_core.awaiting.graph import FutureCallGraph
    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("DeadlockError",)

_HEAD = (
    "deadlock: nothing is ready, no timer is set, and no descriptor, thread or child process is left "
    "from which anything could come"
)
_WATCHES = "; those that are watched wait for this program itself"


class DeadlockError(RuntimeError):
    """The loop waits, and nothing can come any more.

    `tasks` are those that wait, in the order of their names; the message tells what each of them waits for, and who waits for it
    in turn. Raised out of the run of a virtual loop, a shuffled one or a chaotic one.
    """

    def __init__(self, message: str, tasks: tuple[Task[Any], ...] = ()) -> None:
        super().__init__(message)
        self.tasks = tasks


def deadlock_of(loop: AbstractEventLoop, *, watches: bool = False) -> DeadlockError:
    """Return the error for a loop in which nothing goes on; `watches` where it watches descriptors all the same."""
    tasks = tuple(sorted(all_tasks(loop), key=_by_name))
    head = _HEAD + _WATCHES * watches
    if not tasks:
        return DeadlockError(f"{head}; no task waits either")
    return DeadlockError("\n".join((f"{head}. What waits for what:", *_trees(tasks))), tasks)


def _by_name(task: Any) -> list[Any]:
    """Return what puts Task-2 before Task-10."""
    name = name_of(task)
    # Words and numbers take turns, so that like is compared with like.
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _trees(tasks: tuple[Any, ...]) -> Iterator[str]:
    """Write out each future at which a chain of tasks ends, with all that waits for it, no task twice."""
    ends = list(dict.fromkeys(map(_end_of_chain, tasks)))
    # What gathers others waits for these, and stands in their trees.
    ends.sort(key=lambda end: hasattr(end, "_children"))
    shown: set[int] = set()
    for end in ends:
        found = set(_tasks_in(capture_call_graph(end)))
        if not found <= shown:
            shown |= found
            yield format_call_graph(end)
    for task in tasks:
        # Those of others, which do not say what they wait for.
        if id(task) not in shown:
            shown.add(id(task))
            yield format_call_graph(task)


def _end_of_chain(task: Any) -> Any:
    """Follow what a task waits for, from task to task, to what is none; or to where a ring closes."""
    passed = set()
    while id(task) not in passed:
        passed.add(id(task))
        waiter = getattr(task, "_fut_waiter", None)
        if waiter is None or waiter.done():
            break
        task = waiter
    return task


def _tasks_in(graph: FutureCallGraph) -> Iterator[int]:
    """Yield the ids of all tasks in a call graph, each part of it once."""
    left, passed = [graph], set()
    while left:
        node = left.pop()
        if id(node.future) in passed:
            continue
        passed.add(id(node.future))
        if hasattr(node.future, "get_coro"):
            yield id(node.future)
        left.extend(node.awaited_by)


leave_to_checkers(__name__)
