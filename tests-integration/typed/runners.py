"""From a program into a loop."""

import asyncio
import contextvars
from collections.abc import Awaitable, Generator
from typing import TypeVar

T = TypeVar("T")


async def number() -> int:
    return 1


async def nothing() -> None:
    pass


class Ready:
    def __await__(self) -> Generator[None, None, bytes]:
        yield None
        return b""


def own_loop() -> asyncio.SelectorEventLoop:
    return asyncio.SelectorEventLoop()


def running() -> None:
    reveal_type(asyncio.run(number()))
    reveal_type(asyncio.run(Ready()))
    reveal_type(asyncio.run(main=number(), debug=True))
    reveal_type(asyncio.run(number(), loop_factory=asyncio.new_event_loop))
    reveal_type(asyncio.run(number(), loop_factory=own_loop))
    reveal_type(asyncio.run(number(), loop_factory=asyncio.SelectorEventLoop))
    reveal_type(asyncio.run(number(), loop_factory=asyncio.EventLoop))
    reveal_type(asyncio.run(number(), loop_factory=None))
    asyncio.run(nothing())
    asyncio.run(number)  # wrong
    asyncio.run(number(), debug="yes")  # wrong
    asyncio.run(number(), loop_factory=own_loop())  # wrong
    asyncio.run(number(), loop_factory=dict)  # wrong
    asyncio.run()  # wrong
    asyncio.run(1)  # wrong


def a_runner() -> None:
    with asyncio.Runner() as runner:
        reveal_type(runner)
        reveal_type(runner.get_loop())
        reveal_type(runner.run(number()))
        reveal_type(runner.run(Ready(), context=contextvars.copy_context()))
        reveal_type(runner.run(coro=number(), context=None))
        runner.run(number)  # wrong
        runner.run(number(), context=1)  # wrong
    asyncio.Runner(debug=True, loop_factory=own_loop).close()
    asyncio.Runner(loop_factory=asyncio.new_event_loop).__exit__(None, None, None)
    asyncio.Runner(True)  # wrong
    asyncio.Runner(loop_factory=1)  # wrong


def returning_inside() -> int:
    with asyncio.Runner() as runner:
        return runner.run(number())


def generic(main: Awaitable[T]) -> T:
    return asyncio.run(main)


class OwnRunner(asyncio.Runner):  # wrong
    pass
