"""What the campaign plays: each public call that waits, as a careful program uses it."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from stage import Peer, Scenario

_ON_WINDOWS = sys.platform == "win32"
_MODULES = (
    *("networks", "raw_sockets", "tls", "streams", "servers", "children"),
    "named_pipes" if _ON_WINDOWS else "pipes",
    *("threads", "locks", "queues", "tasks", "files"),
)


class Entry(NamedTuple):
    """A scenario, and the peers that it needs."""

    play: Scenario
    peers: tuple[Peer, ...]
    #: What it does takes tens of milliseconds: a child, say.
    slow: bool


_entries: dict[str, Entry] = {}


def scenario(
    *peers: Peer, slow: bool = False, on: Literal["", "posix"] = ""
) -> Callable[[Scenario], Scenario]:
    """Enter a scenario under its module's and its own name; one `on` "posix" is for systems with Unix sockets and readiness."""

    def enter(play: Scenario) -> Scenario:
        if not (on and _ON_WINDOWS):
            name = f"{play.__module__.rpartition('.')[2]}.{play.__name__}"
            _entries[name] = Entry(play, peers, slow)
        return play

    return enter


def entries() -> dict[str, Entry]:
    """Return all scenarios by their names."""
    for module in _MODULES:
        importlib.import_module(f"scenarios.{module}")
    return _entries
