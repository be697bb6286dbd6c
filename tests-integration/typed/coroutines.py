"""Telling coroutines."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine


async def number() -> int:
    return 1


def not_one() -> int:
    return 1


def gives_an_awaitable(count: int) -> Awaitable[str]:
    raise NotImplementedError


def telling(thing: object, either: int | Coroutine[None, None, str]) -> None:
    reveal_type(asyncio.iscoroutine(thing))
    if asyncio.iscoroutine(thing):
        reveal_type(thing).close()
    if asyncio.iscoroutine(either):
        reveal_type(either).close()
    else:
        reveal_type(either)


def telling_functions(
    thing: object, either: Callable[[int], Awaitable[str]] | Callable[[int], str]
) -> None:
    reveal_type(asyncio.iscoroutinefunction(number))
    reveal_type(asyncio.iscoroutinefunction(not_one))
    reveal_type(asyncio.iscoroutinefunction(thing))
    if asyncio.iscoroutinefunction(thing):
        reveal_type(thing)
    if asyncio.iscoroutinefunction(gives_an_awaitable):
        reveal_type(gives_an_awaitable)
    if asyncio.iscoroutinefunction(either):
        reveal_type(either)
    asyncio.iscoroutinefunction()  # wrong
