from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import queue
import socket
import threading
import time
import warnings

import pytest

from asyncio_core.awaiting.tasks import create_task, gather, sleep, wait, wait_for
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling import executors


def test_a_function_runs_in_another_thread(run_in_real_time):
    async def main():
        return await get_running_loop().run_in_executor(None, threading.get_ident)

    assert run_in_real_time(main()) != threading.get_ident()


def test_what_the_function_raises_is_raised(run_in_real_time):
    async def main():
        await get_running_loop().run_in_executor(None, int, "spam")

    with pytest.raises(ValueError, match="spam"):
        run_in_real_time(main())


def test_the_executor_that_is_given_is_used(run_in_real_time):
    async def main(pool):
        loop = get_running_loop()
        by_argument = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
        assert loop._default_executor is None
        loop.set_default_executor(pool)
        by_default = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        return {by_argument.split("_")[0], by_default.split("_")[0]}

    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        assert run_in_real_time(main(pool)) == {"mine"}


def test_a_default_executor_has_to_be_a_pool_of_threads(loop):
    with pytest.raises(TypeError, match="ThreadPoolExecutor"):
        loop.set_default_executor(object())


def test_shutdown_waits_for_the_threads_and_refuses_more():
    loop = ParkingEventLoop()
    release, done = threading.Event(), []

    def work():
        release.wait()
        done.append(True)

    async def main():
        future = loop.run_in_executor(None, work)
        loop.call_soon(release.set)
        await loop.shutdown_default_executor()
        assert done == [True]
        await future
        with pytest.raises(RuntimeError, match="shutdown"):
            loop.run_in_executor(None, print)

    loop.run_until_complete(main())
    loop.close()


def test_shutdown_without_an_executor_is_nothing(run):
    async def main():
        await get_running_loop().shutdown_default_executor()

    run(main())


def test_shutdown_with_a_time_limit_warns_and_goes_on():
    loop = ParkingEventLoop()
    release = threading.Event()

    async def main():
        loop.run_in_executor(None, release.wait)
        with pytest.warns(RuntimeWarning, match="within 0.001 seconds"):
            await loop.shutdown_default_executor(timeout=0.001)

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
        release.set()


def test_shutdown_tells_what_went_wrong(loop):
    class Broken(concurrent.futures.ThreadPoolExecutor):
        def shutdown(self, wait=True, **options):
            if wait:
                raise LookupError("spam")

    loop.set_default_executor(Broken())
    with pytest.raises(LookupError, match="spam"):
        loop.run_until_complete(loop.shutdown_default_executor())


def test_shutdown_waits_for_the_threads_where_there_is_none_to_join_them(loop, monkeypatch):
    release = threading.Event()

    def no_more(thread):
        release.set()
        raise RuntimeError("can't start new thread")

    async def main():
        future = loop.run_in_executor(None, release.wait)
        (thread,) = loop._default_executor._threads
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            await loop.shutdown_default_executor()
        assert not thread.is_alive()
        assert await future

    loop.run_until_complete(main())


def test_shutdown_is_at_once_where_no_thread_was_ever_to_be_had(loop, monkeypatch):
    def none(thread):
        raise RuntimeError("can't start new thread")

    async def main():
        monkeypatch.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="new thread"):
            loop.run_in_executor(None, print)
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


@pytest.fixture
def resolver(monkeypatch):
    """A resolver that answers when it is told to: `pending` counts questions, `answer` lets go."""

    class Resolver:
        def __init__(self):
            self.answer = threading.Event()
            self.asked = []
            self.threads = set()

        def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
            self.asked.append(host)
            self.threads.add(threading.current_thread().name)
            self.answer.wait()
            if host == "unknown.test":
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

        async def wait_until_asked(self, count):
            while len(self.asked) < count:
                await sleep(0)

    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.answer.set()


def test_names_are_resolved_in_a_thread_of_their_own(run_in_real_time, resolver):
    async def main():
        loop = get_running_loop()
        lookup = create_task(loop.getaddrinfo("example.test", 80))
        await resolver.wait_until_asked(1)
        resolver.answer.set()
        infos = await lookup
        assert loop._default_executor is None
        return infos

    assert run_in_real_time(main())[0][4] == ("192.0.2.1", 80)
    assert all(name.startswith("asyncio-names") for name in resolver.threads)


def test_a_name_that_does_not_resolve_raises(run_in_real_time, resolver):
    resolver.answer.set()

    async def main():
        await get_running_loop().getaddrinfo("unknown.test", 80)

    with pytest.raises(socket.gaierror):
        run_in_real_time(main())


def test_a_name_that_does_not_resolve_leaves_no_cycle(run_in_real_time, resolver):
    async def main():
        resolver.answer.set()
        with contextlib.suppress(socket.gaierror):
            await get_running_loop().getaddrinfo("unknown.test", 80)
        # The handle that woke this task up has to go, and the thread's own hold on it; a cycle would stay.
        while len(alive()) > len(before):
            await sleep(0.001)

    def alive():
        return [each for each in gc.get_objects() if isinstance(each, socket.gaierror)]

    gc.collect()
    before = alive()  # of other tests
    gc.disable()
    try:
        run_in_real_time(main())
    finally:
        gc.enable()


