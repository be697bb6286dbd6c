"""The completion loop: asyncio over the completion ports of Windows.

Read `proactor` first, then `proactor_events` and `reading`. The way of a read event: ``recv_into()`` of the proactor
starts a receive and gives a future for it; the port reports its end, ``select()`` sets the future's result, and
that queues the future's callback; the same turn runs it, which is ``_loop_reading()`` of the transport; that calls
``data_received()`` of its protocol, and starts the next receive. For streams this fills the reader's buffer
(asyncio-streams) and completes the future that a task waits for; the next turn steps the task
(`asyncio_core.awaiting`).

How the parts lie on each other, from below:

    _overlapped                  the extension: overlapped operations and completion ports
    overlapped_futures,          a future for each operation, where its end is heard of, and
    completion_port,             what starts operations
    socket_polling, proactor
    transport_base,              connections, pipes and datagram endpoints, each the one owner of
    reading, writing,            its handle
    stream_transport,
    datagram_transport
    sockets, accepting,          parts of the loop: sock_*(), accept loops, sendfile(), readers and
    sending_files, readiness     writers; signals are in asyncio-core
    proactor_events              the loop over any proactor
    pipe_serving                 named pipes
    completion_loop              the loop over completion ports
    policy                       what the entry point `iocp` names
    windows_events               the names under which programs know the loop and its policy

From proactor_events downward nothing needs Windows but the proactor and what it stands on. The package installs
and imports everywhere, and says where there is no loop to be had.

`proactor_events` and `windows_events` are also what the standard asyncio's modules of these names are; who
replaces something there replaces it in the parts below, which do not know of it (`asyncio_core.faces`).

Everything here is made by the loop. Programs need `ProactorEventLoop`, or nothing at all: where this
distribution is installed on Windows, `asyncio_core.run()` uses it.
"""

from __future__ import annotations

import sys

__version__ = "1!0.1.0"

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
