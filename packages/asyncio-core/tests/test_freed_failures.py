"""What has failed is gone with the last reference to it: its traceback leads to no frame of ours that leads back.

Python 3.12 and 3.13 reach from a coroutine's frame the frames that ran it, too. For a task that fails in its first step,
started eagerly, these are all that made it.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting.combinators import ensure_future, gather, shield
from asyncio_core.awaiting.completing import as_completed
from asyncio_core.awaiting.staggered import staggered_race
from asyncio_core.awaiting.task import Task, create_task, eager_task_factory
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.awaiting.taskgroups import TaskGroup
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.awaiting.waiting import run_coroutine_threadsafe, sleep, wait, wait_for
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from asyncio_core.awaiting.futures import Future

    Way = Callable[["Failing"], Coroutine[Any, Any, object]]

WAYS: dict[str, Way] = {}


def way(call: Way) -> Way:
    WAYS[call.__name__] = call
    return call


class Boom(Exception):
    pass


class Failing:
    """Makes coroutines that fail at once, and futures that have failed, and remembers whom they failed."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error
        self.failed: list[weakref.ref[Any]] = []

    async def __call__(self) -> None:
        task = current_task()
        self.failed.append(weakref.ref(task))
        del task
        raise self._error

    def future(self) -> Future[None]:
        future: Future[None] = get_running_loop().create_future()
        self.failed.append(weakref.ref(future))
        if self._error is CancelledError:
            future.cancel()
        else:
            future.set_exception(self._error())
        return future


refused = contextlib.suppress(Boom, CancelledError, TimeoutError)


@way
async def awaited(fail: Failing) -> None:
    with refused:
        await create_task(fail())


@way
async def with_a_name(fail: Failing) -> None:
    with refused:
        await create_task(fail(), name="named")


@way
async def of_the_loop(fail: Failing) -> None:
    with refused:
        await get_running_loop().create_task(fail())


@way
async def of_the_class(fail: Failing) -> None:
    with refused:
        await Task(fail(), loop=get_running_loop(), eager_start=True)


@way
async def in_a_group(fail: Failing) -> None:
    with contextlib.suppress(BaseExceptionGroup):
        async with TaskGroup() as group:
            group.create_task(fail())


@way
async def gathered(fail: Failing) -> None:
    with refused:
        await gather(fail(), fail())


@way
async def gathered_with_their_errors(fail: Failing) -> None:
    await gather(fail(), fail(), return_exceptions=True)


@way
async def shielded(fail: Failing) -> None:
    with refused:
        await shield(fail())


@way
async def ensured(fail: Failing) -> None:
    with refused:
        await ensure_future(fail())


@way
async def waited_for(fail: Failing) -> None:
    for limit in (5, None, 0):
        with refused:
            await wait_for(fail(), limit)


@way
async def waited_for_as_a_future(fail: Failing) -> None:
    for limit in (5, None, 0):
        with refused:
            await wait_for(fail.future(), limit)


@way
async def waited_for_as_a_task(fail: Failing) -> None:
    for limit in (5, None, 0):
        with refused:
            await wait_for(create_task(fail()), limit)


@way
async def timed(fail: Failing) -> None:
    with refused:
        async with timeout(5):
            await create_task(fail())


@way
async def waited_for_with_others(fail: Failing) -> None:
    await wait([create_task(fail()), create_task(fail())])


@way
async def as_they_complete(fail: Failing) -> None:
    for following in as_completed([fail(), fail()]):
        with refused:
            await following


@way
async def as_they_complete_asynchronously(fail: Failing) -> None:
    async for task in as_completed([fail(), fail()]):
        with refused:
            await task
        del task


@way
async def from_another_thread(fail: Failing) -> None:
    loop = get_running_loop()
    answer = run_coroutine_threadsafe(fail(), loop)
    while not answer.done():
        await sleep(0)


@way
async def raced(fail: Failing) -> None:
    await staggered_race([fail, fail], None)


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("error", [Boom, CancelledError])
@pytest.mark.parametrize("eagerly", [False, True], ids=["soon", "eagerly"])
def test_what_failed_is_gone_at_once(
    loop: Any, name: str, error: type[BaseException], eagerly: bool
) -> None:
    # Reports of failures that nobody looked at are not what this is about.
    loop.set_exception_handler(lambda *_: None)
    fail = Failing(error)

    async def main() -> None:
        if eagerly:
            loop.set_task_factory(eager_task_factory)
        await WAYS[name](fail)
        for _ in range(5):
            await sleep(0)

    loop.run_until_complete(main())
    assert fail.failed
    left = [reference() for reference in fail.failed]
    assert left == [None] * len(left)
