"""The completion loop: asyncio over the completion ports of Windows.

How the parts lie on each other, from below:

    _overlapped                  the extension: overlapped operations and completion ports
    overlapped_futures.py,       a future for each operation, where its end is heard of, and
    completion_port.py,          what starts operations
    proactor.py,
    socket_polling.py
    transport_base.py,           connections, pipes and datagram endpoints, each the one owner of
    reading.py, writing.py,      its handle
    stream_transport.py,
    datagram_transport.py
    sockets.py, accepting.py,    parts of the loop: sock_*(), accept loops, sendfile(), readers and
    sending_files.py,            writers, named pipes; signals are in asyncio-core
    readiness.py,
    pipe_serving.py
    proactor_events.py           the loop over any proactor
    windows_events.py            the loop over completion ports, and its names on each Python
    policy.py                    what the entry point `iocp` names

From proactor_events.py downward, except for pipe_serving.py, nothing needs Windows; the proactor does.
The package installs and imports everywhere, and says where there is no loop to be had.

Everything here is made by the loop. Programs need `ProactorEventLoop`, or nothing at all: where this
distribution is installed on Windows, `asyncio_core.run()` uses it.
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_iocp.policy import IocpEventLoopPolicy
    from asyncio_iocp.proactor_events import BaseProactorEventLoop

    if sys.platform == "win32":
        from asyncio_iocp.windows_events import (
            EventLoop,
            IocpProactor,
            PipeServer,
            ProactorEventLoop,
        )

_ON_WINDOWS = ("EventLoop", "IocpProactor", "PipeServer", "ProactorEventLoop")

__all__: tuple[str, ...] = ("BaseProactorEventLoop", "IocpEventLoopPolicy")
if sys.platform == "win32":
    __all__ += ("EventLoop", "IocpProactor", "PipeServer", "ProactorEventLoop")

# Where each name comes from.
_HOMES = {
    "BaseProactorEventLoop": "proactor_events",
    "IocpEventLoopPolicy": "policy",
    **dict.fromkeys(_ON_WINDOWS, "windows_events"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in __all__:
        raise AttributeError(f"{__name__}.{name} exists on Windows only")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
