"""The loop that core brings along: it parks its thread on a lock, and does no input or output.

It runs tasks, timers, threads and executors, so that `asyncio_core.run(main())` works where nothing
else is installed. What needs a poller raises NotImplementedError and says what to install.
"""

from __future__ import annotations

import sys
from collections import deque
from threading import Lock

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy
from asyncio_core.loops.base_events import BaseEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("ParkingEventLoop", "ParkingEventLoopPolicy")

# Seconds. On Windows a thread that waits for a lock does not notice Ctrl-C. Elsewhere it does, except in the
# instant before it sleeps: a signal that comes then waits for the next one. So it wakes up now and then.
_LONGEST_PARK = 0.25 if sys.platform == "win32" else 1.0


class ParkingEventLoop(BaseEventLoop):
    """An event loop without sockets, pipes, signals and subprocesses.

    Between callbacks its thread sleeps on a lock, which `call_soon_threadsafe()` releases. A signal's
    Python handler runs as soon as it arrives, and may raise (KeyboardInterrupt) or schedule.
    """

    def __init__(self) -> None:
        super().__init__()
        # A wake-up that comes before the wait is not lost, and many of them count as one.
        self._woken = False
        # The lock that the loop sleeps on. Who wakes it takes that lock out, so that one alone releases it: a
        # second time, before the loop has come to itself, ends the process on debug builds of Python.
        self._parked: deque[Any] = deque()

    def _poll(self, timeout: float | None) -> None:
        if timeout == 0:
            # A wake-up stays where it is, and makes the next wait a short one; that is harmless.
            return
        if timeout is None or timeout > _LONGEST_PARK:
            timeout = _LONGEST_PARK
        lock = Lock()
        lock.acquire()
        # In this order, and below in the other: either the wake-up is seen here, or the lock there.
        self._parked.append(lock)
        if not self._woken:
            lock.acquire(timeout=timeout)
        self._parked.clear()
        # Whoever came before this has queued what it is about, which the loop looks at next.
        self._woken = False

    def _write_to_self(self) -> None:
        if self._woken:
            return
        self._woken = True
        try:
            lock = self._parked.pop()
        except IndexError:
            # The loop is not parked, or somebody else has just woken it.
            return
        lock.release()

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there is no poller, so there are no events."""


class ParkingEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """The policy that makes parking loops."""

    _loop_factory = ParkingEventLoop


leave_to_checkers(__name__)
