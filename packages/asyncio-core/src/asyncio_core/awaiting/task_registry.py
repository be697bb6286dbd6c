"""Which tasks there are, and which one runs: the registry that tasks of every class share.

Pending tasks are held weakly: a task that nothing can wake any more is garbage, and says so when
it is collected. A weak reference without a callback is the cheapest registration there is, so our
tasks remove their entries themselves; tasks of other classes get a callback that does it for them.
"""

from __future__ import annotations

import os
import sys
from _weakref import ref

from asyncio_core.awaiting.futures import _get_loop
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop

# By id, since a task's class may define equality. Every access is one operation of a dict or set,
# hence safe beside other threads.
_references: dict[int, ref[Any]] = {}
# Tasks of other classes in their eager step; strongly, as nothing else may hold them yet.
_eager_tasks: set[Any] = set()
# The task that each loop is running just now.
_current_tasks: dict[AbstractEventLoop, Any] = {}

if twins is not None:
    # Ours of these have their current tasks themselves.
    _current_tasks = twins._current_tasks

if hasattr(os, "register_at_fork"):
    # The parent's loops do not run in a forked child, whatever the copies look like.
    os.register_at_fork(after_in_child=_current_tasks.clear)


def all_tasks(loop: AbstractEventLoop | None = None) -> set[Task[Any]]:
    """Return the tasks of *loop*, by default the running one, that are not done.

    May be called from any thread if *loop* is given. Raises ``RuntimeError`` without a running
    loop if it is not. Added in Python 3.7.
    """
    if loop is None:
        try:
            loop = get_running_loop()
        except BaseException as error:
            drop_own_frame(error)
            raise
    return {task for task in _known_tasks() if _get_loop(task) is loop and not task.done()}


def _known_tasks() -> list[Any]:
    """Return the tasks of all loops; some of them may be done."""
    # The snapshot comes first, in one go: other threads may be making tasks meanwhile.
    known = list(_eager_tasks)
    if twins is not None:
        known += twins._compiled_tasks()
    # Not a list of items: each is a tuple, and up to Python 3.11 making one may run the collector.
    for key, reference in _references.copy().items():
        if (task := reference()) is not None:
            known.append(task)
        elif _references.get(key) is reference:
            # A subclass of Task has a __del__ that does not call ours.
            _references.pop(key, None)
    return known


def current_task(loop: AbstractEventLoop | None = None) -> Task[Any] | None:
    """Return the task that *loop*, by default the running one, is running just now, or None.

    Raises ``RuntimeError`` if *loop* is not given and none is running. Added in Python 3.7.
    """
    if loop is not None:
        return _current_tasks.get(loop)
    try:
        return _current_tasks.get(get_running_loop())
    except BaseException as error:
        drop_own_frame(error)
        raise


def _register_task(task: Any) -> None:
    """Make *task*, of any class, known to ``all_tasks()``; it is not kept alive.

    Added in Python 3.7.
    """
    key = id(task)

    def forget(reference: ref[Any]) -> None:
        # The id may be another task's by now.
        if _references.get(key) is reference:
            del _references[key]

    _references[key] = ref(task, forget)


def _unregister_task(task: Any) -> None:
    """Undo ``_register_task(task)``; no error if it was not registered. Added in Python 3.7."""
    _references.pop(id(task), None)


def _register_eager_task(task: Any) -> None:
    """Make *task* known to ``all_tasks()`` while its eager step runs. Added in Python 3.12."""
    _eager_tasks.add(task)


def _unregister_eager_task(task: Any) -> None:
    """Undo ``_register_eager_task(task)``. Added in Python 3.12."""
    _eager_tasks.discard(task)


def _enter_task(loop: AbstractEventLoop, task: Any) -> None:
    """Make *task* the current one of *loop*; ``RuntimeError`` if there is one already.

    Added in Python 3.7.
    """
    if (running := _current_tasks.setdefault(loop, task)) is not task:
        raise RuntimeError(f"cannot enter {task!r} while {running!r} is being executed")


def _leave_task(loop: AbstractEventLoop, task: Any) -> None:
    """End what ``_enter_task()`` began; ``RuntimeError`` if *task* is not the current one.

    Added in Python 3.7.
    """
    if (running := _current_tasks.get(loop)) is not task:
        raise RuntimeError(f"cannot leave {task!r} while {running!r} is the current task")
    del _current_tasks[loop]


def _swap_current_task(loop: AbstractEventLoop, task: Any | None) -> Any | None:
    """Make *task*, or none, the current one of *loop*; return which was. Added in Python 3.12."""
    previous = _current_tasks.pop(loop, None)
    if task is not None:
        _current_tasks[loop] = task
    return previous


class _ScheduledTasks:
    """The registry as the weak set of tasks that tools look for in ``tasks``; made once.

    Profilers take ``data``, a weak set's own set of references, read the interpreter's tasks of C
    in it out of memory, and go on doing so. Tasks of Python have nothing to show there; it stays empty.
    """

    def __init__(self) -> None:
        self.data: set[ref[Any]] = set()

    def __iter__(self) -> Iterator[Any]:
        if twins is not None:
            yield from twins._compiled_tasks()
        for reference in list(_references.values()):
            if (task := reference()) is not None:
                yield task

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, task: object) -> bool:
        reference = _references.get(id(task))
        if reference is not None:
            return reference() is task
        return twins is not None and any(task is other for other in twins._compiled_tasks())

    def add(self, task: Any) -> None:
        """Make *task* known to ``all_tasks()``."""
        _register_task(task)

    def discard(self, task: Any) -> None:
        """Undo ``add(task)``; no error if it is not there."""
        _unregister_task(task)


_scheduled_tasks = _ScheduledTasks()
if sys.version_info < (3, 12):
    _all_tasks = _scheduled_tasks

_py_all_tasks = all_tasks
_py_current_task = current_task
_py_register_task = _register_task
_py_unregister_task = _unregister_task
_py_register_eager_task = _register_eager_task
_py_unregister_eager_task = _unregister_eager_task
_py_enter_task = _enter_task
_py_leave_task = _leave_task
_py_swap_current_task = _swap_current_task

if not TYPE_CHECKING and twins is not None:
    all_tasks = _c_all_tasks = twins.all_tasks
    current_task = _c_current_task = twins.current_task
    _register_task = _c_register_task = twins._register_task
    _unregister_task = _c_unregister_task = twins._unregister_task
    _c_register_eager_task = _register_eager_task
    _c_unregister_eager_task = _unregister_eager_task
    _enter_task = _c_enter_task = twins._enter_task
    _leave_task = _c_leave_task = twins._leave_task
    _swap_current_task = _c_swap_current_task = twins._swap_current_task
    twins.know(
        registry=globals(),
        _py_all_tasks=_py_all_tasks,
        _py_register_task=_py_register_task,
        _py_unregister_task=_py_unregister_task,
    )
