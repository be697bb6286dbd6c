"""The watchdog: a thread that tells, while a callback blocks its loop, where it stands.

It looks from time to time what each loop's thread is in. Nothing in a loop helps it, so a loop runs as without it; all
it needs is to tell one callback from the next (`mark_of_callback()`). A callback that is compiled, and calls nothing of
Python's, is not seen.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from asyncio_core.awaiting.asking import name_of
from asyncio_core.awaiting.task_registry import _current_tasks
from asyncio_core.inspecting.loop_facts import frames_of_callback, mark_of_callback
from asyncio_core.inspecting.own_threads import OwnThread
from asyncio_core.log import logger
from asyncio_core.moments import check_moment
from asyncio_core.scheduling.known_loops import known_loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

# It looks so many times in the time that a callback may take, but not more often than this, in seconds.
_LOOKS = 5
_SHORTEST = 0.002


class _Callback:
    """A callback that a loop was seen to be in."""

    def __init__(self, mark: object, now: float) -> None:
        self.mark = mark
        self.since = now
        self.told = False


class Watchdog(OwnThread):
    """Looks after all loops of this process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._seen: dict[int, _Callback] = {}
        super().__init__("asyncio-watchdog")

    def run(self) -> None:
        """Look, until it is over."""
        while not self.over.wait(max(self.seconds / _LOOKS, _SHORTEST)):
            try:
                self._look()
            except Exception:
                # A loop went away while it was looked at.
                continue

    def _look(self) -> None:
        frames = sys._current_frames()
        now = time.monotonic()
        before, self._seen = self._seen, {}
        for loop in known_loops():
            frame = frames.get(getattr(loop, "_thread_id", None) or 0)
            mark = None if frame is None else mark_of_callback(loop, frame)
            seen = before.pop(id(loop), None)
            if seen is not None and seen.mark != mark:
                self._tell_end(seen, now)
                seen = None
            if mark is None or frame is None:
                continue
            if seen is None:
                seen = _Callback(mark, now)
            self._seen[id(loop)] = seen
            if not seen.told and now - seen.since >= self.seconds:
                seen.told = True
                _tell(loop, frame, now - seen.since)
        for left in before.values():
            self._tell_end(left, now)

    def _tell_end(self, seen: _Callback, now: float) -> None:
        if seen.told:
            logger.warning("The callback that blocked its loop took %.3f seconds", now - seen.since)


def _tell(loop: Any, frame: FrameType, seconds: float) -> None:
    """Log what blocks a loop."""
    import traceback

    task = _current_tasks.get(loop)
    what = "a callback" if task is None else f"task {name_of(task)!r}"
    frames = ((each, each.f_lineno) for each in frames_of_callback(frame))
    stack = "".join(traceback.StackSummary.extract(frames).format())
    logger.warning("%r is blocked for %.3f seconds by %s:\n%s", loop, seconds, what, stack.rstrip())


_watchdog: Watchdog | None = None
_lock = threading.Lock()


def start_watchdog(seconds: float) -> None:
    """Log what blocks a loop for longer than so many seconds, while it does, and then how long it took.

    Each such callback, or step of a task, is told once, as a warning of the logger "asyncio", with the stack of the loop's
    thread and the task's name. All loops of the process are looked after, by one thread. A second call
    changes the time. Raises ValueError for a time that is not positive, or longer than a thread can wait
    (`threading.TIMEOUT_MAX`), and TypeError for what is no time.
    Added in version 0.1.0.
    """
    global _watchdog
    check_moment(seconds, "seconds")
    if seconds <= 0:
        raise ValueError(f"the time has to be positive, not {seconds!r}")
    if seconds > threading.TIMEOUT_MAX:
        raise ValueError(f"the time is longer than a thread can wait: {seconds!r}")
    with _lock:
        if _watchdog is None:
            _watchdog = Watchdog(seconds)
        else:
            _watchdog.seconds = seconds


def stop_watchdog() -> None:
    """End what `start_watchdog()` began; does nothing where it did not. Added in version 0.1.0."""
    global _watchdog
    with _lock:
        stopped, _watchdog = _watchdog, None
        if stopped is not None:
            stopped.end()


def _begin_anew() -> None:
    """Give a forked child a watchdog of its own, where its parent has one."""
    global _watchdog, _lock
    # Another thread of the parent may have held it.
    _lock = threading.Lock()
    left, _watchdog = _watchdog, None
    if left is not None:
        _watchdog = Watchdog(left.seconds)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
