"""Where everything is: the one table of asyncio's submodules and public names.

`MODULES` maps each submodule of the standard asyncio to the module that is it here, and `NAMES`
lists, by submodule, what `import asyncio` offers at the top. Both hold every name up to
Python 3.15, whatever Python runs; what a Python has dropped is there only where it still has it.
"""

import sys

# asyncio.<key> is <value>: the same module object, under both names.
MODULES = {
    "base_events": "asyncio_core.loops.base_events",
    "base_futures": "asyncio_core.awaiting.base_futures",
    "base_subprocess": "asyncio_subprocess.base_subprocess",
    "base_tasks": "asyncio_core.awaiting.base_tasks",
    "constants": "asyncio_core.constants",
    "coroutines": "asyncio_core.awaiting.coroutines",
    "events": "asyncio_core.scheduling.events",
    "exceptions": "asyncio_core.exceptions",
    "format_helpers": "asyncio_core.format_helpers",
    "futures": "asyncio_core.awaiting.futures",
    "graph": "asyncio_core.awaiting.graph",
    "locks": "asyncio_sync.locks",
    "log": "asyncio_core.log",
    "mixins": "asyncio_sync.mixins",
    "proactor_events": "asyncio_iocp.proactor_events",
    "protocols": "asyncio_core.interfaces.protocols",
    "queues": "asyncio_sync.queues",
    "runners": "asyncio_core.loops.runners",
    "selector_events": "asyncio_selectors.selector_events",
    "sslproto": "asyncio_core.tls.protocol",
    "staggered": "asyncio_core.awaiting.staggered",
    "streams": "asyncio_streams.streams",
    "subprocess": "asyncio_subprocess.subprocess",
    "taskgroups": "asyncio_core.awaiting.taskgroups",
    "tasks": "asyncio_core.awaiting.tasks",
    "threads": "asyncio_core.awaiting.threads",
    "timeouts": "asyncio_core.awaiting.timeouts",
    "transports": "asyncio_core.interfaces.transports",
    "trsock": "asyncio_core.connections.trsock",
    "unix_events": "asyncio_selectors.unix_events",
    "windows_events": "asyncio_iocp.windows_events",
    "windows_utils": "asyncio_subprocess.windows_utils",
}

# What stands in for a submodule whose distribution the platform does not need: asyncio-iocp installs
# everywhere, but comes with asyncio on Windows only.
STAND_INS = {} if sys.platform == "win32" else {"proactor_events": "asyncio._no_proactor"}

# These exist on the other platform only, in the standard library too.
if sys.platform == "win32":
    ELSEWHERE = {"unix_events": "Unix"}
else:
    ELSEWHERE = {"windows_events": "Windows", "windows_utils": "Windows"}

# The submodules that are attributes of `asyncio` without being imported. Off Windows the base of
# the proactor loop is not among them, in the standard library either.
ATTRIBUTES = frozenset(MODULES) - frozenset(ELSEWHERE)
if sys.platform != "win32":
    ATTRIBUTES -= {"proactor_events"}

# Modules of the standard library that the standard asyncio loads and programs count on: looked up in
# `sys.modules`, or as attributes of their package. Those that start with Python, or in nearly every
# program (functools, types), are left out, and `warnings`, which the interpreter itself looks for.
BROUGHT_ALONG = (
    *(
        "concurrent",
        "concurrent.futures",
        "contextvars",
        "heapq",
        "inspect",
        "linecache",
        "logging",
    ),
    *("selectors", "signal", "socket", "ssl", "struct", "subprocess", "threading", "traceback"),
)

