"""Child watchers, which policies carried up to Python 3.13.

Processes here are watched without them. The classes, for programs that still name or set one, come with
asyncio-subprocess; this is the policies' side: keep one, and tell it of the main thread's loop.
"""

from __future__ import annotations

import os
import sys
import warnings

from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("ChildWatcherPolicy", "can_use_pidfd", "watcher_module")

# What `unix_events` shows of that distribution. The names without an underscore went with Python 3.14.
WATCHER_NAMES = {"_PidfdChildWatcher", "_ThreadedChildWatcher", "waitstatus_to_exitcode"}
PUBLIC_WATCHERS: set[str] = set()
if sys.version_info < (3, 14):
    PUBLIC_WATCHERS |= {
        f"{kind}ChildWatcher"
        for kind in ("Abstract", "Fast", "MultiLoop", "Pidfd", "Safe", "Threaded")
    }
    WATCHER_NAMES |= {"BaseChildWatcher", *PUBLIC_WATCHERS}


def watcher_module() -> ModuleType:
    """Return the module of the watcher classes, from the distribution that starts processes.

    Raises NotImplementedError where that is not installed.
    """
    from asyncio_core.choosing.subprocess_support import child_watchers

    module = child_watchers()
    if module is None:
        raise NotImplementedError("child watchers come with the distribution asyncio-subprocess")
    return module


def can_use_pidfd() -> bool:
    """Return whether the exit of a child can be waited for through a descriptor of it (Linux 5.3)."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid(), 0))
    except OSError:
        # An older kernel, or a sandbox that does not let us.
        return False
    return True


if sys.version_info >= (3, 14):
    ChildWatcherPolicy = BaseDefaultEventLoopPolicy
else:

    class ChildWatcherPolicy(BaseDefaultEventLoopPolicy):
        """A policy with a child watcher. Deprecated since Python 3.12, gone in 3.14."""

        _watcher: Any = None

        def get_child_watcher(self) -> Any:
            """Return the watcher that was set, or the one that fits this system."""
            _warn_of_watchers("get_child_watcher")
            if self._watcher is None:
                watchers = watcher_module()
                with warnings.catch_warnings():
                    # Making one warns as well; asking for it has been warned of already.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    if sys.version_info >= (3, 12) and can_use_pidfd():
                        self._watcher = watchers.PidfdChildWatcher()
                    else:
                        self._watcher = watchers.ThreadedChildWatcher()
                        self._attach_watcher()
            return self._watcher

        def set_child_watcher(self, watcher: Any) -> None:
            """Keep `watcher`, None for the usual one, and close the one before.

            Raises TypeError where it is neither None nor a watcher.
            """
            if not (watcher is None or isinstance(watcher, watcher_module().AbstractChildWatcher)):
                raise TypeError(f"watcher must be a child watcher or None, not {watcher!r}")
            former, self._watcher = self._watcher, watcher
            if former is not None:
                former.close()
            _warn_of_watchers("set_child_watcher")

        def set_event_loop(self, loop: AbstractEventLoop | None) -> None:
            """Make `loop` this thread's loop; in the main thread the watcher follows it."""
            super().set_event_loop(loop)
            self._attach_watcher()

        def _attach_watcher(self) -> None:
            import threading

            # Signals, which some watchers live on, are the main thread's.
            if self._watcher is not None and threading.current_thread() is threading.main_thread():
                self._watcher.attach_loop(self._local._loop)


def _warn_of_watchers(name: str) -> None:
    if sys.version_info >= (3, 12):
        warnings.warn(
            f"{name!r} is deprecated as of Python 3.12 and will be removed in Python 3.14.",
            DeprecationWarning,
            stacklevel=3,
        )
