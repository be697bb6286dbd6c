"""Part of the event loop: its queue of callbacks, and the turn.

A turn waits for input and output as long as no callback is ready and no timer due, moves what became
ready to the queue, and then runs the callbacks that are in the queue at that moment; those that they
add wait for the next turn, so that callbacks which schedule each other cannot starve the poller.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from heapq import heappop
from threading import get_ident

from asyncio_core.moments import check_moment
from asyncio_core.scheduling.handles import Handle, _StepHandle, _ThreadSafeHandle
from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_core.scheduling.timers import MAXIMUM_SELECT_TIMEOUT, TimerPart
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import Context
    from typing import Any, TypeVar, TypeVarTuple, Unpack

    from asyncio_core.awaiting.task import Task

    _Ts = TypeVarTuple("_Ts")
    _HandleT = TypeVar("_HandleT", bound=Handle)

__all__ = ("TurnPart",)

# So many busy turns in a row go without a poll, where the loop may spare it: a poll costs about as much as
# all the rest of such a turn. But in a poll other threads get to run, so it is spared only without any: they
# would have to wait for the interpreter's switch interval, several times for each call that they make.
POLLS_SPARED = 63

# Callbacks that wait. With more of them, threads that add others let the loop's thread run.
_CROWD = 1000


class TurnPart(TimerPart):
    """call_soon(), call_soon_threadsafe(), the clock, and what a turn does."""

    # Whether _call_soon() is another than ours. Looked for when a run begins, not at each call.
    _call_soon_hooked: bool

    # Whether a turn that finds callbacks ready may go without asking the poller, as nothing is watched that
    # could bring more of them: for loops with a poller to say, whenever that changes. Such a turn also looks
    # that there are no other threads (`_thread._count()`). And how many have gone without since the last poll.
    _may_spare_poll: bool
    _polls_spared: int

    # A compiled loop does: it returns when it is to stop, or where its _run_once() is no longer its own.
    _turns_by_itself = False

    if TYPE_CHECKING:

        def _take_turns(self) -> bool:
            """Turn, and turn again; return whether the loop is to stop."""

    def _init_turn(self) -> None:
        self._ready = deque()
        self._init_timers()
        self._closed = False
        self._stopping = False
        self._debug = False
        self._thread_id = None
        self._may_spare_poll = False
        self._polls_spared = 0
        self._notice_hooked_call_soon()

    def _notice_hooked_call_soon(self) -> None:
        self._call_soon_hooked = is_replaced(self._call_soon, _CALL_SOON)

    def _drop_all(self) -> None:
        """Forget all callbacks and timers."""
        self._ready.clear()
        self._timer_heap.clear()
        self._timers_kept = None
        self._timer_cancelled_count = 0

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

    def _queue_step(self, task: Task[Any]) -> None:
        """Queue the step of a task that wants to go on in the next turn."""
        if self._closed or self._queueing_is_seen():
            self.call_soon(task._step, context=task._context)
        else:
            self._ready.append(_StepHandle(task, self))

    def _queue_again(self, handle: _StepHandle) -> None:
        """Queue the same handle for the next such step; making one costs three times as much."""
        if self._queueing_is_seen():
            self.call_soon(handle._callback, context=handle._context)
        else:
            self._ready.append(handle)

    def _queueing_is_seen(self) -> bool:
        """Tell whether somebody, debug mode among them, wants all that is queued to go by call_soon()."""
        return (
            self._debug or self._call_soon_hooked or is_replaced(self.call_soon, _CALL_SOON_ITSELF)
        )

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
_CALL_SOON = TurnPart._call_soon
_CALL_SOON_ITSELF = TurnPart.call_soon
_ADD_CALLBACK = TurnPart._add_callback


_PyTurnPart = TurnPart

if not TYPE_CHECKING and twins is not None:
    twins.know(_PyTurnPart=_PyTurnPart, check_moment=check_moment, turn=globals())

    class TurnPart(twins.CompiledTurn, _PyTurnPart):
        """The same, with what every callback goes through compiled."""

        _turns_by_itself = True


def _made_elsewhere(handle: _HandleT) -> _HandleT:
    """Drop the caller's frame from a handle's origin: who called it is what debug mode tells."""
    if handle._source_traceback:
        del handle._source_traceback[-1]
    return handle
