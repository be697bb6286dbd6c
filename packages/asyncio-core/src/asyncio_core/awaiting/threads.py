"""Blocking functions in threads."""

from __future__ import annotations

import contextvars
from functools import partial

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ("to_thread",)


async def to_thread(func: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a blocking function in the loop's default executor and return its result.

    The function sees the caller's context variables, in a copy. Cancelling the caller ends its wait;
    a function that has begun runs to its end all the same, as nothing can stop a thread.
    Added in Python 3.9.
    """
    call = partial(contextvars.copy_context().run, func, *args, **kwargs)
    return await get_running_loop().run_in_executor(None, call)


lend_names(
    __name__,
    "events",
    "functools",
)

leave_to_checkers(__name__)
