"""Tracers, profilers and coverage see a program's own functions, in both forms of the library alike.

What the library does is another matter: one form of it has frames, the other none. So is the StopIteration by which an
`await` ends: that of a generator is not raised, only told; that of an iterator of C is raised, or is not there at all.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from os import environ
from typing import Any

import pytest

from asyncio_test_support.programs import printed_by

pytestmark = pytest.mark.skipif(
    find_spec("asyncio_core._twins") is None,
    reason="no compiled module for this Python is here, so there is nothing to compare",
)

# A program: each way by which functions of the user's are called, go on, are thrown into, and end.
WORK = """
import contextlib
import contextvars
import types

import asyncio_core
from asyncio_core import Future, Task, gather, get_running_loop, shield, sleep, timeout, wait, wait_for


class Boom(Exception):
    pass


async def value():
    await sleep(0)
    return 1


async def failing():
    await sleep(0)
    raise Boom


async def at_once(error=None):
    if error is not None:
        raise error
    return "eagerly"


async def forever():
    try:
        await Future()
    finally:
        noted.append("left")


async def stubborn():
    try:
        await forever()
    except asyncio_core.CancelledError:
        await sleep(0)
    return 2


async def outcome_of(future):
    try:
        return await future
    except Boom as error:
        return error


def by_future(future):
    noted.append(future.cancelled())


def plain(*args):
    noted.append(args)


def broken():
    raise Boom


@types.coroutine
def bare_yields(turns):
    for _ in range(turns):
        yield
    return turns


async def numbers():
    for number in range(2):
        await sleep(0)
        yield number


class Subclass(Task):
    def get_name(self):
        return "mine"


class Waiting:
    def __await__(self):
        yield from Future.__await__(asyncio_core.ensure_future(value()))
        return 3


class Context:
    async def __aenter__(self):
        await sleep(0)

    async def __aexit__(self, *error):
        await sleep(0)
        return True


noted = []


async def futures():
    loop = get_running_loop()
    acts = [
        lambda future: future.set_result(5),
        lambda future: future.set_result(None),
        lambda future: future.set_exception(Boom()),
        lambda future: future.set_result((1, 2)),
    ]
    for act in acts:
        future = loop.create_future()
        future.add_done_callback(by_future)
        loop.call_soon(act, future)
        await outcome_of(future)
        # Done already: nothing to wait for.
        await outcome_of(future)


async def cancelling():
    tasks = [asyncio_core.create_task(kind()) for kind in (forever, stubborn, forever)]
    await sleep(0)
    for task in tasks:
        task.cancel("why")
    await wait(tasks)
    with contextlib.suppress(asyncio_core.CancelledError):
        await tasks[0]


async def callbacks():
    loop = get_running_loop()
    loop.set_exception_handler(plain)
    loop.call_soon(plain, 1)
    loop.call_soon(broken)
    loop.call_later(0.5, plain, 2, 3)
    loop.call_at(loop.time() + 1, broken)
    loop.call_soon_threadsafe(plain, context=contextvars.copy_context())
    loop.call_soon_threadsafe(broken)
    loop.call_later(3600, plain).cancel()
    await sleep(2)


async def eagerly():
    loop = get_running_loop()
    for coro in (at_once(), at_once(Boom()), value(), failing()):
        await outcome_of(Task(coro, loop=loop, eager_start=True))


async def combined():
    await gather(value(), failing(), return_exceptions=True)
    await outcome_of(gather(value(), failing()))
    await shield(value())
    assert await wait_for(value(), 5) == 1
    for limit in (0, 3):
        with contextlib.suppress(TimeoutError):
            await wait_for(forever(), limit)
    for coro in (value(), failing()):
        # One at a time: the order of several is that of a set.
        for following in asyncio_core.as_completed([coro]):
            await outcome_of(following)
    with contextlib.suppress(BaseExceptionGroup):
        async with asyncio_core.TaskGroup() as group:
            group.create_task(failing())
            group.create_task(forever())


async def limits():
    async with timeout(1):
        await value()
    with contextlib.suppress(TimeoutError):
        async with timeout(1):
            await forever()
    with contextlib.suppress(TimeoutError):
        async with timeout(-1):
            await value()
    async with timeout(None) as limit:
        limit.reschedule(get_running_loop().time() + 5)


async def generators():
    async for number in numbers():
        noted.append(number)
    await bare_yields(3)
    assert await Waiting() == 3
    async with Context():
        await failing()


async def subclasses():
    await Subclass(value(), loop=get_running_loop())


async def bad_yields():
    @types.coroutine
    def wrong(what):
        yield what

    for what in (1, Future(), (n for n in "ab")):
        with contextlib.suppress(RuntimeError):
            await wrong(what)


async def main(parts):
    for part in parts:
        await globals()[part]()
