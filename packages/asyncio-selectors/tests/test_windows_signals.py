"""Signals of the Windows loop, which wakes by itself where the system's wait does not end with a signal."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors.windows import SelectorEventLoop as WindowsLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncio_selectors.selector_events import BaseSelectorEventLoop


@pytest.fixture
def loop() -> Iterator[BaseSelectorEventLoop]:
    made = WindowsLoop()
    yield made
    made.close()
    assert signal.set_wakeup_fd(-1) == -1, "the loop has kept the wake-up descriptor"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def raise_when_waiting(loop: BaseSelectorEventLoop, sig: int) -> None:
    """Raise a signal in the process from another thread, after the loop has begun to wait again."""
    asked = threading.Event()
    loop.call_soon_threadsafe(asked.set)
    assert asked.wait(20)
    signal.raise_signal(sig)


def start(loop: BaseSelectorEventLoop, sig: int) -> None:
    loop.call_soon(threading.Thread(target=raise_when_waiting, args=(loop, sig)).start)


def test_ctrl_c_ends_the_wait(loop: Any) -> None:
    start(loop, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()

    # And it runs on as if nothing had been.
    assert loop.run_until_complete(asyncio_core.sleep(0, "done")) == "done"


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_runs_in_the_loop(loop: Any, sig: int) -> None:
    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(sig, came.set_result, "came")
        start(loop, sig)
        assert await asyncio_core.wait_for(came, 20) == "came"
        assert loop.remove_signal_handler(sig)
        assert not loop.remove_signal_handler(sig)

    loop.run_until_complete(main())


def test_closing_gives_the_signals_back(loop: Any) -> None:
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_signal_handler(signal.SIGTERM, print)


def test_a_loop_in_another_thread_leaves_signals_alone(loop: Any) -> None:
    caught: list[BaseException] = []

    async def main() -> None:
        try:
            loop.add_signal_handler(signal.SIGTERM, print)
        except RuntimeError as exc:
            caught.append(exc)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    thread.join(20)
    assert "cannot be caught" in str(caught[0])


def test_no_signal_is_lost_behind_many_others(loop: Any) -> None:
    seen: list[int] = []

    async def main() -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGINT, seen.append, 1)
        loop.add_signal_handler(signal.SIGTERM, came.set_result, None)
        for _ in range(2000):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        await asyncio_core.wait_for(came, 20)
        await asyncio_core.sleep(0.2)
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)

    loop.run_until_complete(main())
    assert len(seen) > 100


def test_signals_follow_to_a_new_pair(loop: Any) -> None:
    async def main() -> None:
        loop._csock.shutdown(socket.SHUT_WR)
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, came.set_result, None)
        await asyncio_core.sleep(0.01)
        signal.raise_signal(signal.SIGTERM)
        await asyncio_core.wait_for(came, 20)
        assert signal.set_wakeup_fd(loop._csock.fileno()) == loop._csock.fileno()
        loop.remove_signal_handler(signal.SIGTERM)

    loop.run_until_complete(main())
