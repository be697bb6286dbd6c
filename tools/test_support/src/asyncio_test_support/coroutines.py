"""Coroutines that come to nothing."""

from __future__ import annotations

import asyncio_core


async def fail(error: BaseException | type[BaseException], delay: float = 0) -> None:
    """Raise `error` once `delay` seconds have gone by, or in the next turn."""
    await asyncio_core.sleep(delay)
    raise error


async def forever() -> None:
    """Wait for what never comes."""
    await asyncio_core.get_running_loop().create_future()
