"""The queue of a loop that takes what is ready in another order than it came, where that is legal.

What no program may rely on is left to chance; what asyncio documents, or programs rely on with good reason, stays:

callbacks    What call_soon() was given runs in the order in which it was given; timers in the order of their times, and for one
             time in that in which they were set; what one thread hands over with call_soon_threadsafe(), in its order.
tasks        Steps of different tasks have no order: those that begin, and those that were woken, in one turn or by one
             event. A step waits for callbacks that were queued before it by what has queued the step: a done callback that was
             there before a task awaited the same future has run when that task goes on.
sleep(0)     A task that gives way goes on after all that was ready then. Of several that give way in one turn, any may be the first.
turns        What is queued in a turn runs in a later one. What has become ready runs at once or a few turns later: a task that
             was woken, a descriptor's event, what a thread has handed over.

So callbacks, steps, timers, events of descriptors and other threads come in any order beside each other.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import chain, count
from threading import get_ident

from asyncio_core.scheduling.handles import Handle, TimerHandle, _ThreadSafeHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from asyncio_core.testing.decisions import Decisions

__all__ = ("ShuffledQueue",)

# The lanes, in which the order stays; threads have one each, by their numbers. And those in which it does not.
_CALLBACKS, _TIMERS = "callbacks", "timers"
_EVENTS, _STEPS, _YIELDS = "events", "steps", "yields"
_WITHOUT_ORDER = (_EVENTS, _STEPS, _YIELDS)

# How often something that is ready has to wait for another turn, and how many times at most.
_WAITS: dict[Hashable, float] = {_STEPS: 0.1, _EVENTS: 0.1}
_THREADS_WAIT = 0.25
_MOST_WAITS = 3


class Entry:
    """A handle in the queue, and what its order depends on."""

    __slots__ = ("after", "handle", "lane", "number", "task", "waits")

    def __init__(self, handle: Handle, number: int, lane: Hashable, after: int, task: Any) -> None:
        self.handle = handle
        self.number = number
        self.lane = lane
        # The number of the last callback that has to run before.
        self.after = after
        # Whose step it is.
        self.task = task
        # How many times it was held back for another turn.
        self.waits = 0


class ShuffledQueue(deque[Handle]):
    """What is ready: handles, in a legal order that `decisions` make.

    The loop says when a turn begins, and takes as many handles then as there are. Where some of them have to wait,
    it is given one that does nothing.
    """

    def __init__(self, loop: Any, decisions: Decisions) -> None:
        super().__init__()
        self._loop = loop
        self._decisions = decisions
        self._nothing = Handle(int, (), loop)
        self._nothing.cancel()
        self._number = count(1).__next__
        self._front = count(-1, -1).__next__
        # What is known of the handles that wait, by their ids.
        self._known: dict[int, Entry] = {}
        # What is left of this turn, by lanes, in the order of the first in each; lanes that are held back; and how many they are.
        self._batch: list[deque[Entry]] = []
        self._held: list[deque[Entry]] = []
        self._left = 0
        # What order depends on: the callbacks, and the numbers of all but those who give way, less those that are gone.
        self._callbacks: deque[Entry] = deque()
        self._firm: deque[int] = deque()
        self._gone: set[int] = set()
        # Whether the poller is asked just now, and what runs.
        self.polling = False
        self.running: Entry | None = None
        # By whom a callback was queued last, and its number.
        self._last_callback = (0, 0)
        # Called with a task before each step of it, and after it.
        self.before_running: Callable[[Any], object] | None = None
        self.after_running: Callable[[Any], object] | None = None

    # What comes.

    def append(self, handle: Handle) -> None:
        """Queue a handle; called from any thread."""
        if self.polling and get_ident() == self._loop._thread_id and id(handle) in self._known:
            # A descriptor that was found ready before, and whose event has to wait.
            return
        self._known[id(handle)] = self._entry(handle, self._number())
        super().append(handle)

    def appendleft(self, handle: Handle) -> None:
        """Queue a handle before all others."""
        self._known[id(handle)] = Entry(handle, self._front(), _EVENTS, 0, None)
        super().appendleft(handle)

    def _entry(self, handle: Handle, number: int) -> Entry:
        if type(handle) is _ThreadSafeHandle and self._loop._thread_id not in (None, get_ident()):
            return Entry(handle, number, get_ident(), 0, None)
        if self.polling:
            return Entry(handle, number, _EVENTS, 0, None)
        if isinstance(handle, TimerHandle):
            return Entry(handle, number, _TIMERS, 0, None)
        running = self.running
        origin = 0 if running is None else running.number
        task = _stepped_task(handle._callback)
        if task is None:
            self._last_callback = origin, number
            return Entry(handle, number, _CALLBACKS, 0, None)
        if running is not None and running.task is task:
            return Entry(handle, number, _YIELDS, 0, task)
        by, after = self._last_callback
        return Entry(handle, number, _STEPS, after if by == origin else 0, task)

    # The turn.

    def begin_turn(self) -> None:
        """Begin a turn: what is left of the last one waits at the front."""
        self._end_running()
        left = [entry for lane in (*self._batch, *self._held) for entry in lane]
        left.sort(key=_number_of, reverse=True)
        for entry in left:
            self._known[id(entry.handle)] = entry
            super().appendleft(entry.handle)
        self._batch = []
        self._held = []
        self._left = 0

    def popleft(self) -> Handle:
        """Take the handle that is to run next. Raises IndexError where there is none."""
        if not self._left:
            self._begin_batch()
        self._end_running()
        entry = self._take()
        if entry is None:
            return self._nothing
        if entry.task is not None and self.before_running is not None:
            self.before_running(entry.task)
        self.running = entry
        return entry.handle

    def _end_running(self) -> None:
        running, self.running = self.running, None
        if running is not None and running.task is not None and self.after_running is not None:
            self.after_running(running.task)

    def _begin_batch(self) -> None:
        """Sort what waits into lanes; hold some of them back for this turn."""
        entries = self._entries()
        if not entries:
            raise IndexError("nothing is ready")
        lanes: dict[Hashable, deque[Entry]] = {}
        for entry in entries:
            # What has no order is alone in its lane.
            key = (entry.lane, entry.number) if entry.lane in _WITHOUT_ORDER else entry.lane
            lanes.setdefault(key, deque()).append(entry)
        self._left = len(entries)
        self._callbacks = lanes.get(_CALLBACKS, deque())
        self._firm = deque(entry.number for entry in entries if entry.lane is not _YIELDS)
        self._gone.clear()
        self._batch, self._held = [], []
        for lane in lanes.values():
            # One alone is never held back: nothing would come before it.
            held = len(lanes) > 1 and self._is_held(lane[0])
            (self._held if held else self._batch).append(lane)

    def _entries(self) -> list[Entry]:
        """Take all that waits, in the order in which it came."""
        entries = []
        # Other threads may add some meanwhile.
        for _ in range(deque.__len__(self)):
            handle = super().popleft()
            entry = self._known.pop(id(handle), None)
            if entry is None:
                # Put there in a way that is not known here.
                entry = Entry(handle, self._number(), _CALLBACKS, 0, None)
            entries.append(entry)
        entries.sort(key=_number_of)
        return entries

    def _is_held(self, entry: Entry) -> bool:
        share = _THREADS_WAIT if isinstance(entry.lane, int) else _WAITS.get(entry.lane, 0)
        if entry.waits >= _MOST_WAITS or not self._decisions.happens(share):
            return False
        entry.waits += 1
        return True

    def _take(self) -> Entry | None:
        """Take one that may run out of the batch; None where all have to wait."""
        batch = self._batch
        size = len(batch)
        # The first lane has the oldest.
        begin = self._decisions.choose(size) if size > 1 else 0
        for place in chain(range(begin, size), range(begin)):
            lane = batch[place]
            if self._may_run(lane[0]):
                entry = lane.popleft()
                del batch[place]
                if lane:
                    insort(batch, lane, key=_number_of_first)
                self._gone.add(entry.number)
                self._left -= 1
                return entry
        return None

    def _may_run(self, entry: Entry) -> bool:
        if entry.lane is _YIELDS:
            firm = self._firm
            while firm and firm[0] in self._gone:
                firm.popleft()
            return not firm or firm[0] > entry.number
        if entry.lane is _STEPS:
            return not self._callbacks or self._callbacks[0].number > entry.after
        return True

    # As a deque.

    def __len__(self) -> int:
        return super().__len__() + self._left

    def __bool__(self) -> bool:
        return len(self) > 0

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self._batch, self._held, self._left = [], [], 0
        self._known.clear()
        self.running = None


def _number_of(entry: Entry) -> int:
    return entry.number


def _number_of_first(lane: deque[Entry]) -> int:
    return lane[0].number


def _stepped_task(callback: Any) -> Any:
    """Return the task whose step or waking a callback is; None for every other callback."""
    owner = getattr(callback, "__self__", None)
    if owner is None or not (hasattr(owner, "get_coro") and hasattr(owner, "cancelling")):
        return None
    name = getattr(callback, "__name__", "_")
    # A method of a task that anybody may call, cancel() say, is a callback. Those of C have names of their own.
    return owner if name.startswith("_") or name == "task_wakeup" else None
