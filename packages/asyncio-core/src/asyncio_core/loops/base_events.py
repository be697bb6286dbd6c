"""The base of event loops: put together from its parts, run, stopped and closed.

The concerns of a loop are parts, each in a module of its own, and `BaseEventLoop` is composed of them; the
turn is one (`asyncio_core.scheduling.turn`). How to wait (`_poll()`, `_write_to_self()`) and how to make
transports is left to the loop that derives from it. See PEP 3156.
"""

from __future__ import annotations

import socket as socket
import warnings
import weakref
from threading import get_ident

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting import coroutines, futures
from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.choosing import running_loop
from asyncio_core.connections.connecting import ConnectingPart
from asyncio_core.connections.datagrams import DatagramPart
from asyncio_core.connections.file_sending import FileSendingPart
from asyncio_core.connections.pipes import PipePart
from asyncio_core.connections.serving import Server, ServingPart
from asyncio_core.connections.subprocesses import SubprocessPart
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.faces import make_face, one_class
from asyncio_core.interfaces.loop import AbstractEventLoop
from asyncio_core.lent_names import lend_names
from asyncio_core.loops.provisions import provide
from asyncio_core.scheduling.asyncgens import AsyncgenPart
from asyncio_core.scheduling.debugging import DebugPart
from asyncio_core.scheduling.executors import ExecutorPart
from asyncio_core.scheduling.known_loops import know
from asyncio_core.scheduling.reports import ErrorReportingPart
from asyncio_core.scheduling.task_making import TaskMakingPart
from asyncio_core.scheduling.timers import (
    _MIN_CANCELLED_TIMER_HANDLES_FRACTION as _MIN_CANCELLED_TIMER_HANDLES_FRACTION,
)
from asyncio_core.scheduling.timers import (
    _MIN_SCHEDULED_TIMER_HANDLES as _MIN_SCHEDULED_TIMER_HANDLES,
)
from asyncio_core.scheduling.timers import MAXIMUM_SELECT_TIMEOUT as MAXIMUM_SELECT_TIMEOUT
from asyncio_core.scheduling.turn import TurnPart
from asyncio_core.tls.part import TLSPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Generator
    from typing import Any, TypeVar, TypeVarTuple

    from asyncio_core.awaiting.futures import Future

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")

    logger: logging.Logger

__all__ = ("BaseEventLoop", "Server")


