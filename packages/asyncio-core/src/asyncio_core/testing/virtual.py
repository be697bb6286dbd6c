"""Virtual time: it stands still while anything is ready, and jumps to the next timer when nothing is.

A day of sleeps runs in milliseconds, and no test need wait for a timeout. How far time has come depends on timers alone, not
on how fast the machine is.

Input and output are real, and so are threads. `outside` tells three cases apart when nothing is ready:

outside    Somebody else may have something for the loop: its clock goes as the real one until that comes or the next timer is due.
open       A signal may come, and need not: time jumps.
own        The program serves itself: what is under way between its own descriptors arrives first, for which it has a millisecond.
           Then time jumps.
nothing    Time jumps.

Without a timer the loop waits for what is outside, and for signals, as any other does. Where nothing but its own descriptors is left, or
none, all of it waits for itself: after a moment for what is under way it raises DeadlockError. While another thread or a child process
is there, which may write to such a descriptor, it waits.
"""

from __future__ import annotations

import math
import time
from threading import get_ident

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.timers import MAXIMUM_SELECT_TIMEOUT
from asyncio_core.testing.deadlock import deadlock_of
from asyncio_core.testing.making import OverlaidPolicy
from asyncio_core.testing.outside import Outlook, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from typing import Any, TypeVar, TypeVarTuple, Unpack

    from asyncio_core.awaiting.futures import Future

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")

__all__ = ("VirtualEventLoopPolicy", "VirtualPart")

# Seconds of the loop's clock when it is made. The same for each, so that what is computed from it comes out the same.
_BEGINNING = 1000.0

# Seconds. What was written to one end of a connection within the system is there at the other end at once, but for a system
# that is busy.
_UNDER_WAY = 0.001

# Seconds that a thread has which waits for another one, and may have what it waits for by now.
_WAKING = 0.005

# Seconds between two looks at who may have something for the loop: a thread may end without a word.
_LOOK = 0.05


class VirtualPart(BaseEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing is ready.

    `time()` begins at 1000 seconds. Raises `DeadlockError` out of its run where nothing can come any more.
    """

    def __init__(self) -> None:
        self._now = _BEGINNING
        self._outlook = Outlook(self)
        # Whether nothing has come since there was no way to see from where.
        self._looked_again = False
        super().__init__()

    def time(self) -> float:
        """Return the virtual clock in seconds. It stands still while callbacks run."""
        return self._now

    def _poll(self, timeout: float | None) -> None:
        ready = self._ready
        super()._poll(0)
        if timeout == 0 or ready:
            self._looked_again = False
            return
        if timeout is not None and timeout >= MAXIMUM_SELECT_TIMEOUT:
            timeout = self._until_next_timer()
        outlook = self._outlook
        source = outlook.look()
        if ready:
            # A thread has called before it ended.
            return
        if source is Source.OUTSIDE:
            begun = time.monotonic()
            super()._poll(_LOOK if timeout is None else min(timeout, _LOOK))
            self._advance(time.monotonic() - begun)
        elif timeout is None:
            if source is Source.OPEN or (source is Source.OWN and outlook.has_others()):
                super()._poll(_LOOK)
                return
            under_way = source is Source.OWN or outlook.idle_threads
            if self._looked_again or not under_way:
                raise deadlock_of(self, watches=source is Source.OWN)
            self._looked_again = True
            super()._poll(_LOOK)
        else:
            if outlook.idle_threads or source in (Source.OWN, Source.OPEN):
                super()._poll(min(timeout, _WAKING if outlook.idle_threads else _UNDER_WAY))
            if not ready:
                self._jump(timeout)

    def _until_next_timer(self) -> float | None:
        """Return the seconds to the next timer, None where it never comes. A turn waits for a day at most."""
        seconds: float = self._scheduled[0].when() - self._now
        return None if seconds == math.inf else seconds

    def _jump(self, timeout: float) -> None:
        """Let the time pass until the next timer."""
        before = self._now
        self._advance(timeout)
        if self._now == before:
            # Too little to be added to a large number.
            self._now = math.nextafter(before, math.inf)

    def _advance(self, seconds: float) -> None:
        self._now += seconds
        step = math.ulp(self._now)
        if step > self._clock_resolution:
            # What is due now would never come: the next moment that such a large number tells apart is later.
            self._clock_resolution = step

    # Who may have something for the loop.

    def _write_to_self(self) -> None:
        if self._thread_id != get_ident():
            self._outlook.note_caller()
        super()._write_to_self()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: Unpack[_Ts]
    ) -> Future[_T]:
        """Have `executor` call `func(*args)`; return a future for its result.

        Until that is there the clock goes as the real one. Source: PEP 3156.
        """
        job = super().run_in_executor(executor, func, *args)
        self._outlook.jobs.add(job)
        return job

    # Names are looked up by threads of the loop's own all the same.
    run_in_executor.__dict__["_leaves_look_ups"] = True

    async def _look_up(self, func: Callable[..., Any], *args: Any) -> Any:
        self._outlook.look_ups += 1
        try:
            return await super()._look_up(func, *args)
        finally:
            self._outlook.look_ups -= 1


class VirtualEventLoopPolicy(OverlaidPolicy):
    """The policy under the name `virtual`: loops of the platform's default kind, with virtual time."""

    part = VirtualPart


leave_to_checkers(__name__)
