"""Part of the event loop: debug mode and the checks that come with it.

Debug mode starts switched on with PYTHONASYNCIODEBUG=1 or in Python's development mode (-X dev), and
follows `loop.set_debug()` from then on. It costs time, so the loop asks once for each turn whether it
is on, and the checks live here, away from the paths that every program takes.
"""

from __future__ import annotations

import sys
from threading import get_ident

from asyncio_core import constants
from asyncio_core.scheduling.loop_part import LoopPart
from asyncio_core.scheduling.reports import _logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.scheduling.handles import Handle

__all__ = ("DebugPart",)


class DebugPart(LoopPart):
    """Slow callbacks, calls from the wrong thread, callbacks that are none, origins of coroutines."""

    # Depth that was set before this loop began to track origins, None while it does not.
    _origin_depth_before: int | None = None

    def get_debug(self) -> bool:
        """Return True in debug mode. Added in Python 3.4.2."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Switch debug mode on or off, also while the loop runs. Added in Python 3.4.2."""
        self._debug = enabled
        if self.is_running():
            # The depth belongs to the thread, so the thread that runs the loop has to set it.
            self.call_soon_threadsafe(self._set_coroutine_origin_tracking, enabled)

    def _set_coroutine_origin_tracking(self, enabled: bool) -> None:
        """Have coroutines remember where they were called, for "was never awaited" warnings."""
        if enabled == (self._origin_depth_before is not None):
            return
        if enabled:
            self._origin_depth_before = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(constants.DEBUG_STACK_DEPTH)
        else:
            assert self._origin_depth_before is not None
            sys.set_coroutine_origin_tracking_depth(self._origin_depth_before)
            self._origin_depth_before = None

    def _check_thread(self) -> None:
        """Raise RuntimeError where the loop runs in a thread other than the calling one.

        Only debug mode asks; `call_soon_threadsafe()` is the call for other threads.
        """
        if self._thread_id is not None and self._thread_id != get_ident():
            raise RuntimeError(
                "Non-thread-safe operation invoked on an event loop other than the current one"
            )

    def _check_callback(self, callback: Any, method_name: str) -> None:
        """Raise TypeError where `callback` cannot be called, or calling it would only make a coroutine."""
        from asyncio_core.awaiting import coroutines

        if sys.version_info >= (3, 14):
            # The public one warns there.
            is_function = coroutines._iscoroutinefunction
        else:
            is_function = coroutines.iscoroutinefunction
        if coroutines.iscoroutine(callback) or is_function(callback):
            raise TypeError(f"coroutines cannot be used with {method_name}(), got {callback!r}")
        if not callable(callback):
            raise TypeError(f"{method_name}() needs a callable object, got {callback!r}")

    def _run_batch_watched(self, count: int) -> None:
        """Run the next `count` ready handles, and log those that keep the loop for too long."""
        ready = self._ready
        for _ in range(count):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            self._current_handle = handle
            begun = self.time()
            try:
                handle._run()
            finally:
                self._current_handle = None
            seconds = self.time() - begun
            if seconds >= self.slow_callback_duration:
                _logger().warning("Executing %s took %.3f seconds", _format_handle(handle), seconds)
        # As in the loop's turn without debug mode: leave no way from a traceback to the task.
        handle = None  # type: ignore[assignment]


def _format_handle(handle: Handle) -> str:
    """Describe what a handle ran: the task, where it was a step of one."""
    from asyncio_core.awaiting.task import Task

    owner = getattr(handle._callback, "__self__", None)
    return repr(owner) if isinstance(owner, Task) else str(handle)
