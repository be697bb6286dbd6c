"""Running a coroutine on a fresh loop whose complaints are errors."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, TypeVar

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run_watched(
    main: Coroutine[Any, Any, T],
    *,
    loop_factory: Callable[[], asyncio_core.AbstractEventLoop] | None = None,
    debug: bool | None = None,
    limit: float | None = None,
    collect: bool = False,
    reported: list[dict[str, Any]] | None = None,
) -> T:
    """Run a coroutine to its end, within `limit` seconds, and return its result.

    Fails where anything was reported to the loop's exception handler. A test that wants reports sets a handler
    of its own, or gives the list for them and takes out of it what it expects. With `collect`, what was not closed
    says so now, and not in some other test.
    """
    got: list[dict[str, Any]] = [] if reported is None else reported

    async def supervised() -> T:
        loop = asyncio_core.get_running_loop()
        loop.set_exception_handler(lambda _, context: got.append(context))
        if limit is None:
            return await main
        async with asyncio_core.timeout(limit):
            return await main

    with asyncio_core.Runner(loop_factory=loop_factory, debug=debug) as runner:
        result = runner.run(supervised())
    if collect:
        gc.collect()
    assert got == []
    return result


async def turns(count: int) -> None:
    """Let everything that is ready run, `count` times over."""
    for _ in range(count):
        await asyncio_core.sleep(0)
