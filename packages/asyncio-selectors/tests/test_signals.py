"""Signal handlers of the Unix loop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("needs signals", allow_module_level=True)

import asyncio_core
from asyncio_selectors import SelectorEventLoop


@pytest.fixture(autouse=True)
def as_it_was() -> Any:
    """Signals are the whole process's: each test has to leave them as they were."""
    watched = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
    before = [signal.getsignal(sig) for sig in watched]
    yield
    after = [signal.getsignal(sig) for sig in watched]
    wakeup = signal.set_wakeup_fd(-1)
    for sig, handler in zip(watched, before, strict=True):
        signal.signal(sig, handler)
    assert after == before
    assert wakeup == -1


def test_the_handler_runs_in_the_loop_with_its_arguments(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, "args")
        os.kill(os.getpid(), signal.SIGUSR1)
        # The interpreter runs its part first; the loop's callback never interrupts code.
        assert not came.done()
        assert await came == "args"
        assert loop.remove_signal_handler(signal.SIGUSR1) is True
        assert loop.remove_signal_handler(signal.SIGUSR1) is False
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

    loop.run_until_complete(main())


def test_a_signal_wakes_a_loop_that_waits(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    loop.run_forever()
    timer.join()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_later_handler_takes_the_place_of_an_earlier(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, "first")
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, "second")
        os.kill(os.getpid(), signal.SIGUSR1)
        assert await came == "second"
        loop.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(main())


def test_several_signals_have_their_own_handlers(loop: SelectorEventLoop) -> None:
    seen: list[str] = []

    async def main() -> None:
        both = loop.create_future()

        def came(name: str) -> None:
            seen.append(name)
            if len(seen) == 2:
                both.set_result(None)

        loop.add_signal_handler(signal.SIGUSR1, came, "one")
        loop.add_signal_handler(signal.SIGUSR2, came, "two")
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        await both
        loop.remove_signal_handler(signal.SIGUSR1)
        # The other one still works.
        assert signal.getsignal(signal.SIGUSR2) != signal.SIG_DFL
        loop.remove_signal_handler(signal.SIGUSR2)

    loop.run_until_complete(main())
    assert sorted(seen) == ["one", "two"]


def test_sigint_gets_its_usual_handler_back(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGINT, print)
    assert loop.remove_signal_handler(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_wakeup_descriptor_of_others_is_given_back(loop: SelectorEventLoop) -> None:
    left, right = socket.socketpair()
    with left, right:
        for sock in (left, right):
            sock.setblocking(False)
        signal.set_wakeup_fd(right.fileno())
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR2)
        assert signal.set_wakeup_fd(-1) == right.fileno()


def test_a_wakeup_descriptor_closed_meanwhile_is_not_given_back(
    loop: SelectorEventLoop,
) -> None:
    left, right = socket.socketpair()
    right.setblocking(False)
    signal.set_wakeup_fd(right.fileno())
    loop.add_signal_handler(signal.SIGUSR1, print)
    left.close()
    right.close()
    assert loop.remove_signal_handler(signal.SIGUSR1)


def test_closing_the_loop_takes_its_handlers_away() -> None:
    made = SelectorEventLoop()
    made.add_signal_handler(signal.SIGUSR1, print)
    made.close()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_other_threads_cannot_add_handlers() -> None:
    failures: list[BaseException] = []

    def elsewhere() -> None:
        made = SelectorEventLoop()
        try:
            made.add_signal_handler(signal.SIGUSR1, print)
        except RuntimeError as exc:
            failures.append(exc)
        finally:
            made.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(failures) == 1


@pytest.mark.parametrize("sig", [0, -1, signal.NSIG + 1])
def test_numbers_that_are_no_signals_are_refused(loop: SelectorEventLoop, sig: int) -> None:
    with pytest.raises(ValueError, match="invalid signal number"):
        loop.add_signal_handler(sig, print)
    with pytest.raises(ValueError, match="invalid signal number"):
        loop.remove_signal_handler(sig)


