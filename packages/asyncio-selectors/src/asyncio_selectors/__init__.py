"""The readiness loop: asyncio over epoll, kqueue, poll or select.

How the parts lie on each other, from below:

    poller.py, poll_*.py      what is ready? One mechanism of the system to a file, one shape
    transport_base.py,        connections and datagram endpoints, each the one owner of its
    stream_transport.py,      descriptor
    datagram_transport.py,
    unix_pipes.py
    sockets.py, accepting.py, parts of the loop: sock_*(), accept loops, sendfile(), signals,
    sending_files.py,         Unix sockets
    signals.py,
    unix_sockets.py
    selector_events.py        the loop as far as it is the same everywhere: readers, writers, waking
    unix_events.py,           the loop of each kind of system
    windows.py
    child_watching.py         what policies carry on older Pythons
    policy.py                 what the entry point `selectors` names

Everything here is made by the loop. Programs need `SelectorEventLoop`, or nothing at all: where this
distribution is installed, `asyncio_core.run()` uses it.
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

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
