"""What tasks go through leaves nothing behind: each scenario, repeated, takes no more memory than it did at first."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting.combinators import gather, shield
from asyncio_core.awaiting.completing import as_completed
from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task import Task, create_task
from asyncio_core.awaiting.taskgroups import TaskGroup
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.awaiting.waiting import sleep, wait, wait_for
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError, InvalidStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Scenario = Callable[[], Coroutine[Any, Any, object]]

# More in the environment variable, for a long look: 10,000, say.
REPEATS = int(os.environ.get("ASYNCIO_GROWTH_REPEATS", "300"))
# What stays behind each time makes as many more, or some multiple. Tables that have not got to their size yet take some
# dozens of blocks in a round, however many repetitions there are, and fewer in each: so some rounds may, as long as one
# does not. Even then one block or the other lies elsewhere than before.
ALLOWED = 10
ROUNDS = 12

SCENARIOS: dict[str, Scenario] = {}


def scenario(call: Scenario) -> Scenario:
    SCENARIOS[call.__name__] = call
    return call


class Boom(Exception):
    pass


class Stop(BaseException):
    pass


async def value() -> int:
    await sleep(0)
    return 1


async def failing() -> None:
    await sleep(0)
    raise Boom


async def forever() -> None:
    await get_running_loop().create_future()


@scenario
async def success() -> None:
    assert await create_task(value(), name="named", context=contextvars.copy_context()) == 1


@scenario
async def failure() -> None:
    with contextlib.suppress(Boom):
        await create_task(failing())


@scenario
async def failure_that_nobody_looks_at() -> None:
    create_task(failing())
    await sleep(0)
    await sleep(0)


@scenario
async def an_exception_that_is_none() -> None:
    async def stopping() -> None:
        raise Stop

    with contextlib.suppress(Stop):
        await create_task(stopping())


@scenario
async def cancellation() -> None:
    task = create_task(forever())
    await sleep(0)
    task.cancel("why")
    with contextlib.suppress(CancelledError):
        await task


@scenario
async def cancellation_before_the_first_step() -> None:
    task = create_task(forever())
    task.cancel()
    with contextlib.suppress(CancelledError):
        await task


@scenario
async def cancellation_refused() -> None:
    async def stubborn() -> None:
        with contextlib.suppress(CancelledError):
            await forever()

    task = create_task(stubborn())
    await sleep(0)
    task.cancel()
    await task
    task.uncancel()


@scenario
async def eager_start() -> None:
    async def at_once() -> int:
        return 1

    loop = get_running_loop()
    assert await Task(at_once(), loop=loop, eager_start=True) == 1
    assert await Task(value(), loop=loop, eager_start=True) == 1


@scenario
async def eager_failure() -> None:
    async def at_once() -> None:
        raise Boom

    with contextlib.suppress(Boom):
        await Task(at_once(), loop=get_running_loop(), eager_start=True)


@scenario
async def pending_task_lost() -> None:
    # In a ring: the task, its coroutine's frame, and the future that it waits for.
    async def lost() -> None:
        future = get_running_loop().create_future()
        future.itself = future  # type: ignore[attr-defined]
        await future

    create_task(lost())
    await sleep(0)


@scenario
async def futures() -> None:
    loop = get_running_loop()
    for act in (
        lambda future: future.set_result([]),
        lambda future: future.set_exception(Boom()),
        lambda future: future.cancel("m"),
    ):
        future: Future[Any] = loop.create_future()
        loop.call_soon(act, future)
        with contextlib.suppress(Boom, CancelledError):
            await future
        with contextlib.suppress(InvalidStateError):
            future.set_result(2)


@scenario
async def callbacks() -> None:
    future: Future[int] = Future()
    calls: list[Any] = []
    for _ in range(3):
        future.add_done_callback(calls.append)
    future.add_done_callback(print, context=contextvars.copy_context())
    assert future.remove_done_callback(print) == 1
    future.set_result(1)
    future.add_done_callback(calls.append)
    await sleep(0)
    assert calls == [future] * 4


@scenario
async def failing_callbacks() -> None:
    def fail(*args: object) -> None:
        raise Boom

    loop = get_running_loop()
    loop.call_soon(fail, 1)
    loop.call_soon_threadsafe(fail)
    loop.call_later(0, fail)
    await sleep(0)
    await sleep(0)


@scenario
async def handles() -> None:
    loop = get_running_loop()
    for handle in (loop.call_soon(print), loop.call_soon_threadsafe(print)):
        handle.cancel()
        repr(handle)
    await sleep(0)


@scenario
async def timers() -> None:
    loop = get_running_loop()
    kept = [loop.call_later(delay, int) for delay in (0, 0, 0.5, 1)]
    dropped = [loop.call_later(3600 + n, print, []) for n in range(20)]
    for timer in dropped:
        timer.cancel()
    await sleep(2)
    assert not any(timer.cancelled() for timer in kept)


@scenario
async def timers_looked_at() -> None:
    loop: Any = get_running_loop()
    timer = loop.call_later(3600, print)
    assert timer in loop._scheduled
    timer.cancel()
    handle = loop.call_soon(print)
    assert handle in list(loop._ready)
    handle.cancel()
    await sleep(0.1)


@scenario
async def gathering() -> None:
    assert list(await gather(value(), value())) == [1, 1]
    with contextlib.suppress(Boom):
        await gather(failing(), value())
    await gather(failing(), value(), return_exceptions=True)


@scenario
async def gathering_cancelled() -> None:
    task = create_task(wait_for(gather(forever(), forever()), 5))
    await sleep(0)
    task.cancel()
    with contextlib.suppress(CancelledError):
        await task


@scenario
async def shielding() -> None:
    inner = create_task(value())
    outer = create_task(wait_for(shield(inner), None))
    await sleep(0)
    outer.cancel()
    with contextlib.suppress(CancelledError):
        await outer
    assert await inner == 1


@scenario
async def waiting() -> None:
    tasks = {create_task(value()), create_task(failing())}
    done, pending = await wait(tasks, return_when="FIRST_EXCEPTION")
    assert not pending
    for task in done:
        task.exception()
    stays: Future[None] = Future()
    assert await wait([stays], timeout=1) == (set(), {stays})


@scenario
async def time_limits() -> None:
    assert await wait_for(value(), 5) == 1
    with contextlib.suppress(TimeoutError):
        await wait_for(forever(), 5)
    with contextlib.suppress(TimeoutError):
        async with timeout(1):
            await forever()
    async with timeout(1) as limit:
        limit.reschedule(None)


@scenario
async def completing() -> None:
    for next_one in as_completed([value(), value()]):
        assert await next_one == 1
    with contextlib.suppress(TimeoutError):
        for next_one in as_completed([Future()], timeout=1):
            await next_one


@scenario
async def groups() -> None:
    async with TaskGroup() as group:
        for _ in range(3):
            group.create_task(value())
    with contextlib.suppress(BaseExceptionGroup):
        async with TaskGroup() as group:
            group.create_task(failing())
            group.create_task(forever())


@scenario
async def bad_yields() -> None:
    class Yielding:
        def __init__(self, yielded: object) -> None:
            self.yielded = yielded

        def __await__(self) -> Any:
            yield self.yielded

    async def wrong(yielded: object) -> None:
        with contextlib.suppress(RuntimeError):
            await Yielding(yielded)

    things: tuple[object, ...] = (1, object(), Future(), (n for n in "ab"))
    for yielded in things:
        await create_task(wrong(yielded))


@scenario
async def iterators_by_hand() -> None:
    for end in ("close", "throw", "drop"):
        future: Future[None] = Future()
        iterator: Any = future.__await__()
        assert next(iterator) is future
        if end == "close":
            iterator.close()
        elif end == "throw":
            with contextlib.suppress(Boom):
                iterator.throw(Boom())
    await sleep(0)


@scenario
async def subclasses() -> None:
    class SubTask(Task[Any]):
        pass

    class SubFuture(Future[Any]):
        pass

    future = SubFuture()
    future.more = [future]  # type: ignore[attr-defined]
    task = SubTask(wait_for(future, None), loop=get_running_loop())
    await sleep(0)
    future.set_result(task)
    await task


@scenario
async def refused_arguments() -> None:
    loop = get_running_loop()
    calls: tuple[Callable[[], object], ...] = (
        lambda: Task(3),  # type: ignore[arg-type]
        lambda: Future(loop=3),  # type: ignore[arg-type]
        lambda: Future().set_exception(3),  # type: ignore[arg-type]
        lambda: loop.call_later("x", print),  # type: ignore[arg-type]
        lambda: Future().result(),
        lambda: Future().__init__(3),  # type: ignore[misc]
    )
    for call in calls:
        with contextlib.suppress(TypeError, AttributeError, InvalidStateError):
            call()


def measures() -> dict[str, int]:
    """Count what there is: objects that the collector knows, blocks of memory, and references where this Python counts them."""
    gc.collect()
    found = {"objects": len(gc.get_objects()), "blocks": sys.getallocatedblocks()}
    if hasattr(sys, "gettotalrefcount"):
        found["references"] = sys.gettotalrefcount()
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_grows(loop: Any, name: str) -> None:
    # Reports of what was left behind on purpose are not what this is about.
    loop.set_exception_handler(lambda *_: None)

    async def repeat(count: int) -> None:
        for _ in range(count):
            await SCENARIOS[name]()
        await sleep(0)

    # What is imported, cached and specialized on first use is there afterwards.
    for _ in range(3):
        loop.run_until_complete(repeat(30))
        measures()
    for _ in range(ROUNDS):
        before = measures()
        loop.run_until_complete(repeat(REPEATS))
        after = measures()
        grown = {what: after[what] - before[what] for what in before}
        if all(more <= ALLOWED for more in grown.values()):
            return
    pytest.fail(f"{name}: {REPEATS} times, and there is more: {grown}")
