"""The part `load`: more of everything than a loop can do at once.

What a connection may hold is bounded, who wastes time is sent away, what the system does not give is waited for, and others are
served meanwhile. Each load is there several times, one after the other: what the first leaves in the process is made once, and the others are to leave nothing.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from stage import Stage

from bench import resident
from loading import accepting, clients, datagrams, levels, outgoing, timers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from parts import Extent
    from stage import Tools
    from worker import Notes

#: How many there are of what the short form has.
_IN_BRIEF = 20
#: So many times each load is there.
_TIMES = 2
#: Seconds for one time, and for each of the size besides.
_LONG, _FOR_EACH = 60.0, 0.2


class _Unit(NamedTuple):
    play: Callable[[Stage, levels.Load], Awaitable[None]]
    #: Nothing may be reported meanwhile.
    quiet: bool = True


_UNITS = {
    # First: what each of them takes is measured where nothing has been given back yet.
    "as many clients as descriptors": _Unit(accepting.crowded),
    "clients that never read": _Unit(clients.never_read),
    "clients that never read, over TLS": _Unit(clients.never_read_over_tls),
    "clients that never shake hands": _Unit(clients.never_shake_hands),
    "more clients than descriptors": _Unit(accepting.no_descriptors, quiet=False),
    "clients that come and go": _Unit(accepting.come_and_go),
    "a flood of datagrams": _Unit(datagrams.arrive),
    "datagrams to who does not read": _Unit(datagrams.wait),
    "timers that never come": _Unit(timers.come_and_go),
    "children": _Unit(outgoing.children),
    "names that do not resolve": _Unit(outgoing.names),
}


def units(*, brief: bool) -> list[str]:
    return list(_UNITS)


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run one kind of load."""
    size = _IN_BRIEF if extent.brief else extent.size
    # An accept loop that rests need not do so for a second.
    constants: Any = importlib.import_module("asyncio.constants")
    constants.ACCEPT_RETRY_DELAY = 0.01
    if notes.begins(f"{size}"):
        wrong, seen = _several_times(_UNITS[unit], tools, size)
        notes.ends(f"{size}", wrong, seen=seen)


def _several_times(unit: _Unit, tools: Tools, size: int) -> tuple[list[str], dict[str, Any]]:
    wrong: list[str] = []
    held, loads = [], []
    for _ in range(_TIMES):
        stage, load = Stage(tools), levels.Load(size)
        with stage.watching(quiet=unit.quiet):
            stage.perform((), lambda: _within(size, unit.play(stage, load)))  # noqa: B023 - called at once
        wrong += stage.wrong
        most = resident.most()
        held.append(levels.level())
        loads.append(load)
    first, *_, last = held
    wrong += levels.compare(first, last, most)
    seen = {
        "many": load.many,
        "descriptors": [first.descriptors, load.descriptors, last.descriptors],
        "resident": [first.resident, most, last.resident],
        # Of the first time: then memory comes from the system, and not from what the last time left.
        **loads[0].more,
    }
    return wrong, seen


async def _within(size: int, play: Awaitable[None]) -> None:
    await asyncio.wait_for(play, _LONG + size * _FOR_EACH)
