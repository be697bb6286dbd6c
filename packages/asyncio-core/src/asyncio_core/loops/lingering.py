"""What keeps a program from ending: tasks that were cancelled and do not end, told in the log."""

from __future__ import annotations

from asyncio_core import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

# Seconds that tasks may take to end before they are named.
_PATIENCE = 5.0
# Tasks that are told of, of more.
_MOST_TOLD = 20


def name_after_a_while(loop: AbstractEventLoop, tasks: Iterable[Any]) -> Any:
    """Have those of some cancelled tasks named that have not ended after a while; return the timer for it."""
    return loop.call_later(_PATIENCE, _name_late_ones, list(tasks))


def _name_late_ones(tasks: list[Any]) -> None:
    name(tasks, f"{_PATIENCE:.0f} seconds after they were cancelled, at the end of the run,")


def name(tasks: Iterable[Any], when: str) -> None:
    """Log which of some tasks have not ended, and where they stand; nothing where all have."""
    left = [task for task in tasks if not task.done()]
    if not left:
        return
    name_of, tell = _tellers()
    left.sort(key=name_of)
    told = [*map(tell, left[:_MOST_TOLD])]
    if len(left) > _MOST_TOLD:
        told.append(f"… and {len(left) - _MOST_TOLD} more")
    number = "1 task has" if len(left) == 1 else f"{len(left)} tasks have"
    log.logger.warning("%s %s not ended:\n%s", when, number, "\n".join(told))


def _tellers() -> tuple[Callable[[Any], str], Callable[[Any], str]]:
    """Return what tells a task's name, and what tells where it stands."""
    try:
        # Large, and of no use to programs that end.
        from asyncio_core.awaiting.asking import name_of
        from asyncio_core.awaiting.graph import format_call_graph
    except (ImportError, OSError):
        # Nothing can be loaded: there is no descriptor left, or another root folder.
        return lambda task: str(task.get_name()), repr
    return name_of, format_call_graph


def asked_to_end(tasks: Iterable[Any]) -> list[Any]:
    """Return those tasks that were cancelled, as far as they tell."""
    return [task for task in tasks if getattr(task, "cancelling", int)()]
