"""A trace in the Trace Event Format, which Perfetto and chrome://tracing open, made of a process' records.

A thread that runs a loop has a track: turns, in them callbacks and steps of tasks, in these reads and writes; arrows lead from
what wakes a task to its step. A task has one, too: from its first step to its last, in it the waits. See "Trace Event
Format" by the authors of Chromium's tracing; `asyncio_core.inspecting.recording` says what records are.
"""

from __future__ import annotations

import json
from array import array

from asyncio_core.inspecting.recording import (
    BITS_BELOW_WOKEN,
    BITS_OF_KIND,
    BITS_OF_PLACE,
    CALLBACK,
    ENDED,
    IO,
    LENGTH,
    STEP,
    TURN,
    UNFINISHED,
    WAITS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TextIO

_BYTES_OF_RECORD = 8 * LENGTH
_ARGS_OF_UNFINISHED = {"unfinished": True}


class TraceWriter:
    """Writes a trace to a file, event by event."""

    def __init__(self, file: TextIO, begun: dict[str, Any]) -> None:
        self._file = file
        self._begun: int = begun["begun"]
        self._pid: int = begun["pid"]
        self._names = [""]
        self._tasks: dict[int, _Task] = {}
        # By loops, what has woken something that has not run yet: in which thread, and when. The first comes first.
        self._wakes: dict[int, dict[int, tuple[int, int]]] = {}
        # By their idents: the system's numbers.
        self._threads: dict[int, int] = {}
        # By threads: when the last call ended, and what goes on where the trace ends. A call that was under way then ends later.
        self._called: dict[int, int] = {}
        self._unfinished: dict[int, int] = {}
        self._last: int = self._begun
        self.events = 0
        facts = {name: begun[name] for name in ("program", "python", "form")}
        file.write(
            f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(facts)},\n"traceEvents": [\n'
        )
        self._write(self._fact("process_name", 0, str(begun["program"])))
        # That it has begun can be seen.
        file.flush()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self._last - self._begun) / 1e9

    def add(self, told: dict[str, Any], numbers: bytes) -> None:
        """Write the events of some records, and learn what is told of their names."""
        self._names.extend(told["names"])
        for number, name, function in told["tasks"]:
            self._tasks[number] = _Task(name, self._names[function])
        for ident, native, name in told["threads"]:
            if ident not in self._threads:
                self._threads[ident] = native
                self._write(self._fact("thread_name", native, name))
        records = array("q")
        # The last may be cut off.
        records.frombytes(numbers[: len(numbers) // _BYTES_OF_RECORD * _BYTES_OF_RECORD])
        for place in range(0, len(records), LENGTH):
            for event in self._events_of(*records[place : place + LENGTH]):
                self._write(event)

    def close(self) -> None:
        """Write the end."""
        for number, task in self._tasks.items():
            for event in self._end_of(number, task, self._last):
                self._write(event)
        self._file.write("\n]}\n")
        # The program whose trace has ended may go on for long.
        self._file.flush()

    def _write(self, event: str) -> None:
        self._file.write(",\n" + event if self.events else event)
        self.events += 1

    def _events_of(self, what: int, thread: int, begin: int, end: int, *more: int) -> Iterator[str]:
        kind = what & (1 << BITS_OF_KIND) - 1
        state = what >> BITS_OF_KIND & (1 << BITS_BELOW_WOKEN - BITS_OF_KIND) - 1
        first = 0
        if state == UNFINISHED:
            end = self._unfinished[thread] = max(end, self._called.get(thread, 0))
        elif kind == IO:
            within = self._unfinished.get(thread, 0)
            end = self._called[thread] = min(end, within) if begin < within else end
        self._last = max(self._last, end)
        tid = self._threads.get(thread, thread & 0x7FFFFFFF)
        if kind == TURN:
            waited, ready, _, _ = more
            yield self._slice("turn", "loop", tid, begin, end, {"ready": ready})
            if waited > begin:
                yield self._slice("wait", "loop", tid, begin, waited)
        elif kind == CALLBACK:
            name, place, _, first = more
            args = _ARGS_OF_UNFINISHED if state == UNFINISHED else None
            self._waker_of(place)
            yield self._slice(self._names[name], "callback", tid, begin, end, args)
        elif kind == IO:
            name, descriptor, count, _ = more
            facts = {"descriptor": descriptor, "bytes": count}
            yield self._slice(self._names[name], "io", tid, begin, end, facts)
        elif kind == STEP:
            number, place, inside, first = more
            yield from self._events_of_step(tid, begin, end, number, place, inside, state)
        woken = what >> BITS_BELOW_WOKEN
        if woken:
            # Where its slice begins: later Perfetto would take what that has called for the waker, although it has ended.
            where = tid, begin
            wakes = self._wakes.setdefault(first >> BITS_OF_PLACE, {})
            wakes.update(dict.fromkeys(range(first, first + woken), where))

    def _waker_of(self, place: int) -> tuple[int, int] | None:
        """Return where that was woken which runs now, and forget what will not run any more."""
        wakes = self._wakes.get(place >> BITS_OF_PLACE)
        if not wakes:
            return None
        found = wakes.pop(place, None)
        while wakes and (first := next(iter(wakes))) < place:
            del wakes[first]
        return found

    def _events_of_step(
        self, tid: int, begin: int, end: int, number: int, place: int, inside: int, state: int
    ) -> Iterator[str]:
        task = self._tasks[number]
        args: Mapping[str, object] = task.args
        if state == UNFINISHED:
            args = {**args, **_ARGS_OF_UNFINISHED}
        yield self._slice(task.step, "step", tid, begin, end, args)
        wake = self._waker_of(place)
        if wake is not None:
            yield self._event("s", "wakes", "wake", *wake, f'"id": {place}')
            yield self._event("f", "wakes", "wake", tid, begin, f'"id": {place}, "bp": "e"')
        task.tid = tid
        if not task.has_begun:
            task.has_begun = True
            yield self._of_task("b", number, task, begin, task.name)
        elif task.waits_in:
            yield self._of_task("e", number, task, begin, task.waits_in)
        task.waits_in = ""
        if state == ENDED:
            yield from self._end_of(number, task, end)
        elif state == WAITS:
            task.waits_in = f"waits in {self._names[inside]}" if inside else "waits"
            yield self._of_task("b", number, task, end, task.waits_in)

    def _end_of(self, number: int, task: _Task, moment: int) -> Iterator[str]:
        """End what is open of a task."""
        if task.has_begun:
            if task.waits_in:
                yield self._of_task("e", number, task, moment, task.waits_in)
            yield self._of_task("e", number, task, moment, task.name)
        task.has_begun, task.waits_in = False, ""

    # Events as JSON. A dictionary for each would take several times as long.

    def _fact(self, what: str, tid: int, name: str) -> str:
        return self._event("M", what, "__metadata", tid, self._begun, _args({"name": name}))

    def _slice(
        self,
        name: str,
        category: str,
        tid: int,
        begin: int,
        end: int,
        args: Mapping[str, object] | None = None,
    ) -> str:
        more = f'"dur": {(end - begin) / 1000:.3f}'
        if args is not None:
            more += ", " + _args(args)
        return self._event("X", name, category, tid, begin, more)

    def _of_task(self, phase: str, number: int, task: _Task, moment: int, name: str) -> str:
        # A number of this process', below which its tracks are shown.
        return self._event(
            phase, name, "task", task.tid, moment, f'"id2": {{"local": "{number:#x}"}}'
        )

    def _event(self, phase: str, name: str, category: str, tid: int, moment: int, more: str) -> str:
        # Moments are told in microseconds.
        return (
            f'{{"ph": "{phase}", "name": {_quoted(name)}, "cat": "{category}", "pid": {self._pid}, '
            f'"tid": {tid}, "ts": {(moment - self._begun) / 1000:.3f}, {more}}}'
        )


class _Task:
    """A task as far as its events are written."""

    def __init__(self, name: str, function: str) -> None:
        self.name = name
        self.step = f"{name}: {function}"
        self.args = {"task": name, "function": function}
        self.has_begun = False
        self.waits_in = ""
        self.tid = 0


_quoted = json.encoder.encode_basestring_ascii


def _args(values: Mapping[str, object]) -> str:
    return f'"args": {json.dumps(values)}'