def test_slow_names_do_not_starve_the_default_executor(run_in_real_time, resolver):
    count = executors._LOOKUP_THREADS + 5

    async def main():
        loop = get_running_loop()
        lookups = [create_task(loop.getaddrinfo(f"host{n}.test", 1)) for n in range(count)]
        await resolver.wait_until_asked(executors._LOOKUP_THREADS)
        assert await loop.run_in_executor(None, sum, [1, 2]) == 3
        assert len(resolver.asked) == executors._LOOKUP_THREADS
        resolver.answer.set()
        return await gather(*lookups)

    assert len(run_in_real_time(main())) == count
    assert len(resolver.threads) <= executors._LOOKUP_THREADS


def test_a_larger_default_executor_lets_more_names_be_resolved_at_once(run_in_real_time, resolver):
    count = executors._LOOKUP_THREADS + 5

    async def main(pool):
        loop = get_running_loop()
        loop.set_default_executor(pool)
        lookups = [create_task(loop.getaddrinfo(f"host{n}.test", 1)) for n in range(count)]
        await wait_for(resolver.wait_until_asked(count), 30)
        # None of its own threads are taken for that.
        assert not pool._threads
        resolver.answer.set()
        await gather(*lookups)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        run_in_real_time(main(pool))


def test_names_that_nobody_waits_for_any_more_starve_no_others(run_in_real_time, resolver):
    count = executors._LOOKUP_THREADS

    async def main():
        loop = get_running_loop()
        dead = [create_task(loop.getaddrinfo(f"dead{n}.test", 1)) for n in range(count)]
        await resolver.wait_until_asked(count)
        waiting = create_task(loop.getaddrinfo("waiting.test", 1))
        await sleep(0)
        for lookup in dead:
            lookup.cancel()
        await wait(dead)
        alive = create_task(loop.getaddrinfo("alive.test", 1))
        # The threads that come now take what has waited for longer first.
        another = create_task(loop.getaddrinfo("another.test", 1))
        await wait_for(resolver.wait_until_asked(count + 2), 30)
        resolver.answer.set()
        await gather(waiting, alive, another)

    run_in_real_time(main())


def names_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("asyncio-names")]


def test_threads_that_have_no_name_to_resolve_end_soon(run_in_real_time, resolver):
    async def main():
        loop = get_running_loop()
        lookups = [create_task(loop.getaddrinfo(f"host{n}.test", 1)) for n in range(3)]
        await resolver.wait_until_asked(3)
        assert len(names_threads()) >= 3
        resolver.answer.set()
        await gather(*lookups)
        async with timeout(30):
            while names_threads():
                await sleep(0.01)
        # And start again.
        await gather(*[loop.getaddrinfo(f"again{n}.test", 1) for n in range(3)])
        assert loop._lookups._free == len(loop._lookups._threads)

    run_in_real_time(main())
    assert len(resolver.asked) == 6


def test_a_name_that_comes_when_a_thread_is_about_to_end_is_resolved(
    run_in_real_time, resolver, monkeypatch
):
    monkeypatch.setattr(executors, "_LOOKUP_IDLE", 0.0)
    resolver.answer.set()

    async def main():
        loop = get_running_loop()
        for n in range(300):
            async with timeout(30):
                await loop.getaddrinfo(f"host{n}.test", 1)

    run_in_real_time(main())
    assert len(resolver.asked) == 300


def test_closing_the_loop_ends_the_threads_that_are_idle(resolver, monkeypatch):
    monkeypatch.setattr(executors, "_LOOKUP_IDLE", 3600)
    resolver.answer.set()
    loop = ParkingEventLoop()
    lookups = [loop.create_task(loop.getaddrinfo(f"host{n}.test", 1)) for n in range(5)]
    loop.run_until_complete(gather(*lookups))
    threads = names_threads()
    assert threads
    loop.close()
    assert not any(thread.is_alive() for thread in threads)


def test_a_cancelled_lookup_frees_its_caller_at_once(run_in_real_time, resolver):
    async def main():
        loop = get_running_loop()
        with pytest.raises(TimeoutError):
            await wait_for(loop.getaddrinfo("slow.test", 1), 0.01)
        lookup = create_task(loop.getaddrinfo("slow.test", 1))
        await resolver.wait_until_asked(1)
        lookup.cancel()
        with pytest.raises(CancelledError):
            await lookup
        assert not resolver.answer.is_set()

    run_in_real_time(main())


def test_a_lookup_cancelled_before_its_turn_is_never_made(run_in_real_time, resolver):
    async def main():
        loop = get_running_loop()
        busy = [
            create_task(loop.getaddrinfo(f"busy{n}.test", 1))
            for n in range(executors._LOOKUP_THREADS)
        ]
        await resolver.wait_until_asked(len(busy))
        waiting = create_task(loop.getaddrinfo("waiting.test", 1))
        await sleep(0)
        waiting.cancel()
        await sleep(0)
        resolver.answer.set()
        await gather(*busy)
        await loop.getaddrinfo("last.test", 1)

    run_in_real_time(main())
    assert "last.test" in resolver.asked
    assert "waiting.test" not in resolver.asked


