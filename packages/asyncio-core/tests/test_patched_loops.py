"""What others do to a loop: look into its queue, put something of theirs in its place, at any moment.

The compiled form takes short cuts that nobody may notice. Everything here holds for both forms.
"""

from __future__ import annotations

import collections
import gc
import traceback
import types
import weakref

import pytest

from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task import Task, create_task
from asyncio_core.awaiting.task_registry import all_tasks, current_task
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling.handles import Handle, TimerHandle


@pytest.fixture
def loop():
    loop = ParkingEventLoop()
    yield loop
    loop.close()


async def nothing():
    pass


# The queue


def test_the_queue_does_what_a_deque_does(loop):
    one, two, three = (loop.call_soon(print, n) for n in range(3))
    ready = loop._ready
    assert list(ready) == [one, two, three]
    assert (len(ready), bool(ready), ready[0], ready[-1]) == (3, True, one, three)
    assert list(reversed(ready)) == [three, two, one]
    assert two in ready
    assert ready.index(three) == 2
    ready.rotate(1)
    assert list(ready) == [three, one, two]
    ready.rotate(-1)
    assert ready.popleft() is one
    assert ready.pop() is three
    ready.appendleft(three)
    ready.append(one)
    assert list(ready) == [three, two, one]
    ready.remove(two)
    ready.extend([two])
    ready.extendleft([one, two])
    assert list(ready.copy()) == [two, one, three, one, two]
    assert ready.count(one) == 2
    ready.insert(1, three)
    ready.reverse()
    assert list(ready) == [two, one, three, one, three, two]
    ready[0] = one
    del ready[1]
    assert list(ready) == [one, three, one, three, two]
    ready.clear()
    assert not ready
    assert list(ready) == []
    with pytest.raises(IndexError):
        ready.popleft()
    with pytest.raises(IndexError):
        ready.pop()
    with pytest.raises(IndexError):
        ready[0]
    with pytest.raises(ValueError, match="not in"):
        ready.remove(one)


def test_the_queue_grows_and_keeps_its_order_wherever_it_begins(loop):
    seen = []
    for _ in range(50):
        loop.call_soon(seen.append, "early")
    for _ in range(30):
        loop._ready.popleft()
    for n in range(1000):
        loop.call_soon(seen.append, n)
    loop._run_once()
    assert seen == ["early"] * 20 + list(range(1000))


def test_a_step_of_a_task_is_a_handle_to_who_looks(loop):
    task = loop.create_task(nothing())
    (handle,) = loop._ready
    assert isinstance(handle, Handle)
    assert handle._callback.__self__ is task
    assert handle is loop._ready[0]
    handle.cancel()
    loop._run_once()
    assert not task.done()
    task._step()
    assert task.done()


def test_a_wake_up_and_a_callback_are_handles_to_who_looks(loop):
    future = loop.create_future()
    seen = []

    async def wait():
        seen.append(await future)

    task = loop.create_task(wait())
    loop._run_once()
    future.add_done_callback(seen.append)
    future.set_result("result")
    wake, call = loop._ready
    assert wake._callback.__self__ is task
    assert (wake._args, call._args) == ((future,), (future,))
    assert call._callback == seen.append
    call.cancel()
    loop._run_once()
    assert seen == ["result"]


def test_a_queue_of_somebody_elses_is_used(loop):
    loop.call_soon(print)
    mine = loop._ready = collections.deque()
    seen = []
    task = loop.create_task(sleep(0, "result"))
    loop.call_soon(seen.append, "soon")
    loop.call_later(0, seen.append, "later")
    assert len(mine) == 2
    assert loop.run_until_complete(task) == "result"
    assert seen == ["soon", "later"]
    assert loop._ready is mine


# What is overridden or replaced


class Telling(ParkingEventLoop):
    """Tells of each call of what it overrides."""

    def __init__(self):
        self.told = collections.Counter()
        super().__init__()

    def call_soon(self, callback, *args, context=None):
        self.told["call_soon"] += 1
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        self.told["call_at"] += 1
        return super().call_at(when, callback, *args, context=context)

    def time(self):
        self.told["time"] += 1
        return super().time()

    def _run_once(self):
        self.told["_run_once"] += 1
        super()._run_once()

    def _timer_handle_cancelled(self, handle):
        self.told["cancelled"] += 1
        super()._timer_handle_cancelled(handle)


async def varied():
    """Do what goes by each of the methods above."""
    task = create_task(sleep(0))
    await task
    get_running_loop().call_later(100, print).cancel()
    async with timeout(100):
        await sleep(0.001)


def test_methods_of_a_subclass_are_called():
    loop = Telling()
    loop.run_until_complete(varied())
    loop.close()
    assert loop.told["call_soon"] >= 5
    assert loop.told["call_at"] == 3
    assert loop.told["time"] >= 3
    assert loop.told["_run_once"] >= 4
    assert loop.told["cancelled"] >= 2


def test_a_loop_that_is_stopped_before_it_runs_turns_once_whosever_turn_it_is():
    seen = []
    loop = Telling()
    loop.call_soon(seen.append, 1)
    loop.stop()
    loop.run_forever()
    loop.close()
    assert (seen, loop.told["_run_once"]) == ([1], 1)


