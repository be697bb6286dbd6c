"""The loop `virtual`: time that jumps, and what is waited for in real time all the same."""

from __future__ import annotations

import concurrent.futures
import datetime
import queue
import re
import threading

import pytest

import asyncio_core
from asyncio_core import DeadlockError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.testing.making import laid_over
from asyncio_core.testing.outside import Source
from asyncio_core.testing.virtual import VirtualEventLoopPolicy, VirtualPart

DAY = datetime.timedelta(days=1).total_seconds()


def make_loop():
    return laid_over(VirtualPart, ParkingEventLoop)()


def run(main, **options):
    with asyncio_core.Runner(loop_factory=make_loop, **options) as runner:
        return runner.run(main)


@pytest.fixture
def loop():
    made = make_loop()
    yield made
    made.close()


def forbid_waiting(monkeypatch):
    """Have a loop fail that waits at all."""
    before = ParkingEventLoop._poll

    def poll(self, timeout):
        assert timeout == 0
        before(self, timeout)

    monkeypatch.setattr(ParkingEventLoop, "_poll", poll)


def note_waiting(monkeypatch):
    """Return a list of how long a loop waits, in which 0 stands for no waiting."""
    waits = []
    before = ParkingEventLoop._poll

    def poll(self, timeout):
        waits.append(timeout)
        before(self, timeout)

    monkeypatch.setattr(ParkingEventLoop, "_poll", poll)
    return waits


def test_a_year_of_sleeps_is_not_waited_for(monkeypatch):
    forbid_waiting(monkeypatch)

    async def main():
        loop = asyncio_core.get_running_loop()
        begun = loop.time()
        for _ in range(365):
            await asyncio_core.sleep(DAY)
        return loop.time() - begun

    assert run(main()) == pytest.approx(365 * DAY)


def test_sleepers_wake_in_the_order_of_their_times(monkeypatch):
    forbid_waiting(monkeypatch)
    woken = []

    async def sleeper(seconds):
        await asyncio_core.sleep(seconds)
        woken.append((seconds, asyncio_core.get_running_loop().time()))

    async def main():
        await asyncio_core.gather(*map(sleeper, (30, 10, 20, 10 * DAY)))

    run(main())
    assert [seconds for seconds, _ in woken] == [10, 20, 30, 10 * DAY]
    assert [moment for _, moment in woken] == pytest.approx([1010, 1020, 1030, 1000 + 10 * DAY])


def test_time_stands_still_while_something_is_ready():
    async def main():
        loop = asyncio_core.get_running_loop()
        moments = set()
        loop.call_later(1, moments.clear)
        for _ in range(1000):
            moments.add(loop.time())
            await asyncio_core.sleep(0)
        return moments

    assert len(run(main())) == 1


def test_a_step_that_is_lost_in_a_large_number_is_made_all_the_same(loop):
    # So far that the longest wait, of a day, does not change the number.
    loop._advance(1e22)
    loop.call_later(1e-9, loop.call_later, 1e7, loop.stop)
    loop.run_forever()
    assert loop.time() == pytest.approx(1e22 + 1e7, rel=1e-15)
    assert loop.time() > 1e22


def test_the_clock_begins_at_the_same_moment_each_time(loop):
    assert loop.time() == make_and_close().time() == 1000


def make_and_close():
    made = make_loop()
    made.close()
    return made


def test_timeouts_need_no_waiting(monkeypatch):
    forbid_waiting(monkeypatch)

    async def main():
        never = asyncio_core.get_running_loop().create_future
        with pytest.raises(TimeoutError):
            async with asyncio_core.timeout(DAY):
                await never()
        with pytest.raises(TimeoutError):
            await asyncio_core.wait_for(never(), DAY)

    run(main())


def test_compiled_and_pure_tasks_are_served(monkeypatch):
    forbid_waiting(monkeypatch)

    async def main():
        async with asyncio_core.TaskGroup() as group:
            for n in range(100):
                group.create_task(asyncio_core.sleep(n))
        return asyncio_core.get_running_loop().time()

    assert run(main(), debug=True) == run(main(), debug=False) == pytest.approx(1099)


# Other threads.


def test_time_does_not_jump_while_a_job_is_under_way():
    begin, end = threading.Event(), threading.Event()

    def job():
        begin.set()
        assert end.wait(60)
        return "done"

    async def main():
        loop = asyncio_core.get_running_loop()
        waiting = loop.run_in_executor(None, job)
        begin.wait(60)
        # An hour that is cut short, if not by a jump.
        timer = loop.call_later(3600, pytest.fail)
        loop.call_soon(end.set)
        assert await waiting == "done"
        assert loop.time() < 1000 + 60
        timer.cancel()

    run(main())


