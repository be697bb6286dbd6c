"""What the standard module `asyncio.events` offers, in one place.

The pieces stand in `interfaces.loop`, `handles`, and in the room `choosing`.
"""

from __future__ import annotations

import sys
import threading as threading

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing import policies
from asyncio_core.choosing.policies import _get_event_loop_policy as _get_event_loop_policy
from asyncio_core.choosing.policies import _lock as _lock
from asyncio_core.choosing.policies import _set_event_loop_policy as _set_event_loop_policy
from asyncio_core.choosing.policies import (
    get_event_loop,
    get_event_loop_policy,
    new_event_loop,
    set_event_loop,
    set_event_loop_policy,
)
from asyncio_core.choosing.running_loop import (
    _get_running_loop,
    _set_running_loop,
    get_running_loop,
)
from asyncio_core.faces import make_face
from asyncio_core.interfaces.loop import AbstractEventLoop
from asyncio_core.interfaces.server import AbstractServer
from asyncio_core.lent_names import lend_names
from asyncio_core.scheduling.handles import Handle, TimerHandle
from asyncio_core.scheduling.handles import _ThreadSafeHandle as _ThreadSafeHandle
from asyncio_core.twins import twins

TYPE_CHECKING = False

__all__: tuple[str, ...] = (
    "AbstractEventLoop",
    "AbstractServer",
    "Handle",
    "TimerHandle",
    "_get_running_loop",
    "_set_running_loop",
    "get_event_loop",
    "get_event_loop_policy",
    "get_running_loop",
    "new_event_loop",
    "set_event_loop",
    "set_event_loop_policy",
)

# The pure-Python functions under the names by which suites tell them from compiled ones. What runs in a thread is
# one fact, so where there are compiled ones, these are the same.
_py__get_running_loop = _get_running_loop
_py__set_running_loop = _set_running_loop
_py_get_event_loop = get_event_loop
_py_get_running_loop = get_running_loop

if not TYPE_CHECKING and twins is not None:
    _c__get_running_loop = _get_running_loop
    _c__set_running_loop = _set_running_loop
    _c_get_event_loop = get_event_loop
    _c_get_running_loop = get_running_loop

if sys.version_info >= (3, 14):
    from asyncio_core.choosing.policies import AbstractEventLoopPolicy as _AbstractEventLoopPolicy  # noqa: F401
    from asyncio_core.choosing.policies import (
        BaseDefaultEventLoopPolicy as _BaseDefaultEventLoopPolicy,  # noqa: F401
    )
else:
    from asyncio_core.choosing.policies import AbstractEventLoopPolicy as AbstractEventLoopPolicy
    from asyncio_core.choosing.policies import (
        BaseDefaultEventLoopPolicy as BaseDefaultEventLoopPolicy,
    )
    from asyncio_core.choosing.policies import get_child_watcher, set_child_watcher

    __all__ += ("AbstractEventLoopPolicy", "get_child_watcher", "set_child_watcher")


def __getattr__(name: str) -> object:
    # A variable, so not to be copied: None until a policy is set or first needed.
    if name == "_event_loop_policy":
        return policies._event_loop_policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Who replaces the functions that tell the running loop (as trio-asyncio does), or a class of handles, is to
# reach all that use them.
make_face(
    __name__,
    (
        "choosing.running_loop",
        "choosing.base_policies",
        "choosing.policies",
        "loops.base_events",
        "awaiting.completing",
        "awaiting.futures",
        "awaiting.graph",
        "loops.runners",
        "awaiting.staggered",
        "awaiting.task",
        "awaiting.task_registry",
        "awaiting.taskgroups",
        "awaiting.threads",
        "awaiting.timeouts",
        "scheduling.timers",
        "scheduling.turn",
        "awaiting.waiting",
    ),
)


lend_names(
    __name__,
    "warnings",
    "on_fork=asyncio_core.choosing.running_loop:_forget_after_fork",
    "_running_loop=asyncio_core.choosing.running_loop:_slot",
    "_RunningLoop=asyncio_core.choosing.running_loop:_Slot",
    "contextvars",
    "format_helpers",
    "os",
    "signal",
    "socket",
    "subprocess",
    known=lambda: ("_event_loop_policy",),
)

leave_to_checkers(__name__)
