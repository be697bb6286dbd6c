"""Deadlines for blocks."""

import asyncio


async def number() -> int:
    return 1


async def a_timeout() -> None:
    async with asyncio.timeout(10) as deadline:
        reveal_type(deadline)
        reveal_type(deadline.when())
        deadline.reschedule(asyncio.get_running_loop().time() + 5)
        deadline.reschedule(None)
        deadline.reschedule("5")  # wrong
    reveal_type(deadline.expired())
    reveal_type(asyncio.timeout(None))
    reveal_type(asyncio.timeout(delay=1.5))
    reveal_type(asyncio.timeout_at(asyncio.get_running_loop().time() + 1))
    reveal_type(asyncio.timeout_at(when=None))
    reveal_type(asyncio.Timeout(None))
    asyncio.timeout()  # wrong
    asyncio.timeout("1")  # wrong
    asyncio.timeout_at("1")  # wrong
    with asyncio.timeout(1):  # wrong
        pass


async def returning_inside() -> int:
    async with asyncio.timeout(10):
        return await number()


async def returning_inside_at() -> int:
    async with asyncio.timeout_at(10):
        return await number()


async def returning_in_two_blocks() -> int:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        return await group.create_task(number())


async def when_it_is_over() -> int | None:
    try:
        async with asyncio.timeout(1):
            return await number()
    except TimeoutError as error:
        reveal_type(error)
    return None


async def by_hand(deadline: asyncio.Timeout) -> None:
    reveal_type(await deadline.__aenter__())
    await deadline.__aexit__(None, None, None)


class OwnTimeout(asyncio.Timeout):  # wrong
    pass
