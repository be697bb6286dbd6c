"""The readiness loop: asyncio over epoll, kqueue, poll or select.

Read `poller` first, then `selector_events` and `stream_transport`. The way of a read event: the poller's
``collect()`` puts the handle that is registered for the descriptor into the loop's queue; the same turn
runs it, which is ``_read_ready()`` of the stream transport; that receives, and calls ``data_received()`` of its
protocol. For streams this fills the reader's buffer (asyncio-streams) and completes the future that a task waits
for; the next turn steps the task (`asyncio_core.awaiting`).

How the parts lie on each other, from below:

    descriptors, hangups,     what numbers of files say, and do not say
    error_queue
    poller, poll_*,           what is ready? One mechanism of the system to a file, one shape, and the
    poller_choice, spinning   choice among them; a guard against what is ready for ever
    transport_base,           connections and datagram endpoints, each the one owner of its
    stream_transport,         descriptor
    datagram_transport,
    unix_pipes
    sockets, accepting,       parts of the loop: sock_*(), accept loops, being woken, sendfile(), signals,
    waking, sending_files,    Unix sockets
    signals, unix_sockets
    selector_events           the loop as far as it is the same everywhere: readers and writers
    unix_events, windows      the loop of each kind of system
    child_watching            what policies carry on older Pythons
    policy                    what the entry point `selectors` names

`selector_events` and `unix_events` are also what the standard asyncio's modules of these names are; who replaces
something there replaces it in the parts below, which do not know of it (`asyncio_core.faces`).

Everything here is made by the loop. Programs need `SelectorEventLoop`, or nothing at all: where this
distribution is installed, `asyncio_core.run()` uses it.
"""

from __future__ import annotations

import sys

__version__ = "1!0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_selectors.policy import SelectorEventLoopPolicy
    from asyncio_selectors.poller import Poller
    from asyncio_selectors.poller_choice import best_poller
    from asyncio_selectors.selector_events import BaseSelectorEventLoop

    if sys.platform == "win32":
        from asyncio_selectors.windows import SelectorEventLoop
    else:
        from asyncio_selectors.unix_events import SelectorEventLoop

    EventLoop = SelectorEventLoop

__all__ = (
    "BaseSelectorEventLoop",
    "EventLoop",
    "Poller",
    "SelectorEventLoop",
    "SelectorEventLoopPolicy",
    "best_poller",
)

_LOOP = "windows" if sys.platform == "win32" else "unix_events"

# Where each name comes from, with the name it has there.
_HOMES = {
    "BaseSelectorEventLoop": ("selector_events", "BaseSelectorEventLoop"),
    "EventLoop": (_LOOP, "SelectorEventLoop"),
    "Poller": ("poller", "Poller"),
    "SelectorEventLoop": (_LOOP, "SelectorEventLoop"),
    "SelectorEventLoopPolicy": ("policy", "SelectorEventLoopPolicy"),
    "best_poller": ("poller_choice", "best_poller"),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