def test_time_jumps_again_when_the_jobs_are_done_and_their_thread_is_idle(monkeypatch):
    async def main():
        await asyncio_core.to_thread(int)
        await asyncio_core.sleep(DAY)
        return asyncio_core.get_running_loop().time()

    assert run(main()) == pytest.approx(1000 + DAY, abs=60)


def test_a_timeout_beside_a_job_that_does_not_end_comes_in_real_time(monkeypatch):
    end = threading.Event()
    waits = note_waiting(monkeypatch)

    async def main():
        loop = asyncio_core.get_running_loop()
        waiting = loop.run_in_executor(None, end.wait, 60)
        with pytest.raises(TimeoutError):
            await asyncio_core.wait_for(asyncio_core.shield(waiting), 0.1)
        assert not waiting.done()
        assert any(waits), "it was waited for"
        end.set()
        await waiting

    run(main())


def test_a_thread_that_was_started_since_may_call():
    async def main():
        loop = asyncio_core.get_running_loop()
        called = loop.create_future()
        timer = loop.call_later(3600, pytest.fail)
        go = threading.Event()

        def call():
            assert go.wait(60)
            loop.call_soon_threadsafe(called.set_result, "called")

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        loop.call_soon(go.set)
        assert await called == "called"
        timer.cancel()
        thread.join()

    run(main())


def test_a_thread_that_ends_without_a_word_is_waited_for_no_longer():
    end = threading.Event()
    seen = []

    async def main():
        loop = asyncio_core.get_running_loop()
        look = loop._outlook.look

        def look_and_let_it_end():
            seen.append(look())
            end.set()
            return seen[-1]

        loop._outlook.look = look_and_let_it_end
        threading.Thread(target=end.wait, args=(60,)).start()
        await loop.create_future()

    with pytest.raises(DeadlockError):
        run(main())
    assert (seen[0], seen[-1]) == (Source.OUTSIDE, Source.NOTHING)


def test_threads_from_before_the_loop_are_not_waited_for_unless_they_have_called(monkeypatch):
    waits = note_waiting(monkeypatch)
    end, go, has_called = threading.Event(), threading.Event(), threading.Event()
    loops = []

    def stranger():
        assert go.wait(60)
        if loops:
            loops[0].call_soon_threadsafe(int)
            has_called.set()
        end.wait(60)

    thread = threading.Thread(target=stranger)
    thread.start()
    try:

        async def main():
            await asyncio_core.get_running_loop().create_future()

        with pytest.raises(DeadlockError):
            run(main())
        assert not any(waits)

        async def called():
            loop = asyncio_core.get_running_loop()
            loops.append(loop)
            go.set()
            assert has_called.wait(60)
            waiting = loop.create_future()
            timer = loop.call_later(0.05, waiting.set_result, None)
            await waiting
            assert any(waits)
            timer.cancel()

        run(called())
    finally:
        go.set()
        end.set()
        thread.join()


def test_a_loop_in_a_thread_waits_for_the_main_thread():
    loop = make_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    answer = asyncio_core.run_coroutine_threadsafe(asyncio_core.sleep(0, "here"), loop)
    assert answer.result(60) == "here"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


def test_a_thread_that_waits_for_others_brings_nothing():
    work = queue.Queue()

    def serve():
        # As workers of many libraries do.
        while (job := work.get()) is not None:
            job()

    async def main():
        loop = asyncio_core.get_running_loop()
        worker = threading.Thread(target=serve)
        worker.start()
        try:
            done = loop.create_future()
            work.put(lambda: loop.call_soon_threadsafe(done.set_result, "done"))
            assert await done == "done"
            await asyncio_core.sleep(DAY)
            assert loop.time() > 1000 + DAY / 2
            await loop.create_future()
        finally:
            work.put(None)
            worker.join()

    with pytest.raises(DeadlockError):
        run(main())


def test_names_are_looked_up_by_the_loops_own_threads(monkeypatch):
    seen = []

    def look_up(*arguments):
        seen.append(threading.current_thread().name)
        return []

    monkeypatch.setattr("socket.getaddrinfo", look_up)

    async def main():
        loop = asyncio_core.get_running_loop()
        timer = loop.call_later(3600, pytest.fail)
        assert await loop.getaddrinfo("name.invalid", 80) == []
        timer.cancel()
        # The thread is idle now.
        await asyncio_core.sleep(DAY)

    run(main())
    assert seen[0].startswith("asyncio-names")


