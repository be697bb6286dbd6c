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


def lend_names(module: str, *names: str, known: Callable[[], Iterable[str]] | None = None) -> None:
    """Give the module named `module` names for other modules and for what is in them.

    Each of `names` is the name of a module of the standard library (``"os"``), or tells what it stands for:
    ``"events=asyncio_core.scheduling.events"``, ``"OrderedDict=collections:OrderedDict"``. Names that the module
    has itself come first. `known` returns those that its own ``__getattr__()`` finds, for ``dir()``.
    """
    space = vars(sys.modules[module])
    before: Callable[[str], Any] | None = space.get("__getattr__")
    homes: dict[str, str] = {}

    def fill() -> dict[str, str]:
        # Not before somebody asks.
        if not homes:
            homes.update((name.partition("=")[0], name.rpartition("=")[2]) for name in names)
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
        raise AttributeError(f"{wanted} needs {where}, which is not there") from exc
    found = sys.modules[where]
    return getattr(found, attribute) if attribute else found
