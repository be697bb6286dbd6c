"""What wakes a loop that waits for completions, and what it lets go of at its end."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_iocp import proactor_events
from asyncio_test_support.descriptors import open_descriptors
from asyncio_test_support.waking import Refusing, woken

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLED = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    HANDLED.append(signal.SIGBREAK)


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    before = {sig: signal.getsignal(sig) for sig in HANDLED}
    yield
    for sig, handler in before.items():
        signal.signal(sig, handler)
    former = signal.set_wakeup_fd(-1)
    assert former == -1, "the loop has kept the wake-up descriptor"


def test_other_threads_wake_it(loop: Any) -> None:
    async def main() -> None:
        done = loop.create_future()
        threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, 7)).start()
        assert await asyncio_core.wait_for(done, 20) == 7

    loop.run_until_complete(main())


def test_many_threads_at_once_lose_no_call(loop: Any) -> None:
    calls: list[int] = []

    def call_often() -> None:
        for number in range(200):
            loop.call_soon_threadsafe(note, number)

    async def main() -> None:
        threads = [threading.Thread(target=call_often) for _ in range(4)]
        for thread in threads:
            thread.start()
        await asyncio_core.wait_for(done, 30)
        for thread in threads:
            thread.join()

    def note(number: int) -> None:
        calls.append(number)
        if len(calls) == 800:
            done.set_result(None)

    done = loop.create_future()
    loop.run_until_complete(main())
    assert sorted(calls) == sorted(list(range(200)) * 4)


def test_runs_again_after_it_was_stopped_while_it_was_woken(loop: Any) -> None:
    for _ in range(20):
        loop.call_soon_threadsafe(loop.stop)
        loop.run_forever()
    waking = threading.Thread(target=loop.call_soon_threadsafe, args=(print,))
    waking.start()
    waking.join()
    loop.run_until_complete(asyncio_core.sleep(0))


def test_runs_in_another_thread_and_leaves_signals_alone(loop: Any) -> None:
    results: list[Any] = []

    def run() -> None:
        results.append(loop.run_until_complete(asyncio_core.sleep(0, "done")))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert results == ["done"]


def test_ctrl_c_ends_the_wait(loop: Any) -> None:
    ended = threading.Event()
    interrupting = threading.Thread(target=interrupt_when_waiting, args=(loop, ended))
    loop.call_soon(interrupting.start)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    ended.set()
    interrupting.join()
    # Off Windows the stand-in for a proactor may have been interrupted in the middle of a change.
    loop.close()


def interrupt_when_waiting(loop: Any, ended: threading.Event) -> None:
    """Raise SIGINT in the process; it is for the main thread, which does nothing but wait.

    One that comes while a destructor runs is lost in it, as the interpreter goes on after its errors.
    """
    asked = threading.Event()
    loop.call_soon_threadsafe(asked.set)
    asked.wait(20)
    signal.raise_signal(signal.SIGINT)
    while not ended.wait(5):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("sig", HANDLED)
def test_handler_runs_in_the_loop(loop: Any, sig: int) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(sig, came.set_result, "came")
        threading.Thread(target=signal.raise_signal, args=(sig,)).start()
        assert await asyncio_core.wait_for(came, 20) == "came"
        assert loop.remove_signal_handler(sig)
        assert not loop.remove_signal_handler(sig)
        usual = signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL
        assert signal.getsignal(sig) == usual

    loop.run_until_complete(main())


def test_later_handler_takes_the_place_of_the_earlier(loop: Any) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, pytest.fail, "this one was replaced")
        loop.add_signal_handler(signal.SIGTERM, came.set_result, None)
        signal.raise_signal(signal.SIGTERM)
        await asyncio_core.wait_for(came, 20)

    loop.run_until_complete(main())


def test_closed_loop_gives_the_signals_back(loop: Any) -> None:
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.close()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_signal_handler(signal.SIGTERM, print)


def test_another_thread_may_close_a_loop_with_handlers(loop: Any) -> None:
    loop.add_signal_handler(signal.SIGTERM, print)
    thread = threading.Thread(target=loop.close)
    thread.start()
    thread.join()
    assert loop.is_closed()
    # Nobody is there to be told.
    signal.raise_signal(signal.SIGTERM)


def test_bad_arguments_are_refused(loop: Any) -> None:
    async def handler() -> None:
        """Nothing to do."""

    with pytest.raises(TypeError, match="coroutines cannot be used"):
        loop.add_signal_handler(signal.SIGTERM, handler)
    for call in (lambda sig: loop.add_signal_handler(sig, print), loop.remove_signal_handler):
        with pytest.raises(TypeError, match="must be an int"):
            call("SIGTERM")
        with pytest.raises(ValueError, match="invalid signal number 4711"):
            call(4711)


def test_handlers_need_the_main_thread(loop: Any) -> None:
    caught: list[BaseException] = []

    def add() -> None:
        try:
            loop.add_signal_handler(signal.SIGTERM, print)
        except RuntimeError as exc:
            caught.append(exc)

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    assert "cannot be caught" in str(caught[0])
    assert not loop.remove_signal_handler(signal.SIGTERM)


def test_wakeup_descriptor_of_somebody_else_is_put_back(loop: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        signal.set_wakeup_fd(left.fileno())
        loop.run_until_complete(asyncio_core.sleep(0))
        assert signal.set_wakeup_fd(-1) == left.fileno()


def test_wakeup_descriptor_that_was_closed_meanwhile_is_forgotten(loop: Any) -> None:
    left, right = socket.socketpair()
    signal_socket = left.fileno()
    left.setblocking(False)

    async def main() -> None:
        left.close()
        right.close()

    signal.set_wakeup_fd(signal_socket)
    loop.run_until_complete(main())
    signal.set_wakeup_fd(-1)


def test_timers_are_on_time(loop: Any) -> None:
    async def main() -> float:
        start = time.perf_counter()
        for _ in range(10):
            await asyncio_core.sleep(0.002)
        return time.perf_counter() - start

    times = sorted(loop.run_until_complete(main()) for _ in range(5))
    # Not early, beyond what clocks differ; and without waiting for the ticks of a coarse clock,
    # ten of which are 160 ms.
    assert 0.015 < times[0] < 0.1


def test_clock_agrees_with_the_usual_one(loop: Any) -> None:
    assert abs(loop.time() - time.monotonic()) < 0.1


def test_closing_twice_does_nothing_and_closing_while_running_is_refused(loop: Any) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="running"):
            loop.close()

    loop.run_until_complete(main())
    loop.close()
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(print)


def test_loop_ends_with_operations_under_way(loop: Any, connect: Any, pair: Any) -> None:
    async def main() -> Any:
        protocol, _ = await connect()
        receiving = loop.create_task(loop.sock_recv(pair[0], 10))
        await asyncio_core.sleep(0)
        return protocol.transport, receiving

    transport, receiving = loop.run_until_complete(main())
    receiving._log_destroy_pending = False
    loop.close()
    transport._sock.close()
    transport._sock = None


def test_loops_leave_no_descriptors_behind(new_loop: Any) -> None:
    if sys.platform == "win32":
        pytest.skip("counted by the tests of the proactor there")
    before = open_descriptors()
    for _ in range(3):
        made = new_loop()
        made.run_until_complete(asyncio_core.sleep(0))
        made.close()
    assert open_descriptors() == before


def by_the_pair(loop: Any) -> Any:
    """Have the loop woken through its socket pair, as where the port takes no packet."""

    def refuse() -> None:
        raise OSError(errno.ENOMEM, "Not enough memory")

    loop._proactor.wake = refuse
    return loop


@pytest.mark.parametrize("times", [1, 2, float("inf")])
def test_a_wake_up_that_is_refused_is_sent_again_or_the_pair_replaced(
    loop: Any, times: float
) -> None:
    by_the_pair(loop)
    loop._csock = Refusing(loop._csock, errno.EPERM, times)
    woken(loop)
    woken(loop)


@pytest.mark.parametrize("end", ["_csock", "_ssock"])
def test_a_pair_that_comes_to_its_end_is_replaced(loop: Any, end: str) -> None:
    by_the_pair(loop)
    loop.run_until_complete(asyncio_core.sleep(0))
    getattr(loop, end).shutdown(socket.SHUT_RDWR)
    before = time.thread_time()
    loop.call_later(0.2, loop.stop)
    loop.run_forever()
    # It does not spin.
    assert time.thread_time() - before < 0.15
    woken(loop)


def test_a_loop_that_cannot_be_woken_looks_by_itself_until_it_can(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny() -> Any:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    reported: list[Any] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    by_the_pair(loop)
    loop.run_until_complete(asyncio_core.sleep(0))
    monkeypatch.setattr(proactor_events, "_LOOK_DELAY", 0.001)
    monkeypatch.setattr(proactor_events, "_LOOKS", 3)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", deny)
        loop._csock = Refusing(loop._csock, errno.EPERM, float("inf"))
        woken(loop)
        woken(loop, 10)
        (report,) = reported
        assert "cannot be woken" in report["message"]

    async def mended() -> None:
        while loop._looking is not None:
            await asyncio_core.sleep(0.001)

    loop.run_until_complete(mended())
    woken(loop)
    assert len(reported) == 1


@pytest.mark.parametrize("sig", HANDLED)
def test_a_wakeup_descriptor_that_another_sets_later_silences_no_handler(
    loop: Any, sig: int
) -> None:
    left, right = socket.socketpair()
    with left, right:
        right.setblocking(False)
        seen: list[int] = []

        async def main() -> None:
            loop.add_signal_handler(sig, seen.append, 1)
            signal.set_wakeup_fd(right.fileno())
            for count in (1, 2):
                signal.raise_signal(sig)
                while len(seen) < count:
                    await asyncio_core.sleep(0.01)
            await asyncio_core.sleep(0.15)
            assert loop.remove_signal_handler(sig)

        loop.run_until_complete(main())
        assert seen == [1, 1]
        # It stays theirs.
        assert signal.set_wakeup_fd(-1) == right.fileno()


def test_each_signal_is_handled_once(loop: Any) -> None:
    seen: list[int] = []

    async def main() -> None:
        loop.add_signal_handler(signal.SIGTERM, seen.append, 1)
        for count in range(1, 20):
            signal.raise_signal(signal.SIGTERM)
            while len(seen) < count:
                await asyncio_core.sleep(0.001)
        await asyncio_core.sleep(0.15)
        loop.remove_signal_handler(signal.SIGTERM)

    loop.run_until_complete(main())
    assert len(seen) == 19
