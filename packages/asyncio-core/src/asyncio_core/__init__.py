"""The core of asyncio: futures, tasks and the base of event loops, with no dependency.

Each folder is a room, and its first comment tells the way in. Imports run down this list only; for types
alone they may run up, out of `interfaces`:

    inspecting    what all tasks and loops do just now, for who looks from outside
    testing       loops to test programs on
    windows       what the loops of Windows have in common
    loops         a loop put together, and run
    tls           between a transport and a protocol
    connections   from an address to a transport
    scheduling    what a turn of the loop is made of
    awaiting      futures, tasks, and all that waits
    choosing      which loop
    interfaces    what loops, transports and protocols promise each other

and the modules beside them, which everything may use: exceptions, constants, log, format_helpers; `moments` and
`null_characters`, which refuse what cannot be; `faces`, `lent_names` and `seen_as`, by which tools find what they
know from the standard library; `annotations`, which tells whom types are for; `twins`, which finds the compiled forms. Read `awaiting` first, and
`loops.base_events` then.

Loops that do input and output are distributions of their own, found through entry points. Core imports
none of its siblings. Names are loaded when they are first used (PEP 562).
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from asyncio_core.awaiting.coroutines import coroutine as coroutine
    from asyncio_core.awaiting.coroutines import iscoroutine as iscoroutine
    from asyncio_core.awaiting.coroutines import iscoroutinefunction as iscoroutinefunction
    from asyncio_core.awaiting.futures import Future as Future
    from asyncio_core.awaiting.futures import future_add_to_awaited_by as future_add_to_awaited_by
    from asyncio_core.awaiting.futures import (
        future_discard_from_awaited_by as future_discard_from_awaited_by,
    )
    from asyncio_core.awaiting.futures import isfuture as isfuture
    from asyncio_core.awaiting.futures import wrap_future as wrap_future
    from asyncio_core.awaiting.graph import FrameCallGraphEntry as FrameCallGraphEntry
    from asyncio_core.awaiting.graph import FutureCallGraph as FutureCallGraph
    from asyncio_core.awaiting.graph import capture_call_graph as capture_call_graph
    from asyncio_core.awaiting.graph import format_call_graph as format_call_graph
    from asyncio_core.awaiting.graph import print_call_graph as print_call_graph
    from asyncio_core.awaiting.staggered import staggered_race as staggered_race
    from asyncio_core.awaiting.taskgroups import TaskGroup as TaskGroup
    from asyncio_core.awaiting.tasks import ALL_COMPLETED as ALL_COMPLETED
    from asyncio_core.awaiting.tasks import FIRST_COMPLETED as FIRST_COMPLETED
    from asyncio_core.awaiting.tasks import FIRST_EXCEPTION as FIRST_EXCEPTION
    from asyncio_core.awaiting.tasks import Task as Task
    from asyncio_core.awaiting.tasks import _enter_task as _enter_task
    from asyncio_core.awaiting.tasks import _leave_task as _leave_task
    from asyncio_core.awaiting.tasks import _register_task as _register_task
    from asyncio_core.awaiting.tasks import _unregister_task as _unregister_task
    from asyncio_core.awaiting.tasks import all_tasks as all_tasks
    from asyncio_core.awaiting.tasks import as_completed as as_completed
    from asyncio_core.awaiting.tasks import create_eager_task_factory as create_eager_task_factory
    from asyncio_core.awaiting.tasks import create_task as create_task
    from asyncio_core.awaiting.tasks import current_task as current_task
    from asyncio_core.awaiting.tasks import eager_task_factory as eager_task_factory
    from asyncio_core.awaiting.tasks import ensure_future as ensure_future
    from asyncio_core.awaiting.tasks import gather as gather
    from asyncio_core.awaiting.tasks import run_coroutine_threadsafe as run_coroutine_threadsafe
    from asyncio_core.awaiting.tasks import shield as shield
    from asyncio_core.awaiting.tasks import sleep as sleep
    from asyncio_core.awaiting.tasks import wait as wait
    from asyncio_core.awaiting.tasks import wait_for as wait_for
    from asyncio_core.awaiting.threads import to_thread as to_thread
    from asyncio_core.awaiting.timeouts import Timeout as Timeout
    from asyncio_core.awaiting.timeouts import timeout as timeout
    from asyncio_core.awaiting.timeouts import timeout_at as timeout_at
    from asyncio_core.choosing.loop_registry import LoopAmbiguousError as LoopAmbiguousError
    from asyncio_core.choosing.loop_registry import LoopLoadError as LoopLoadError
    from asyncio_core.choosing.loop_registry import LoopNotFoundError as LoopNotFoundError
    from asyncio_core.choosing.loop_registry import LoopSelectionError as LoopSelectionError
    from asyncio_core.choosing.policies import AbstractEventLoopPolicy as AbstractEventLoopPolicy
    from asyncio_core.choosing.policies import DefaultEventLoopPolicy as DefaultEventLoopPolicy
    from asyncio_core.exceptions import BrokenBarrierError as BrokenBarrierError
    from asyncio_core.exceptions import CancelledError as CancelledError
    from asyncio_core.exceptions import IncompleteReadError as IncompleteReadError
    from asyncio_core.exceptions import InvalidStateError as InvalidStateError
    from asyncio_core.exceptions import LimitOverrunError as LimitOverrunError
    from asyncio_core.exceptions import SendfileNotAvailableError as SendfileNotAvailableError
    from asyncio_core.exceptions import TimeoutError as TimeoutError
    from asyncio_core.interfaces.protocols import BaseProtocol as BaseProtocol
    from asyncio_core.interfaces.protocols import BufferedProtocol as BufferedProtocol
    from asyncio_core.interfaces.protocols import DatagramProtocol as DatagramProtocol
    from asyncio_core.interfaces.protocols import Protocol as Protocol
    from asyncio_core.interfaces.protocols import SubprocessProtocol as SubprocessProtocol
    from asyncio_core.interfaces.transports import BaseTransport as BaseTransport
    from asyncio_core.interfaces.transports import DatagramTransport as DatagramTransport
    from asyncio_core.interfaces.transports import ReadTransport as ReadTransport
    from asyncio_core.interfaces.transports import SubprocessTransport as SubprocessTransport
    from asyncio_core.interfaces.transports import Transport as Transport
    from asyncio_core.interfaces.transports import WriteTransport as WriteTransport
    from asyncio_core.loops.base_events import BaseEventLoop as BaseEventLoop
    from asyncio_core.loops.base_events import Server as Server
    from asyncio_core.loops.parking import ParkingEventLoop as ParkingEventLoop
    from asyncio_core.loops.parking import ParkingEventLoopPolicy as ParkingEventLoopPolicy
    from asyncio_core.loops.runners import Runner as Runner
    from asyncio_core.loops.runners import run as run
    from asyncio_core.scheduling.events import AbstractEventLoop as AbstractEventLoop
    from asyncio_core.scheduling.events import AbstractServer as AbstractServer
    from asyncio_core.scheduling.events import Handle as Handle
    from asyncio_core.scheduling.events import TimerHandle as TimerHandle
    from asyncio_core.scheduling.events import _get_running_loop as _get_running_loop
    from asyncio_core.scheduling.events import _set_running_loop as _set_running_loop
    from asyncio_core.scheduling.events import get_event_loop as get_event_loop
    from asyncio_core.scheduling.events import get_event_loop_policy as get_event_loop_policy
    from asyncio_core.scheduling.events import get_running_loop as get_running_loop
    from asyncio_core.scheduling.events import new_event_loop as new_event_loop
    from asyncio_core.scheduling.events import set_event_loop as set_event_loop
    from asyncio_core.scheduling.events import set_event_loop_policy as set_event_loop_policy
    from asyncio_core.testing.deadlock import DeadlockError as DeadlockError

    if sys.version_info < (3, 14):
        from asyncio_core.scheduling.events import get_child_watcher as get_child_watcher
        from asyncio_core.scheduling.events import set_child_watcher as set_child_watcher

__version__ = "1!0.1.0"

# What asyncio offers, up to Python 3.15, by the module that holds it; the umbrella has its table from here.
NAMES: dict[str, tuple[str, ...]] = {
    "awaiting.coroutines": ("coroutine", "iscoroutine", "iscoroutinefunction"),
    "awaiting.futures": (
        "Future",
        "future_add_to_awaited_by",
        "future_discard_from_awaited_by",
        "isfuture",
        "wrap_future",
    ),
    "awaiting.graph": (
        "FrameCallGraphEntry",
        "FutureCallGraph",
        "capture_call_graph",
        "format_call_graph",
        "print_call_graph",
    ),
    "awaiting.taskgroups": ("TaskGroup",),
    "awaiting.tasks": (
        "ALL_COMPLETED",
        "FIRST_COMPLETED",
        "FIRST_EXCEPTION",
        "Task",
        "_enter_task",
        "_leave_task",
        "_register_task",
        "_unregister_task",
        "all_tasks",
        "as_completed",
        "create_eager_task_factory",
        "create_task",
        "current_task",
        "eager_task_factory",
        "ensure_future",
        "gather",
        "run_coroutine_threadsafe",
        "shield",
        "sleep",
        "wait",
        "wait_for",
    ),
    "awaiting.threads": ("to_thread",),
    "awaiting.timeouts": ("Timeout", "timeout", "timeout_at"),
    # Small, and there wherever a loop runs: what watches a program's calls asks for it at any moment, in the
    # middle of an import for instance.
    "choosing.running_loop": ("_get_running_loop", "_set_running_loop", "get_running_loop"),
    "exceptions": (
        "BrokenBarrierError",
        "CancelledError",
        "IncompleteReadError",
        "InvalidStateError",
        "LimitOverrunError",
        "SendfileNotAvailableError",
        "TimeoutError",
    ),
    "interfaces.protocols": (
        "BaseProtocol",
        "BufferedProtocol",
        "DatagramProtocol",
        "Protocol",
        "SubprocessProtocol",
    ),
    "interfaces.transports": (
        "BaseTransport",
        "DatagramTransport",
        "ReadTransport",
        "SubprocessTransport",
        "Transport",
        "WriteTransport",
    ),
    "loops.base_events": ("BaseEventLoop", "Server"),
    "loops.runners": ("Runner", "run"),
    "scheduling.events": (
        "AbstractEventLoop",
        "AbstractServer",
        "Handle",
        "TimerHandle",
        "get_event_loop",
        "get_event_loop_policy",
        "new_event_loop",
        "set_event_loop",
        "set_event_loop_policy",
    ),
}
if sys.version_info < (3, 14):
    NAMES["scheduling.events"] += ("get_child_watcher", "set_child_watcher")

# And what only core has.
_OWN: dict[str, tuple[str, ...]] = {
    "awaiting.staggered": ("staggered_race",),
    "choosing.loop_registry": (
        "LoopAmbiguousError",
        "LoopLoadError",
        "LoopNotFoundError",
        "LoopSelectionError",
    ),
    "loops.parking": ("ParkingEventLoop", "ParkingEventLoopPolicy"),
    "testing.deadlock": ("DeadlockError",),
}

# Policies are deprecated from Python 3.14 on and warn on each use; before, they are names like others.
_POLICIES: tuple[str, ...] = ("AbstractEventLoopPolicy", "DefaultEventLoopPolicy")

if sys.version_info < (3, 14):
    _OWN["choosing.policies"] = _POLICIES
    _POLICIES = ()

_BY_MODULE = NAMES | _OWN
_HOMES = {name: module for module, names in _BY_MODULE.items() for name in names}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> object:
    if name in _HOMES:
        home = _load(_HOMES[name])
        # Bound for good, and with the other names of the module, which cost nothing any more.
        for bound in _BY_MODULE[_HOMES[name]]:
            globals().setdefault(bound, getattr(home, bound))
        return globals()[name]
    if name in _POLICIES:
        policies = _load("choosing.policies")
        policies._warn_deprecated(name)
        return getattr(policies, name)
    from asyncio_core.siblings import distribution_of

    elsewhere = distribution_of(name)
    if elsewhere is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}: the distribution {elsewhere} has it, "
        f"as {elsewhere.replace('-', '_')}.{name}"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_POLICIES})


def _load(module: str) -> "ModuleType":
    name = f"{__name__}.{module}"
    __import__(name)
    return sys.modules[name]
