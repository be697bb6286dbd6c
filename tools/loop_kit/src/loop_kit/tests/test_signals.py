"""add_signal_handler() and remove_signal_handler()."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import in_thread
from loop_kit.protocols import settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator

    from loop_kit.loops import LoopChoice

pytestmark = pytest.mark.needs("signals")

if hasattr(signal, "SIGUSR1"):
    USUAL, OTHER = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture(autouse=True)
def dispositions() -> Iterator[None]:
    """The signals' dispositions, as they were before."""
    before = {number: signal.getsignal(number) for number in (USUAL, OTHER, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_handler_is_called(loop: AbstractEventLoop) -> None:
    seen = loop.create_future()
    loop.add_signal_handler(USUAL, lambda *args: seen.set_result(args), 1, "two")
    os.kill(os.getpid(), USUAL)
    assert await seen == (1, "two")
    loop.remove_signal_handler(USUAL)


async def test_handler_is_called_each_time(loop: AbstractEventLoop) -> None:
    seen: asyncio.Queue[None] = asyncio.Queue()
    loop.add_signal_handler(USUAL, seen.put_nowait, None)
    for _ in range(5):
        signal.raise_signal(USUAL)
        await seen.get()
    loop.remove_signal_handler(USUAL)
    assert seen.empty()


async def test_handler_runs_as_a_callback_of_the_loop(loop: AbstractEventLoop) -> None:
    # … and so may do what a handler of signal.signal() may not.
    seen = loop.create_future()

    def handle() -> None:
        assert asyncio.get_running_loop() is loop
        loop.create_task(asyncio.sleep(0)).add_done_callback(lambda _: seen.set_result("done"))

    loop.add_signal_handler(USUAL, handle)
    signal.raise_signal(USUAL)
    assert await seen == "done"
    loop.remove_signal_handler(USUAL)


async def test_signals_have_handlers_of_their_own(loop: AbstractEventLoop) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()
    loop.add_signal_handler(USUAL, seen.put_nowait, "usual")
    loop.add_signal_handler(OTHER, seen.put_nowait, "other")
    signal.raise_signal(OTHER)
    assert await seen.get() == "other"
    signal.raise_signal(USUAL)
    assert await seen.get() == "usual"
    loop.remove_signal_handler(USUAL)
    loop.remove_signal_handler(OTHER)


async def test_second_handler_takes_the_place_of_the_first(loop: AbstractEventLoop) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()
    loop.add_signal_handler(USUAL, seen.put_nowait, "first")
    loop.add_signal_handler(USUAL, seen.put_nowait, "second")
    signal.raise_signal(USUAL)
    assert await seen.get() == "second"
    await settle()
    assert seen.empty()
    loop.remove_signal_handler(USUAL)


async def test_signal_wakes_a_loop_that_waits(loop: AbstractEventLoop) -> None:
    seen = loop.create_future()
    loop.add_signal_handler(USUAL, seen.set_result, "woken")
    await in_thread(os.kill, os.getpid(), USUAL)
    assert await seen == "woken"
    loop.remove_signal_handler(USUAL)


async def test_removing_says_whether_there_was_one(loop: AbstractEventLoop) -> None:
    assert loop.remove_signal_handler(USUAL) is False
    loop.add_signal_handler(USUAL, print)
    assert loop.remove_signal_handler(USUAL) is True
    assert loop.remove_signal_handler(USUAL) is False


async def test_removed_handler_leaves_the_default(loop: AbstractEventLoop) -> None:
    loop.add_signal_handler(USUAL, print)
    assert signal.getsignal(USUAL) is not signal.SIG_DFL
    loop.remove_signal_handler(USUAL)
    assert signal.getsignal(USUAL) is signal.SIG_DFL
    loop.add_signal_handler(signal.SIGINT, print)
    loop.remove_signal_handler(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_interrupt_is_taken_by_its_handler(loop: AbstractEventLoop) -> None:
    seen = loop.create_future()
    loop.add_signal_handler(signal.SIGINT, seen.set_result, "no KeyboardInterrupt")
    signal.raise_signal(signal.SIGINT)
    assert await seen == "no KeyboardInterrupt"
    loop.remove_signal_handler(signal.SIGINT)


def test_interrupt_without_a_handler_ends_the_loop(loop: AbstractEventLoop) -> None:
    loop.call_soon(signal.raise_signal, signal.SIGINT)
    loop.call_later(10, loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()


async def test_exception_of_a_handler_is_reported(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    called = loop.create_future()

    def handle() -> None:
        called.set_result(None)
        raise LookupError("on purpose")

    loop.add_signal_handler(USUAL, handle)
    signal.raise_signal(USUAL)
    await called
    await settle(1)
    loop.remove_signal_handler(USUAL)
    assert isinstance(reports.pop()["exception"], LookupError)


async def test_signal_that_cannot_be_caught_is_refused(loop: AbstractEventLoop) -> None:
    with pytest.raises(RuntimeError):
        loop.add_signal_handler(signal.SIGKILL, print)


@pytest.mark.parametrize("number", [0, -1, 10_000])
async def test_number_of_no_signal_is_refused(loop: AbstractEventLoop, number: int) -> None:
    with pytest.raises(ValueError):
        loop.add_signal_handler(number, print)


async def test_coroutine_function_is_no_handler(loop: AbstractEventLoop) -> None:
    async def handle() -> None:
        return

    with pytest.raises(TypeError):
        loop.add_signal_handler(USUAL, handle)


def test_handlers_are_for_the_main_thread(loop: AbstractEventLoop, choice: LoopChoice) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        mine = choice.make()
        try:
            mine.add_signal_handler(USUAL, print)
        except BaseException as error:
            errors.append(error)
        finally:
            mine.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] in ([RuntimeError], [ValueError])


def test_close_removes_the_handlers(loop: AbstractEventLoop) -> None:
    loop.add_signal_handler(USUAL, print)
    loop.close()
    assert signal.getsignal(USUAL) is signal.SIG_DFL
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    assert before == -1


def test_wakeup_descriptor_is_given_back(loop: AbstractEventLoop) -> None:
    async def main() -> None:
        loop.add_signal_handler(USUAL, print)
        await settle(1)
        loop.remove_signal_handler(USUAL)

    loop.run_until_complete(main())
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    assert before == -1
