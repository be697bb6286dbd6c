"""What a process and its loop hold: descriptors, children, threads, temporary files; tasks, timers, watched descriptors."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any


class Held:
    """What the process holds at one moment, for `left()` to tell what there is more later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors = _descriptors()
        self._threads = set(threading.enumerate())
        self._files = _files(folder)
        #: Children that stay, such as who serves forks.
        self.children = frozenset(_children())

    def left(self) -> list[str]:
        """Return what the process holds more than then, each in a few words."""
        now = _descriptors()
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
        return found + [f"child process {pid}" for pid in _children() - self.children]


class HeldByLoop:
    """What a loop holds at one moment."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._watched = _watched(loop)
        self._tasks = set(asyncio.all_tasks(loop))
        self._children = _children()

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
        return found + [f"child process {pid}" for pid in _children() - self._children]


def _watched(loop: Any) -> set[int]:
    return set(loop._selector.get_map())


def _descriptors() -> dict[int, str]:
    """Return what each open descriptor is, by its number; a socket's inode tells it from another one."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            pass  # what the folder itself was listed with
    return found


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _has_children() -> bool:
    """Tell whether there is a child that runs, or that nobody has reaped."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_children(but: frozenset[int]) -> None:
    """End children that are left, for the next point not to find them."""
    for pid in _children() - but:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _children() -> set[int]:
    """Return which children run, or have been reaped by nobody."""
    found: set[int] = set()
    if not _has_children():
        return found
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which is in parentheses: the state, and the parent.
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it has just ended
        if int(parent) == os.getpid():
            found.add(int(path.parent.name))
    return found
