"""Futures."""

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Awaitable, Generator


async def using(future: asyncio.Future[int]) -> None:
    reveal_type(future)
    reveal_type(await future)
    reveal_type(future.result())
    reveal_type(future.exception())
    reveal_type(future.done())
    reveal_type(future.cancelled())
    reveal_type(future.cancel())
    reveal_type(future.cancel(msg="message"))
    reveal_type(future.get_loop())
    future.set_result(1)
    future.set_exception(ValueError())
    future.set_exception(ValueError)
    future.set_result("1")  # wrong
    future.set_result()  # wrong
    future.set_exception("error")  # wrong
    future.result(1)  # wrong


async def calling_back(future: asyncio.Future[int]) -> None:
    def seen(done: asyncio.Future[int]) -> None:
        reveal_type(done.result())

    def seen_as_text(done: asyncio.Future[str]) -> None: ...

    def seen_as_task(done: asyncio.Task[int]) -> None: ...

    future.add_done_callback(seen)
    future.add_done_callback(seen, context=contextvars.copy_context())
    future.add_done_callback(lambda done: reveal_type(done.result()))
    future.add_done_callback(print)
    future.add_done_callback(seen_as_text)  # wrong
    future.add_done_callback(seen_as_task)  # wrong
    future.add_done_callback(1)  # wrong
    future.add_done_callback(fn=seen)  # wrong
    reveal_type(future.remove_done_callback(seen))
    loop = asyncio.get_running_loop()
    loop.call_soon(future.set_result, 2)
    loop.call_soon(future.set_result, "2")  # wrong
    loop.call_soon(future.cancel)


async def making() -> None:
    loop = asyncio.get_running_loop()
    reveal_type(loop.create_future())
    future: asyncio.Future[str] = loop.create_future()
    reveal_type(future)
    reveal_type(await future)
    own = asyncio.Future[bytes](loop=loop)
    reveal_type(own)
    other: asyncio.Future[None] = asyncio.Future()
    other.set_result(None)
    asyncio.Future(1)  # wrong
    wide: asyncio.Future[object] = future  # wrong
    awaitable: Awaitable[object] = future
    reveal_type(awaitable)


def by_generator(future: asyncio.Future[int]) -> Generator[object, None, int]:
    result = yield from future
    reveal_type(result)
    reveal_type(future.__await__())
    reveal_type(iter(future))
    return result


def telling(thing: object, either: asyncio.Future[int] | int) -> None:
    reveal_type(asyncio.isfuture(thing))
    if asyncio.isfuture(thing):
        reveal_type(thing)
    if asyncio.isfuture(either):
        reveal_type(either)
    else:
        reveal_type(either)
    asyncio.isfuture()  # wrong


async def wrapping(future: concurrent.futures.Future[int], own: asyncio.Future[str]) -> None:
    reveal_type(asyncio.wrap_future(future))
    reveal_type(asyncio.wrap_future(future, loop=asyncio.get_running_loop()))
    reveal_type(await asyncio.wrap_future(future=future))
    reveal_type(asyncio.wrap_future(own))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reveal_type(await asyncio.wrap_future(pool.submit(len, "abc")))
    asyncio.wrap_future(1)  # wrong


class OwnFuture(asyncio.Future[int]):
    def done(self) -> bool:
        return super().done()


async def subclass(future: OwnFuture) -> None:
    def seen(done: OwnFuture) -> None: ...

    future.add_done_callback(seen)
    reveal_type(await future)
    reveal_type(asyncio.ensure_future(future))
    reveal_type(await asyncio.wait([future]))


def awaited_by(future: asyncio.Future[int], waiter: asyncio.Task[str]) -> None:
    asyncio.future_add_to_awaited_by(future, waiter)
    asyncio.future_discard_from_awaited_by(future, waiter)
    asyncio.future_add_to_awaited_by(future)  # wrong
    asyncio.future_discard_from_awaited_by(future, 1)  # wrong
