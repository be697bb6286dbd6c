"""The names under which programs know the loop of Windows, its policy, and what they are made of.

What is replaced here is replaced in the modules that have it, as if they were one.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("the event loop over completion ports needs Windows")

import _winapi
from importlib.util import find_spec

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.subprocess_support import shown_transport_class
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names
from asyncio_iocp import _overlapped
from asyncio_iocp.completion_loop import ProactorEventLoop
from asyncio_iocp.pipe_serving import PipeServer
from asyncio_iocp.policy import IocpEventLoopPolicy
from asyncio_iocp.proactor import (
    CONNECT_PIPE_INIT_DELAY,
    CONNECT_PIPE_MAX_DELAY,
    IocpProactor,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    __all__: tuple[str, ...]

# Re-exported: the standard module of this name has them.
_FACE = (CONNECT_PIPE_INIT_DELAY, CONNECT_PIPE_MAX_DELAY, IocpProactor, PipeServer, _overlapped)

NULL = _winapi.NULL
INFINITE = _winapi.INFINITE
ERROR_CONNECTION_REFUSED = 1225
ERROR_CONNECTION_ABORTED = 1236

# Since Python 3.13 the name for the platform's loop.
EventLoop = ProactorEventLoop

# The class that the entry point names, so that a program which asks for the type of the policy that it
# got by default finds this one. It imports the loop's module with its first loop only.
WindowsProactorEventLoopPolicy = IocpEventLoopPolicy
IocpEventLoopPolicy._loop_factory = ProactorEventLoop
DefaultEventLoopPolicy = WindowsProactorEventLoopPolicy
# The names since Python 3.14, where policies are on their way out.
_WindowsProactorEventLoopPolicy = WindowsProactorEventLoopPolicy
_DefaultEventLoopPolicy = WindowsProactorEventLoopPolicy


def _public_names() -> tuple[str, ...]:
    """Return what a star brings; the standard module goes on naming its policies there in Python 3.14."""
    names: tuple[str, ...] = ("EventLoop", "IocpProactor", "ProactorEventLoop")
    policies: tuple[str, ...] = ("DefaultEventLoopPolicy", "WindowsProactorEventLoopPolicy")
    if find_spec("asyncio_selectors") is not None:
        names += ("SelectorEventLoop",)
        policies += ("WindowsSelectorEventLoopPolicy",)
    if sys.version_info >= (3, 14):
        policies = tuple(f"_{name}" for name in policies)
    return names + policies


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return _public_names()
    if name == "_WindowsSubprocessTransport":
        return shown_transport_class(__name__, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


make_face(
    __name__,
    ("completion_loop", "completion_port", "overlapped_futures", "pipe_serving", "proactor"),
)


lend_names(
    __name__,
    # At home in asyncio-selectors, which this distribution does not need.
    "SelectorEventLoop=asyncio_selectors.windows:SelectorEventLoop",
    "WindowsSelectorEventLoopPolicy=asyncio_selectors.windows:WindowsSelectorEventLoopPolicy",
    "_WindowsSelectorEventLoop=asyncio_selectors.windows:SelectorEventLoop",
    "_WindowsSelectorEventLoopPolicy=asyncio_selectors.windows:WindowsSelectorEventLoopPolicy",
    "_OverlappedFuture=asyncio_iocp.overlapped_futures:_OverlappedFuture",
    "_WaitHandleFuture=asyncio_iocp.overlapped_futures:_WaitHandleFuture",
    "base_subprocess=asyncio_subprocess.base_subprocess",
    "errno",
    "events",
    "exceptions",
    "futures",
    "logger",
    "math",
    "msvcrt",
    "proactor_events=asyncio_iocp.proactor_events",
    "selector_events=asyncio_selectors.selector_events",
    "socket",
    "struct",
    "tasks",
    "time",
    "weakref",
    "windows_utils=asyncio_subprocess.windows_utils",
    known=lambda: ("__all__", "_WindowsSubprocessTransport"),
)

leave_to_checkers(__name__)