@one_class(AbstractEventLoop)
class BaseEventLoop(
    # First, as its compiled form is looked for at each call of its methods.
    TurnPart,
    ConnectingPart,
    TLSPart,
    ServingPart,
    DatagramPart,
    PipePart,
    SubprocessPart,
    FileSendingPart,
    ExecutorPart,
    TaskMakingPart,
    AsyncgenPart,
    ErrorReportingPart,
    DebugPart,
):
    """An event loop that lacks only the means to wait and to move bytes.

    Derived loops provide `_poll()` or a `_selector` with `_process_events()`, `_write_to_self()`, and
    what they can of the hooks that `LoopPart` lists. Source: PEP 3156.
    """

    _selector: Any

    def __init__(self) -> None:
        provide()
        self._init_turn()
        self._asyncgens = weakref.WeakSet()
        self._left_asyncgens = []
        self._answers_owed = {}
        self.set_debug(coroutines._is_debug_mode())
        know(self)

    def __repr__(self) -> str:
        state = f"running={self.is_running()} closed={self.is_closed()} debug={self.get_debug()}"
        return f"<{type(self).__name__} {state}>"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        # Bound above: while the interpreter shuts down, neither globals nor imports can be relied on.
        # A loop whose __init__ failed early has nothing to close.
        if getattr(self, "_closed", True) or self.is_running():
            return
        try:
            _warn(f"unclosed event loop {self!r}", ResourceWarning, source=self)
        finally:
            # Also where warnings are errors.
            self.close()

    # Running and stopping

    def is_running(self) -> bool:
        """Return True while the loop runs. Source: PEP 3156."""
        return self._thread_id is not None

    def is_closed(self) -> bool:
        """Return True after `close()`. Added in Python 3.4.2."""
        return self._closed

    def _check_closed(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    def _check_running(self) -> None:
        if self._thread_id is not None:
            raise RuntimeError("This event loop is already running")
        if running_loop._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    def _run_forever_setup(self) -> None:
        """Prepare the calling thread for running the loop in it.

        With `_run_forever_cleanup()` and `_run_once()`, for loops that are driven by another one.
        """
        self._check_closed()
        self._check_running()
        # It may have been replaced since, on this loop or in its class. Not looked for at each call.
        self._notice_hooked_call_soon()
        self._thread_id = get_ident()
        self._set_coroutine_origin_tracking(self._debug)
        self._adopt_asyncgens()
        running_loop._set_running_loop(self)

    def _run_forever_cleanup(self) -> None:
        """Give the thread back as `_run_forever_setup()` found it."""
        self._stopping = False
        self._leave_thread()

    def _leave_thread(self) -> None:
        self._thread_id = None
        running_loop._set_running_loop(None)
        self._set_coroutine_origin_tracking(False)
        self._release_asyncgens()

    def run_forever(self) -> None:
        """Run until `stop()` is called, and the rest of that turn.

        Raises RuntimeError where the loop is closed, or where it or another loop runs already in
        this thread. Of what callbacks raise only SystemExit and KeyboardInterrupt, and what comes
        from the poller, ends the run. Source: PEP 3156.
        """
        self._check_closed()
        self._check_running()
        try:
            self._run_forever_setup()
        except BaseException:
            # No memory, or Ctrl-C: the loop does not run, and can be run again.
            self._leave_thread()
            raise
        try:
            while True:
                if self._turns_by_itself and self._take_turns():
                    break
                # Looked up each time: it may be replaced while the loop runs, as in a notebook.
                self._run_once()
                if self._stopping:
                    break
                # Ctrl-C comes where the interpreter jumps back, too. Up to Python 3.15 it counts that as guarded by `finally`
                # only where it is a statement of its own; not behind an `if`, nor, on 3.12 and 3.13, by the loop's condition.
                continue
        finally:
            try:
                self._run_forever_cleanup()
            except BaseException:
                # Ctrl-C, once more: the thread is given back all the same, for nobody else will do it.
                self._run_forever_cleanup()
                raise

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until `future` is done, then return its result or raise its exception.

        A coroutine becomes a task first. Raises RuntimeError where `stop()` ended the run before,
        and the errors of `run_forever()`; TypeError for what cannot be awaited. Source: PEP 3156.
        """
        self._check_closed()
        self._check_running()

        from asyncio_core.awaiting.combinators import ensure_future

        given: Any = future
        made: Any = ensure_future(given, loop=self)
        awaited: Future[_T] = made
        made_here = awaited is not given and not isfuture(given)
        if made_here:
            # Whoever interrupts the run is told by an exception; no second report from __del__.
            made._log_destroy_pending = False
        awaited.add_done_callback(_run_until_complete_cb)
        try:
            self.run_forever()
        except BaseException:
            if made_here and awaited.done() and not awaited.cancelled():
                # The exception that ends the run is the task's own, or takes its place.
                awaited.exception()
            raise
        finally:
            awaited.remove_done_callback(_run_until_complete_cb)
        if not awaited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return awaited.result()

    def stop(self) -> None:
        """Let `run_forever()` return at the end of the present turn.

        Callbacks that are ready now still run. Before the loop runs, the next run is one turn long.
        Source: PEP 3156.
        """
        self._stopping = True

    def close(self) -> None:
        """Drop all callbacks and timers; let go of the executor without waiting for its threads.

        A second call does nothing. Raises RuntimeError while the loop runs.
        """
        if self._thread_id is not None:
            try:
                raise RuntimeError("Cannot close a running event loop")
            except RuntimeError as error:
                drop_own_frame(error)
                raise
        if self._closed:
            return
        if self._debug:
            log.logger.debug("Close %r", self)
        self._closed = True
        self._drop_all()
        self._abandon_executors()


def _run_until_complete_cb(fut: Future[Any]) -> None:
    """Stop the loop that `run_until_complete()` runs for `fut`."""
    if not fut.cancelled() and isinstance(fut.exception(), (SystemExit, KeyboardInterrupt)):
        # The exception has ended the run already; a stop now would cut the next one short.
        return
    futures._get_loop(fut).stop()


# What is patched here, such as `socket` and `logger`, is patched in the parts that use it.
make_face(
    __name__,
    (
        "connections.addresses",
        "connections.connecting",
        "connections.datagrams",
        "scheduling.debugging",
        "scheduling.executors",
        "scheduling.reports",
        "connections.file_sending",
        "connections.pipes",
        "connections.serving",
        "connections.socket_options",
        "connections.subprocesses",
        "scheduling.timers",
        "scheduling.turn",
    ),
)


lend_names(
    __name__,
    "contextvars",
    "math",
    # Where names that people look for in this module live here.
    "_HAS_IPv6=socket:has_ipv6",
    "_SendfileFallbackProtocol=asyncio_core.connections.file_sending:_SendfileFallbackProtocol",
    "_check_ssl_socket=asyncio_core.connections.socket_options:_check_ssl_socket",
    "_format_handle=asyncio_core.scheduling.debugging:_format_handle",
    "_format_pipe=asyncio_core.connections.subprocesses:_format_pipe",
    "_interleave_addrinfos=asyncio_core.connections.addresses:_interleave_addrinfos",
    "_ipaddr_info=asyncio_core.connections.addresses:_ipaddr_info",
    "_set_nodelay=asyncio_core.connections.socket_options:_set_nodelay",
    "_set_reuseport=asyncio_core.connections.socket_options:_set_reuseport",
    "logger",
    "collections",
    "concurrent",
    "constants",
    "errno",
    "events",
    "exceptions",
    "functools",
    "heapq",
    "itertools",
    "os",
    "protocols",
    "ssl",
    "sslproto",
    "staggered",
    "stat",
    "subprocess",
    "sys",
    "tasks",
    "threading",
    "time",
    "timeouts",
    "traceback",
    "transports",
    "trsock",
)

leave_to_checkers(__name__)
