"""Locks, events, conditions, semaphores, barriers and queues for asyncio tasks.

Read `waiting` first: every wait in here is a turn in a line. The way of a wait: ``acquire()``, ``get()`` and their
kin take a turn, a future at the end of the line, and await it; ``release()`` or ``put()`` wakes the first by
completing that future; the loop's next turn steps the task, which leaves the line with what it came for.
Where nobody has to wait, no future is made and the loop has no part in it.

What each module holds:

===============  ===================================================================
``waiting``      the line that tasks stand in: who is next, who has been woken
``mixins``       the tie between such an object and the one loop that may use it
``locks``        Lock, Event, Condition, Semaphore, BoundedSemaphore (and Barrier)
``barriers``     Barrier
``queues``       Queue, PriorityQueue, LifoQueue and their exceptions
===============  ===================================================================

Two rules hold throughout. Whoever came first is served first. And a task that was woken but is
cancelled before it runs hands what it was woken for to the next in line, so that no wake-up, no
permit and no item is lost.

Names are loaded when they are first asked for (PEP 562).
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_sync.barriers import Barrier
    from asyncio_sync.locks import BoundedSemaphore, Condition, Event, Lock, Semaphore
    from asyncio_sync.queues import (
        LifoQueue,
        PriorityQueue,
        Queue,
        QueueEmpty,
        QueueFull,
        QueueShutDown,
    )

__all__ = (
    "Lock",
    "Event",
    "Condition",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "Queue",
    "PriorityQueue",
    "LifoQueue",
    "QueueFull",
    "QueueEmpty",
    "QueueShutDown",
)

__version__ = "1!0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "queues" if "Queue" in name else "locks"
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
