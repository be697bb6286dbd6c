"""The face of everything about tasks: the names of the standard ``asyncio.tasks``.

The work is done in three places: ``task_registry`` knows which tasks there are, ``task`` drives
coroutines, ``combinators`` waits for several things together.
"""

from __future__ import annotations

from asyncio_core.combinators import (
    ALL_COMPLETED as ALL_COMPLETED,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    _GatheringFuture as _GatheringFuture,
    _log_on_exception as _log_on_exception,
    as_completed as as_completed,
    ensure_future as ensure_future,
    gather as gather,
    run_coroutine_threadsafe as run_coroutine_threadsafe,
    shield as shield,
    sleep as sleep,
    wait as wait,
    wait_for as wait_for,
)
from asyncio_core.futures import Future as Future
from asyncio_core.task import (
    Task as Task,
    _PyTask as _PyTask,
    _set_task_name as _set_task_name,
    create_eager_task_factory as create_eager_task_factory,
    create_task as create_task,
    eager_task_factory as eager_task_factory,
)
from asyncio_core.task_registry import (
    _current_tasks as _current_tasks,
    _eager_tasks as _eager_tasks,
    _enter_task as _enter_task,
    _leave_task as _leave_task,
    _py_all_tasks as _py_all_tasks,
    _py_current_task as _py_current_task,
    _py_enter_task as _py_enter_task,
    _py_leave_task as _py_leave_task,
    _py_register_eager_task as _py_register_eager_task,
    _py_register_task as _py_register_task,
    _py_swap_current_task as _py_swap_current_task,
    _py_unregister_eager_task as _py_unregister_eager_task,
    _py_unregister_task as _py_unregister_task,
    _register_eager_task as _register_eager_task,
    _register_task as _register_task,
    _scheduled_tasks as _scheduled_tasks,
    _swap_current_task as _swap_current_task,
    _unregister_eager_task as _unregister_eager_task,
    _unregister_task as _unregister_task,
    all_tasks as all_tasks,
    current_task as current_task,
)

__all__ = (
    "Task",
    "create_task",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "ALL_COMPLETED",
    "wait",
    "wait_for",
    "as_completed",
    "sleep",
    "gather",
    "shield",
    "ensure_future",
    "run_coroutine_threadsafe",
    "current_task",
    "all_tasks",
    "create_eager_task_factory",
    "eager_task_factory",
    "_register_task",
    "_unregister_task",
    "_enter_task",
    "_leave_task",
)
