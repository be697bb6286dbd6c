"""Figures of what the loops of this process do: turns, callbacks, lag, and what takes the time.

They are counted, not sampled: while a `Measurer` measures, its methods stand in the place of those that run a callback
and a turn (`hooks`). Only what had begun before, and has not ended since, is found by looking where the loop stands.
"""

from __future__ import annotations

import sys
import time

from asyncio_core.awaiting.task_registry import _current_tasks, _known_tasks
from asyncio_core.inspecting.callbacks import task_of
from asyncio_core.inspecting.counts import Interval, Running, Taken, WatchedLoop, add_time
from asyncio_core.inspecting.hooks import Hooks
from asyncio_core.inspecting.loop_facts import (
    Timers,
    facts_of_loop,
    frames_of_callback,
    marks_of_callbacks,
)
from asyncio_core.inspecting.snapshots import _give_back
from asyncio_core.scheduling.known_loops import known_loops
from asyncio_core.scheduling.turn import TurnPart
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

#: Changes when figures would be misunderstood by who knows an earlier form.
FORMAT = 1

# Of tasks and of callbacks so many are told: those that took longest.
_TOLD = 100

# Frames of what is in here are no part of what a loop runs.
_stands_in_for_methods = True

_clock = time.perf_counter


class _Measured(WatchedLoop):
    """A loop that is measured."""

    def __init__(self, loop: Any) -> None:
        self.interval = Interval(_clock())
        # One of another kind runs handles, and turns in a way of its own.
        self.turns = isinstance(loop, TurnPart)
        self.batch_begun = 0.0
        self.running = None

    def note_late(self, running: Running, seconds: float) -> None:
        """Count a callback that began in an interval that is over."""
        interval = self.interval
        within = min(seconds, running.begun + seconds - interval.begun)
        add_time(interval.of(running.callback, running.task), within, seconds)


