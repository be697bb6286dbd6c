"""Callbacks that a loop was asked to run: one handle for each.

Handles are made for every callback of a program, so they keep to slots, bind nothing they do not need
and import what only error paths and debug mode use when those come.
"""

from __future__ import annotations

import sys
from contextvars import copy_context
from threading import RLock

from asyncio_core.exceptions import drop_own_frame
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    import traceback
    from collections.abc import Callable, Sequence
    from contextvars import Context
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("Handle", "TimerHandle")


class Handle:
    """A callback that is waiting to run, as returned by `loop.call_soon()` and its kin.

    `callback` will be called with the positional arguments `args` in `context`, or, where that is
    None, in a copy of the context (`contextvars`) that is current when the handle is made. See
    PEP 3156 and PEP 567.
    """

    __slots__ = (
        "__weakref__",
        "_args",
        "_callback",
        "_cancelled",
        "_context",
        "_loop",
        "_repr",
        "_source_traceback",
    )

    # None once it is cancelled, which _run() is not asked to look at.
    _callback: Any
    _args: Any
    _context: Context
    _loop: AbstractEventLoop
    _cancelled: bool
    _repr: str | None
    _source_traceback: traceback.StackSummary | None

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: AbstractEventLoop,
        context: Context | None = None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False
        self._repr = None
        # The frame is taken here and not one call deeper: its line is what people look for.
        self._source_traceback = _stack_of(sys._getframe(1)) if loop.get_debug() else None

    def _repr_info(self) -> list[str]:
        words = [type(self).__name__]
        if self._cancelled:
            words.append("cancelled")
        if self._callback is not None:
            from asyncio_core.format_helpers import _format_callback_source

            words.append(
                _format_callback_source(
                    self._callback, self._args or (), debug=self._loop.get_debug()
                )
            )
        if self._source_traceback:
            origin = self._source_traceback[-1]
            words.append(f"created at {origin.filename}:{origin.lineno}")
        return words

    def __repr__(self) -> str:
        return self._repr or f"<{' '.join(self._repr_info())}>"

    def get_context(self) -> Context:
        """Return the context (`contextvars.Context`) in which the callback runs.

        Added in Python 3.12.
        """
        return self._context

    def cancel(self) -> None:
        """Make sure that the callback does not run.

        Nothing happens where it has run already or was cancelled before.
        """
        if self._cancelled:
            return
        self._cancelled = True
        # While the interpreter ends there are no more reports, and what shows a callback may not be importable.
        if self._loop.get_debug() and not sys.is_finalizing():
            # Callback and arguments are dropped below; slow-callback reports still want them.
            self._repr = f"<{' '.join(self._repr_info())}>"
        self._callback = None
        self._args = None

    def cancelled(self) -> bool:
        """Return True where the handle was cancelled."""
        return self._cancelled

    def _run(self) -> None:
        """Call the callback in its context; what it raises goes to the loop's exception handler."""
        args = self._args
        try:
            # Unpacking costs as much as all the rest, and most callbacks have one argument or none.
            if not args:
                self._context.run(self._callback)
            elif len(args) == 1:
                self._context.run(self._callback, args[0])
            else:
                self._context.run(self._callback, *args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._report(exc)
        # A traceback held by somebody must not keep the handle and the arguments alive.
        self = args = None  # type: ignore[assignment]

    def _report(self, exc: BaseException) -> None:
        from asyncio_core.format_helpers import _format_callback_source

        callback, args = self._callback, self._args
        # None where the callback cancelled its own handle and then failed.
        what = repr(self)
        if callback is not None:
            what = _format_callback_source(callback, args or (), debug=self._loop.get_debug())
        details: dict[str, Any] = {
            "message": f"Exception in callback {what}",
            "exception": exc,
            "handle": self,
        }
        if self._source_traceback:
            details["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(details)


class TimerHandle(Handle):
    """A callback that is due at a time, as returned by `loop.call_later()` and `loop.call_at()`.

    Timer handles order by their time. Source: PEP 3156.
    """

    __slots__ = ["_number", "_scheduled", "_when"]

    _when: float
    # Counts the timers of a loop that shows them, so that those of one moment keep their order.
    _number: int
    # True while the handle lies in the loop's heap; cancelling tells the loop only then.
    _scheduled: bool

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: AbstractEventLoop,
        context: Context | None = None,
    ) -> None:
        # Handle.__init__ once more, without the call: timeouts make a timer for each operation.
        self._context = copy_context() if context is None else context
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False
        self._repr = None
        self._source_traceback = _stack_of(sys._getframe(1)) if loop.get_debug() else None
        self._when = when
        self._scheduled = False

    def _repr_info(self) -> list[str]:
        words = super()._repr_info()
        words.insert(2 if self._cancelled else 1, f"when={self._when}")
        return words

    def when(self) -> float:
        """Return the time at which the callback is due, in seconds of `loop.time()`."""
        return self._when

    def cancel(self) -> None:
        """Make sure that the callback does not run; the loop forgets the timer in time."""
        if not self._cancelled:
            self._loop._timer_handle_cancelled(self)
        super().cancel()

    def __hash__(self) -> int:
        return hash(self._when)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _PyTimerHandle):
            return NotImplemented
        return self is other or (
            (self._when, self._callback, self._args, self._cancelled)
            == (other._when, other._callback, other._args, other._cancelled)
        )

    def __lt__(self, other: TimerHandle) -> bool:
        if not isinstance(other, _PyTimerHandle):
            return NotImplemented
        return self._when < other._when

    def __gt__(self, other: TimerHandle) -> bool:
        if not isinstance(other, _PyTimerHandle):
            return NotImplemented
        return self._when > other._when

    def __le__(self, other: TimerHandle) -> bool:
        if not isinstance(other, _PyTimerHandle):
            return NotImplemented
        return self._when < other._when or self == other

    def __ge__(self, other: TimerHandle) -> bool:
        if not isinstance(other, _PyTimerHandle):
            return NotImplemented
        return self._when > other._when or self == other


