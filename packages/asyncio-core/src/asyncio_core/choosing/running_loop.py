"""Which event loop runs in this thread.

One slot for each thread, kept in a ``threading.local``: reading it takes no lock, and a thread that
never ran a loop finds the class attribute below. ``os.fork()`` copies the forking thread's slot into
the child, where the loop does not run, so the child clears it once, right after the fork. Asking for
the process id on every read would cost a system call for an event that almost never happens.
"""

from __future__ import annotations

import os
import sys
import threading

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("_get_running_loop", "_set_running_loop", "get_running_loop")


class _Slot(threading.local):
    loop: AbstractEventLoop | None = None


_slot = _Slot()


def get_running_loop() -> AbstractEventLoop:
    """Return the event loop that is running in this thread.

    To be called from coroutines and callbacks. Raises RuntimeError where no loop is running.
    Added in Python 3.7.
    """
    loop = _slot.loop
    if loop is None:
        try:
            raise RuntimeError(_why_no_loop())
        except RuntimeError as error:
            drop_own_frame(error)
            raise
    return loop


def _get_running_loop() -> AbstractEventLoop | None:
    """Return the loop running in this thread, or None.

    For event loops and libraries close to them; others want `get_running_loop()`.
    Added in Python 3.5.3.
    """
    return _slot.loop


def _set_running_loop(loop: AbstractEventLoop | None) -> None:
    """Declare that `loop` runs in this thread from now on, or with None that none does.

    For event loops only, around the time they run. Added in Python 3.5.3.
    """
    _slot.loop = loop


def _runs_here(loop: AbstractEventLoop) -> bool:
    """Return whether `loop` runs in this very thread.

    The functions above may be replaced by ones that name a loop in every thread.
    """
    return _slot.loop is loop


def _standard_events() -> Any:
    """Return the `asyncio.events` of the standard asyncio where this process has that too, else None."""
    package = sys.modules.get("asyncio")
    if package is None or "__implementation__" in vars(package):
        return None
    return sys.modules.get("asyncio.events")


def _loop_of_the_standard() -> Any:
    """Return the loop that runs in this thread for the standard asyncio, or None."""
    tell = getattr(_standard_events(), "_get_running_loop", None)
    return None if tell is None else tell()


def _why_no_loop() -> str:
    other = _loop_of_the_standard()
    if other is None:
        return "no running event loop"
    return (
        f"no running event loop of asyncio_core: {other!r}, which runs here, is one of the standard "
        "asyncio, and what waits for the one cannot wait for the other"
    )


if not TYPE_CHECKING and twins is not None:
    get_running_loop = twins.get_running_loop
    _get_running_loop = twins._get_running_loop
    _set_running_loop = twins._set_running_loop
    _runs_here = twins._runs_here
    twins.know(_why_no_loop=_why_no_loop)


def _forget_after_fork() -> None:
    _set_running_loop(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)

leave_to_checkers(__name__)