class Measurer:
    """Measures all loops of this process from `begin()` to `end()`."""

    def __init__(self) -> None:
        self._hooks = Hooks()
        self._measured: dict[int, _Measured] = {}
        self._since = 0.0
        self._cpu_before = 0.0
        self._marks: dict[int, object] = {}

    def begin(self) -> None:
        """Begin to count. Raises OccupiedError where somebody else watches the loops."""
        self._begin_interval()
        self._hooks.put_on_loops(self._run_of, self._turn_of)

    def end(self) -> None:
        """Leave the loops as they were."""
        self._hooks.take_back()

    def _begin_interval(self) -> None:
        self._since = _clock()
        self._cpu_before = time.process_time()
        self._marks = marks_of_callbacks()

    def _begin_loop(self, loop: Any) -> _Measured:
        return self._measured.setdefault(id(loop), _Measured(loop))

    def _run_of(self, own: Callable[[Any], object]) -> Callable[[Any], object]:
        all_measured, clock = self._measured, _clock

        def run(handle: Any) -> None:
            # One that is cancelled while it runs has no callback any more.
            callback, loop = handle._callback, handle._loop
            measured = all_measured.get(id(loop)) or self._begin_loop(loop)
            interval = measured.interval
            task = task_of(callback)
            # Of most tasks there were steps before.
            known = None if task is None else interval.tasks.get(id(task))
            if known is not None and known.task() is task:
                taken: Taken = known
            else:
                taken = interval.of(callback, task)
            outer = measured.running
            begun = clock()
            running = measured.running = Running(begun, 0, callback, task)
            if not measured.batch_begun and measured.turns:
                measured.batch_begun = begun
                interval.add_turn(len(loop._ready) + 1)
            try:
                own(handle)
            finally:
                seconds = clock() - begun
                measured.running = outer
                if interval is not measured.interval:
                    measured.note_late(running, seconds)
                else:
                    add_time(taken, seconds, seconds)

        if twins is None:
            return run
        watch: Callable[[Any], object] = twins.Counting(run, self._begin_loop)
        return watch

    def _turn_of(self, own: Callable[[Any], object]) -> Callable[[Any], None]:
        all_measured = self._measured

        def turn(loop: Any) -> None:
            measured = all_measured.get(id(loop)) or self._begin_loop(loop)
            measured.batch_begun = 0.0
            try:
                own(loop)
            finally:
                self._end_batch(measured)

        return turn

    def _end_batch(self, measured: _Measured) -> None:
        """Note that what was ready has run, if there was something."""
        begun = measured.batch_begun
        if begun:
            now = _clock()
            measured.batch_begun = 0.0
            measured.interval.lag.add(now - begun)
            measured.interval.busy += now - max(begun, measured.interval.begun)

    def take(self) -> dict[str, Any]:
        """Return the figures since they were taken last, or since the beginning, and begin anew.

        Times are in seconds. For each loop there are, beside what a snapshot tells, ``"turns"`` that ran something,
        ``"callbacks"``, the length of the queue, ``"busy"`` and the ``"lag"``: how long a turn took to run what was ready.
        """
        since, cpu_before, marks_before = self._since, self._cpu_before, self._marks
        intervals = {}
        for key, measured in self._measured.copy().items():
            intervals[key], measured.interval = measured.interval, Interval(_clock())
        self._begin_interval()
        for measured in self._measured.copy().values():
            measured.interval.begun = self._since
        seconds = self._since - since
        told = []
        frames = sys._current_frames()
        for loop in known_loops():
            key = id(loop)
            interval = intervals.setdefault(key, Interval(since))
            frame = frames.get(getattr(loop, "_thread_id", None) or 0)
            mark = marks_before.get(key)
            found = self._measured.get(key)
            running = None if found is None else found.running
            if found is not None and running is not None:
                self._add_running(interval, found, running, since)
            elif frame is not None and mark is not None and mark == self._marks.get(key):
                _add_unseen(interval, loop, frame, seconds)
            try:
                facts = facts_of_loop(loop, Timers(loop), frame)
            except Exception:
                continue  # Of another kind, and it cannot be asked.
            told.append({**facts, **interval.facts()})
        return {
            "format": FORMAT,
            "seconds": seconds,
            "cpu": time.process_time() - cpu_before,
            "known_tasks": _count_tasks(),
            "loops": told,
            "tasks": _longest(
                {**taken.facts(), "loop": key}
                for key, interval in intervals.items()
                for taken in interval.tasks.values()
            ),
            "callbacks": _longest(
                {**taken.facts(), "loop": key}
                for key, interval in intervals.items()
                for taken in interval.by_function()
            ),
        }

    def _add_running(
        self, interval: Interval, measured: _Measured, running: Running, since: float
    ) -> None:
        """Count the callback that runs just now as far as it has come."""
        begun = running.begun
        whole, within = self._since - begun, self._since - max(begun, since)
        taken = interval.of(running.callback, running.task)
        # How often it ran is counted when it has ended.
        taken.seconds += within
        taken.longest = max(taken.longest, whole)
        batch_begun = measured.batch_begun or begun
        interval.lag.add(self._since - batch_begun)
        interval.busy += self._since - max(batch_begun, since)


def _add_unseen(interval: Interval, loop: Any, frame: FrameType, seconds: float) -> None:
    """Count a callback that has been running since before anything was counted."""
    task = _current_tasks.get(loop)
    frames = frames_of_callback(frame)
    if task is None and frames:
        taken = interval.of_function(frames[0].f_code.co_qualname)
    else:
        taken = interval.of(None, task)
    taken.seconds += seconds
    taken.longest = max(taken.longest, seconds)
    interval.lag.add(seconds)
    interval.busy += seconds


def _longest(facts: Any) -> list[dict[str, Any]]:
    """Return those that took the time, or took longest at once."""
    every = list(facts)
    chosen = {}
    for key in ("seconds", "longest"):
        for each in sorted(every, key=lambda each: -each[key])[:_TOLD]:
            chosen[id(each)] = each
    return sorted(chosen.values(), key=lambda each: -each["seconds"])


def _count_tasks() -> int:
    tasks = _known_tasks()
    number = len(tasks)
    _give_back(tasks)
    return number
