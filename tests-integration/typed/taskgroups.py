"""Task groups."""

import asyncio
import contextvars
from collections.abc import Generator


async def number() -> int:
    return 1


async def text() -> str:
    return "one"


class Ready:
    def __await__(self) -> Generator[None, None, bytes]:
        yield None
        return b""


async def a_group() -> None:
    async with asyncio.TaskGroup() as group:
        reveal_type(group)
        first = group.create_task(number())
        second = group.create_task(text(), name="t", context=contextvars.copy_context())
        reveal_type(group.create_task(number(), eager_start=True))
        reveal_type(group.create_task(coro=number()))
        reveal_type(first)
        group.create_task(number)  # wrong
        group.create_task(Ready())  # wrong
        group.create_task(number(), name=1)  # wrong
        group.create_task(number(), nme="t")  # wrong
    reveal_type((first.result(), second.result()))
    group.cancel()
    asyncio.TaskGroup(1)  # wrong
    with asyncio.TaskGroup():  # wrong
        pass


async def returning_inside() -> int:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(number())
        return await task


async def returning_in_two_ways(flag: bool) -> str:
    async with asyncio.TaskGroup() as group:
        if flag:
            return await group.create_task(text())
        raise ValueError


async def with_a_value_from_inside() -> int:
    async with asyncio.TaskGroup() as group:
        value = group.create_task(number())
    return value.result()


async def exceptions() -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(number())
    except* ValueError as errors:
        reveal_type(errors)
        reveal_type(errors.exceptions)


class OwnGroup(asyncio.TaskGroup):
    pass


async def subclass() -> int:
    async with OwnGroup() as group:
        reveal_type(group)
        return 1


async def by_hand(group: asyncio.TaskGroup) -> None:
    reveal_type(await group.__aenter__())
    await group.__aexit__(None, None, None)
    await group.__aexit__(None, None)  # wrong
