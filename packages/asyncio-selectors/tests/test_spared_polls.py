"""Busy turns: without a poll as long as only wake-ups could come, and with one as soon as anything else can."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop, selector_events, waking
from asyncio_test_support.loops import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asyncio_selectors.poller import Poller

TURNS = 5000
# Windows' loop has the numbers of all signals come through its pair.
SPARING = pytest.mark.skipif(sys.platform == "win32", reason="there each turn polls")


@pytest.fixture
def loop(poller_class: type[Poller]) -> Iterator[SelectorEventLoop]:
    made = SelectorEventLoop(poller_class())
    with watched(made):
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    with left, right:
        yield left, right


async def be_busy(turns: int = TURNS) -> None:
    for _ in range(turns):
        await asyncio_core.sleep(0)


async def polls_of(loop: Any, turns: int) -> int:
    """Count how often a loop that runs asks the system in so many busy turns."""
    poller = loop._selector
    asked = 0

    def wait(timeout: float | None) -> Any:
        nonlocal asked
        asked += 1
        return type(poller)._wait(poller, timeout)

    poller._wait = wait
    await be_busy(turns)
    del poller._wait
    return asked


def polls_in(loop: Any, turns: int = TURNS) -> int:
    """Count them in a run that is begun for it."""
    asked: int = loop.run_until_complete(polls_of(loop, turns))
    return asked


def counted(calls: list[Any], function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        calls.append(args)
        return function(*args)

    return call


@pytest.fixture(autouse=True)
def no_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' runner may have some."""
    monkeypatch.setattr(selector_events, "other_threads", lambda: 0)


class Turns:
    """Keeps a loop busy, and counts its turns."""

    def __init__(self, loop: SelectorEventLoop) -> None:
        self.loop = loop
        self.count = 0
        self.handle = loop.call_soon(self.next)

    def next(self) -> None:
        self.count += 1
        self.handle = self.loop.call_soon(self.next)

    async def until(self, happened: list[int]) -> int:
        """Return how many turns pass until something has happened; it appends the turn."""
        before = self.count
        while not happened and self.count < before + 1000:
            await asyncio_core.sleep(0)
        return happened[0] - before


@SPARING
def test_a_busy_loop_that_only_other_threads_wake_polls_in_every_64th_turn(
    loop: SelectorEventLoop,
) -> None:
    assert TURNS // 64 <= polls_in(loop) <= TURNS // 64 + 2


@SPARING
def test_a_busy_loop_that_other_threads_may_wait_for_polls_in_each_turn() -> None:
    # In a process of its own, which has no threads but those of the test.
    program = """if True:
        import threading
        from test_spared_polls import SelectorEventLoop, polls_in
        loop = SelectorEventLoop()
        held = threading.Lock()
        before = polls_in(loop, 200)
        with held:
            thread = threading.Thread(target=held.acquire)
            thread.start()
            beside = polls_in(loop, 200)
        thread.join()
        print(before, beside, polls_in(loop, 200))
        loop.close()
    """
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert found.stderr == ""
    before, beside, afterwards = map(int, found.stdout.split())
    assert before < 10
    assert beside == 200
    assert afterwards < 10


@pytest.mark.skipif(sys.platform != "linux", reason="threads are made by C")
def test_a_busy_loop_that_a_thread_of_c_has_woken_polls_in_each_turn(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "made_threads", lambda: 0)
    system: Any = ctypes.CDLL(None)
    woken: list[None] = []

    async def main() -> None:
        loop.call_soon_threadsafe(woken.append, None)
        await be_busy(1)
        assert await polls_of(loop, 200) < 10
        wake = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(
            lambda _: loop.call_soon_threadsafe(woken.append, None) and None
        )
        thread = ctypes.c_ulong()
        assert system.pthread_create(ctypes.byref(thread), None, wake, None) == 0
        assert system.pthread_join(thread, None) == 0
        assert await polls_of(loop, 200) == 200

    loop.run_until_complete(main())
    assert len(woken) == 2
    assert polls_in(loop, 200) == 200


