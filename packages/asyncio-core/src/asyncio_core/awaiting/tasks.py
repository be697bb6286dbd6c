"""The face of everything about tasks: the names of the standard ``asyncio.tasks``.

The work is done in three places: ``task_registry`` knows which tasks there are, ``task`` drives
coroutines, ``combinators`` waits for several things together.
"""

from __future__ import annotations

import sys

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.combinators import (
    ALL_COMPLETED as ALL_COMPLETED,
)
from asyncio_core.awaiting.combinators import (
    FIRST_COMPLETED as FIRST_COMPLETED,
)
from asyncio_core.awaiting.combinators import (
    FIRST_EXCEPTION as FIRST_EXCEPTION,
)
from asyncio_core.awaiting.combinators import (
    _GatheringFuture as _GatheringFuture,
)
from asyncio_core.awaiting.combinators import (
    _log_on_exception as _log_on_exception,
)
from asyncio_core.awaiting.combinators import (
    as_completed as as_completed,
)
from asyncio_core.awaiting.combinators import (
    ensure_future as ensure_future,
)
from asyncio_core.awaiting.combinators import (
    gather as gather,
)
from asyncio_core.awaiting.combinators import (
    run_coroutine_threadsafe as run_coroutine_threadsafe,
)
from asyncio_core.awaiting.combinators import (
    shield as shield,
)
from asyncio_core.awaiting.combinators import (
    sleep as sleep,
)
from asyncio_core.awaiting.combinators import (
    wait as wait,
)
from asyncio_core.awaiting.combinators import (
    wait_for as wait_for,
)
from asyncio_core.awaiting.completing import _AsCompletedIterator as _AsCompletedIterator
from asyncio_core.awaiting.futures import Future as Future
from asyncio_core.awaiting.task import (
    Task as Task,
)
from asyncio_core.awaiting.task import (
    _PyTask as _PyTask,
)
from asyncio_core.awaiting.task import (
    _set_task_name as _set_task_name,
)
from asyncio_core.awaiting.task import (
    _task_name_counter as _task_name_counter,
)
from asyncio_core.awaiting.task import (
    create_eager_task_factory as create_eager_task_factory,
)
from asyncio_core.awaiting.task import (
    create_task as create_task,
)
from asyncio_core.awaiting.task import (
    eager_task_factory as eager_task_factory,
)
from asyncio_core.awaiting.task_registry import (
    _current_tasks as _current_tasks,
)
from asyncio_core.awaiting.task_registry import (
    _eager_tasks as _eager_tasks,
)
from asyncio_core.awaiting.task_registry import (
    _enter_task as _enter_task,
)
from asyncio_core.awaiting.task_registry import (
    _leave_task as _leave_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_all_tasks as _py_all_tasks,
)
from asyncio_core.awaiting.task_registry import (
    _py_current_task as _py_current_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_enter_task as _py_enter_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_leave_task as _py_leave_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_register_eager_task as _py_register_eager_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_register_task as _py_register_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_swap_current_task as _py_swap_current_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_unregister_eager_task as _py_unregister_eager_task,
)
from asyncio_core.awaiting.task_registry import (
    _py_unregister_task as _py_unregister_task,
)
from asyncio_core.awaiting.task_registry import (
    _register_eager_task as _register_eager_task,
)
from asyncio_core.awaiting.task_registry import (
    _register_task as _register_task,
)
from asyncio_core.awaiting.task_registry import (
    _scheduled_tasks as _scheduled_tasks,
)
from asyncio_core.awaiting.task_registry import (
    _swap_current_task as _swap_current_task,
)
from asyncio_core.awaiting.task_registry import (
    _unregister_eager_task as _unregister_eager_task,
)
from asyncio_core.awaiting.task_registry import (
    _unregister_task as _unregister_task,
)
from asyncio_core.awaiting.task_registry import (
    all_tasks as all_tasks,
)
from asyncio_core.awaiting.task_registry import (
    current_task as current_task,
)
from asyncio_core.awaiting.waiting import (
    __sleep0 as __sleep0,
)
from asyncio_core.awaiting.waiting import (
    _cancel_and_wait as _cancel_and_wait,
)
from asyncio_core.awaiting.waiting import (
    _release_waiter as _release_waiter,
)
from asyncio_core.awaiting.waiting import (
    _wait as _wait,
)
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names
from asyncio_core.twins import twins

TYPE_CHECKING = False

if not TYPE_CHECKING and twins is not None:
    # The compiled ones, under the names by which suites tell them from those of Python.
    from asyncio_core.awaiting.task import _CTask as _CTask
    from asyncio_core.awaiting.task_registry import (
        _c_all_tasks as _c_all_tasks,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_current_task as _c_current_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_enter_task as _c_enter_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_leave_task as _c_leave_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_register_eager_task as _c_register_eager_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_register_task as _c_register_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_swap_current_task as _c_swap_current_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_unregister_eager_task as _c_unregister_eager_task,
    )
    from asyncio_core.awaiting.task_registry import (
        _c_unregister_task as _c_unregister_task,
    )

if sys.version_info < (3, 12):
    from asyncio_core.awaiting.task_registry import (
        _all_tasks as _all_tasks,
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

make_face(
    __name__,
    (
        "awaiting.combinators",
        "awaiting.completing",
        "awaiting.waiting",
        "awaiting.task",
        "awaiting.task_registry",
        "scheduling.task_making",
        "awaiting.graph",
        "loops.runners",
        "awaiting.taskgroups",
        "awaiting.timeouts",
    ),
)


lend_names(
    __name__,
    "GenericAlias=types:GenericAlias",
    "base_tasks",
    "concurrent",
    "contextvars",
    "coroutines",
    "events",
    "exceptions",
    "functools",
    "futures",
    "inspect",
    "itertools",
    "math",
    "queues=asyncio_sync.queues",
    "timeouts",
    "types",
    "warnings",
    "weakref",
)

leave_to_checkers(__name__)
