"""Making tasks and waiting for several things."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def number() -> int:
    return 1


async def text() -> str:
    return "one"


async def nothing() -> None:
    pass


class Ready:
    """An awaitable that is neither a coroutine nor a future."""

    def __await__(self) -> Generator[None, None, bytes]:
        yield None
        return b""


async def creating() -> None:
    task = asyncio.create_task(number())
    reveal_type(task)
    reveal_type(await task)
    named = asyncio.create_task(text(), name="t", context=contextvars.copy_context())
    reveal_type(named)
    reveal_type(asyncio.create_task(nothing(), eager_start=True))
    reveal_type(asyncio.create_task(coro=number()))
    future = asyncio.get_running_loop().create_future()
    asyncio.create_task(future)  # wrong
    asyncio.create_task(Ready())  # wrong
    asyncio.create_task(number)  # wrong
    asyncio.create_task(number(), name=1)  # wrong
    asyncio.create_task(number(), context="c")  # wrong
    asyncio.create_task(number(), eager_start="yes")  # wrong
    asyncio.create_task(number(), nme="t")  # wrong
    asyncio.create_task()  # wrong


async def handed_on(options: dict[str, Any]) -> None:
    reveal_type(asyncio.create_task(number(), **options))
    reveal_type(asyncio.get_running_loop().create_task(number(), **options))
    async with asyncio.TaskGroup() as group:
        reveal_type(group.create_task(number(), **options))
    reveal_type(asyncio.Task(number(), **options))
    make: Callable[[Coroutine[Any, Any, int]], asyncio.Task[int]] = asyncio.create_task
    reveal_type(make(number()))


async def a_task(task: asyncio.Task[int]) -> None:
    reveal_type(task.result())
    reveal_type(task.exception())
    reveal_type(task.done())
    reveal_type(task.cancel())
    reveal_type(task.cancel("message"))
    reveal_type(task.cancel(msg="message"))
    reveal_type(task.cancelled())
    reveal_type(task.cancelling())
    reveal_type(task.uncancel())
    reveal_type(task.get_name())
    task.set_name("t")
    task.set_name(1)
    reveal_type(task.get_coro())
    reveal_type(task.get_context())
    reveal_type(task.get_stack(limit=3))
    task.print_stack(limit=3, file=None)
    reveal_type(task.get_loop())
    reveal_type(await task)

    def seen(done: asyncio.Task[int]) -> None:
        reveal_type(done.result())

    def seen_as_future(done: asyncio.Future[int]) -> None: ...

    def seen_as_other(done: asyncio.Task[str]) -> None: ...

    def no_argument() -> None: ...

    task.add_done_callback(seen)
    task.add_done_callback(seen, context=contextvars.copy_context())
    task.add_done_callback(seen_as_future)
    task.add_done_callback(lambda done: reveal_type(done))
    task.add_done_callback(seen_as_other)  # wrong
    task.add_done_callback(no_argument)  # wrong
    reveal_type(task.remove_done_callback(seen))
    background: set[asyncio.Task[int]] = set()
    background.add(task)
    task.add_done_callback(background.discard)


async def making_a_task() -> None:
    reveal_type(asyncio.Task(number()))
    reveal_type(asyncio.Task(text(), loop=asyncio.get_running_loop(), name="t", eager_start=True))
    asyncio.Task(Ready())  # wrong
    asyncio.Task(number(), name=1)  # wrong
    asyncio.Task(number(), eager_start="yes")  # wrong
    task = asyncio.Task(number())
    covariant: asyncio.Task[object] = task
    reveal_type(covariant)
    as_future: asyncio.Future[int] = asyncio.create_task(number())
    reveal_type(as_future)
    awaitable: Awaitable[int] = asyncio.create_task(number())
    reveal_type(awaitable)
    other: asyncio.Task[str] = asyncio.create_task(number())  # wrong


async def gathering(future: asyncio.Future[bytes], task: asyncio.Task[float]) -> None:
    reveal_type(asyncio.gather(number()))
    reveal_type(asyncio.gather(number(), text()))
    reveal_type(asyncio.gather(number(), text(), future))
    reveal_type(asyncio.gather(number(), text(), future, task))
    reveal_type(asyncio.gather(number(), text(), future, task, Ready()))
    reveal_type(asyncio.gather(number(), text(), future, task, Ready(), nothing()))
    reveal_type(
        asyncio.gather(number(), number(), number(), number(), number(), number(), number())
    )
    reveal_type(await asyncio.gather(number()))
    reveal_type(await asyncio.gather(number(), text()))
    first, second = await asyncio.gather(number(), text())
    reveal_type(first)
    reveal_type(second)
    reveal_type(await asyncio.gather(*[number() for _ in range(3)]))
    reveal_type(await asyncio.gather(*(number(), text())))
    reveal_type(await asyncio.gather())
    reveal_type(asyncio.gather(number(), return_exceptions=False))
    reveal_type(asyncio.gather(number(), text(), return_exceptions=False))


async def gathering_with_exceptions(
    future: asyncio.Future[bytes], task: asyncio.Task[float], flag: bool
) -> None:
    reveal_type(asyncio.gather(number(), return_exceptions=True))
    reveal_type(asyncio.gather(number(), text(), return_exceptions=True))
    reveal_type(asyncio.gather(number(), text(), future, return_exceptions=True))
    reveal_type(asyncio.gather(number(), text(), future, task, return_exceptions=True))
    reveal_type(asyncio.gather(number(), text(), future, task, Ready(), return_exceptions=True))
    reveal_type(
        asyncio.gather(number(), text(), future, task, Ready(), nothing(), return_exceptions=True)
    )
    reveal_type(asyncio.gather(*[number()], return_exceptions=True))
    reveal_type(asyncio.gather(number(), text(), return_exceptions=flag))
    reveal_type(asyncio.gather(*[number()], return_exceptions=flag))
    for result in await asyncio.gather(*[number()], return_exceptions=True):
        if isinstance(result, BaseException):
            reveal_type(result)
        else:
            reveal_type(result)
    asyncio.gather(1)  # wrong
    asyncio.gather(number(), 2)  # wrong
    asyncio.gather([number()])  # wrong
    asyncio.gather(number(), loop=None)  # wrong


async def as_they_come(
    coros: list[Coroutine[None, None, int]], tasks: set[asyncio.Task[str]]
) -> None:
    for next_one in asyncio.as_completed(coros, timeout=1.5):
        reveal_type(await reveal_type(next_one))
    async for finished in asyncio.as_completed(tasks):
        reveal_type(finished)
        reveal_type(finished.result())
        reveal_type(await finished)
    reveal_type(asyncio.as_completed([number(), number()]))
    await reveal_type(next(iter(asyncio.as_completed(tasks))))
    both = asyncio.as_completed(tasks)
    once: Iterable[Awaitable[str]] = both
    again: AsyncIterator[asyncio.Future[str]] = both
    asyncio.as_completed(number())  # wrong
    asyncio.as_completed([1])  # wrong


async def waiting(tasks: set[asyncio.Task[int]], futures: list[asyncio.Future[str]]) -> None:
    reveal_type(await asyncio.wait(tasks))
    done, pending = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    reveal_type(done)
    reveal_type(pending)
    for task in done:
        reveal_type(task.result())
    reveal_type(await asyncio.wait(futures, return_when=asyncio.ALL_COMPLETED))
    reveal_type(await asyncio.wait([asyncio.create_task(number()), asyncio.create_task(text())]))
    reveal_type(await asyncio.wait(fs=futures, timeout=None))
    reveal_type(asyncio.FIRST_COMPLETED)
    reveal_type(asyncio.FIRST_EXCEPTION)
    reveal_type(asyncio.ALL_COMPLETED)
    await asyncio.wait([number()])  # wrong
    await asyncio.wait(number())  # wrong
    await asyncio.wait(tasks, return_when=1)  # wrong


async def waiting_for(future: asyncio.Future[bytes]) -> None:
    reveal_type(await asyncio.wait_for(number(), 1))
    reveal_type(await asyncio.wait_for(number(), timeout=1.5))
    reveal_type(await asyncio.wait_for(future, None))
    reveal_type(await asyncio.wait_for(Ready(), timeout=None))
    reveal_type(await asyncio.wait_for(fut=asyncio.create_task(text()), timeout=2))
    reveal_type(await asyncio.wait_for(asyncio.gather(number(), text()), 2))
    await asyncio.wait_for(number())  # wrong
    await asyncio.wait_for(number, 1)  # wrong
    await asyncio.wait_for(number(), "1")  # wrong
    asyncio.wait_for(number(), 1)  # wrong


async def shielding(future: asyncio.Future[bytes]) -> None:
    reveal_type(asyncio.shield(number()))
    reveal_type(asyncio.shield(future))
    reveal_type(asyncio.shield(asyncio.create_task(text())))
    reveal_type(await asyncio.shield(Ready()))
    reveal_type(await asyncio.shield(arg=number()))
    asyncio.shield(1)  # wrong


async def sleeping() -> None:
    reveal_type(await asyncio.sleep(1))
    reveal_type(await asyncio.sleep(0.5, "result"))
    reveal_type(await asyncio.sleep(delay=0, result=[1]))
    await reveal_type(asyncio.sleep(1))
    await reveal_type(asyncio.sleep(1, 2))
    await asyncio.sleep("1")  # wrong
    await asyncio.sleep()  # wrong
    asyncio.sleep(1)  # wrong


async def ensuring(future: asyncio.Future[bytes], task: asyncio.Task[int]) -> None:
    loop = asyncio.get_running_loop()
    reveal_type(asyncio.ensure_future(number()))
    reveal_type(asyncio.ensure_future(Ready(), loop=loop))
    reveal_type(asyncio.ensure_future(future))
    reveal_type(asyncio.ensure_future(task))
    reveal_type(asyncio.ensure_future(coro_or_future=text()))
    asyncio.ensure_future(1)  # wrong


def from_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    future = asyncio.run_coroutine_threadsafe(number(), loop)
    reveal_type(future)
    reveal_type(future.result(timeout=3))
    reveal_type(asyncio.run_coroutine_threadsafe(coro=text(), loop=loop))
    asyncio.run_coroutine_threadsafe(number(), None)  # wrong
    asyncio.run_coroutine_threadsafe(Ready(), loop)  # wrong


async def introspection(task: asyncio.Task[int], loop: asyncio.AbstractEventLoop) -> None:
    reveal_type(asyncio.current_task())
    reveal_type(asyncio.current_task(loop))
    reveal_type(asyncio.current_task(loop=None))
    reveal_type(asyncio.all_tasks())
    reveal_type(asyncio.all_tasks(loop))
    for each in asyncio.all_tasks():
        reveal_type(each)
        reveal_type(each.get_name())
    asyncio.current_task().cancel()  # wrong
    if (current := asyncio.current_task()) is not None:
        reveal_type(current.cancel())


class OwnTask(asyncio.Task[T]):
    pass


def task_factories(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_task_factory(asyncio.eager_task_factory)
    loop.set_task_factory(None)
    reveal_type(asyncio.eager_task_factory(loop, number()))
    reveal_type(asyncio.eager_task_factory(loop, text(), name="t", eager_start=True))
    factory = asyncio.create_eager_task_factory(OwnTask)
    loop.set_task_factory(factory)
    reveal_type(factory(loop, number(), name="t"))
    loop.set_task_factory(asyncio.create_eager_task_factory(asyncio.Task))
    loop.set_task_factory(1)  # wrong
    loop.set_task_factory(number)  # wrong
    asyncio.create_eager_task_factory(number)  # wrong


def libraries_with_tasks_of_their_own(
    task: asyncio.Task[int], loop: asyncio.AbstractEventLoop
) -> None:
    asyncio._register_task(task)  # pyright: ignore[reportPrivateUsage]
    asyncio._enter_task(loop, task)  # pyright: ignore[reportPrivateUsage]
    asyncio._leave_task(loop, task)  # pyright: ignore[reportPrivateUsage]
    asyncio._unregister_task(task)  # pyright: ignore[reportPrivateUsage]


async def passed_on(make: Callable[[], Awaitable[T]], default: T) -> T:
    try:
        return await asyncio.wait_for(make(), 1)
    except asyncio.TimeoutError:
        return default


async def generic_results() -> None:
    reveal_type(await passed_on(number, 2))
    named = {"a": asyncio.create_task(number()), "b": asyncio.create_task(number())}
    reveal_type(dict(zip(named, await asyncio.gather(*named.values()), strict=True)))
    groups = [asyncio.gather(number(), text()) for _ in range(2)]
    reveal_type(groups)
    reveal_type(await asyncio.gather(*groups))
    reveal_type([task.result() for task in (await asyncio.wait(named.values()))[0]])