# What `asyncio.<name>` is: the attribute of that name of the submodule it stands under. A dotted
# key is the module itself, where the standard submodule is not the name's home here.
NAMES: dict[str, tuple[str, ...]] = {
    "base_events": ("BaseEventLoop", "Server"),
    # `coroutine` left the standard asyncio in Python 3.11 and stays here: generators are coroutines still.
    "coroutines": ("coroutine", "iscoroutine", "iscoroutinefunction"),
    "events": (
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
    "exceptions": (
        "BrokenBarrierError",
        "CancelledError",
        "IncompleteReadError",
        "InvalidStateError",
        "LimitOverrunError",
        "SendfileNotAvailableError",
        "TimeoutError",
    ),
    "futures": (
        "Future",
        "future_add_to_awaited_by",
        "future_discard_from_awaited_by",
        "isfuture",
        "wrap_future",
    ),
    "graph": (
        "FrameCallGraphEntry",
        "FutureCallGraph",
        "capture_call_graph",
        "format_call_graph",
        "print_call_graph",
    ),
    "locks": ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"),
    "protocols": (
        "BaseProtocol",
        "BufferedProtocol",
        "DatagramProtocol",
        "Protocol",
        "SubprocessProtocol",
    ),
    "queues": ("LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown"),
    "runners": ("Runner", "run"),
    # Small, and there wherever a loop runs: what watches a program's calls asks for it at any moment, in the
    # middle of an import for instance.
    "asyncio_core.choosing.running_loop": (
        "_get_running_loop",
        "_set_running_loop",
        "get_running_loop",
    ),
    "streams": (
        "StreamReader",
        "StreamReaderProtocol",
        "StreamWriter",
        "open_connection",
        "start_server",
    ),
    "subprocess": ("create_subprocess_exec", "create_subprocess_shell"),
    "taskgroups": ("TaskGroup",),
    "tasks": (
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
    "threads": ("to_thread",),
    "timeouts": ("Timeout", "timeout", "timeout_at"),
    "transports": (
        "BaseTransport",
        "DatagramTransport",
        "ReadTransport",
        "SubprocessTransport",
        "Transport",
        "WriteTransport",
    ),
}

# Offered, but not to who writes `from asyncio import *`: the standard library has it no longer.
UNLISTED = frozenset({"coroutine"})

# Public, but their first use warns (Python 3.14) instead of standing in `__all__`:
# name -> (submodule, its name there).
DEPRECATED: dict[str, tuple[str, str]] = {}

if sys.platform == "win32":
    NAMES["asyncio_selectors.windows"] = ("SelectorEventLoop",)
    NAMES["asyncio_iocp.windows_events"] = ("EventLoop", "IocpProactor", "ProactorEventLoop")
    _POLICIES = {
        "DefaultEventLoopPolicy": "asyncio_iocp.windows_events",
        "WindowsProactorEventLoopPolicy": "asyncio_iocp.windows_events",
        "WindowsSelectorEventLoopPolicy": "asyncio_selectors.windows",
    }
else:
    NAMES["unix_events"] = ("EventLoop", "SelectorEventLoop")
    NAMES["streams"] += ("open_unix_connection", "start_unix_server")
    _POLICIES = {"DefaultEventLoopPolicy": "unix_events"}
_POLICIES["AbstractEventLoopPolicy"] = "events"

if sys.version_info >= (3, 14):
    DEPRECATED = {name: (home, f"_{name}") for name, home in _POLICIES.items()}
    if sys.platform == "win32":
        # The standard asyncio goes on to list its policies there, with underscores.
        for _name, _home in _POLICIES.items():
            if _home != "events":
                NAMES[_home] += (f"_{_name}",)
else:
    for _name, _home in _POLICIES.items():
        NAMES[_home] += (_name,)
    NAMES["events"] += ("get_child_watcher", "set_child_watcher")
    if sys.platform != "win32":
        # Deprecated since Python 3.12 and gone from 3.14, where subprocesses are watched by
        # the transports themselves.
        NAMES["asyncio_subprocess.child_watchers"] = (
            "AbstractChildWatcher",
            "FastChildWatcher",
            "MultiLoopChildWatcher",
            "PidfdChildWatcher",
            "SafeChildWatcher",
            "ThreadedChildWatcher",
        )

HOMES = {name: home for home, names in NAMES.items() for name in names}
