"""The base of event loops: a queue of callbacks that are ready, and the turn.

A turn waits for input and output as long as no callback is ready and no timer due, moves what became
ready to the queue, and then runs the callbacks that are in the queue at that moment; those that they
add wait for the next turn, so that callbacks which schedule each other cannot starve the poller.

This module is the scheduler. The other concerns of a loop are parts, each in a module of its own, and
`BaseEventLoop` is composed of them; how to wait (`_poll()`, `_write_to_self()`) and how to make
transports is left to the loop that derives from it. See PEP 3156.
"""

from __future__ import annotations

import socket as socket
import sys
import time
import warnings
import weakref
from collections import deque
from heapq import heappop
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
from asyncio_core.scheduling.handles import Handle, _ThreadSafeHandle
from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_core.scheduling.reports import ErrorReportingPart
from asyncio_core.scheduling.task_making import TaskMakingPart
from asyncio_core.scheduling.timers import (
    _MIN_CANCELLED_TIMER_HANDLES_FRACTION as _MIN_CANCELLED_TIMER_HANDLES_FRACTION,
)
from asyncio_core.scheduling.timers import (
    _MIN_SCHEDULED_TIMER_HANDLES as _MIN_SCHEDULED_TIMER_HANDLES,
)
from asyncio_core.scheduling.timers import MAXIMUM_SELECT_TIMEOUT as MAXIMUM_SELECT_TIMEOUT
from asyncio_core.scheduling.timers import TimerPart
from asyncio_core.tls.part import TLSPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from contextvars import Context
    from typing import Any, TypeVar, TypeVarTuple, Unpack

    from asyncio_core.awaiting.futures import Future

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")
    _HandleT = TypeVar("_HandleT", bound=Handle)

    logger: logging.Logger

__all__ = ("BaseEventLoop", "Server")

# Callbacks that wait. With more of them, threads that add others let the loop's thread run.
_CROWD = 1000


