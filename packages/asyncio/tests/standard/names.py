"""Prints, as JSON, the names of asyncio, of its submodules and of their classes, as dir() tells them.

Run with either implementation. Names that every module, class or object has are left out.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys

# fmt: off
SUBMODULES = (
    "base_events", "base_futures", "base_subprocess", "base_tasks", "constants", "coroutines", "events",
    "exceptions", "format_helpers", "futures", "graph", "locks", "log", "mixins", "protocols", "queues",
    "runners", "selector_events", "sslproto", "staggered", "streams", "subprocess", "taskgroups", "tasks",
    "threads", "timeouts", "tools", "transports", "trsock", "unix_events", "windows_events", "windows_utils",
    "proactor_events",
)
# fmt: on

COMMON = set(dir(type("Plain", (), {}))) | set(dir(sys.modules[__name__])) & {
    name for name in dir(sys) if name.startswith("__")
}


def names_of(thing):
    return {name for name in dir(thing) if name not in COMMON}


def main():
    found = {"asyncio": sorted(names_of(asyncio))}
    for short in SUBMODULES:
        try:
            module = importlib.import_module(f"asyncio.{short}")
        except ImportError:
            continue
        found[short] = sorted(names_of(module))
        for name in found[short]:
            value = getattr(module, name, None)
            if isinstance(value, type) and value.__module__.partition(".")[0].startswith(
                ("asyncio", "_asyncio")
            ):
                found[f"{short}.{name}"] = sorted(names_of(value))
    print(json.dumps(found))


main()
