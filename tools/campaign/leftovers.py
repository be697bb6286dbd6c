"""What a process and its loop hold: descriptors, children, threads, temporary files; tasks, timers, watched descriptors."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    from held_on_windows import children, descriptors, end_child
else:
    from held_on_linux import children, descriptors, end_child

if TYPE_CHECKING:
    from pathlib import Path


class Held:
    """What the process holds at one moment, for `left()` to tell what there is more later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors = descriptors()
        self._threads = set(threading.enumerate())
        self._files = _files(folder)
        #: Children that stay, such as who serves forks.
        self.children = frozenset(children())

    def left(self) -> list[str]:
        """Return what the process holds more than then, each in a few words."""
        now = descriptors()
        found = [
            f"descriptor {number}: {what}"
            for number, what in now.items()
            if self._descriptors.get(number) != what
        ]
        found += [
            f"descriptor {number} was closed: {what}"
            for number, what in self._descriptors.items()
            if number not in now
        ]
        new = set(threading.enumerate()) - self._threads
        found += [f"thread {thread.name}" for thread in new]
        found += [f"file {name}" for name in _files(self._folder) - self._files]
        return found + [f"child process {pid}" for pid in children() - self.children]


class HeldByLoop:
    """What a loop holds at one moment."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._watched = _watched(loop)
        self._tasks = set(asyncio.all_tasks(loop))
        self._children = children()

    def left(self) -> list[str]:
        """Return what the loop holds more than then; called in one of its tasks, which does not count."""
        loop = self._loop
        tasks = asyncio.all_tasks(loop) - self._tasks - {asyncio.current_task(loop)}
        found = [f"task {task.get_coro()!r}" for task in tasks]
        found += [f"timer {handle!r}" for handle in loop._scheduled if not handle.cancelled()]
        watched = _watched(loop)
        # The pair that wakes the loop may have been replaced by another one.
        if len(watched) > len(self._watched):
            found += [f"descriptor {number} is watched" for number in watched - self._watched]
        return found + [f"child process {pid}" for pid in children() - self._children]


def _watched(loop: Any) -> set[Any]:
    """Return what the loop waits for: descriptors, or, on a completion port, what is under way."""
    selector = loop._selector
    get_map = getattr(selector, "get_map", None)
    return set(selector._pending if get_map is None else get_map())


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def end_children(but: frozenset[int]) -> None:
    """End children that are left, for the next point not to find them."""
    for pid in children() - but:
        end_child(pid)
