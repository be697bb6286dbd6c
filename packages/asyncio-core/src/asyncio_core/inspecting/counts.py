"""What is counted of a loop in an interval: how often things ran, and how long they took."""

from __future__ import annotations

from math import frexp
from weakref import ref

from asyncio_core.awaiting.asking import name_of
from asyncio_core.inspecting.callbacks import (
    name_of_callback,
    name_of_coroutine,
)
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Tasks that are told apart in one interval; those of more are told by their functions only.
_MOST_TASKS = 10_000
# So many steps has each power of two, of which the upper half is used.
_STEPS = 32


if TYPE_CHECKING or twins is None:

    class _Times:
        def __init__(self) -> None:
            self._counts: dict[int, int] = {}
            self.longest = 0.0

        def add(self, seconds: float) -> None:
            """Count one more."""
            fraction, exponent = frexp(seconds)
            key = exponent * _STEPS + int(fraction * _STEPS)
            self._counts[key] = self._counts.get(key, 0) + 1
            if seconds > self.longest:
                self.longest = seconds

    class _Taken:
        __slots__ = ("count", "longest", "name", "seconds", "task")

        # Returns the task, where it is the step of one, and that is still there.
        task: Callable[[], Any]

        def __init__(self, name: str) -> None:
            self.name = name
            self.count = 0
            self.seconds = self.longest = 0.0

    class _Counts:
        def __init__(self, begun: float, lag: Times) -> None:
            self.begun = begun
            self.lag = lag
            self.tasks: dict[int, TakenByTask] = {}
            self.functions: dict[str, Taken] = {}
            self.turns = self.ready_sum = self.ready_most = 0
            self.busy = 0.0

    class WatchedLoop:
        """A loop that is watched: the compiled form writes to it."""

        # When the turn began to run what was ready; 0 while it does not.
        batch_begun: Any
        # What runs now.
        running: Any
        # Where it is counted.
        interval: Any
        # The thread's id, and the number of what runs next among all that this loop has run.
        thread: int = 0
        place: int = 0

    class Running:
        """A callback while it runs: when it began, in seconds and in nanoseconds, and of which task it is a step."""

        __slots__ = ("begun", "callback", "moment", "task")

        def __init__(self, begun: float, moment: int, callback: Any, task: Any) -> None:
            self.begun = begun
            self.moment = moment
            self.callback = callback
            self.task = task

else:
    _Times, _Taken, _Counts = twins.Times, twins.Taken, twins.Counts
    WatchedLoop, Running = twins.WatchedLoop, twins.Running


class Times(_Times):
    """How long something took, for many times: within six hundredths, and the longest exactly."""

    __slots__ = ()

    def at(self, share: float) -> float:
        """Return the time that such a share of them (0 to 1) did not exceed; 0 where there are none."""
        counts = sorted(self._counts.copy().items())
        left = share * sum(count for _, count in counts)
        for key, count in counts:
            left -= count
            if left <= 0:
                exponent, step = divmod(key, _STEPS)
                return min(self.longest, (step + 1) / _STEPS * 2.0**exponent)
        return self.longest


class Taken(_Taken):
    """How often something ran, and for how long, in seconds."""

    __slots__ = ()

    def facts(self) -> dict[str, Any]:
        """Tell it as JSON can hold it."""
        return {
            "name": self.name,
            "count": self.count,
            "seconds": self.seconds,
            "longest": self.longest,
        }


class TakenByTask(Taken):
    """How often a task did a step, and for how long."""

    __slots__ = ("function", "key")

    def __init__(self, task: Any) -> None:
        super().__init__(name_of(task))
        self.function = name_of_coroutine(task)
        self.key = id(task)
        # The program decides how long it lives; another may have its id then.
        self.task = ref(task)

    def facts(self) -> dict[str, Any]:
        """Tell it as JSON can hold it."""
        return {"id": self.key, "function": self.function, **super().facts()}


def add_time(taken: Taken, within: float, whole: float) -> None:
    """Count one that took so long, of which a part was in this interval."""
    taken.count += 1
    taken.seconds += within
    if whole > taken.longest:
        taken.longest = whole


class Interval(_Counts):
    """What one loop did since figures were taken last."""

    def __init__(self, begun: float) -> None:
        super().__init__(begun, Times())

    def add_turn(self, ready: int) -> None:
        """Count a turn that has so many callbacks to run."""
        self.turns += 1
        self.ready_sum += ready
        if ready > self.ready_most:
            self.ready_most = ready

    def of(self, callback: Any, task: Any) -> Taken:
        """Return the count of a callback: of the task whose step it is, or else of its name."""
        if task is not None:
            known = self.tasks.get(id(task))
            if known is not None and known.task() is task:
                return known
            if len(self.tasks) < _MOST_TASKS:
                if known is not None:
                    self._add_to_function(known, known.function)
                made = self.tasks[id(task)] = TakenByTask(task)
                return made
        return self.of_function(
            name_of_callback(callback) if task is None else name_of_coroutine(task)
        )

    def of_function(self, name: str) -> Taken:
        """Return the count of callbacks of such a name that are no steps of tasks."""
        taken = self.functions.get(name)
        if taken is None:
            taken = self.functions[name] = Taken(name)
        return taken

    def _add_to_function(self, part: Taken, name: str) -> None:
        whole = self.of_function(name)
        whole.count += part.count
        whole.seconds += part.seconds
        whole.longest = max(whole.longest, part.longest)

    def by_function(self) -> list[Taken]:
        """Return the counts of all callbacks by their names, steps by that of what the task runs; when it is over."""
        for taken in self.tasks.values():
            self._add_to_function(taken, taken.function)
        return list(self.functions.values())

    def _all(self) -> list[Taken]:
        return [*self.tasks.values(), *self.functions.values()]

    def facts(self) -> dict[str, Any]:
        """Tell what concerns the loop as a whole."""
        return {
            "turns": self.turns,
            "callbacks": sum(taken.count for taken in self._all()),
            "ready_mean": self.ready_sum / self.turns if self.turns else 0.0,
            "ready_most": self.ready_most,
            "busy": self.busy,
            "lag": {
                "p50": self.lag.at(0.5),
                "p99": self.lag.at(0.99),
                "max": self.lag.longest,
            },
        }
