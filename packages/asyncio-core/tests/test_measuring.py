"""Figures and traces of loops: what is counted, and that nothing is left in a loop's way."""

from __future__ import annotations

import collections
import functools
import json
import os
import socket
import threading
import types
import weakref
from array import array

import pytest

from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task import create_task
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.inspecting import recording
from asyncio_core.inspecting.callbacks import name_of_callback
from asyncio_core.inspecting.counts import Times
from asyncio_core.inspecting.hooks import OccupiedError
from asyncio_core.inspecting.measuring import Measurer
from asyncio_core.inspecting.recording import Recorder
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling.handles import Handle
from asyncio_core.scheduling.turn import TurnPart
from asyncio_test_support.programs import printed_by


@pytest.fixture
def loop():
    loop = ParkingEventLoop()
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def untouched():
    """Every test leaves methods as they were."""
    before = Handle._run, TurnPart._run_once, vars(TurnPart).get("_run_once"), socket.socket.recv
    yield
    after = Handle._run, TurnPart._run_once, vars(TurnPart).get("_run_once"), socket.socket.recv
    assert after == before


@pytest.fixture
def measurer():
    measurer = Measurer()
    measurer.begin()
    yield measurer
    measurer.end()


def facts_of(told, loop):
    return next(each for each in told["loops"] if each["id"] == id(loop))


async def count(turns):
    for _ in range(turns):
        await sleep(0)


def test_turns_callbacks_and_steps_are_counted(loop, measurer):
    async def main():
        measurer.take()
        await count(10)
        task = create_task(count(3), name="a short one")
        get_running_loop().call_soon([].append, "ran")
        await task
        return measurer.take()

    told = loop.run_until_complete(main())
    figures = facts_of(told, loop)
    # Ten for the first wait, four for the task, and the one that is running.
    assert figures["turns"] == 15 - 1 + 1
    assert figures["ready_most"] == 2
    assert figures["callbacks"] == 10 + 4 + 1 + 1
    tasks = {task["name"]: task for task in told["tasks"]}
    assert (tasks["a short one"]["count"], tasks["a short one"]["function"]) == (4, "count")
    assert {each["name"] for each in told["callbacks"]} >= {"count", "list.append"}
    assert figures["lag"]["max"] >= figures["lag"]["p99"] >= figures["lag"]["p50"] > 0


def test_a_step_that_has_not_ended_counts_up_to_now_and_once(loop, measurer):
    def at_work(told):
        (task,) = told["tasks"]
        return task["count"], task["seconds"], task["longest"]

    async def main():
        first = measurer.take()
        second = measurer.take()
        return first, second

    first, second = loop.run_until_complete(main())
    assert at_work(first)[0] == at_work(second)[0] == 0
    assert at_work(second)[1] <= second["seconds"] < at_work(second)[2]
    third = measurer.take()
    assert at_work(third)[0] == 1
    assert at_work(third)[1] <= third["seconds"]


def test_loops_in_other_threads_are_measured_from_anywhere(measurer):
    loop = ParkingEventLoop()
    thread = threading.Thread(target=loop.run_forever, name="with a loop")
    thread.start()
    done = threading.Event()
    loop.call_soon_threadsafe(done.set)
    done.wait()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    told = measurer.take()
    loop.close()
    figures = facts_of(told, loop)
    assert figures["callbacks"] == 2
    assert any(each["name"] == "Event.set" for each in told["callbacks"])


def test_one_at_a_time_measures_or_records(measurer):
    for other in (Measurer(), Recorder()):
        with pytest.raises(OccupiedError, match="measured or traced already"):
            other.begin()
        other.end()
    measurer.end()
    recorder = Recorder()
    recorder.begin()
    recorder.end()


def test_what_somebody_else_has_put_in_the_place_since_is_left(loop, measurer):
    ours = Handle._run

    def theirs(handle):
        ours(handle)

    Handle._run = theirs
    try:
        measurer.end()
        assert Handle._run is theirs
        assert loop.run_until_complete(sleep(0, "ran")) == "ran"
    finally:
        Handle._run = RUN


RUN = Handle._run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forked children")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_not_measured(measurer):
    child = os.fork()
    if child == 0:
        os._exit(Handle._run is RUN)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_what_ends_a_run_still_ends_it(loop, measurer):
    def leave():
        raise SystemExit(3)

    loop.call_soon(leave)
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert facts_of(measurer.take(), loop)["callbacks"] == 1


def test_callbacks_are_named_as_they_are():
    class Called:
        def __call__(self):
            pass

        def __getattr__(self, name):
            raise RuntimeError(name)

    assert name_of_callback(functools.partial(functools.partial(count, 1))) == "count"
    assert name_of_callback([].append) == "list.append"
    assert name_of_callback(Called()).endswith("<locals>.Called")
    assert name_of_callback(types.MethodType(Called(), 1)) == "method"
    assert name_of_callback(Handle.cancel) in ("Handle.cancel", "method_descriptor")


