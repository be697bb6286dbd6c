"""What a loop may need at a bad moment is loaded when the loop is made.

Nothing here is imported before it is used, but some things are used where nothing can be imported any more: no
descriptor is left, the process has another root folder, or the user that it now runs as may not read the
library. The report of just that failure is one of them. So what may be needed while a loop runs is
imported before, once in a process. Distributions that have more of the kind add it with `lay_in()`.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("lay_in", "provide")

# All that modules of this package import when they need it, and its public modules. Not in here: what
# serves names that are chosen by the user (metadata), the other loop, and the call graph, for those who look
# into a program: it makes data classes, which takes longer than all else for the looking at tasks.
_wanted: list[str | Callable[[], object]] = [
    "asyncio_core.scheduling.background",
    "asyncio_core.awaiting.combinators",
    "asyncio_core.connections.datagram_lookups",
    "asyncio_core.scheduling.events",
    "asyncio_core.format_helpers",
    "asyncio_core.choosing.loop_registry",
    "asyncio_core.loops.forked",
    "asyncio_core.choosing.policies",
    "asyncio_core.choosing.subprocess_support",
    "asyncio_core.seen_as.asyncio.base_events",
    "asyncio_core.seen_as.asyncio.unix_events",
    "asyncio_core.tls.protocol",
    "asyncio_core.awaiting.staggered",
    "asyncio_core.awaiting.taskgroups",
    "asyncio_core.awaiting.tasks",
    "asyncio_core.awaiting.threads",
    "asyncio_core.awaiting.timeouts",
    "asyncio_core.tls.upgrade",
    "concurrent.futures.thread",
    # The codec of host names, which the interpreter looks for when the first of them is looked up.
    "encodings.idna",
    "inspect",
    "linecache",
    "queue",
    "signal",
    "ssl",
    "stat",
    # And what that one imports to show a traceback.
    "traceback",
    "_colorize",
    "ast",
    "tokenize",
    "unicodedata",
]


def lay_in(*wanted: str | Callable[[], object], last: bool = False) -> None:
    """Add modules, by name, to what is loaded when the next loop is made; or functions that load more.

    With `last` they come when all that is there now is loaded.
    """
    if last:
        _wanted[:0] = wanted
    else:
        _wanted.extend(wanted)


def provide() -> None:
    """Load what was not loaded before.

    What cannot be imported is passed over: it is not there, or whoever needs it is told then.
    """
    while _wanted:
        try:
            # Another thread may have taken the last one.
            wanted = _wanted.pop()
        except IndexError:
            return
        try:
            if isinstance(wanted, str):
                __import__(wanted)
                # One that asyncio has entered, to load itself when it is used, is used by this.
                vars(sys.modules[wanted])
            else:
                wanted()
        except Exception:
            continue


def _logger() -> None:
    # Not made before it is asked for, as its name says nothing of who does.
    from asyncio_core import log

    log.logger  # noqa: B018


def _subprocesses() -> None:
    from asyncio_core.choosing import subprocess_support

    if not subprocess_support.has_subprocess_support():
        return
    # Not the child watchers of earlier Pythons: starting a child needs none, and next to no program asks for one.
    subprocess_support.subprocess_support()


def _what_looks_inside() -> None:
    # Only where the environment asks for it, and by name: it stands above all that runs.
    if any(map(os.environ.get, ("ASYNCIO_INSPECT", "ASYNCIO_WATCHDOG", "ASYNCIO_TRACE_SOCKET"))):
        import_module("asyncio_core.inspecting.by_environment").begin()


lay_in(_logger, _subprocesses, _what_looks_inside)
