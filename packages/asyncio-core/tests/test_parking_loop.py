from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time

import pytest

import asyncio_core
from asyncio_core.interfaces.protocols import Protocol
from asyncio_core.loops import parking as parking_loop
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.programs import printed_by


@pytest.fixture
def parking():
    loop = ParkingEventLoop()
    yield loop
    loop.close()


def test_timers_wait_without_a_poller(parking):
    begun = parking.time()
    parking.call_later(0.05, parking.stop)
    parking.run_forever()
    # A timer is due up to a step of the clock early, which is some 16 ms on Windows before Python 3.13.
    step = time.get_clock_info("monotonic").resolution
    assert parking.time() - begun >= 0.049 - step


def test_many_threads_wake_the_loop_and_none_is_lost(parking):
    seen, expected = [], 400

    def note(item):
        seen.append(item)
        if len(seen) == expected:
            parking.stop()

    def call(thread_number):
        for number in range(100):
            parking.call_soon_threadsafe(note, (thread_number, number))

    threads = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    for thread in threads:
        parking.call_soon(thread.start)
    parking.run_forever()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == expected


def test_a_wake_up_before_the_wait_is_not_lost(parking):
    parking._write_to_self()
    parking._write_to_self()
    parking._poll(None)
    # The second one counted as the first: the next wait is a real one.
    assert not parking._woken


def test_a_wake_up_that_comes_as_the_loop_parks_is_not_lost(parking, monkeypatch):
    class Late:
        """A lock that is there just before somebody wakes the loop."""

        def __init__(self):
            self._lock = threading.Lock()

        def acquire(self, timeout=None):
            if timeout is None:
                return self._lock.acquire()
            parking._write_to_self()
            parking._write_to_self()
            assert self._lock.acquire(blocking=False), "nobody has released it"

        def release(self):
            self._lock.release()

    monkeypatch.setattr(parking_loop, "Lock", Late)
    parking._poll(None)


def test_of_several_threads_that_wake_a_parked_loop_one_does(parking):
    """Each time anew, and all of them at once. (Debug builds of Python watch the lock.)"""
    seen = []
    rounds, crowd = 40, 8
    together = threading.Barrier(crowd + 1)

    def call():
        for _ in range(rounds):
            together.wait()
            parking.call_soon_threadsafe(seen.append, 1)

    def pace():
        for _ in range(rounds):
            # The loop has slept for some while by then, so that the lock is handed over to it.
            time.sleep(0.002)
            together.wait()
        for thread in threads:
            thread.join()
        parking.call_soon_threadsafe(parking.stop)

    threads = [threading.Thread(target=call) for _ in range(crowd)]
    for thread in (*threads, pacing := threading.Thread(target=pace)):
        parking.call_soon(thread.start)
    parking.run_forever()
    pacing.join()
    assert len(seen) == rounds * crowd


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="the system masks no signals")
def test_a_signal_in_the_instant_before_the_wait_is_not_slept_through(parking, monkeypatch):
    class Deaf:
        """A lock whose wait no signal interrupts, as the one that comes just before it does not."""

        def __init__(self):
            self._lock = threading.Lock()

        def acquire(self, timeout=None):
            if timeout is None:
                return self._lock.acquire()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            try:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                return self._lock.acquire(timeout=timeout)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})

        def release(self):
            self._lock.release()

    monkeypatch.setattr(parking_loop, "Lock", Deaf)
    monkeypatch.setattr(parking_loop, "_LONGEST_PARK", 0.01)
    before = signal.signal(signal.SIGUSR1, lambda *_: parking.stop())
    try:
        parking.run_forever()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("sockets", lambda loop, sock: loop.sock_recv(sock, 1)),
        ("sockets", lambda loop, sock: loop.sock_recv_into(sock, bytearray(1))),
        ("sockets", lambda loop, sock: loop.sock_recvfrom(sock, 1)),
        ("sockets", lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1))),
        ("sockets", lambda loop, sock: loop.sock_sendall(sock, b"x")),
        ("sockets", lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 9))),
        ("sockets", lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 9))),
        ("sockets", lambda loop, sock: loop.sock_accept(sock)),
        ("sockets", lambda loop, sock: loop.create_connection(Protocol, "127.0.0.1", 9)),
        ("sockets", lambda loop, sock: loop.create_server(Protocol, "127.0.0.1", 0)),
        ("Unix sockets", lambda loop, sock: loop.create_unix_connection(Protocol, "nowhere")),
        ("Unix sockets", lambda loop, sock: loop.create_unix_server(Protocol, "nowhere")),
        ("pipes", lambda loop, sock: loop.connect_read_pipe(Protocol, sock)),
        ("pipes", lambda loop, sock: loop.connect_write_pipe(Protocol, sock)),
    ],
)
def test_calls_that_need_io_say_what_to_install(parking, what, call):
    with socket.socket() as sock:
        sock.setblocking(False)
        with pytest.raises(NotImplementedError, match=rf"does not do {what}: install asyncio-"):
            parking.run_until_complete(call(parking, sock))


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.remove_reader(0),
        lambda loop: loop.add_writer(0, print),
        lambda loop: loop.remove_writer(0),
        lambda loop: loop.add_signal_handler(signal.SIGINT, print),
        lambda loop: loop.remove_signal_handler(signal.SIGINT),
    ],
)
def test_watching_descriptors_and_signals_says_what_to_install(parking, call):
    with pytest.raises(NotImplementedError, match="install asyncio-"):
        call(parking)


@pytest.mark.skipif(sys.platform == "win32", reason="the system sends no signal to one thread")
def test_ctrl_c_wakes_the_loop_where_it_is_parked(parking):
    def interrupt():
        # The loop cannot be parked before this thread has started: call_soon() starts it.
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    parking.call_soon(thread.start)
    with pytest.raises(KeyboardInterrupt):
        parking.run_forever()
    thread.join()
    assert not parking.is_running()


@pytest.mark.skipif(sys.platform == "win32", reason="the system sends no signal to one thread")
def test_ctrl_c_cancels_the_main_task_of_a_runner():
    events = []

    async def main():
        try:
            threading.Timer(0, os.kill, (os.getpid(), signal.SIGINT)).start()
            await asyncio_core.sleep(3600)
        except asyncio_core.CancelledError:
            events.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        asyncio_core.run(main(), loop_factory=ParkingEventLoop)
    assert events == ["cancelled"]


def test_core_alone_runs_programs(tmp_path):
    # An interpreter that sees core and nothing else that is installed, not even beside it.
    source = str(tmp_path)
    shutil.copytree(os.path.dirname(asyncio_core.__file__), tmp_path / "asyncio_core")
    code = (
        f"import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        f"sys.path.insert(0, {source!r})\n"
        "import asyncio_core\n"
        "async def main():\n"
        "    async with asyncio_core.TaskGroup() as group:\n"
        "        tasks = [group.create_task(asyncio_core.to_thread(pow, n, 2)) for n in range(5)]\n"
        "    await asyncio_core.sleep(0.001)\n"
        "    loop = type(asyncio_core.get_running_loop()).__name__\n"
        "    return loop, sum(task.result() for task in tasks)\n"
        "print(*asyncio_core.run(main()))\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "ASYNCIO_LOOP"}
    assert printed_by(code, "-S", "-W", "error", env=env) == "ParkingEventLoop 30"
