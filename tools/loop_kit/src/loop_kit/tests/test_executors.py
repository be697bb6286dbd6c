"""run_in_executor(), the default executor, and the names and addresses that are looked up in threads."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable


async def test_function_runs_in_another_thread(loop: AbstractEventLoop) -> None:
    assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()


async def test_function_gets_its_arguments_and_gives_its_result(loop: AbstractEventLoop) -> None:
    assert await loop.run_in_executor(None, divmod, 17, 5) == (3, 2)


async def test_exception_of_the_function_is_raised(loop: AbstractEventLoop) -> None:
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, divmod, 1, 0)


async def test_call_returns_a_future_of_the_loop(loop: AbstractEventLoop) -> None:
    future = loop.run_in_executor(None, int, "1")
    assert asyncio.isfuture(future)
    assert future.get_loop() is loop
    assert await future == 1


async def test_given_executor_is_used(loop: AbstractEventLoop) -> None:
    with ThreadPoolExecutor(1, "given") as executor:
        name = await loop.run_in_executor(executor, lambda: threading.current_thread().name)
    assert name.startswith("given")


async def test_default_executor_can_be_set(loop: AbstractEventLoop) -> None:
    executor = ThreadPoolExecutor(1, "set-by-the-test")
    loop.set_default_executor(executor)
    name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
    assert name.startswith("set-by-the-test")


def test_default_executor_is_a_thread_pool(loop: AbstractEventLoop) -> None:
    class Another(Executor):
        pass

    with pytest.raises(TypeError):
        loop.set_default_executor(Another())


async def test_functions_run_side_by_side(loop: AbstractEventLoop) -> None:
    # Each waits for the other: one after the other they would never end.
    barrier = threading.Barrier(2, timeout=10)
    calls = [loop.run_in_executor(None, barrier.wait) for _ in range(2)]
    assert sorted(await asyncio.gather(*calls)) == [0, 1]


async def test_many_calls_all_come_back(loop: AbstractEventLoop) -> None:
    calls = [loop.run_in_executor(None, abs, -number) for number in range(500)]
    assert await asyncio.gather(*calls) == list(range(500))


async def test_call_that_has_not_begun_can_be_cancelled(loop: AbstractEventLoop) -> None:
    go_on = threading.Event()
    seen: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        first = loop.run_in_executor(executor, go_on.wait, 10)
        another = loop.run_in_executor(executor, int)
        second = loop.run_in_executor(executor, seen.append, 1)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        # A callback of the future tells the pool.
        await asyncio.sleep(0)
        go_on.set()
        assert await first is True
        assert await another == 0
        await loop.run_in_executor(executor, int)
    assert seen == []


async def test_cancelled_caller_goes_on_while_the_function_runs(loop: AbstractEventLoop) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(10)
        ended.set()

    call = loop.run_in_executor(None, work)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    await loop.run_in_executor(None, ended.wait, 10)
    assert ended.is_set()


async def test_shutting_down_waits_for_the_functions(loop: AbstractEventLoop) -> None:
    go_on = threading.Event()
    seen: list[str] = []

    def work() -> None:
        go_on.wait(10)
        seen.append("ended")

    loop.run_in_executor(None, work)
    shutting_down = loop.create_task(loop.shutdown_default_executor())
    await asyncio.sleep(0)
    assert not shutting_down.done()
    go_on.set()
    await shutting_down
    assert seen == ["ended"]


async def test_executor_that_was_shut_down_is_not_used_again(loop: AbstractEventLoop) -> None:
    await loop.run_in_executor(None, int)
    await loop.shutdown_default_executor()
    with pytest.raises(RuntimeError):
        loop.run_in_executor(None, int)


async def test_shutting_down_without_an_executor_is_harmless(loop: AbstractEventLoop) -> None:
    await loop.shutdown_default_executor()
    await loop.shutdown_default_executor()


@pytest.mark.since(3, 12)
async def test_shutting_down_gives_up_after_its_timeout(loop: AbstractEventLoop) -> None:
    go_on = threading.Event()
    call = loop.run_in_executor(None, go_on.wait, 10)
    shut_down: Any = loop.shutdown_default_executor
    try:
        with pytest.warns(RuntimeWarning):
            await shut_down(timeout=0.01)
    finally:
        go_on.set()
    assert await call is True


def test_closing_the_loop_shuts_its_executor_down(loop: AbstractEventLoop) -> None:
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)
    loop.run_until_complete(loop.run_in_executor(None, int))
    loop.close()
    with pytest.raises(RuntimeError):
        executor.submit(int)


async def test_future_of_a_thread_pool_can_be_awaited(loop: AbstractEventLoop) -> None:
    future: Future[str] = Future()
    wrapped = asyncio.wrap_future(future)
    threading.Thread(target=future.set_result, args=("from a thread",)).start()
    assert await wrapped == "from a thread"


async def test_coroutine_is_run_from_another_thread(loop: AbstractEventLoop) -> None:
    async def answer() -> Any:
        return asyncio.get_running_loop()

    def ask() -> Any:
        return asyncio.run_coroutine_threadsafe(answer(), loop).result(10)

    assert await loop.run_in_executor(None, ask) is loop


# Names and addresses


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("127.0.0.1", 80, {}),
        ("127.0.0.1", "80", {}),
        (b"127.0.0.1", 80, {}),
        ("127.0.0.1", None, {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", 80, {"type": socket.SOCK_DGRAM}),
        ("127.0.0.1", 80, {"family": socket.AF_INET, "proto": socket.IPPROTO_TCP}),
        ("::1", 80, {"type": socket.SOCK_STREAM}),
        ("localhost", 80, {"type": socket.SOCK_STREAM}),
        ("localhost", "http", {"type": socket.SOCK_STREAM}),
        (None, 80, {"type": socket.SOCK_STREAM, "flags": socket.AI_PASSIVE}),
        ("127.0.0.1", 0, {"flags": socket.AI_CANONNAME, "type": socket.SOCK_STREAM}),
    ],
    ids=str,
)
async def test_getaddrinfo_answers_as_the_socket_module(
    loop: AbstractEventLoop, host: Any, port: Any, options: dict[str, int]
) -> None:
    expected = socket.getaddrinfo(host, port, **options)
    assert await loop.getaddrinfo(host, port, **options) == expected


async def test_getaddrinfo_raises_for_a_name_that_cannot_be(loop: AbstractEventLoop) -> None:
    with pytest.raises(socket.gaierror):
        await loop.getaddrinfo("a name with blanks", 80)


@pytest.mark.parametrize("flags", [0, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV])
async def test_getnameinfo_answers_as_the_socket_module(
    loop: AbstractEventLoop, flags: int
) -> None:
    expected = socket.getnameinfo(("127.0.0.1", 80), flags)
    assert await loop.getnameinfo(("127.0.0.1", 80), flags) == expected


@pytest.mark.parametrize(
    "look_up",
    [
        lambda loop: loop.getaddrinfo("localhost", 80),
        lambda loop: loop.getnameinfo(("127.0.0.1", 80)),
    ],
    ids=["getaddrinfo", "getnameinfo"],
)
async def test_cancelled_look_up_ends_at_once(
    loop: AbstractEventLoop, look_up: Callable[[AbstractEventLoop], Any]
) -> None:
    task = asyncio.ensure_future(look_up(loop))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The next one is answered.
    assert await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
