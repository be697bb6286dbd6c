"""Names that modules of the standard asyncio have, and these need not: `asyncio.base_events.threading`.

What a module imports can be reached through it, and people do: they patch `asyncio.base_events.time`, or
take `asyncio.tasks.weakref` for a shorter import. Such names are here too. What they stand for is
imported when somebody asks for it, so that a program which does not pays nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

# Modules that others of the standard asyncio show, and the logger: where they are here.
OURS = {
    "base_events": "asyncio_core.loops.base_events",
    "base_futures": "asyncio_core.awaiting.base_futures",
    "base_tasks": "asyncio_core.awaiting.base_tasks",
    "constants": "asyncio_core.constants",
    "coroutines": "asyncio_core.awaiting.coroutines",
    "events": "asyncio_core.scheduling.events",
    "exceptions": "asyncio_core.exceptions",
    "format_helpers": "asyncio_core.format_helpers",
    "futures": "asyncio_core.awaiting.futures",
    "protocols": "asyncio_core.interfaces.protocols",
    "sslproto": "asyncio_core.tls.protocol",
    "staggered": "asyncio_core.awaiting.staggered",
    "tasks": "asyncio_core.awaiting.tasks",
    "timeouts": "asyncio_core.awaiting.timeouts",
    "transports": "asyncio_core.interfaces.transports",
    "trsock": "asyncio_core.connections.trsock",
    "logger": "asyncio_core.log:logger",
}


def lend_names(module: str, *names: str, known: Callable[[], Iterable[str]] | None = None) -> None:
    """Give the module named `module` names for other modules and for what is in them.

    Each of `names` is one of `OURS`, the name of a module of the standard library (``"os"``), or tells what it
    stands for: ``"locks=asyncio_sync.locks"``, ``"OrderedDict=collections:OrderedDict"``. Names that the module
    has itself come first, and those that its own ``__getattr__()`` finds last; for ``dir()`` `known` returns these.
    """
    space = vars(sys.modules[module])
    before: Callable[[str], Any] | None = space.get("__getattr__")
    homes: dict[str, str] = {}

    def fill() -> dict[str, str]:
        # Not before somebody asks.
        if not homes:
            for name in names:
                home = name.rpartition("=")[2]
                homes[name.partition("=")[0]] = OURS.get(home, home)
        return homes

    def find(name: str) -> Any:
        if name not in fill():
            if before is not None:
                return before(name)
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = space[name] = _load(homes[name], f"{module}.{name}")
        return value

    space["__getattr__"] = find
    space["__dir__"] = lambda: sorted({*space, *fill(), *(known() if known is not None else ())})


def _load(home: str, wanted: str) -> Any:
    where, _, attribute = home.partition(":")
    try:
        __import__(where)
    except ImportError as exc:
        if where == "ssl":
            return None  # Python can be built without it.
        if where.startswith("asyncio_"):
            where = "the distribution " + where.partition(".")[0].replace("_", "-")
        raise AttributeError(f"{wanted} needs {where}, which is not there") from exc
    found = sys.modules[where]
    return getattr(found, attribute) if attribute else found
