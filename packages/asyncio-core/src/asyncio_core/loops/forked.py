"""What a forked child does with the loop that its parent runs, once it leaves it by an exception: nothing.

To end the tasks there is to run them, and the program's own clearing up with them: it would end the parent's connections, to whose
sockets the child has descriptors of its own, and its children.
"""

from __future__ import annotations

from contextlib import suppress

from asyncio_core.awaiting.task_registry import all_tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

# The tasks of parents, which are not freed: freeing a coroutine runs its `finally` clauses.
_left: list[set[Any]] = []


def leave(loop: AbstractEventLoop) -> None:
    """Close the child's copy of a loop, and let its tasks be."""
    tasks: set[Any] = all_tasks(loop)
    for task in tasks:
        with suppress(AttributeError):  # a task of another kind
            task._log_destroy_pending = False
    _left.append(tasks)
    loop.close()