def test_a_busy_loop_that_watches_anything_polls_in_each_turn(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        loop.add_reader(pair[0], lambda: None)
        assert await polls_of(loop, TURNS) == TURNS
        loop.add_writer(pair[1], lambda: None)
        assert await polls_of(loop, 200) == 200
        loop.remove_reader(pair[0])
        assert await polls_of(loop, 200) == 200
        loop.remove_writer(pair[1])

    loop.run_until_complete(main())


@SPARING
def test_what_is_watched_no_more_is_not_polled_for(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        loop.add_writer(pair[0], lambda: None)
        loop.remove_writer(pair[0])
        assert await polls_of(loop, TURNS) <= TURNS // 64 + 2

    loop.run_until_complete(main())


def test_a_descriptor_that_is_registered_with_the_selector_itself_is_polled_for(
    loop: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    loop._selector.register(pair[0], selectors.EVENT_READ, (None, None))
    assert polls_in(loop, 200) == 200
    loop._selector.unregister(pair[0])


def test_another_reader_or_a_writer_of_the_loops_own_pair_is_polled_for(loop: Any) -> None:
    fd = loop._ssock.fileno()
    reading = loop._selector.get_key(fd).data[0]

    async def main() -> None:
        loop._add_writer(fd, lambda: None)
        assert await polls_of(loop, 200) == 200
        loop._remove_writer(fd)
        assert await polls_of(loop, 200) < 10 or sys.platform == "win32"
        loop._add_reader(fd, lambda: loop._read_from_self())
        assert reading.cancelled()
        assert await polls_of(loop, 200) == 200

    loop.run_until_complete(main())


@pytest.mark.parametrize("watched_before", [False, True])
def test_what_becomes_ready_in_a_busy_loop_is_seen_in_the_next_turn(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], watched_before: bool
) -> None:
    ours, theirs = pair
    turns = Turns(loop)
    seen: list[int] = []

    def read() -> None:
        ours.recv(1)
        seen.append(turns.count)

    async def main() -> None:
        if watched_before:
            loop.add_reader(ours, read)
        await be_busy(100)
        if not watched_before:
            loop.add_reader(ours, read)
        theirs.send(b"x")
        assert await turns.until(seen) == 1
        loop.remove_reader(ours)

    loop.run_until_complete(main())
    turns.handle.cancel()


def test_what_another_thread_queues_runs_in_a_busy_loops_next_turn(loop: SelectorEventLoop) -> None:
    turns = Turns(loop)

    async def main() -> None:
        for busy in range(70):
            seen: list[int] = []
            thread = threading.Thread(
                target=loop.call_soon_threadsafe, args=(lambda s=seen: s.append(turns.count),)
            )
            await be_busy(busy % 3)
            thread.start()
            thread.join()
            assert await turns.until(seen) == 1
        # That thread is gone.
        assert await polls_of(loop, 200) < 10 or sys.platform == "win32"

    loop.run_until_complete(main())
    turns.handle.cancel()


def test_a_wake_up_that_a_busy_loop_has_not_read_does_not_keep_later_ones_from_waking(
    loop: SelectorEventLoop, in_thread: Callable[..., Any]
) -> None:
    async def main() -> None:
        for busy in range(1, 4):
            # Not read for a while, as nothing polls.
            loop.call_soon_threadsafe(lambda: None)
            await be_busy(busy)
            # In a loop that waits.
            answer = loop.create_future()
            await in_thread(lambda: None)
            in_thread(loop.call_soon_threadsafe, answer.set_result, busy)
            assert await answer == busy

    loop.run_until_complete(main())


def test_timers_of_a_busy_loop_run_when_they_are_due(loop: Any) -> None:
    turns = Turns(loop)
    now = 1000.0
    loop.time = lambda: now
    seen: list[int] = []

    async def main() -> None:
        nonlocal now
        loop.call_later(5, lambda: seen.append(turns.count))
        await be_busy(100)
        assert not seen
        now += 5
        assert await turns.until(seen) == 1

    loop.run_until_complete(main())
    turns.handle.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_signals_come_to_a_busy_loop_as_soon_as_to_one_that_watches_a_descriptor(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    turns = Turns(loop)

    async def turns_of_signal() -> list[int]:
        passed = []
        for _ in range(70):
            seen: list[int] = []
            loop.add_signal_handler(signal.SIGUSR1, lambda s=seen: s.append(turns.count))
            await be_busy(10)
            os.kill(os.getpid(), signal.SIGUSR1)
            passed.append(await turns.until(seen))
        return passed

    alone = loop.run_until_complete(turns_of_signal())
    loop.add_reader(pair[0], lambda: None)
    assert alone == loop.run_until_complete(turns_of_signal())
    loop.remove_reader(pair[0])
    loop.remove_signal_handler(signal.SIGUSR1)
    turns.handle.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_busy_loop_with_signal_handlers_polls_in_each_turn(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        loop.add_signal_handler(signal.SIGUSR1, lambda: None)
        assert await polls_of(loop, 200) == 200
        loop.remove_signal_handler(signal.SIGUSR1)
        assert await polls_of(loop, 200) < 10

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_signal_that_cannot_be_caught_leaves_polls_spared(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError):
            loop.add_signal_handler(signal.SIGKILL, lambda: None)
        assert await polls_of(loop, 200) < 10

    loop.run_until_complete(main())


def test_a_loop_over_a_selector_of_others_has_it_asked_in_each_turn() -> None:
    asked: list[Any] = []

    class Counting(selectors.DefaultSelector):  # type: ignore[misc, valid-type, name-defined]
        def select(self, timeout: float | None = None) -> Any:
            asked.append(timeout)
            return super().select(timeout)

    loop = SelectorEventLoop(Counting())
    with watched(loop):
        loop.run_until_complete(be_busy(200))
    assert len(asked) >= 200


def test_a_loop_class_with_its_own_poll_has_it_called_in_each_turn() -> None:
    asked: list[Any] = []

    class Own(SelectorEventLoop):
        def _poll(self, timeout: float | None) -> None:
            asked.append(timeout)
            super()._poll(timeout)

    loop = Own()
    with watched(loop):
        assert polls_in(loop, 200) == 200
    assert len(asked) >= 200


@pytest.mark.parametrize("hook", ["_process_self_data", "_read_from_self"])
def test_a_loop_class_that_reads_its_pair_itself_polls_in_each_turn(hook: str) -> None:
    class Own(SelectorEventLoop):
        pass

    def through(self: Any, *args: Any) -> None:
        getattr(super(Own, self), hook)(*args)

    setattr(Own, hook, through)
    loop = Own()
    with watched(loop):
        assert polls_in(loop, 200) == 200


@pytest.mark.parametrize("name", ["_poll", "_process_events"])
def test_a_hook_that_is_set_on_the_loop_is_called_in_each_turn(loop: Any, name: str) -> None:
    calls: list[Any] = []
    setattr(loop, name, counted(calls, getattr(loop, name)))
    loop.run_until_complete(be_busy(200))
    assert len(calls) >= 200


def test_what_replaces_the_poll_of_a_running_loop_is_called_in_each_turn(loop: Any) -> None:
    poller = loop._selector

    async def main() -> None:
        for owner, name in (
            (loop, "_poll"),
            (type(loop), "_poll"),
            (poller, "collect"),
            (poller, "select"),
        ):
            await be_busy(3)
            calls: list[Any] = []
            usual = owner.__dict__.get(name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(owner, name, counted(calls, getattr(owner, name)))
                await be_busy(200)
            assert owner.__dict__.get(name) is usual
            assert len(calls) >= 199

    loop.run_until_complete(main())


def test_a_selector_that_takes_the_place_of_ours_is_asked_in_each_turn(loop: Any) -> None:
    class Around:
        def __init__(self, inner: Poller) -> None:
            self.inner = inner
            self.asked = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def select(self, timeout: float | None) -> Any:
            self.asked += 1
            return self.inner.select(timeout)

    async def main() -> None:
        await be_busy(3)
        usual = loop._selector
        loop._selector = around = Around(usual)
        await be_busy(200)
        loop._selector = usual
        assert around.asked >= 199

    loop.run_until_complete(main())


@SPARING
def test_a_loop_with_a_mended_pair_spares_polls_again(loop: Any, caplog: Any) -> None:
    async def main() -> None:
        loop._mend_self_pipe(OSError("for a test"))
        assert await polls_of(loop, 200) < 10

    loop.run_until_complete(main())
    assert "new socket pair" in caplog.text