def test_other_mistakes_are_refused(loop: SelectorEventLoop) -> None:
    async def coroutine() -> None:
        """A function that must not be a handler."""

    with pytest.raises(TypeError, match="sig must be an int"):
        loop.add_signal_handler("INT", print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="coroutines cannot be used"):
        loop.add_signal_handler(signal.SIGUSR1, coroutine)
    with pytest.raises(RuntimeError, match="cannot be caught"):
        loop.add_signal_handler(signal.SIGKILL, print)
    assert loop._signal_handlers == {}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_signals_of_a_forked_child_do_not_reach_the_parents_loop(
    loop: SelectorEventLoop,
) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, "in the parent")
        child = os.fork()
        if not child:
            signal.signal(signal.SIGUSR1, lambda *_: None)
            os.kill(os.getpid(), signal.SIGUSR1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        await asyncio_core.sleep(0.01)
        assert not came.done()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert await came == "in the parent"
        loop.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(main())


def test_no_signal_is_lost_behind_many_others(loop: SelectorEventLoop, capfd: Any) -> None:
    """The pair has room for a few hundred numbers while the loop is busy with something else."""
    seen: list[int] = []

    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, seen.append, signal.SIGUSR1)
        loop.add_signal_handler(signal.SIGTERM, came.set_result, None)
        for _ in range(2000):
            signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
        await asyncio_core.wait_for(came, 20)
        await asyncio_core.sleep(0.01)
        loop.remove_signal_handler(signal.SIGTERM)
        # And as usual afterwards.
        before = len(seen)
        signal.raise_signal(signal.SIGUSR1)
        await asyncio_core.sleep(0.01)
        assert len(seen) == before + 1
        loop.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(main())
    assert len(seen) > 100
    # Nothing was lost, so there is nothing to say.
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("full", [False, True])
def test_each_signal_is_handled_once(loop: SelectorEventLoop, full: bool) -> None:
    seen: list[int] = []
    rounds = 300

    async def main() -> None:
        loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
        for _ in range(rounds):
            count = len(seen)
            signal.raise_signal(signal.SIGUSR1)
            if full:
                await asyncio_core.sleep(0)
            while len(seen) == count:
                await asyncio_core.sleep(0)
        await asyncio_core.sleep(0.01)
        loop.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(main())
    assert len(seen) == rounds


def test_a_wakeup_descriptor_that_another_sets_later_silences_nobody(
    loop: SelectorEventLoop,
) -> None:
    left, right = socket.socketpair()
    with left, right:
        for sock in (left, right):
            sock.setblocking(False)
        seen: list[int] = []

        def came() -> None:
            seen.append(1)
            loop.stop()

        loop.add_signal_handler(signal.SIGUSR1, came)
        signal.set_wakeup_fd(right.fileno())
        for count in (1, 2, 3):
            # While the loop waits.
            timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            loop.run_forever()
            timer.join()
            assert len(seen) == count
        assert left.recv(10) == bytes([signal.SIGUSR1] * 3)
        loop.remove_signal_handler(signal.SIGUSR1)
        # It stays theirs.
        assert signal.set_wakeup_fd(-1) == right.fileno()


def test_a_signal_that_cannot_be_written_arrives(loop: SelectorEventLoop) -> None:
    """As in a sandbox, or where the pair is closed behind the loop's back."""
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    signal.set_wakeup_fd(-1)
    for _ in range(3):
        timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        loop.run_forever()
        timer.join()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_removing_gives_the_default_back_as_documented(loop: SelectorEventLoop) -> None:
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.remove_signal_handler(signal.SIGUSR2)
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_loops_after_one_another_hear_of_the_same_signal() -> None:
    for _ in range(2):
        made = SelectorEventLoop()
        made.add_signal_handler(signal.SIGUSR1, made.stop)
        signal.set_wakeup_fd(-1)
        signal.raise_signal(signal.SIGUSR1)
        made.run_forever()
        made.close()