_PyHandle = Handle
_PyTimerHandle = TimerHandle

if not TYPE_CHECKING and twins is not None:
    Handle = _CHandle = twins.Handle
    TimerHandle = _CTimerHandle = twins.TimerHandle
    twins.know(_PyHandle=_PyHandle)


class _ThreadSafeHandle(Handle):
    """The handle that `loop.call_soon_threadsafe()` returns.

    Another thread may cancel it while the loop is about to run it. A lock makes that one or the
    other: after `cancel()` returns, the callback has run or never will. It is reentrant, because a
    callback may cancel its own handle.
    """

    __slots__ = ("_lock",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: AbstractEventLoop,
        context: Context | None = None,
    ) -> None:
        super().__init__(callback, args, loop, context)
        if self._source_traceback:
            del self._source_traceback[-1]
        self._lock = RLock()

    def cancel(self) -> None:
        """Make sure that the callback does not run; waits while it is running right now."""
        with self._lock:
            super().cancel()

    def cancelled(self) -> bool:
        """Return True where the handle was cancelled."""
        with self._lock:
            return self._cancelled

    def _run(self) -> None:
        with self._lock:
            # Cancelled after the loop looked at the flag without the lock.
            if not self._cancelled:
                try:
                    super()._run()
                except BaseException as error:
                    drop_own_frame(error)
                    raise
        self = None  # type: ignore[assignment]


if not TYPE_CHECKING and twins is not None:
    _ThreadSafeHandle = twins._ThreadSafeHandle


# Our own, to know it from what replaces it.
_RUN = Handle._run


class _StepHandle(Handle):
    """The handle of a task that wants a turn of the loop and nothing else; queued again for each of them.

    Its callback does a step, as that of any other handle would. Only `_run()` calls what also tells it
    whether there is another one to come.
    """

    __slots__ = ("_resume",)

    _resume: Callable[[], object]

    def __init__(self, task: Any, loop: AbstractEventLoop) -> None:
        super().__init__(task._step, (), loop, task._context)
        self._resume = task._resume

    def cancel(self) -> None:
        """Make sure that the callback does not run."""
        super().cancel()
        self._resume = None  # type: ignore[assignment]

    def _run(self) -> None:
        if Handle._run is not _RUN:
            # Somebody watches what runs.
            Handle._run(self)
            return
        loop: Any = self._loop
        try:
            if self._context.run(self._resume):
                loop._queue_again(self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._report(exc)
        self = None  # type: ignore[assignment]


def _stack_of(frame: Any) -> traceback.StackSummary:
    from asyncio_core.format_helpers import extract_stack

    return extract_stack(frame)
