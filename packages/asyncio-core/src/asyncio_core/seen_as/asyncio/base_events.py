"""Calls that are seen as made by `asyncio/base_events.py`; see `asyncio_core.seen_as`."""

from __future__ import annotations

from asyncio_core.exceptions import drop_own_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeVar

    _T = TypeVar("_T")


async def subprocess_exec(starting: Awaitable[_T]) -> _T:
    """Await the start of a program: a parent reads how it went from a pipe, and is blocked until then."""
    try:
        return await starting
    except BaseException as error:
        drop_own_frame(error)
        raise


async def subprocess_shell(starting: Awaitable[_T]) -> _T:
    """Await the start of a command line, as `subprocess_exec()` does that of a program."""
    try:
        return await starting
    except BaseException as error:
        drop_own_frame(error)
        raise


def shutdown_default_executor(join: Callable[[], Any]) -> None:
    """Join a thread that has nothing more to do."""
    join()