"""
PARTS = (
    *("futures", "cancelling", "callbacks", "eagerly", "combined", "limits"),
    *("generators", "subclasses", "bad_yields"),
)
# The profiler of Python breaks off where a coroutine is thrown into, or thrown out of: by an assertion of its own.
UNTHROWN_PARTS = ("callbacks", "generators", "subclasses")

# Runs it on a loop whose clock jumps, under what watches.
RUNS = """
import json, sys
from asyncio_core import run, twins
from asyncio_core.loops.parking import ParkingEventLoop

class Loop(ParkingEventLoop):
    now = 1000.0

    def time(self):
        return self.now

    def _poll(self, timeout):
        if timeout:
            self.now += timeout
        super()._poll(0 if timeout is not None else None)

work = {"__name__": "work"}
exec(compile(WORK, "work.py", "exec"), work)

def go():
    run(work["main"](PARTS), loop_factory=Loop)

# What is imported and cached on first use is there afterwards.
go()
seen = []
watch(go)
print(json.dumps([twins.twins is not None, seen]))
"""

SETTRACE = """
def watch(go):
    sys.settrace(trace)
    try:
        go()
    finally:
        sys.settrace(None)

def trace(frame, event, arg):
    if frame.f_code.co_filename != "work.py":
        return None
    what = type(arg[1]).__name__ if event == "exception" else type(arg).__name__
    if what != "StopIteration":
        seen.append([frame.f_code.co_name, frame.f_lineno, event, what])
    return trace
"""

# Calls of C are left out: what a user's function calls is one in one form, and a function of Python in the other.
SETPROFILE = """
def watch(go):
    sys.setprofile(note)
    try:
        go()
    finally:
        sys.setprofile(None)

def note(frame, event, arg):
    if frame.f_code.co_filename == "work.py" and not event.startswith("c_"):
        seen.append([frame.f_code.co_name, frame.f_lineno, event, type(arg).__name__])
"""

MONITORING = """
LOCAL = ["PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "LINE"]
OTHERS = ["RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "PY_THROW"]

def watch(go):
    sys.monitoring.use_tool_id(3, "work")
    events = 0
    for name in LOCAL + OTHERS:
        event = getattr(sys.monitoring.events, name)
        events |= event
        sys.monitoring.register_callback(3, event, noting(name))
    sys.monitoring.set_events(3, events)
    try:
        go()
    finally:
        sys.monitoring.set_events(3, 0)
        sys.monitoring.free_tool_id(3)

def noting(name):
    def note(code, place, *args):
        if code.co_filename == "work.py":
            what = type(args[-1]).__name__ if args else None
            if what != "StopIteration":
                seen.append([code.co_name, line_of(code, place), name, what])
    return note

def line_of(code, place):
    return next((line for start, end, line in code.co_lines() if start <= place < end), place)
"""

PROFILERS = """
def watch(go):
    profile = PROFILE()
    profile.runcall(go)
    profile.create_stats()
    for (file, line, name), (primitive, calls, *_) in sorted(profile.stats.items()):
        if file == "work.py":
            seen.append([name, line, primitive, calls])
"""

COVERAGE = """
import coverage

def watch(go):
    measured = coverage.Coverage(data_file=None, branch=True, include=["work.py"], config_file=False)
    measured.start()
    go()
    measured.stop()
    data = measured.get_data()
    seen.extend(sorted(data.arcs(file)) for file in data.measured_files())
"""

WATCHERS = {
    "sys.settrace": SETTRACE,
    "sys.setprofile": SETPROFILE,
    "cProfile": f"from cProfile import Profile as PROFILE\n{PROFILERS}",
    # Deprecated since Python 3.15.
    "profile": "import warnings; warnings.simplefilter('ignore')\n"
    f"from profile import Profile as PROFILE\n{PROFILERS}",
    "coverage": COVERAGE,
}
if sys.version_info >= (3, 12):
    WATCHERS["sys.monitoring"] = MONITORING


def seen_by(watcher: str, *, pure: bool) -> Any:
    parts = UNTHROWN_PARTS if watcher == "profile" else PARTS
    program = f"WORK = {WORK!r}\nPARTS = {parts!r}\n{WATCHERS[watcher]}\n{RUNS}"
    printed = printed_by(program, env={**environ, "ASYNCIO_PURE_PYTHON": "1" if pure else ""})
    compiled, seen = json.loads(printed)
    assert compiled is not pure
    assert seen
    return seen


@pytest.mark.parametrize("watcher", WATCHERS)
def test_what_watches_a_program_sees_the_same_of_it_in_both_forms(watcher: str) -> None:
    if watcher == "coverage":
        pytest.importorskip("coverage")
    assert seen_by(watcher, pure=False) == seen_by(watcher, pure=True)
