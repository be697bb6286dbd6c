"""Seeing inside: the tasks and loops of this process as facts, whoever asks, and nothing changed by asking.

Read `snapshots` first, which puts together what the others find out: `stacks`, where a task stands; `waits`, what it
waits for; `waiting_since`, for how long; `loop_facts`, what a loop does. `inspector` tells other processes, over a socket in a `folder`; `watchdog` tells what
blocks a loop. `measuring` and `recording` watch callbacks and turns while somebody listens (`attending`), through `hooks`. Nothing here is imported before somebody asks.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_core.inspecting.folder import InspectorError as InspectorError
    from asyncio_core.inspecting.inspector import start as start
    from asyncio_core.inspecting.inspector import stop as stop
    from asyncio_core.inspecting.snapshots import snapshot as snapshot
    from asyncio_core.inspecting.watchdog import start_watchdog as start_watchdog
    from asyncio_core.inspecting.watchdog import stop_watchdog as stop_watchdog

_HOMES = {
    "InspectorError": "folder",
    "snapshot": "snapshots",
    "start": "inspector",
    "start_watchdog": "watchdog",
    "stop": "inspector",
    "stop_watchdog": "watchdog",
}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
