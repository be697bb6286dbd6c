"""Where every submodule is: the one table of the standard asyncio's modules and of those that are them here."""

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
