"""The loop of Unix systems: readiness, signals, Unix sockets, pipes and sending files.

The concerns stand in modules of their own; this one puts them together and has the names under which
programs know them. What is replaced here, `signal`, `socket`, `os` or `logger` for instance, is replaced
in those modules too, as if they were one.
"""

from __future__ import annotations

import os  # noqa: F401
import signal  # noqa: F401
import socket  # noqa: F401
import stat  # noqa: F401
import sys

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.subprocess_support import shown_transport_class
from asyncio_core.faces import extend_face, make_face, one_class
from asyncio_core.lent_names import lend_names
from asyncio_selectors.child_watching import (
    PUBLIC_WATCHERS,
    WATCHER_NAMES,
    ChildWatcherPolicy,
    can_use_pidfd,
    watcher_module,
)
from asyncio_selectors.selector_events import BaseSelectorEventLoop
from asyncio_selectors.sending_files import FileSending
from asyncio_selectors.signals import SignalHandlers
from asyncio_selectors.unix_pipes import _UnixReadPipeTransport, _UnixWritePipeTransport
from asyncio_selectors.unix_sockets import UnixSockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    import selectors
    from types import ModuleType
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol

    logger: logging.Logger
    __all__: tuple[str, ...]

if sys.platform == "win32":
    raise ImportError("Unix event loops need Unix")


@one_class(BaseSelectorEventLoop)
class _UnixSelectorEventLoop(SignalHandlers, UnixSockets, FileSending, BaseSelectorEventLoop):
    """The event loop of Unix systems.

    `selector` is the poller, by default the best one that the system has. Added in Python 3.4;
    `EventLoop` as a name for the platform's loop in 3.13.
    """

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._signal_handlers = {}
        super().__init__(selector)

    def close(self) -> None:
        """Close the loop; signals get their defaults back. See `AbstractEventLoop.close()`.

        Source: PEP 3156.
        """
        if not self.is_running():
            # While the wake-up descriptor is still open.
            self._drop_signal_handlers()
            watcher, self._exit_watcher = self._exit_watcher, None
            if watcher is not None:
                # Its descriptors leave the poller before that closes.
                watcher.close()
        super().close()

    # What watches this loop's child processes, from asyncio-subprocess; made with the first of them.
    _exit_watcher: Any = None

    @property
    def _watcher(self) -> Any:
        return _watchers().exit_watcher(self)

    def _can_use_pidfd(self) -> bool:
        return can_use_pidfd()

    def _child_watcher_callback(self, pid: int, returncode: int, transp: Any) -> None:
        """The hook for a child that has ended; called in whichever thread its watcher has."""
        try:
            self.call_soon_threadsafe(transp._process_exited, returncode)
        except RuntimeError:
            log.logger.warning("child %d ended after its loop %r was closed", pid, self)

    # For who can tell the transport without this detour, which is for derived loops.
    _child_watcher_callback.__dict__["_is_our_own"] = True

    def _make_read_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _UnixReadPipeTransport:
        # Before it is registered: its number may have been a socket's that was closed.
        if self._transports:
            self._owner_of(pipe.fileno())
        return _UnixReadPipeTransport(self, pipe, protocol, waiter, extra)

    def _make_write_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _UnixWritePipeTransport:
        # Before it is registered: its number may have been a socket's that was closed.
        if self._transports:
            self._owner_of(pipe.fileno())
        return _UnixWritePipeTransport(self, pipe, protocol, waiter, extra)


class _UnixDefaultEventLoopPolicy(ChildWatcherPolicy):
    """Makes Unix loops; one for each thread that asks."""

    _loop_factory = _UnixSelectorEventLoop


SelectorEventLoop = _UnixSelectorEventLoop
EventLoop = SelectorEventLoop
# The name with the underscore since Python 3.14, where policies are on their way out.
DefaultEventLoopPolicy = _UnixDefaultEventLoopPolicy
_DefaultEventLoopPolicy = _UnixDefaultEventLoopPolicy


def _watchers() -> ModuleType:
    """Return the module that watches child processes; see `watcher_module()`."""
    module = watcher_module()
    extend_face(__name__, module.__name__)
    return module


def _public_names() -> tuple[str, ...]:
    """Return what a star brings: up to Python 3.13 the child watchers too, where they are installed."""
    names: tuple[str, ...] = ("EventLoop", "SelectorEventLoop")
    if sys.version_info < (3, 14):
        names += ("DefaultEventLoopPolicy",)
        try:
            _watchers()
        except NotImplementedError:
            pass
        else:
            names += tuple(sorted(PUBLIC_WATCHERS))
    return names


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return _public_names()
    if name == "_UnixSubprocessTransport":
        return shown_transport_class(__name__, name)
    if name in WATCHER_NAMES:
        try:
            return getattr(_watchers(), name)
        except NotImplementedError as exc:
            raise AttributeError(f"{name}: {exc}") from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _known_names() -> tuple[str, ...]:
    """Return the names that are found above, for dir(): those that something is installed for."""
    try:
        _watchers()
    except NotImplementedError:
        return ("__all__",)
    return ("__all__", "_UnixSubprocessTransport", *WATCHER_NAMES)


make_face(__name__, ("child_watching", "sending_files", "signals", "unix_pipes", "unix_sockets"))


lend_names(
    __name__,
    "base_events",
    "base_subprocess=asyncio_subprocess.base_subprocess",
    "constants",
    "coroutines",
    "errno",
    "events",
    "exceptions",
    "fcntl",
    "futures",
    "io",
    "itertools",
    "logger",
    "selector_events=asyncio_selectors.selector_events",
    "selectors",
    "signal",
    "socket",
    "stat",
    "subprocess",
    "tasks",
    "threading",
    "transports",
    "warnings",
    known=_known_names,
)

leave_to_checkers(__name__)
