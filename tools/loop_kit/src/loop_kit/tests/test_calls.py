"""call_soon() and its kin, and the life of a loop: run, stop, run again, close."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.descriptors import open_descriptors
from loop_kit.peers import in_thread

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from loop_kit.loops import LoopChoice

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def run_once(loop: AbstractEventLoop) -> None:
    """Run what is ready now."""
    loop.call_soon(loop.stop)
    loop.run_forever()


# What call_soon() promises


def test_callbacks_run_in_the_order_of_their_registration(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    for number in range(1000):
        loop.call_soon(seen.append, number)
    run_once(loop)
    assert seen == list(range(1000))


def test_callback_gets_its_positional_arguments(loop: AbstractEventLoop) -> None:
    seen: list[tuple[Any, ...]] = []
    loop.call_soon(lambda *args: seen.append(args), 1, "two", None)
    run_once(loop)
    assert seen == [(1, "two", None)]


def test_callback_runs_once_and_not_at_the_call(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    loop.call_soon(seen.append, 1)
    assert seen == []
    run_once(loop)
    run_once(loop)
    assert seen == [1]


def test_callback_scheduled_by_a_callback_runs_in_the_next_round(loop: AbstractEventLoop) -> None:
    seen: list[str] = []

    def first() -> None:
        seen.append("first")
        loop.call_soon(seen.append, "scheduled by the first")

    loop.call_soon(first)
    loop.call_soon(seen.append, "second")
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    assert seen == ["first", "second", "scheduled by the first"]


async def test_callback_that_goes_on_scheduling_itself_leaves_room_for_others(
    loop: AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    handle = loop.call_soon(lambda: None)

    def again() -> None:
        nonlocal handle
        handle = loop.call_soon(again)

    again()
    left.send(b"here")
    assert await loop.sock_recv(right, 10) == b"here"
    await asyncio.sleep(0.001)
    assert await in_thread(threading.get_ident) != threading.get_ident()
    handle.cancel()


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
def test_handle_is_one_of_asyncio(loop: AbstractEventLoop, method: str) -> None:
    handle = getattr(loop, method)(lambda: None)
    assert isinstance(handle, asyncio.Handle)


def test_handle_tells_whether_it_was_cancelled(loop: AbstractEventLoop) -> None:
    handle = loop.call_soon(lambda: None)
    assert not handle.cancelled()
    run_once(loop)
    assert not handle.cancelled()


def test_cancelled_callback_does_not_run(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handle = loop.call_soon(seen.append, 1)
    handle.cancel()
    assert handle.cancelled()
    handle.cancel()
    run_once(loop)
    assert seen == []
    assert handle.cancelled()


def test_callback_cancelled_by_one_before_it_does_not_run(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handles: list[asyncio.Handle] = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(seen.append, 1))
    loop.call_soon(seen.append, 2)
    run_once(loop)
    assert seen == [2]


def test_cancelling_a_callback_that_ran_does_nothing(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    handle = loop.call_soon(seen.append, 1)
    run_once(loop)
    handle.cancel()
    run_once(loop)
    assert seen == [1]


def test_cancelled_handle_lets_go_of_callback_and_arguments(loop: AbstractEventLoop) -> None:
    import weakref

    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    handle = loop.call_soon(lambda _: None, argument)
    del argument
    handle.cancel()
    gc.collect()
    assert gone() is None
    run_once(loop)


# Contexts


def test_callback_runs_in_a_copy_of_the_context_of_its_registration(
    loop: AbstractEventLoop,
) -> None:
    seen: list[str] = []

    def callback() -> None:
        seen.append(variable.get())
        variable.set("by the callback")

    token = variable.set("at the call")
    try:
        loop.call_soon(callback)
        loop.call_soon(callback)
        variable.set("afterwards")
        run_once(loop)
        assert seen == ["at the call", "at the call"]
        assert variable.get() == "afterwards"
    finally:
        variable.reset(token)


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_callback_runs_in_the_context_that_was_given(loop: AbstractEventLoop, method: str) -> None:
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    seen: list[str] = []
    first = {"call_later": (0,), "call_at": (loop.time(),)}.get(method, ())

    def callback() -> None:
        seen.append(variable.get())
        variable.set("changed")
        loop.stop()

    getattr(loop, method)(*first, callback, context=context)
    loop.run_forever()
    assert seen == ["given"]
    assert context[variable] == "changed"
    assert variable.get() == "unset"


@pytest.mark.since(3, 12)
@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_handle_tells_its_context(loop: AbstractEventLoop, method: str) -> None:
    context = contextvars.copy_context()
    first = (0,) if method == "call_later" else ()
    handle = getattr(loop, method)(*first, lambda: None, context=context)
    assert handle.get_context() is context
    handle.cancel()


# From other threads


def test_call_from_a_thread_wakes_a_loop_that_waits(loop: AbstractEventLoop) -> None:
    seen: list[int] = []

    def callback() -> None:
        seen.append(threading.get_ident())
        loop.stop()

    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(callback,))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert seen == [threading.get_ident()]


def test_calls_from_a_thread_keep_their_order(loop: AbstractEventLoop) -> None:
    seen: list[int] = []

    def work() -> None:
        for number in range(2000):
            loop.call_soon_threadsafe(seen.append, number)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=work)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert seen == list(range(2000))


def test_no_call_of_many_threads_is_lost(loop: AbstractEventLoop) -> None:
    seen: list[int] = []

    def note(number: int) -> None:
        seen.append(number)
        if len(seen) == 8 * 500:
            loop.stop()

    def work(first: int) -> None:
        for number in range(first, first + 500):
            loop.call_soon_threadsafe(note, number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 4000, 500)]
    for thread in threads:
        loop.call_soon(thread.start)
    loop.run_forever()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(4000))


def test_threadsafe_call_from_the_thread_of_the_loop(loop: AbstractEventLoop) -> None:
    seen: list[str] = []
    handle = loop.call_soon_threadsafe(seen.append, "first")
    assert not handle.cancelled()
    loop.call_soon(seen.append, "second")
    run_once(loop)
    assert seen == ["first", "second"]


def test_threadsafe_call_that_is_cancelled_does_not_run(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    loop.call_soon_threadsafe(seen.append, 1).cancel()
    run_once(loop)
    assert seen == []


# Running


def test_run_until_complete_returns_the_result(loop: AbstractEventLoop) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert loop.run_until_complete(answer()) == 42


def test_run_until_complete_raises_the_exception(loop: AbstractEventLoop) -> None:
    async def fail() -> None:
        raise LookupError("of the coroutine")

    with pytest.raises(LookupError, match="of the coroutine"):
        loop.run_until_complete(fail())


def test_run_until_complete_takes_a_future(loop: AbstractEventLoop) -> None:
    future = loop.create_future()
    loop.call_soon(future.set_result, "done")
    assert loop.run_until_complete(future) == "done"
    # It is done already: the loop runs all the same.
    assert loop.run_until_complete(future) == "done"


def test_run_until_complete_wraps_a_coroutine_in_a_task(loop: AbstractEventLoop) -> None:
    async def current() -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    task = loop.run_until_complete(current())
    assert isinstance(task, asyncio.Task)
    assert task.done()


def test_run_until_complete_raises_if_the_loop_was_stopped_before(
    loop: AbstractEventLoop,
) -> None:
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError):
        loop.run_until_complete(future)
    assert not future.done()


def test_run_until_complete_refuses_a_future_of_another_loop(
    loop: AbstractEventLoop, choice: LoopChoice
) -> None:
    other = choice.make()
    try:
        future = other.create_future()
        with pytest.raises(ValueError):
            loop.run_until_complete(future)
    finally:
        other.close()


def test_stop_ends_after_the_current_round(loop: AbstractEventLoop) -> None:
    seen: list[str] = []

    def stopping() -> None:
        loop.stop()
        loop.call_soon(seen.append, "scheduled after stop()")

    loop.call_soon(stopping)
    loop.call_soon(seen.append, "of the same round")
    loop.run_forever()
    assert seen == ["of the same round"]
    run_once(loop)
    assert seen == ["of the same round", "scheduled after stop()"]


def test_stop_before_running_runs_what_is_ready_once(loop: AbstractEventLoop) -> None:
    seen: list[str] = []

    def callback() -> None:
        seen.append("ready")
        loop.call_soon(seen.append, "next")

    loop.call_soon(callback)
    loop.stop()
    loop.run_forever()
    assert seen == ["ready"]


@pytest.mark.needs("readiness")
def test_stop_before_running_polls_once(
    loop: AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    seen: list[bytes] = []
    loop.add_reader(right, lambda: seen.append(right.recv(10)))
    left.send(b"waiting")
    loop.stop()
    loop.run_forever()
    loop.remove_reader(right)
    assert seen == [b"waiting"]


def test_stop_counts_once(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    loop.stop()
    loop.stop()
    loop.run_forever()
    loop.call_soon(seen.append, 1)
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_loop_says_whether_it_runs(loop: AbstractEventLoop) -> None:
    seen: list[bool] = []
    assert not loop.is_running()
    loop.call_soon(lambda: seen.append(loop.is_running()))
    run_once(loop)
    assert seen == [True]
    assert not loop.is_running()


def test_running_loop_is_known_while_it_runs_and_only_then(loop: AbstractEventLoop) -> None:
    seen: list[Any] = []
    loop.call_soon(lambda: seen.append(asyncio.get_running_loop()))
    loop.call_soon(lambda: seen.append(asyncio.get_event_loop()))
    run_once(loop)
    assert seen == [loop, loop]
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@pytest.mark.parametrize("method", ["run_forever", "run_until_complete"])
async def test_running_loop_cannot_be_run_again(loop: AbstractEventLoop, method: str) -> None:
    arguments = [loop.create_future()] if method == "run_until_complete" else []
    with pytest.raises(RuntimeError):
        getattr(loop, method)(*arguments)
    assert loop.is_running()
    # … and goes on.
    await asyncio.sleep(0)


async def test_second_loop_cannot_run_in_the_thread_of_a_running_one(
    loop: AbstractEventLoop, choice: LoopChoice
) -> None:
    other = choice.make()
    try:
        with pytest.raises(RuntimeError):
            other.run_forever()
        assert asyncio.get_running_loop() is loop
    finally:
        other.close()


def test_loops_run_in_several_threads(loop: AbstractEventLoop, choice: LoopChoice) -> None:
    results: list[Any] = []

    async def exchange() -> None:
        results.append((asyncio.get_running_loop(), await in_thread(str, 1)))

    def work() -> None:
        mine = choice.make()
        try:
            mine.run_until_complete(exchange())
        finally:
            mine.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    loop.run_until_complete(exchange())
    for thread in threads:
        thread.join()
    assert len({running for running, _ in results}) == 5
    assert {result for _, result in results} == {"1"}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interruption_in_a_callback_ends_run_forever(
    loop: AbstractEventLoop, kind: type[BaseException]
) -> None:
    def interrupt() -> None:
        raise kind

    seen: list[int] = []
    loop.call_soon(interrupt)
    with pytest.raises(kind):
        loop.run_forever()
    assert not loop.is_running()
    # The loop is as good as before.
    loop.call_soon(seen.append, 1)
    run_once(loop)
    assert seen == [1]


def test_interruption_in_a_task_ends_run_until_complete(loop: AbstractEventLoop) -> None:
    async def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(interrupt())
    run_once(loop)


# Closing


def test_close_makes_the_loop_closed(loop: AbstractEventLoop) -> None:
    assert not loop.is_closed()
    loop.close()
    assert loop.is_closed()
    loop.close()
    assert loop.is_closed()


async def test_running_loop_cannot_be_closed(loop: AbstractEventLoop) -> None:
    with pytest.raises(RuntimeError):
        loop.close()
    assert not loop.is_closed()
    await asyncio.sleep(0)


def test_close_discards_pending_callbacks(loop: AbstractEventLoop) -> None:
    seen: list[int] = []
    loop.call_soon(seen.append, 1)
    loop.call_later(0, seen.append, 2)
    loop.close()
    gc.collect()
    assert seen == []


def test_close_lets_go_of_pending_callbacks(loop: AbstractEventLoop) -> None:
    import weakref

    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    loop.call_soon(id, argument)
    loop.call_later(3600, id, argument)
    loop.close()
    del argument
    gc.collect()
    assert gone() is None


def test_close_gives_back_every_descriptor(choice: LoopChoice) -> None:
    # One loop first: a library may open something for all loops together.
    choice.make().close()
    before = open_descriptors()
    for _ in range(10):
        made = choice.make()
        run_once(made)
        made.close()
    assert open_descriptors() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.run_forever(),
        lambda loop: loop.run_until_complete(loop.create_future()),
        lambda loop: loop.call_soon(print),
        lambda loop: loop.call_soon_threadsafe(print),
        lambda loop: loop.call_later(0, print),
        lambda loop: loop.call_at(0, print),
        lambda loop: loop.run_in_executor(None, print),
    ],
    ids=[
        "run_forever",
        "run_until_complete",
        "call_soon",
        "call_soon_threadsafe",
        "call_later",
        "call_at",
        "run_in_executor",
    ],
)
def test_closed_loop_refuses(
    loop: AbstractEventLoop, call: Callable[[AbstractEventLoop], object]
) -> None:
    loop.close()
    with pytest.raises(RuntimeError):
        call(loop)


def test_closed_loop_still_answers(loop: AbstractEventLoop) -> None:
    loop.close()
    assert not loop.is_running()
    assert isinstance(loop.get_debug(), bool)
    assert isinstance(loop.time(), float)
    assert "closed" in repr(loop).lower()


# Futures and tasks of the loop


def test_future_belongs_to_the_loop(loop: AbstractEventLoop) -> None:
    future = loop.create_future()
    assert asyncio.isfuture(future)
    assert future.get_loop() is loop


def test_callbacks_of_a_future_run_by_call_soon(loop: AbstractEventLoop) -> None:
    seen: list[str] = []
    future = loop.create_future()
    future.add_done_callback(lambda _: seen.append("done"))
    loop.call_soon(seen.append, "before")
    future.set_result(None)
    assert seen == []
    run_once(loop)
    assert seen == ["before", "done"]


def test_task_has_its_name_and_context(loop: AbstractEventLoop) -> None:
    async def value() -> str:
        return variable.get()

    context = contextvars.copy_context()
    context.run(variable.set, "of the task")
    task = loop.create_task(value(), name="by name", context=context)
    assert task.get_name() == "by name"
    assert task.get_loop() is loop
    assert loop.run_until_complete(task) == "of the task"


def test_task_factory_makes_the_tasks(loop: AbstractEventLoop) -> None:
    made: list[Any] = []

    def factory(loop: AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def nothing() -> None:
        return

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    coro = nothing()
    task = loop.create_task(coro, name="made by the factory")
    assert made == [coro]
    assert task.get_name() == "made by the factory"
    loop.run_until_complete(task)
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None
    loop.run_until_complete(loop.create_task(nothing()))
    assert len(made) == 1


def test_task_factory_is_callable_or_none(loop: AbstractEventLoop) -> None:
    with pytest.raises(TypeError):
        loop.set_task_factory(1)  # type: ignore[arg-type]


@pytest.mark.since(3, 14)
def test_create_task_hands_options_to_the_factory(loop: AbstractEventLoop) -> None:
    seen: dict[str, Any] = {}

    def factory(loop: AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        seen.update(options)
        options.pop("colour", None)
        return asyncio.Task(coro, loop=loop, **options)

    async def nothing() -> None:
        return

    loop.set_task_factory(factory)
    create: Any = loop.create_task
    loop.run_until_complete(create(nothing(), name="n", colour="green"))
    assert seen["colour"] == "green"
    assert seen["name"] == "n"


@pytest.mark.since(3, 14)
def test_create_task_can_start_the_coroutine_at_once(loop: AbstractEventLoop) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("started")
        await asyncio.sleep(0)
        seen.append("ended")

    async def main() -> None:
        create: Any = loop.create_task
        task = create(work(), eager_start=True)
        assert seen == ["started"]
        await task

    loop.run_until_complete(main())
    assert seen == ["started", "ended"]


@pytest.mark.since(3, 12)
def test_eager_task_factory_works_on_the_loop(loop: AbstractEventLoop) -> None:
    async def answer() -> int:
        return 42

    async def main() -> None:
        task = loop.create_task(answer())
        assert task.done()
        assert task.result() == 42

    # mypy is told of Python 3.11.
    factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009
    loop.set_task_factory(factory)
    loop.run_until_complete(main())
