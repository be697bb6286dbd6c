"""Where every name is: what `import asyncio` offers at the top, by submodule.

It is what asyncio-core offers, and the rest: every name up to Python 3.15, whatever Python runs; what a Python has
dropped is there only where it still has it. Loaded with the first name that is asked for.
"""

import sys
from asyncio._modules import MODULES

import asyncio_core

# What `asyncio.<name>` is: the attribute of that name of the submodule it stands under. A dotted
# key is the module itself, where the standard submodule is not the name's home here.
_STANDARD = {module: name for name, module in MODULES.items()}
NAMES: dict[str, tuple[str, ...]] = {
    _STANDARD.get(module := f"asyncio_core.{home}", module): names
    for home, names in asyncio_core.NAMES.items()
}
NAMES |= {
    "locks": ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"),
    "queues": ("LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown"),
    "streams": (
        "StreamReader",
        "StreamReaderProtocol",
        "StreamWriter",
        "open_connection",
        "start_server",
    ),
    "subprocess": ("create_subprocess_exec", "create_subprocess_shell"),
}

# Offered, but not to who writes `from asyncio import *`: it left the standard asyncio in Python 3.11 and stays here, as
# generators are coroutines still.
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