def test_a_thread_that_is_just_taking_its_work_is_not_free_for_more(
    run_in_real_time, resolver, monkeypatch
):
    taken, go_on = threading.Event(), threading.Event()
    go_on.set()

    class SlowlyTaken(queue.SimpleQueue):
        def get(self, timeout):
            item = super().get(timeout=timeout)
            if not go_on.is_set():
                taken.set()
                go_on.wait()
            return item

    monkeypatch.setattr(queue, "SimpleQueue", SlowlyTaken)

    async def main():
        loop = get_running_loop()
        resolver.answer.set()
        await loop.getaddrinfo("first.test", 1)
        resolver.answer.clear()
        # The thread of the first name takes the next one from the queue, and gets no further.
        go_on.clear()
        slow = create_task(loop.getaddrinfo("slow.test", 1))
        while not taken.is_set():
            await sleep(0)
        quick = create_task(loop.getaddrinfo("quick.test", 1))
        await sleep(0)
        go_on.set()
        await wait_for(resolver.wait_until_asked(3), 10)
        resolver.answer.set()
        await gather(slow, quick)

    run_in_real_time(main())


def test_a_lookup_for_which_no_thread_can_be_started_fails(run_in_real_time, resolver, monkeypatch):
    resolver.answer.set()

    def no_more(thread):
        raise RuntimeError("can't start new thread")

    async def main():
        loop = get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            with pytest.raises(RuntimeError, match="new thread"):
                await loop.getaddrinfo("never.test", 1)
        await loop.getaddrinfo("one.test", 1)
        # With one thread at work the others can wait for that.
        resolver.answer.clear()
        slow = create_task(loop.getaddrinfo("slow.test", 1))
        await resolver.wait_until_asked(2)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            waiting = create_task(loop.getaddrinfo("waiting.test", 1))
            await sleep(0)
        resolver.answer.set()
        await gather(slow, waiting)

    run_in_real_time(main())
    assert resolver.asked == ["one.test", "slow.test", "waiting.test"]


def test_closing_the_loop_does_not_wait_for_a_name_server(resolver):
    loop = ParkingEventLoop()
    lookup = loop.create_task(loop.getaddrinfo("slow.test", 1))
    loop.run_until_complete(resolver.wait_until_asked(1))
    lookup.cancel()
    loop.run_until_complete(sleep(0))
    before = set(threading.enumerate())
    loop.close()
    resolver.answer.set()
    for thread in before - {threading.current_thread()}:
        if thread.name.startswith("asyncio-names"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("host", ["127.0.0.1", b"127.0.0.1", "::1", "127.1", None, "fe80::1"])
@pytest.mark.parametrize("port", [80, "80", 0])
def test_numeric_hosts_never_go_to_a_thread(run, host, port):

    async def main():
        loop = get_running_loop()
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        assert loop._lookups is None
        assert loop._default_executor is None
        return infos

    assert run(main()) == socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def test_a_name_that_looks_like_a_number_is_looked_up(run_in_real_time, resolver):
    resolver.answer.set()

    async def main():
        return await get_running_loop().getaddrinfo("host.9lives", 1)

    # The resolver above has no numeric host; the system's has not either.
    resolver_said = run_in_real_time(main())
    assert resolver_said[0][4] == ("192.0.2.1", 1)


def test_getnameinfo_without_anything_to_look_up_asks_no_thread(run):
    async def main():
        loop = get_running_loop()
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        found = await loop.getnameinfo(("127.0.0.1", 80), flags)
        assert loop._lookups is None
        return found

    assert run(main()) == ("127.0.0.1", "80")


def test_getnameinfo_looks_up_names_in_a_thread(run_in_real_time, monkeypatch):
    monkeypatch.setattr(socket, "getnameinfo", lambda *args: (threading.current_thread().name, ""))

    async def main():
        return await get_running_loop().getnameinfo(("127.0.0.1", 80))

    assert run_in_real_time(main())[0].startswith("asyncio-names")


def test_debug_mode_tells_of_slow_lookups(run_in_real_time, monkeypatch, caplog):
    caplog.set_level("INFO", logger="asyncio")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args: [])

    async def main():
        loop = get_running_loop()
        loop.slow_callback_duration = 0
        caplog.clear()
        await loop.getaddrinfo("slow.test", 1)

    run_in_real_time(main(), debug=True)
    assert any("slow.test:1 took" in record.message for record in caplog.records)


def test_the_loop_is_free_while_a_lookup_waits(run_in_real_time, resolver):
    async def main():
        lookup = create_task(get_running_loop().getaddrinfo("slow.test", 1))
        await resolver.wait_until_asked(1)
        turns = 0
        begun = time.monotonic()
        while turns < 100:
            await sleep(0)
            turns += 1
        assert time.monotonic() - begun < 10
        assert not lookup.done()
        resolver.answer.set()
        await lookup

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_in_real_time(main())