@pytest.mark.parametrize("name", ["call_soon", "call_at", "_run_once", "time"])
@pytest.mark.parametrize("where", ["class", "instance"])
def test_what_is_replaced_while_the_loop_runs_is_called_from_then_on(name, where):
    class Loop(ParkingEventLoop):
        pass

    loop = Loop()
    told = []
    own = getattr(loop, name)

    def tell(*args, **options):
        told.append(name)
        return own(*args, **options)

    async def main():
        await varied()
        assert told == []
        if where == "class":
            setattr(Loop, name, lambda self, *args, **options: tell(*args, **options))
        else:
            setattr(loop, name, tell)
        await varied()
        await sleep(0)
        count = len(told)
        assert count > 0
        delattr(Loop if where == "class" else loop, name)
        await varied()
        assert len(told) <= count + (name == "_run_once")

    loop.run_until_complete(main())
    loop.close()


def test_another_clock_is_the_clock_from_then_on(loop, monkeypatch):
    import time

    async def main():
        real = loop.time()
        monkeypatch.setattr(time, "monotonic", lambda: real + 1000)
        assert loop.time() == real + 1000
        timer = loop.call_later(1, print)
        assert timer.when() == real + 1001
        timer.cancel()
        async with timeout(5) as scope:
            assert scope.when() == real + 1005
        monkeypatch.undo()
        assert loop.time() < real + 500

    loop.run_until_complete(main())


def test_another_class_of_tasks_futures_or_handles_is_used(loop, monkeypatch):
    from asyncio_core.scheduling import events, task_making

    class MyHandle(Handle):
        pass

    class MyTimer(TimerHandle):
        pass

    class MyFuture(Future):
        pass

    monkeypatch.setattr(events, "Handle", MyHandle)
    monkeypatch.setattr(events, "TimerHandle", MyTimer)
    monkeypatch.setattr(task_making, "Future", MyFuture)
    seen = []

    async def main():
        seen.append(type(loop.call_soon(print)))
        timer = loop.call_later(1, print)
        timer.cancel()
        seen.append(type(timer))
        seen.append(type(loop.create_future()))

    loop.run_until_complete(main())
    assert seen == [MyHandle, MyTimer, MyFuture]


# Garbage


def test_a_loop_is_garbage_with_all_that_is_queued():
    class Owner:
        def callback(self, *args):
            pass

    def make():
        loop = ParkingEventLoop()
        owner = Owner()
        owner.loop = loop
        loop.call_soon(owner.callback)
        owner.timers = [loop.call_later(1000 + n, owner.callback) for n in range(200)]
        future = loop.create_future()
        future.add_done_callback(owner.callback)
        future.set_result(owner)
        future.owner = owner
        loop._closed = True  # so that nobody is warned of it
        return weakref.ref(owner), weakref.ref(loop)

    references = make()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_a_task_that_nothing_can_wake_is_garbage_and_says_so(loop):
    reports = []
    loop.set_exception_handler(lambda loop, context: reports.append(context["message"]))

    async def forgotten():
        await loop.create_future()

    async def main():
        create_task(forgotten())
        await sleep(0)
        gc.collect()
        assert all_tasks() == {current_task()}

    loop.run_until_complete(main())
    assert reports == ["Task was destroyed but it is pending!"]


def test_a_destructor_in_the_midst_of_a_turn_may_use_the_loop(loop):
    seen = []

    class Last:
        def __del__(self):
            loop.call_soon(seen.append, "from the destructor")
            loop.call_later(0, seen.append, "from the destructor's timer")
            all_tasks(loop)
            gc.collect()

    async def main():
        future = loop.create_future()
        future.set_result(Last())
        handle = loop.call_soon(print, Last())
        handle.cancel()
        timers = [loop.call_later(1000 + n, print, Last()) for n in range(150)]
        for timer in timers:
            timer.cancel()
        del future, handle, timers, timer
        await sleep(0.002)

    loop.run_until_complete(main())
    assert collections.Counter(seen) == {
        "from the destructor": 152,
        "from the destructor's timer": 152,
    }


# What is seen of it


def test_no_frame_of_a_task_or_a_future_is_in_a_traceback(loop):
    async def inner():
        raise ZeroDivisionError

    async def main():
        task = create_task(inner())
        failed = loop.create_future()
        failed.set_exception(KeyError("lost"))
        frames = []
        for future in (task, failed):
            try:
                await future
            except Exception as error:
                frames.append([f.name for f in traceback.extract_tb(error.__traceback__)])
        return frames

    assert loop.run_until_complete(main()) == [["main", "inner"], ["main"]]


def test_internal_names_that_tools_read_are_there(loop):
    async def main():
        task = current_task()
        assert isinstance(task._coro, types.CoroutineType)
        assert task._context is task.get_context()
        assert task._fut_waiter is None
        assert task._must_cancel is False
        assert task._source_traceback is None
        future = loop.create_future()
        other = create_task(wait_for(future))
        assert other._log_destroy_pending is True
        await sleep(0)
        assert other._fut_waiter is future
        assert future._callbacks[0][1] is other._context
        assert future._asyncio_awaited_by == {other}
        assert (future._state, future._loop) == ("PENDING", loop)
        other.cancel("enough")
        with pytest.raises(CancelledError, match="enough"):
            await other
        assert (future._cancel_message, other._state) == ("enough", "CANCELLED")
        return task

    async def wait_for(future):
        await future

    assert isinstance(loop.run_until_complete(main()), Task)