@one_class(AbstractEventLoop)
class BaseEventLoop(
    ConnectingPart,
    TLSPart,
    ServingPart,
    DatagramPart,
    PipePart,
    SubprocessPart,
    FileSendingPart,
    ExecutorPart,
    TaskMakingPart,
    TimerPart,
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
        self._ready = deque()
        self._init_timers()
        self._closed = False
        self._stopping = False
        self._thread_id = None
        self._clock_resolution = time.get_clock_info("monotonic").resolution
        self._exception_handler = None
        self._current_handle = None
        self._task_factory = None
        self._asyncgens = weakref.WeakSet()
        self._asyncgens_shutdown = False
        self._left_asyncgens = []
        self._closing_asyncgens = set()
        self._hooks_before = None
        self._default_executor = None
        self._answers_owed = {}
        self._executor_shutdown_called = False
        self._lookups = None
        self._origin_depth_before = None
        self.slow_callback_duration = 0.1
        self._debug = False
        self._call_soon_hooked = is_replaced(self._call_soon, _CALL_SOON)
        self.set_debug(coroutines._is_debug_mode())

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
        self._call_soon_hooked = is_replaced(self._call_soon, _CALL_SOON)
        self._thread_id = get_ident()
        self._set_coroutine_origin_tracking(self._debug)
        self._adopt_asyncgens()
        running_loop._set_running_loop(self)

    def _run_forever_cleanup(self) -> None:
        """Give the thread back as `_run_forever_setup()` found it."""
        self._stopping = False
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
        self._run_forever_setup()
        try:
            while True:
                # Looked up each time: it may be replaced while the loop runs, as in a notebook.
                self._run_once()
                if self._stopping:
                    break
        finally:
            self._run_forever_cleanup()

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
        self._ready.clear()
        self._timer_heap.clear()
        self._timers_kept = None
        self._timer_cancelled_count = 0
        self._abandon_executors()

    # Queueing callbacks

    def time(self) -> float:
        """Return the loop's clock in seconds; it never goes back and says nothing about the date.

        Source: PEP 3156.
        """
        return time.monotonic()

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> Handle:
        """Run `callback(*args)` in the next turn, after what was queued before it.

        `context` is the `contextvars.Context` to run it in, by default a copy of the present one.
        Returns the handle that can cancel it. Raises RuntimeError where the loop is closed; in debug
        mode also for calls from another thread than the loop's, and TypeError for a callback that
        is none. Source: PEP 3156.
        """
        if self._closed or self._debug or self._call_soon_hooked:
            if self._closed:
                self._check_closed()
            if self._debug:
                self._check_thread()
                self._check_callback(callback, "call_soon")
            return _made_elsewhere(self._call_soon(callback, args, context))
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _call_soon(
        self, callback: Callable[..., object], args: Sequence[Any], context: Context | None
    ) -> Handle:
        handle = _made_elsewhere(Handle(callback, args, self, context))
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> Handle:
        """Do what `call_soon()` does, and wake the loop; may be called from any thread.

        Also signal handlers and other code that interrupts the loop's thread have to use it. The
        handle may be cancelled from any thread. Source: PEP 3156.
        """
        if self._closed:
            self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")
        if self._call_soon_hooked and sys.version_info < (3, 14):
            # Later Pythons do not call that hook here.
            handed = self._call_soon(callback, args, context)
            self._write_to_self()
            return handed
        handle = _ThreadSafeHandle(callback, args, self, context)
        ready = self._ready
        ready.append(_made_elsewhere(handle))
        self._write_to_self()
        if len(ready) > _CROWD and self._thread_id not in (None, get_ident()):
            # Calls that wake nobody never give way to the loop's thread, which has to catch up.
            time.sleep(0)
        return handle

    def _add_callback(self, handle: Handle) -> None:
        """Queue a handle that a poller's event calls for."""
        if not handle._cancelled:
            self._ready.append(handle)

    def _add_callback_signalsafe(self, handle: Handle) -> None:
        """Queue a handle for a signal that came, and wake the loop for it."""
        self._add_callback(handle)
        self._write_to_self()

    def _queueing_hooked(self) -> bool:
        """Tell whether handles that pollers call for may not go straight into the queue."""
        return is_replaced(self._add_callback, _ADD_CALLBACK)

    # The turn

    def _run_once(self) -> None:
        """Wait for something to do, then run the callbacks that are ready.

        This is the loop's inner loop. Timers, the clock and debug mode cost nothing where there is no
        timer and no debug mode.
        """
        ready = self._ready
        timers = self._timer_heap
        if timers:
            if self._timer_cancelled_count:
                self._forget_cancelled_timers()
            if ready or self._stopping:
                self._poll(0)
            elif timers and self._timers_plain:
                wait = timers[0][0] - self.time()
                self._poll(0 if wait <= 0 else min(wait, MAXIMUM_SELECT_TIMEOUT))
            else:
                self._poll(self._wait_for_timers())
            if not self._timers_plain:
                self._queue_due_timers()
            elif timers:
                # What falls due before the clock's next tick cannot be told from what is due now.
                due = self.time() + self._clock_resolution
                while timers and timers[0][0] < due:
                    timer = heappop(timers)[2]
                    timer._scheduled = False
                    if timer._cancelled:
                        self._timer_cancelled_count -= 1
                    else:
                        ready.append(timer)
        else:
            self._poll(0 if ready or self._stopping else None)

        if self._debug:
            self._run_batch_watched(len(ready))
            return
        take = ready.popleft
        for _ in range(len(ready)):
            handle = take()
            if not handle._cancelled:
                handle._run()
        # Tracebacks of what failed lead to this frame, which would lead back to the task.
        handle = None  # type: ignore[assignment]


# Our own hooks, to know them from what replaces them.
_CALL_SOON = BaseEventLoop._call_soon
_ADD_CALLBACK = BaseEventLoop._add_callback


def _run_until_complete_cb(fut: Future[Any]) -> None:
    """Stop the loop that `run_until_complete()` runs for `fut`."""
    if not fut.cancelled() and isinstance(fut.exception(), (SystemExit, KeyboardInterrupt)):
        # The exception has ended the run already; a stop now would cut the next one short.
        return
    futures._get_loop(fut).stop()


def _made_elsewhere(handle: _HandleT) -> _HandleT:
    """Drop the caller's frame from a handle's origin: who called it is what debug mode tells."""
    if handle._source_traceback:
        del handle._source_traceback[-1]
    return handle


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
    "timeouts",
    "traceback",
    "transports",
    "trsock",
)

leave_to_checkers(__name__)
