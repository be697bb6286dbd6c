"""What the parts of an event loop know of each other.

`BaseEventLoop` is composed of parts that each read alone: scheduling, executors, connecting, serving
and so on. This class declares the state and the helpers that more than one of them uses, and the
hooks for the turn that a loop distribution fills in; those for input and output are declared by
`asyncio_core.connections.hooks`. It holds no behaviour of its own except to say, where a hook is
missing, what to install.
"""

from __future__ import annotations

import sys
import time

from asyncio_core.interfaces.loop import AbstractEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from collections import deque
    from collections.abc import AsyncGenerator, Callable, Sequence
    from concurrent.futures import Executor
    from concurrent.futures import Future as ThreadFuture
    from contextvars import Context
    from typing import Any

    from asyncio_core.interfaces.loop_types import ExceptionHandler, _TaskFactory
    from asyncio_core.scheduling.handles import Handle, TimerHandle

_IO_DISTRIBUTIONS = (
    "asyncio-iocp or asyncio-selectors" if sys.platform == "win32" else "asyncio-selectors"
)


def io_not_installed(loop: AbstractEventLoop, what: str) -> NotImplementedError:
    """Return the error for a call that needs a loop which can do `what`, such as "sockets"."""
    # A loop with pipes is one half of what subprocesses need; both are named at once.
    also = ", and asyncio-subprocess" if what == "subprocesses" else ""
    return NotImplementedError(
        f"{type(loop).__name__} does not do {what}: "
        f"install {_IO_DISTRIBUTIONS} for a loop that does{also}"
    )


# Since Python 3.15 the hooks that make transports, serve and register hand a context on. A loop class that
# overrides them for an older Python does not know that argument: there it is not given.
HOOKS_TAKE_CONTEXT = sys.version_info >= (3, 15)


# The flag of code objects that take any keyword arguments (inspect.CO_VARKEYWORDS).
_TAKES_KEYWORDS = 0x08


def takes_context(hook: Any) -> bool:
    """Tell whether `hook` is to be told of a context; on Python 3.15 one for an older Python is not."""
    if not HOOKS_TAKE_CONTEXT:
        return False
    code = getattr(hook, "__code__", None)
    if code is None or code.co_flags & _TAKES_KEYWORDS:
        return True
    return "context" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def context_for_hook(hook: Any, context: Context | None) -> dict[str, Any]:
    """Return the keyword arguments with which `hook` is told of `context` on this Python."""
    return {"context": context} if takes_context(hook) else {}


def is_replaced(hook: Any, own: Any) -> bool:
    """Tell whether `hook`, a bound method, is another than the function `own`.

    It may be overridden in a derived class, set on the loop, or patched in the class. A short cut
    around a hook is taken only where this is not so.
    """
    return getattr(hook, "__func__", None) is not own


class made_on_use:
    """An attribute of a loop that most loops never need: made when it is first asked for.

    For what the loop's own thread alone asks for.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loop: Any, owner: type) -> Any:
        if loop is None:
            return self
        value = self._make()
        setattr(loop, self._name, value)
        return value


class LoopPart(AbstractEventLoop):
    """Base of the parts: shared state, helpers and hooks, declared once."""

    # State, made by BaseEventLoop. What seldom changes stands on the class: from some 30 attributes on, the
    # interpreter takes longer for each of an instance, and for each call of a method of it.

    _ready: deque[Handle]
    _closed: bool
    _stopping: bool
    _debug: bool
    # Identifier of the thread that runs the loop, None while it does not run.
    _thread_id: int | None
    # Anything with select(timeout) -> list of events; loops with a poller set it.
    _selector: Any
    # In seconds: what time() can tell apart, and what debug mode calls a slow callback.
    _clock_resolution: float = time.get_clock_info("monotonic").resolution
    slow_callback_duration: float = 0.1
    # The handle that runs now, for reports; set in debug mode only.
    _current_handle: Handle | None = None
    _default_executor: Executor | None = None
    # What other threads wait for, and the coroutine where that has not begun.
    _answers_owed: dict[ThreadFuture[Any], Any]
    _exception_handler: ExceptionHandler | None = None
    _task_factory: _TaskFactory | None = None
    _asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]]

    # Helpers, defined by BaseEventLoop.

    if TYPE_CHECKING:

        def _check_closed(self) -> None:
            """Raise RuntimeError where the loop is closed."""

        def _check_running(self) -> None:
            """Raise RuntimeError where this loop, or another in this thread, runs."""

        def _check_thread(self) -> None:
            """Raise RuntimeError where the loop runs in another thread than this one."""

        def _check_callback(self, callback: Any, method_name: str) -> None:
            """Raise TypeError where `callback` cannot be called or is a coroutine (function)."""

        def _check_call(self, callback: Any, method: str, *, any_thread: bool = False) -> None:
            """Do the checks above for a call of `method`; asked in debug mode or when closed."""

        def _call_soon(
            self, callback: Callable[..., object], args: Sequence[Any], context: Context | None
        ) -> Handle:
            """Queue a callback without any check."""

        def _add_callback(self, handle: Handle) -> None:
            """Queue a handle unless it was cancelled."""

        def _add_callback_signalsafe(self, handle: Handle) -> None:
            """Queue a handle for a signal, and wake the loop."""

        def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
            """Count a cancelled timer, so that the heap is cleaned before it grows."""

        def _run_batch_watched(self, count: int) -> None:
            """Run the next `count` ready handles, and log those that keep the loop for too long."""

        async def _look_up(self, func: Callable[..., Any], *args: Any) -> Any:
            """Return what a short blocking call returns, made in a thread of the loop's own."""

    # Hooks for the turn of the loop.

    def _process_events(self, event_list: Any) -> None:
        """Queue the callbacks for what the poller reported."""
        raise io_not_installed(self, "input and output")

    def _write_to_self(self) -> None:
        """Wake the loop where it waits; called from any thread, and from signal handlers."""
        raise io_not_installed(self, "waking up")

    def _poll(self, timeout: float | None) -> None:
        """Wait up to `timeout` seconds (None: without limit) and queue what became ready."""
        self._process_events(self._selector.select(timeout))
