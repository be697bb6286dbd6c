"""pydantic and beartype: they check calls by the annotations of what is called, and find none in asyncio."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

import beartype
import pydantic
from traffic import check, gone, run

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKERS: list[Callable[[Any], Any]] = [
    pydantic.validate_call,
    beartype.beartype,
]


def public() -> list[Any]:
    return [
        value for name in asyncio.__all__ if inspect.isfunction(value := getattr(asyncio, name))
    ]


async def calls(checked: Callable[[Any], Any]) -> None:
    """Call what takes awaitables, functions with arguments of their own, and numbers of any kind."""
    check(await checked(asyncio.sleep)(0, "result"), "result")
    check(await checked(asyncio.wait_for)(asyncio.sleep(0, 1), 1), 1)
    check(await checked(asyncio.gather)(asyncio.sleep(0, 1), asyncio.sleep(0, 2)), [1, 2])
    check(await checked(asyncio.shield)(asyncio.sleep(0, 1)), 1)
    check(await checked(asyncio.create_task)(asyncio.sleep(0, 1), name="one"), 1)
    check(await checked(asyncio.to_thread)(divmod, 7, 2), (3, 1))
    check(await checked(asyncio.to_thread)(functools.partial(int, base=2), "101"), 5)
    child = await checked(asyncio.create_subprocess_exec)(
        sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE
    )
    check((await child.communicate())[0].split(), [b"1"])
    queue = asyncio.Queue[int]()
    await checked(queue.put)(1)
    check(await checked(queue.get)(), 1)
    loop = asyncio.get_running_loop()
    check(await checked(loop.run_in_executor)(None, divmod, 7, 2), (3, 1))
    for wrong in ("soon", None):
        try:
            await checked(asyncio.sleep)(wrong)
        except TypeError:
            check(True, True)


async def main() -> None:
    for checked in CHECKERS:
        for function in public():
            # The standard ones of the call graph name a class that pydantic does not know.
            if "graph" not in function.__name__:
                check(callable(checked(function)), True)
        await calls(checked)

    class Message(pydantic.BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        answer: asyncio.Future[int]
        queue: asyncio.Queue[int]

    future = asyncio.get_running_loop().create_future()
    check(Message(answer=future, queue=asyncio.Queue()).answer is future, True)
    await gone()


run(main, "pydantic", "beartype")
