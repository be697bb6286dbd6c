"""Errors of programs that use the standard asyncio beside this one, in words that name the two.

What has to wait needs the running loop of its own implementation. A lock of the standard asyncio that finds
none stumbles over it (``None.create_future()``), which tells nobody what is wrong.
"""

from __future__ import annotations

from asyncio_core.choosing.running_loop import _standard_events
from asyncio_core.interfaces.loop import AbstractEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop as Loop


def explained(error: BaseException, loop: Loop | None) -> BaseException:
    """Return what a coroutine under `loop` failed with, or a RuntimeError that tells what is behind it.

    That is where code of the standard asyncio has looked for a loop of its own. The original is its cause.
    """
    if _standard_events() is None:
        return error
    if isinstance(error, AttributeError):
        if error.obj is not None or not hasattr(AbstractEventLoop, str(error.name)):
            return error
        if not _raised_in(error).startswith("asyncio."):
            return error
    elif str(error) != "no running event loop":
        return error
    clear = RuntimeError(
        "the standard asyncio has no running event loop here: "
        f"{loop!r}, which runs, is one of asyncio_core, and what waits for the one cannot wait for the "
        "other (asyncio_sync has locks and queues, asyncio_streams connections, asyncio_core the rest)"
    )
    clear.__cause__ = error
    return clear.with_traceback(error.__traceback__)


def _raised_in(error: BaseException) -> str:
    """Return the name of the module whose line raised `error`."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return "" if entry is None else str(entry.tb_frame.f_globals.get("__name__"))


def whose(future: Any) -> str:
    """Return the end of a sentence about a future that is not awaited where it belongs, or nothing."""
    events = _standard_events()
    if events is None or type(future).__module__.partition(".")[0] not in ("_asyncio", "asyncio"):
        return ""
    return ": it is one of the standard asyncio, and the task one of asyncio_core"