@pytest.mark.parametrize("seconds", [2 * DAY, 1e11, 1e300])
def test_time_jumps_as_far_as_a_timer_is_away(monkeypatch, seconds):
    forbid_waiting(monkeypatch)

    async def main():
        loop = asyncio_core.get_running_loop()
        begun = loop.time()
        cancelled = loop.call_later(DAY, int)
        cancelled.cancel()
        await asyncio_core.sleep(seconds)
        return loop.time() - begun

    assert run(main()) == pytest.approx(seconds)


# Deadlocks.


def test_a_timer_that_never_comes_is_a_deadlock(loop):
    with pytest.raises(DeadlockError):
        loop.run_until_complete(asyncio_core.sleep(float("inf")))


def test_a_deadlock_is_raised_at_once_and_tells_who_waits_for_what():
    async def hold(mine, other):
        async with mine:
            await asyncio_core.sleep(1)
            await other.acquire()

    class Lock:
        def __init__(self):
            self.free = asyncio_core.get_running_loop().create_future()
            self.taken = False

        async def acquire(self):
            if self.taken:
                await self.free
            self.taken = True

        async def __aenter__(self):
            await self.acquire()

        async def __aexit__(self, *info):
            self.free.set_result(None)

    async def main():
        left, right = Lock(), Lock()
        async with asyncio_core.TaskGroup() as group:
            group.create_task(hold(left, right), name="philosopher-2")
            group.create_task(hold(right, left), name="philosopher-10")

    with pytest.raises(DeadlockError) as caught:
        run(main())
    message = str(caught.value)
    assert message.startswith("deadlock: nothing is ready, no timer is set")
    for words in (
        "* Task(name='philosopher-2'",
        "* Task(name='philosopher-10'",
        r"in async test_a_deadlock_is_raised_at_once_and_tells_who_waits_for_what.<locals>.hold()",
        "Lock.acquire()",
        "Awaited by:",
    ):
        assert words in message
    names = [task.get_name() for task in caught.value.tasks]
    assert names[-2:] == ["philosopher-2", "philosopher-10"]
    # Each is written out once.
    assert len(re.findall(r"\* Task\(name='philosopher-2'.*\n\s+\+ Call stack", message)) == 1


def test_tasks_in_a_ring_are_a_deadlock(loop):
    tasks = []

    async def wait_for(number):
        await tasks[number]

    tasks += [loop.create_task(wait_for(1), name="one"), loop.create_task(wait_for(0), name="two")]
    with pytest.raises(DeadlockError, match=r"(?s)name='one'.*name='two'"):
        loop.run_until_complete(tasks[0])
    for task in tasks:
        task.cancel()
    with pytest.raises(asyncio_core.CancelledError):
        loop.run_until_complete(tasks[0])


def test_tasks_that_a_gathering_waits_for_are_shown_below_what_they_wait_for():
    async def wait():
        await asyncio_core.get_running_loop().create_future()

    async def main():
        await asyncio_core.gather(
            asyncio_core.create_task(wait(), name="left"),
            asyncio_core.create_task(wait(), name="right"),
        )

    with pytest.raises(DeadlockError) as caught:
        run(main())
    ends = [line for line in str(caught.value).splitlines() if line.startswith("* ")]
    assert len(ends) == 2
    assert all(line.startswith("* Future(id=") for line in ends)


def test_a_loop_without_tasks_that_nobody_can_stop_is_a_deadlock(loop):
    with pytest.raises(DeadlockError, match="no task waits either"):
        loop.run_forever()


def test_cleaning_up_goes_on_after_a_deadlock():
    cleaned = []

    async def main():
        try:
            await asyncio_core.get_running_loop().create_future()
        finally:
            await asyncio_core.sleep(DAY)
            cleaned.append(True)

    with pytest.raises(DeadlockError):
        run(main())
    assert cleaned == [True]


def test_jobs_of_a_pool_of_the_programs_own_are_no_deadlock():
    async def main():
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            go = threading.Event()
            job = pool.submit(go.wait, 60)
            asyncio_core.get_running_loop().call_soon(go.set)
            return await asyncio_core.wrap_future(job)

    assert run(main()) is True


# By name.


def test_the_policy_makes_loops_over_the_platforms_default(monkeypatch):
    monkeypatch.setattr("asyncio_core.choosing.loop_registry._DEFAULTS", ())
    monkeypatch.setenv("ASYNCIO_LOOP", "asyncio_core.testing.virtual:VirtualEventLoopPolicy")

    async def main():
        await asyncio_core.sleep(DAY)
        return type(asyncio_core.get_running_loop())

    made = asyncio_core.run(main(), loop_factory=VirtualEventLoopPolicy().new_event_loop)
    assert made.__mro__[1:3] == (VirtualPart, ParkingEventLoop)
    assert (made.__module__, made.__name__) == ("asyncio_core.testing.virtual", "VirtualEventLoop")
    assert type(make_and_close()) is made