def test_percentiles_are_near_and_the_longest_is_exact():
    times = Times()
    assert times.at(0.5) == 0
    for number in range(1, 101):
        times.add(number / 1000)
    assert times.longest == 0.1
    assert times.at(0.5) == pytest.approx(0.05, rel=0.07)
    assert times.at(0.99) == pytest.approx(0.099, rel=0.07)
    assert times.at(1) == 0.1


# Traces


class Trace:
    """What a recorder has recorded, by kind."""

    def __init__(self, recorder):
        facts, numbers = recorder.take(10**6)
        json.dumps(facts)
        self.names = ["", *facts["names"]]
        self.tasks = {
            number: (name, self.names[function]) for number, name, function in facts["tasks"]
        }
        flat = array("q", numbers)
        assert facts["bytes"] == len(numbers) == len(flat) * 8
        self.records = [
            tuple(flat[n : n + recording.LENGTH]) for n in range(0, len(flat), recording.LENGTH)
        ]

    def of(self, kind):
        mask = (1 << recording.BITS_OF_KIND) - 1
        return [record for record in self.records if record[0] & mask == kind]

    def waker_of(self, step):
        """Return the only callback or step that has woken one."""
        (found,) = (
            each
            for each in self.of(recording.STEP) + self.of(recording.CALLBACK)
            if each[7] <= step[5] < each[7] + (each[0] >> recording.BITS_BELOW_WOKEN)
        )
        return found


def state_of(record):
    return record[0] >> recording.BITS_OF_KIND & 0xFF


@pytest.fixture
def recorded(loop):
    """Return a function that runs a coroutine, and returns what was recorded meanwhile."""

    def run(coro):
        recorder = Recorder()
        recorder.begin()
        try:
            loop.run_until_complete(coro)
        finally:
            recorder.end()
        return Trace(recorder)

    return run


def test_steps_tell_their_task_where_it_waits_and_who_woke_it(recorded):
    future = Future(loop=ParkingEventLoop())

    async def waits(future):
        await future

    async def main():
        future = get_running_loop().create_future()
        task = create_task(waits(future), name="waiting")
        await sleep(0)
        future.set_result(None)
        await task

    future.get_loop().close()
    trace = recorded(main())
    (number,) = (number for number, task in trace.tasks.items() if task[0] == "waiting")
    first, second = (step for step in trace.of(recording.STEP) if step[4] == number)
    assert trace.tasks[number][1].endswith("<locals>.waits")
    assert trace.names[first[6]].endswith("<locals>.waits")
    assert (state_of(first), state_of(second)) == (recording.WAITS, recording.ENDED)
    assert second[6] == 0
    for step in (first, second):
        # It was a step of main() that queued it.
        by = trace.waker_of(step)
        assert trace.tasks[by[4]][1].endswith("<locals>.main")
        assert by[3] <= step[2]


def test_turns_hold_what_ran_in_them(recorded):
    trace = recorded(count(5))
    turns = trace.of(recording.TURN)
    inside = trace.of(recording.STEP) + trace.of(recording.CALLBACK)
    # One for each step, and one for what ends the run.
    assert len(turns) == len(inside) == 7
    for _, thread, begun, ended, waited, ready, *_ in turns:
        assert thread == threading.get_ident()
        assert ready == 1
        (one,) = (each for each in inside if begun <= each[2] <= ended)
        assert begun <= waited <= one[2] <= one[3] <= ended


def test_reads_and_writes_in_a_loops_thread_are_recorded(recorded):
    ours, theirs = socket.socketpair()
    elsewhere = threading.Thread(target=lambda: theirs.send(b"from another thread"))

    async def main():
        ours.send(b"abc")
        assert theirs.recv(10) == b"abc"
        elsewhere.start()
        elsewhere.join()
        assert ours.recv_into(bytearray(100)) == 19
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)

    with ours, theirs:
        trace = recorded(main())
        calls = [(trace.names[io[4]], io[5], io[6]) for io in trace.of(recording.IO)]
        assert calls == [
            ("send", ours.fileno(), 3),
            ("recv", theirs.fileno(), 3),
            ("recv_into", ours.fileno(), 19),
        ]


def test_reads_and_writes_of_files_are_recorded(recorded):
    reading, writing = os.pipe()

    async def main():
        os.write(writing, b"abc")
        os.read(reading, 10)

    try:
        trace = recorded(main())
        calls = [(trace.names[io[4]], io[5], io[6]) for io in trace.of(recording.IO)]
        assert calls == [("write", writing, 3), ("read", reading, 3)]
    finally:
        os.close(reading)
        os.close(writing)


def test_what_runs_when_it_ends_is_recorded_so_far(loop):
    recorder = Recorder()

    async def main():
        recorder.begin()
        await sleep(0)
        recorder.end()

    loop.run_until_complete(main())
    (step,) = Trace(recorder).of(recording.STEP)
    assert state_of(step) == recording.UNFINISHED


def test_a_task_that_cannot_say_its_name_still_runs(recorded, loop):
    from asyncio_core.awaiting.task import Task

    class Nameless(Task):
        def get_name(self):
            raise RuntimeError("no")

        get_coro = get_name

    loop.set_task_factory(lambda loop, coro, **options: Nameless(coro, loop=loop, **options))
    trace = recorded(count(1))
    # Its class has failed; ours tells.
    ((name, _),) = trace.tasks.values()
    assert name.startswith("Task-")


