"""Part of the event loop: its timers.

They lie in a heap, in one of three forms:

plain      Tuples of (time, number, handle). Numbers differ, so comparing never reaches the handle, runs
           in C, and gives timers for one moment the order in which they were made.
swept      Two such heaps, while what was cancelled is sorted out of a large one: a little in each turn,
           for a loop that holds a million timers has other things to do than to look through them all.
shown      A heap of handles, from the moment at which somebody asks for `loop._scheduled` or sets it.
           Clocks for tests, loops within loops and debuggers do, look at the next timer, take timers out
           and put some in. Handles compare in Python, so a loop has this form only where it is wanted.

Nobody vouches for what others put into a shown heap. What is no timer is reported there and dropped.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from operator import attrgetter
from threading import get_ident

from asyncio_core.moments import check_moment
from asyncio_core.scheduling.handles import TimerHandle
from asyncio_core.scheduling.loop_part import LoopPart
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any, TypeVarTuple, Unpack

    _Ts = TypeVarTuple("_Ts")

__all__ = ("TimerPart",)

# Cancelled timers stay in the heap until they come to its top. Once there are more than the first
# number of timers, and more than the second share of them is cancelled, they are sorted out.
_MIN_SCHEDULED_TIMER_HANDLES = 100
_MIN_CANCELLED_TIMER_HANDLES_FRACTION = 0.5

# As many timers are looked at in one turn: a few milliseconds.
_SWEEP_PER_TURN = 4096

# Seconds. The longest wait: pollers overflow on more, and a day is as good as for ever.
MAXIMUM_SELECT_TIMEOUT = 24 * 3600

_moment_of = attrgetter("_when")


class TimerPart(LoopPart):
    """call_later(), call_at(), and what the loop's turn asks of timers."""

    # Plain: tuples. Shown: handles, or whatever was set. Swept: what is yet to be looked at; not
    # empty as long as there are timers, so that a turn can tell by this one list.
    _timer_heap: list[Any]
    _timers_plain: bool = True
    # Swept: the timers that stay, and new ones. None in the other forms.
    _timers_kept: list[Any] | None = None
    # Swept: the last number given when some were looked at.
    _timers_swept_at: int = 0
    _timers_busy: bool = False
    _timer_number: int
    _timer_cancelled_count: int

    def _init_timers(self) -> None:
        self._timer_heap = []
        self._timer_number = 0
        self._timer_cancelled_count = 0

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> TimerHandle:
        """Run `callback(*args)` in `delay` seconds; 0 and less mean the next turn.

        Returns a handle with which it can be cancelled. Raises what `call_soon()` raises, TypeError
        where `delay` is None or no number, ValueError where it is NaN. Source: PEP 3156.
        """
        try:
            moment = self.time() + delay
        except TypeError:
            if delay is None:
                raise TypeError("delay must not be None") from None
            # A decimal does not add to the clock, but its NaN is named as that of others is.
            check_moment(delay, "delay")
            raise
        timer = self.call_at(moment, callback, *args, context=context)
        if timer._source_traceback:
            del timer._source_traceback[-1]
        return timer

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> TimerHandle:
        """Run `callback(*args)` when the loop's clock reaches `when`, in seconds of `time()`.

        Timers for the same moment run in the order in which they were made. Returns and raises what
        `call_later()` does. Source: PEP 3156.
        """
        moment = when
        if when.__class__ is not float or when != when:
            if when is None:
                raise TypeError("when cannot be None")
            # What cannot be compared would only show later, to all that make or run timers.
            moment = check_moment(when)
        if self._closed:
            self._check_closed()
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_at")
        timer = TimerHandle(when, callback, args, self, context)
        if timer._source_traceback:
            del timer._source_traceback[-1]
        self._timer_number = number = self._timer_number + 1
        if self._timers_plain:
            heappush(self._timer_heap, (moment, number, timer))
        else:
            self._add_timer(moment, number, timer)
        timer._scheduled = True
        return timer

    def _add_timer(self, moment: float, number: int, timer: TimerHandle) -> None:
        """Enter a timer into a heap that is not plain."""
        if self._timers_kept is not None:
            heappush(self._timers_kept, (moment, number, timer))
            return
        timer._when = moment
        timer._number = number
        try:
            heappush(self._timer_heap, timer)
        except Exception:
            # It is in, but could not be compared with another one.
            self._drop_bad_timers()

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        if handle._scheduled:
            self._timer_cancelled_count += 1

    # The form for others

    @property
    def _scheduled(self) -> Any:
        """The list of timers, a heap: the next one is the first.

        In another thread, and in the midst of a sweep, a copy: what is changed there has no effect.
        """
        if not self._timers_plain and self._timers_kept is None:
            return self._timer_heap
        # Sorted is more than a heap needs, and comparing is in C only here.
        entries = sorted([*self._timer_heap, *(self._timers_kept or ())])
        timers = [entry[2] for entry in entries]
        if self._timers_busy or self._thread_id not in {None, get_ident()}:
            return timers
        for moment, number, timer in entries:
            # Fractions and decimals compare with floats, but not with each other.
            timer._when = moment
            timer._number = number
        before = self._timer_heap
        self._scheduled = timers
        # A turn that was interrupted for this finds nothing more in the list that it holds.
        before.clear()
        return timers

    @_scheduled.setter
    def _scheduled(self, timers: Any) -> None:
        self._timers_plain = False
        self._timers_kept = None
        self._timer_heap = timers

    def _drop_bad_timers(self) -> None:
        """Take out of a shown heap what is no timer, report it, and put the others in order."""
        timers = self._timer_heap
        good, bad = [], []
        for timer in timers:
            try:
                timer._when = check_moment(timer._when)
                timer._run, timer._cancelled  # noqa: B018
                timer._scheduled = True
            except Exception as exc:
                bad.append((timer, exc))
            else:
                good.append(timer)
        good.sort(key=_moment_of)
        timers[:] = good
        for timer, reason in bad:
            what = type(timer).__name__
            self.call_exception_handler(
                {
                    "message": f"Dropped from the loop's timers: {what} without a moment",
                    "exception": reason,
                    "handle": timer,
                }
            )

    # For the turn

    def _wait_for_timers(self) -> float | None:
        """Return for how many seconds the loop may wait; its heap is not plain, or empty."""
        if self._timers_kept is not None:
            return 0
        for tidy in (False, True):
            timers = self._timer_heap
            try:
                # Also what is not counted, because others put it in.
                while timers and timers[0]._cancelled:
                    self._forget_first_handle()
                if not timers:
                    break
                wait = check_moment(timers[0]._when) - self.time()
            except Exception:
                if tidy:
                    raise
                self._drop_bad_timers()
            else:
                return min(max(wait, 0), MAXIMUM_SELECT_TIMEOUT)
        return None

    def _queue_due_timers(self) -> None:
        """Queue the handles of the timers that are due; the heap is not plain."""
        due = self.time() + self._clock_resolution
        if self._timers_kept is None:
            timers = self._take_due_handles(due)
        else:
            self._timers_busy = True
            try:
                timers = self._sweep(due)
            finally:
                self._timers_busy = False
        for timer in timers:
            if not timer._cancelled:
                self._ready.append(timer)
            elif self._timer_cancelled_count > 0:
                self._timer_cancelled_count -= 1

    def _take_due_handles(self, due: float) -> list[TimerHandle]:
        timers = self._timer_heap
        taken: list[TimerHandle] = []
        tidy = False
        while timers:
            first = timers[0]
            try:
                when = first._when
                if when >= due:
                    break
                if not when < due:
                    raise ValueError(f"when must not be NaN, got {when!r}")
                first._scheduled = False
                first._cancelled  # noqa: B018 - not all that others put in has it
            except Exception:
                if tidy:
                    raise
                tidy = True
                self._drop_bad_timers()
                continue
            taken.append(first)
            try:
                heappop(timers)
            except Exception:
                # It has left the heap, but the others could not be put in order.
                self._drop_bad_timers()
        if len(taken) > 1:
            # A heap gives no order to timers of one moment.
            taken.sort(key=_order_of)
        return taken

    def _sweep(self, due: float) -> list[TimerHandle]:
        """Sort out some cancelled timers, and return those that are due."""
        old, kept = self._timer_heap, self._timers_kept
        assert kept is not None
        # More than were made meanwhile: else they never come to an end, nor does what is kept.
        enough = max(_SWEEP_PER_TURN, 2 * (self._timer_number - self._timers_swept_at))
        self._timers_swept_at = self._timer_number
        # Whatever is taken from its end, a heap stays a heap.
        for _ in range(min(len(old), enough)):
            entry = old.pop()
            if entry[2]._cancelled:
                entry[2]._scheduled = False
                self._timer_cancelled_count -= 1
            else:
                heappush(kept, entry)
        taken = []
        for heap in (old, kept):
            while heap and heap[0][0] < due:
                taken.append(heappop(heap))
                taken[-1][2]._scheduled = False
        if not old:
            self._timer_heap = kept
            self._timers_kept = None
            self._timers_plain = True
        taken.sort()
        return [entry[2] for entry in taken]

    def _forget_cancelled_timers(self) -> None:
        """Take cancelled timers off the heap's top, or all of them where they are too many."""
        timers = self._timer_heap
        if not self._timers_plain:
            if self._timers_kept is None:
                try:
                    self._forget_cancelled_handles()
                except Exception:
                    self._drop_bad_timers()
            return
        if self._too_many_cancelled():
            if len(timers) > _SWEEP_PER_TURN:
                self._timers_kept = []
                self._timers_swept_at = self._timer_number
                self._timers_plain = False
                return
            kept = []
            for entry in timers:
                if entry[2]._cancelled:
                    entry[2]._scheduled = False
                else:
                    kept.append(entry)
            heapify(kept)
            timers[:] = kept
            self._timer_cancelled_count = 0
            return
        for _ in range(_SWEEP_PER_TURN):
            if not timers or not timers[0][2]._cancelled:
                break
            heappop(timers)[2]._scheduled = False
            self._timer_cancelled_count -= 1

    def _forget_cancelled_handles(self) -> None:
        timers = self._timer_heap
        if self._too_many_cancelled():
            living = []
            for timer in timers:
                if timer._cancelled:
                    timer._scheduled = False
                else:
                    living.append(timer)
            living.sort(key=_moment_of)
            timers[:] = living
            self._timer_cancelled_count = 0
            return
        while timers and timers[0]._cancelled:
            self._forget_first_handle()

    def _forget_first_handle(self) -> None:
        heappop(self._timer_heap)._scheduled = False
        if self._timer_cancelled_count > 0:
            self._timer_cancelled_count -= 1

    def _too_many_cancelled(self) -> bool:
        number = len(self._timer_heap)
        return (
            number > _MIN_SCHEDULED_TIMER_HANDLES
            and self._timer_cancelled_count > number * _MIN_CANCELLED_TIMER_HANDLES_FRACTION
        )


def _order_of(timer: TimerHandle) -> tuple[float, int]:
    return timer._when, getattr(timer, "_number", 0)


if twins is not None:
    twins.know(timers=globals())
