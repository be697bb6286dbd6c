"""A trace: each turn, callback, step and wait of a task, each read and write, as records of eight integers.

While a `Recorder` records, its methods stand in the place of those that run a callback and a turn, of those of sockets,
and of `os.read()` and `os.write()` (`hooks`). They note numbers and nothing else; names are told once. Who has asked makes a
file of it.

What a callback has put into the queue by its end, it has woken. So the one who wakes is found without watching futures.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from array import array
from itertools import chain
from threading import get_ident
from weakref import ref

from asyncio_core.awaiting.asking import is_done, name_of
from asyncio_core.inspecting.callbacks import (
    innermost_of,
    name_of_callback,
    name_of_coroutine,
    task_of,
)
from asyncio_core.inspecting.counts import Running, WatchedLoop
from asyncio_core.inspecting.hooks import Hooks
from asyncio_core.inspecting.loop_facts import (
    frames_of_callback,
    marks_of_callbacks,
)
from asyncio_core.scheduling.known_loops import known_loops
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Changes when records would be misunderstood by who knows an earlier form.
FORMAT = 2

# Frames of what is in here are no part of what a loop runs.
_stands_in_for_methods = True

#: The kinds of records, and what their numbers are; moments are in nanoseconds of `time.perf_counter_ns()`, names are
#: numbers of what was told, 0 for none. Each begins with its kind, the thread's id, and two moments, begin and end. In the
#: kind's number are, besides, how the callback or the step has ended, and how many others it has woken.
TURN, CALLBACK, STEP, IO = range(4)
#: TURN: when the wait was over, how many were ready.
#: CALLBACK: its name, its own number, 0, the number of the first that it has woken; the others' follow one another.
#: STEP: the task, its own number, the name of what it waits in, the number of the first that it has woken.
#: IO: the name of the call, the descriptor, bytes.
LENGTH = 8
BITS_OF_KIND = 8
BITS_BELOW_WOKEN = 16
#: How it has ended: a step waits, a callback is over; a step is the task's last; it goes on where the trace ends.
WAITS, ENDED, UNFINISHED = range(3)

#: Numbers of what runs are those of a loop, times this power of two, and on from there.
BITS_OF_PLACE = 40

# The most that wait to be taken: 128 MB of them.
_MOST = 2_000_000

_METHODS = (
    *("send", "sendmsg", "sendto"),
    *("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg"),
    "accept",
)
_FUNCTIONS = ("read", "write")
# By the numbers that native/interface.h has for them.
_COMPILED = (
    *("accept", "read", "recv", "recvfrom", "recvmmsg"),
    *("send", "sendmsg", "sendto", "write"),
)

_clock = time.perf_counter_ns


class _Traced(WatchedLoop):
    """A loop that is traced."""

    def __init__(self, loop: Any, number: int) -> None:
        self.thread = getattr(loop, "_thread_id", None) or get_ident()
        # What runs is numbered; by these numbers it is told who woke it. In the pure form it is what is woken.
        self.place = number << BITS_OF_PLACE
        self.batch_begun = 0
        self.running = None
        self.length = 0
        # The queue, while a turn of the pure form runs what is in it.
        self.ready: Any = ()
        # Steps that were queued in this turn, and in the one before, by their handles' ids, with who woke them. Those are
        # in the queue for no longer, unless they were cancelled.
        self.woken: dict[int, tuple[Any, int]] = {}
        self.woken_before: dict[int, tuple[Any, int]] = {}


class _ListedRecords:
    """Records of eight integers each."""

    def __init__(self, most: int) -> None:
        self._records: list[tuple[int, ...]] = []
        self._most = most
        self.lost = 0

    def append(self, record: tuple[int, ...]) -> None:
        """Add one, where there is room for it."""
        if len(self._records) < self._most:
            self._records.append(record)
        else:
            self.lost += 1

    def __len__(self) -> int:
        return len(self._records)

    def take(self, most: int) -> bytes:
        """Return the bytes of the first ones, no more than `most`, which are in here no longer."""
        batch = self._records[:most]
        del self._records[: len(batch)]
        return array("q", chain.from_iterable(batch)).tobytes()


class Recorder:
    """Records what all loops of this process do from `begin()` to `end()`."""

    def __init__(self) -> None:
        self._hooks = Hooks()
        self._records: Any = (_ListedRecords if twins is None else twins.Records)(_MOST)
        self._traced: dict[int, _Traced] = {}
        # Those that run loops.
        self._threads: set[int] = set()
        # What is numbered, by loops in any thread. Each list is as long as the last number is high.
        self._numbering = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        # By their ids: who it is, and its number.
        self._tasks: dict[int, tuple[ref[Any], int]] = {}
        self._task_names: list[tuple[int, str, int]] = []
        # How many of both were told.
        self._told = (0, 0)
        self._marks: dict[int, object] = {}
        self._begun = 0

    def begin(self) -> dict[str, Any]:
        """Begin to record, and return what is to be known of this process.

        Raises OccupiedError where somebody else watches the loops.
        """
        self._marks = marks_of_callbacks()
        self._begun = _clock()
        self._hooks.put_on_loops(self._run_of, self._turn_of)
        if twins is not None:
            names = {place: self._number_of(name) for place, name in enumerate(_COMPILED)}
            self._hooks.calls = twins.Calls(self._records, self._threads, names)
            self._hooks.calls.begin()
        for name in _METHODS:
            if hasattr(socket.socket, name):
                self._hooks.put(socket.socket, name, self._call_of)
        for name in _FUNCTIONS:
            self._hooks.put(os, name, self._call_of)
        return {
            "format": FORMAT,
            "pid": os.getpid(),
            "program": " ".join(sys.argv[:1]) or sys.executable,
            "python": sys.version.split()[0],
            "form": "pure" if twins is None else "compiled",
            "begun": self._begun,
        }

    def end(self) -> None:
        """Leave the loops as they were; what runs just now is recorded as far as it has come."""
        self._hooks.take_back()
        now = _clock()
        for loop in known_loops():
            traced = self._traced.get(id(loop))
            running = None if traced is None else traced.running
            if traced is not None and running is not None:
                self._note_running(traced, running, now)
                traced.running, traced.batch_begun = None, 0
            elif self._marks.get(id(loop)) is not None:
                self._note_blocked(loop, now)

    def take(self, most: int) -> tuple[dict[str, Any], bytes]:
        """Return what was recorded since, but no more than so many records: what names mean, and the integers."""
        numbers = self._records.take(most)
        # After the records, and tasks first: what these name is known by now.
        tasks = self._task_names[self._told[1] :]
        names = self._names[self._told[0] :]
        self._told = self._told[0] + len(names), self._told[1] + len(tasks)
        threads = [
            (thread.ident, thread.native_id, thread.name)
            for thread in threading.enumerate()
            if thread.ident in self._threads
        ]
        return {"names": names, "tasks": tasks, "threads": threads, "bytes": len(numbers)}, numbers

    @property
    def waiting(self) -> int:
        """How many records wait to be taken."""
        return len(self._records)

    @property
    def lost(self) -> int:
        """How many there were no room for, as they were taken too slowly."""
        return int(self._records.lost)

    def _begin_loop(self, loop: Any) -> _Traced:
        traced = self._traced.setdefault(id(loop), _Traced(loop, len(self._traced) + 1))
        self._threads.add(traced.thread)
        return traced

    def _number_of(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            with self._numbering:
                self._names.append(name)
                number = self._numbers[name] = len(self._names)
        return number

    def _task_number(self, task: Any) -> tuple[ref[Any], int]:
        """Return a task's number, and a reference to the task: as long as that is to it, it is the number's."""
        known = self._tasks.get(id(task))
        if known is None or known[0]() is not task:
            name, function = name_of(task), self._number_of(name_of_coroutine(task))
            with self._numbering:
                number = len(self._task_names) + 1
                self._task_names.append((number, name, function))
                known = self._tasks[id(task)] = ref(task), number
        return known

    # What stands in the place of methods.

    def _run_of(self, own: Callable[[Any], object]) -> Callable[[Any], object]:
        all_traced, clock, add = self._traced, _clock, self._records.append

        def run(handle: Any) -> None:
            # One that is cancelled while it runs has no callback any more.
            callback, loop = handle._callback, handle._loop
            traced = all_traced.get(id(loop)) or self._begin_loop(loop)
            task = task_of(callback)
            number = 0 if task is None else self._task_number(task)[1]
            known = traced.woken_before.pop(id(handle), None)
            woken_by = 0 if known is None or known[0] is not handle else known[1]
            ready = traced.ready
            before = len(ready)
            outer = traced.running
            begun = clock()
            traced.running = Running(0.0, begun, callback, task)
            if not traced.batch_begun:
                traced.batch_begun, traced.length = begun, before + 1
            try:
                own(handle)
            finally:
                ended = clock()
                over, traced.running = traced.running is None, outer
                # Otherwise it was recorded as far as it had come.
                if not over:
                    first, inside, state = traced.place, 0, WAITS
                    woken = self._note_woken(traced, ready, before) if len(ready) > before else 0
                    if task is None:
                        kind, number = CALLBACK, self._number_of(name_of_callback(callback))
                    elif is_done(task):
                        kind, state = STEP, ENDED
                    else:
                        kind, inside = STEP, self._number_of(innermost_of(task))
                    kind |= state << BITS_OF_KIND | woken << BITS_BELOW_WOKEN
                    add((kind, traced.thread, begun, ended, number, woken_by, inside, first))

        if twins is None:
            return run
        watch: Callable[[Any], object] = twins.Recording(
            *(run, self._records, self._threads),
            *(self._begin_loop, self._task_number, self._number_of),
        )
        return watch

    def _note_woken(self, traced: _Traced, ready: Any, before: int) -> int:
        """Note which steps of tasks a callback has put into the queue, and return their number."""
        first = traced.place
        try:
            for place in range(before, len(ready)):
                handle = ready[place]
                if task_of(handle._callback) is not None:
                    traced.woken[id(handle)] = handle, traced.place
                    traced.place += 1
        except (IndexError, TypeError, AttributeError):
            pass  # A queue of another kind, or another thread was there, too.
        return traced.place - first

    def _turn_of(self, own: Callable[[Any], object]) -> Callable[[Any], None]:
        all_traced, clock, add = self._traced, _clock, self._records.append

        def turn(loop: Any) -> None:
            traced = all_traced.get(id(loop)) or self._begin_loop(loop)
            traced.batch_begun = 0
            traced.ready = loop._ready
            traced.woken_before, traced.woken = traced.woken, {}
            traced.thread = get_ident()
            self._threads.add(traced.thread)
            begun = clock()
            try:
                own(loop)
            finally:
                traced.ready = ()
                waited = traced.batch_begun
                if waited:
                    traced.batch_begun = 0
                    add((TURN, traced.thread, begun, clock(), waited, traced.length, 0, 0))

        return turn

    def _call_of(self, own: Callable[..., Any]) -> Callable[..., Any]:
        clock, add = _clock, self._records.append
        name = self._number_of(own.__name__)
        count = _COUNTS.get(own.__name__, int)
        if twins is not None:
            made: Callable[..., Any] = twins.SystemCall(own, count, self._hooks.calls, name)
            return made

        def call(sock: Any, *arguments: Any, **options: Any) -> Any:
            begun = clock()
            result = own(sock, *arguments, **options)
            ended = clock()
            thread = get_ident()
            if thread in self._threads:
                descriptor = sock if type(sock) is int else sock.fileno()
                add((IO, thread, begun, ended, name, descriptor, count(result), 0))
            return result

        return call

    # What has not ended.

    def _note_running(self, traced: _Traced, running: Running, now: int) -> None:
        begun, callback, task = running.moment, running.callback, running.task
        if task is None:
            name = self._number_of(name_of_callback(callback))
            kind, number = CALLBACK, name
        else:
            kind, number = STEP, self._task_number(task)[1]
        kind |= UNFINISHED << BITS_OF_KIND
        self._records.append((kind, traced.thread, begun, now, number, 0, 0, 0))

    def _note_blocked(self, loop: Any, now: int) -> None:
        """Note what a loop's thread has been in from beginning to end."""
        thread = loop._thread_id or 0
        self._threads.add(thread)
        frame = sys._current_frames().get(thread)
        if frame is None or marks_of_callbacks().get(id(loop)) != self._marks[id(loop)]:
            return
        for each in frames_of_callback(frame):
            name = self._number_of(each.f_code.co_qualname)
            kind = CALLBACK | UNFINISHED << BITS_OF_KIND
            self._records.append((kind, thread, self._begun, now, name, 0, 0, 0))


def _nothing(result: object) -> int:
    return 0


def _first(result: Any) -> int:
    return int(result[0])


def _first_length(result: Any) -> int:
    return len(result[0])


_COUNTS: dict[str, Callable[[Any], int]] = {
    "read": len,
    "recv": len,
    "recvfrom": _first_length,
    "recvfrom_into": _first,
    "recvmsg": _first_length,
    "accept": _nothing,
}