def test_who_wakes_by_way_of_another_threads_callback_is_told(recorded):
    async def waits(future):
        await future

    async def main():
        loop = get_running_loop()
        future = loop.create_future()
        task = create_task(waits(future), name="woken")
        await sleep(0)
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, None))
        thread.start()
        thread.join()
        await task

    trace = recorded(main())
    (number,) = (number for number, task in trace.tasks.items() if task[0] == "woken")
    _, second = (step for step in trace.of(recording.STEP) if step[4] == number)
    assert trace.names[trace.waker_of(second)[4]] == "Future.set_result"


def test_records_are_taken_in_their_order_and_in_pieces(loop):
    recorder = Recorder()
    recorder.begin()
    loop.run_until_complete(count(6000))
    recorder.end()
    taken = []
    while recorder.waiting:
        facts, numbers = recorder.take(5000)
        assert 0 < facts["bytes"] == len(numbers) <= 5000 * 8 * recording.LENGTH
        taken.append(array("q", numbers))
    begins = [begin for numbers in taken for begin in numbers[2 :: recording.LENGTH]]
    # A turn is told after what was in it.
    assert len(begins) == 2 * 6002
    assert sorted(begins[::2]) == begins[::2]
    assert recorder.take(1)[1] == b""


def test_what_there_is_no_room_for_is_counted(loop, monkeypatch):
    monkeypatch.setattr(recording, "_MOST", 4096)
    recorder = Recorder()
    recorder.begin()
    loop.run_until_complete(count(3000))
    recorder.end()
    assert recorder.waiting == 4096
    assert recorder.lost == 2 * 3002 - 4096
    assert len(Trace(recorder).records) == 4096


def test_many_tasks_keep_their_numbers(recorded):
    async def main():
        return [
            await task
            for task in [create_task(sleep(0, number), name=f"{number}") for number in range(300)]
        ]

    trace = recorded(main())
    steps = {trace.tasks[step[4]][0] for step in trace.of(recording.STEP)}
    assert steps >= {str(number) for number in range(300)}
    assert len(trace.tasks) == 301


def test_what_calls_the_system_is_what_it_was_when_nothing_is_recorded(recorded):
    before = os.read, os.write
    recorded(sleep(0))
    assert (os.read, os.write) == before


class _Own(Handle):
    """A handle of a program's own kind."""


@pytest.mark.parametrize("way", ["as usual", "in debug mode", "timers looked at", "own queue"])
def test_whatever_runs_callbacks_they_are_counted_once(loop, measurer, way):
    if way == "in debug mode":
        loop.set_debug(True)
    elif way == "timers looked at":
        assert not loop._scheduled
    elif way == "own queue":
        loop._ready = collections.deque(loop._ready)
    seen = []

    def note():
        seen.append(1)

    async def main():
        measurer.take()
        loop.call_soon(note)
        loop.call_soon(note).cancel()
        loop.call_soon_threadsafe(note)
        loop.call_later(0, note)
        loop._ready.append(_Own(note, (), loop))
        future = loop.create_future()
        future.add_done_callback(lambda _: note())
        future.set_result(None)
        await sleep(0.001)
        return measurer.take()

    told = loop.run_until_complete(main())
    assert len(seen) == 5
    by_name = {each["name"].rpartition(".")[2]: each["count"] for each in told["callbacks"]}
    assert (by_name["note"], by_name["<lambda>"]) == (4, 1)


def test_a_failing_callback_is_reported_as_ever(loop, measurer):
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fails():
        raise ValueError("no")

    loop.call_soon(fails)
    loop.run_until_complete(sleep(0.001))
    assert [type(error) for error in told] == [ValueError]
    assert any(each["name"].endswith("fails") for each in measurer.take()["callbacks"])


def test_nothing_is_kept_of_what_ran(loop):
    class Thing:
        pass

    measurer, recorder = Measurer(), Recorder()
    for watch in (measurer, recorder):
        watch.begin()
        thing = Thing()
        gone = weakref.ref(thing)
        loop.call_soon(lambda thing: None, thing)
        task = loop.create_task(sleep(0, thing))
        ended = weakref.ref(task)
        loop.run_until_complete(task)
        del thing, task
        assert (gone(), ended()) == (None, None)
        watch.end()


def test_where_a_loop_stands_is_seen_while_it_is_measured():
    """Also where nobody has looked before: what is in the place of the loop's methods is none of the program's."""
    program = """
import threading
import asyncio_core
from asyncio_core.inspecting import snapshot
from asyncio_core.inspecting.measuring import Measurer

measurer = Measurer()
measurer.begin()
told = []

def blocks():
    looking = threading.Thread(target=lambda: told.append(snapshot()))
    looking.start()
    looking.join()

async def main():
    blocks()

asyncio_core.run(main(), loop_factory=asyncio_core.ParkingEventLoop)
print([each["function"] for each in told[0]["loops"][0]["callback"]][:2])
"""
    assert printed_by(program) == "['main', 'blocks']"
