"""All tasks of all loops of this process, as facts that JSON can hold.

The snapshot may be taken from any thread, at any moment, also while a loop is blocked. It sets no attribute, makes no
task, runs no code of the program's but methods of its own classes of tasks, and asks no loop to do anything. What changes while it
looks may be told as it was before or after; a task that goes away meanwhile is left out. One whose class fails to tell of itself is
told with what can be read.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from asyncio_core.awaiting.asking import coroutine_of, is_done, loop_of, name_of
from asyncio_core.awaiting.graph import _frames_of_running
from asyncio_core.awaiting.task_registry import _current_tasks, _known_tasks
from asyncio_core.inspecting.completing import Completers
from asyncio_core.inspecting.loop_facts import Timers, facts_of_loop
from asyncio_core.inspecting.stacks import (
    coroutines,
    facts_of_coroutines,
    facts_of_frames,
    is_suspended,
)
from asyncio_core.inspecting.waits import MOST_NAMED, awaiters_of, facts_of_wait
from asyncio_core.scheduling.known_loops import known_loops
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from asyncio_core.inspecting.waiting_since import WaitingSince

#: Changes when what is told would be misunderstood by who knows an earlier form.
FORMAT = 1


def snapshot() -> dict[str, Any]:
    """Return what all tasks and loops of this process do just now, as dicts, lists, strings and numbers.

    ``"loops"`` lists the loops that are not closed and ``"tasks"`` the tasks that are not done, both with an ``"id"`` by
    which they name each other. A task has a ``"name"``, a ``"state"`` (running, ready, waiting), its ``"stack"``, outermost
    coroutine first, what it ``"waits_for"``, and by which tasks it is ``"awaited_by"``; a loop has its ``"thread"``, how
    many callbacks are ``"ready"``, how many ``"timers"`` and ``"descriptors"`` it watches, and, while it runs a
    ``"callback"``, the stack of that. Times are in seconds.

    May be called from any thread. It changes nothing. Added in version 0.1.0.
    """
    return snapshot_for(sys._getframe(1))


def snapshot_for(asker: FrameType | None, since: WaitingSince | None = None) -> dict[str, Any]:
    """Return a snapshot in which this thread stands at a frame of its own, from which it looks.

    With `since`, which knows the looks before, tasks that wait have the seconds that they have ``"waited_at_least"``.
    """
    tasks = _known_tasks()
    if since is not None:
        since.look()
    try:
        return _facts(tasks, asker, since)
    finally:
        _give_back(tasks)


def _facts(tasks: list[Any], asker: FrameType | None, since: WaitingSince | None) -> dict[str, Any]:
    loops = {id(loop): loop for loop in known_loops()}
    for task in tasks:
        loop = loop_of(task)
        if loop is not None:
            loops.setdefault(id(loop), loop)
    threads = sys._current_frames()
    # What looks is no part of the picture.
    del threads[threading.get_ident()]
    if asker is not None:
        threads[threading.get_ident()] = asker
    views = {}
    for key, loop in loops.items():
        try:
            views[key] = _LoopView(loop, threads)
        except Exception:
            continue  # Of another kind, and it cannot be asked.
    waiting = [task for task in tasks if not is_done(task)]
    completers = Completers(waiting)
    told = []
    for task in waiting:
        view = views.get(id(loop_of(task)))
        if view is not None:
            facts = _facts_of_task(task, view)
            told.append(facts)
            try:
                _add_where_it_stands(facts, task, view, completers, since)
            except Exception:
                # It went on, or ended, while it was looked at; or it is of another kind and cannot be asked. What is told of
                # it by now is true.
                continue
    told.sort(key=_order)
    _name_what_is_waited_for(told)
    _name_who_awaits(told)
    return {
        "format": FORMAT,
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "form": "pure" if twins is None else "compiled",
        "taken": time.time(),
        "loops": [view.facts for view in views.values()],
        "tasks": told,
    }


class _LoopView:
    """A loop while it is looked at."""

    def __init__(self, loop: Any, threads: dict[int, FrameType]) -> None:
        self.timers = Timers(loop)
        thread = getattr(loop, "_thread_id", None)
        self.frame = None if thread is None else threads.get(thread)
        self.facts = facts_of_loop(loop, self.timers, self.frame)
        self.current = _current_tasks.get(loop)
        self.facts["task"] = None if self.current is None else id(self.current)


def _facts_of_task(task: Any, view: _LoopView) -> dict[str, Any]:
    return {
        "id": id(task),
        "name": name_of(task),
        "loop": view.facts["id"],
        "state": "waiting",
        "stack": [],
        "waits_for": None,
        "awaited_by": [],
    }


def _add_where_it_stands(
    told: dict[str, Any],
    task: Any,
    view: _LoopView,
    completers: Completers,
    since: WaitingSince | None,
) -> None:
    told["awaited_by"] = awaiters_of(task)
    coroutine = coroutine_of(task)
    if task is view.current:
        told["state"] = "running"
        if is_suspended(coroutine):
            # It is current, and its coroutine not entered yet, or left already.
            told["stack"] = facts_of_coroutines(list(coroutines(coroutine)))
        elif view.frame is not None:
            frames = _frames_of_running(task, view.frame, 0)
            told["stack"] = facts_of_frames(frames[::-1])
        return
    chain = list(coroutines(coroutine))
    told["stack"] = facts_of_coroutines(chain)
    future = getattr(task, "_fut_waiter", None)
    if future is None or future.done():
        # What it waited for is done, it has not begun yet, or it gave way to others.
        told["state"] = "ready"
    else:
        told["waits_for"] = facts_of_wait(future, chain, view.timers, completers)
        if since is not None:
            told["waited_at_least"] = round(since.seconds(task, future), 3)


def _name_what_is_waited_for(tasks: list[dict[str, Any]]) -> None:
    """Tell of a task that waits for a future of its own which tasks complete that: `asyncio.wait()` does so."""
    places = {task["id"]: place for place, task in enumerate(tasks)}
    waited: dict[int, list[int]] = {}
    for task in tasks:
        for awaiter in task["awaited_by"]:
            waited.setdefault(awaiter, []).append(task["id"])
    for task in tasks:
        ids = waited.get(task["id"])
        if ids and task["waits_for"] is not None and task["waits_for"]["kind"] == "future":
            task["waits_for"] = {"kind": "tasks", "left": len(ids), "ids": ids[:MOST_NAMED]}
        elif task["waits_for"] is not None and task["waits_for"]["kind"] == "tasks":
            task["waits_for"]["ids"].sort(key=lambda key: places.get(key, -1))


def _name_who_awaits(tasks: list[dict[str, Any]]) -> None:
    """Tell of a task that others wait for by way of `gather()` or `shield()` who they are, which need not have called those."""
    awaiters = {task["id"]: dict.fromkeys(task["awaited_by"]) for task in tasks}
    for task in tasks:
        facts = task["waits_for"]
        for key in () if facts is None else facts.get("ids", ()):
            if key in awaiters:
                awaiters[key][task["id"]] = None
    for task in tasks:
        task["awaited_by"] = list(awaiters[task["id"]])


def _order(task: dict[str, Any]) -> tuple[int, str, int]:
    """Return what puts Task-2 before Task-10, and what has a name of its own before both."""
    name = task["name"]
    head, _, number = name.rpartition("-")
    if head == "Task" and number.isdecimal():
        return 1, "", int(number)
    return 0, name, 0


def _give_back(tasks: list[Any]) -> None:
    """Let go of the tasks; of one that was dropped meanwhile, in the thread that may end it."""
    while tasks:
        # The list, and the call.
        if sys.getrefcount(tasks[-1]) <= 2 and not is_done(tasks[-1]):
            try:
                loop_of(tasks[-1]).call_soon_threadsafe(_forget, [tasks.pop()])
            except Exception:
                continue  # The loop is closed: nobody is there to end it.
        else:
            tasks.pop()


def _forget(tasks: list[Any]) -> None:
    tasks.clear()
