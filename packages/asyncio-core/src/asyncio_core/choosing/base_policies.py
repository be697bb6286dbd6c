"""What a policy is, and the one that remembers a loop for each thread."""

from __future__ import annotations

import sys
import threading

from asyncio_core.interfaces.loop import AbstractEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("AbstractEventLoopPolicy", "BaseDefaultEventLoopPolicy")

_CHILD_WATCHERS = sys.version_info < (3, 14)


class AbstractEventLoopPolicy:
    """The interface of policies (PEP 3156): loops made, and one remembered for each context.

    What a context is, is the policy's choice; those here take threads.
    """

    def get_event_loop(self) -> AbstractEventLoop:
        """Return the loop of the current context; raise where there is none."""
        raise NotImplementedError

    def set_event_loop(self, loop: AbstractEventLoop | None) -> None:
        """Make `loop` that of the current context."""
        raise NotImplementedError

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new loop, without setting it."""
        raise NotImplementedError

    if _CHILD_WATCHERS:

        def get_child_watcher(self) -> Any:
            """Return the object that watches child processes. Gone in Python 3.14."""
            raise NotImplementedError(
                "child watchers come with the distribution asyncio-subprocess"
            )

        def set_child_watcher(self, watcher: Any) -> None:
            """Set the object that watches child processes. Gone in Python 3.14."""
            raise NotImplementedError(
                "child watchers come with the distribution asyncio-subprocess"
            )


class BaseDefaultEventLoopPolicy(AbstractEventLoopPolicy):
    """A policy that remembers one loop for each thread.

    `_loop_factory` makes them: a loop class, or a method of the derived policy.

    Up to Python 3.13 the main thread gets a loop when it first asks, from 3.12 on with a
    DeprecationWarning. Otherwise, and in other threads, a loop has to be set before.
    """

    _loop_factory: Callable[[], AbstractEventLoop] | None = None

    class _Local(threading.local):
        _loop: AbstractEventLoop | None = None
        _set_called = False

    def __init__(self) -> None:
        self._local = self._Local()

    def get_event_loop(self) -> AbstractEventLoop:
        """Return this thread's loop; raise RuntimeError where none is set."""
        local = self._local
        if (
            sys.version_info < (3, 14)
            and local._loop is None
            and not local._set_called
            and threading.current_thread() is threading.main_thread()
        ):
            if sys.version_info >= (3, 12):
                _warn_caller("There is no current event loop", DeprecationWarning)
            self.set_event_loop(self.new_event_loop())
        if local._loop is None:
            thread = threading.current_thread().name
            raise RuntimeError(f"There is no current event loop in thread {thread!r}.")
        return local._loop

    def set_event_loop(self, loop: AbstractEventLoop | None) -> None:
        """Make `loop` this thread's loop, or with None none.

        Raises TypeError for what is neither.
        """
        if not (loop is None or isinstance(loop, AbstractEventLoop)):
            raise TypeError(
                f"loop must be an instance of AbstractEventLoop or None, not {type(loop).__name__!r}"
            )
        self._local._set_called = True
        self._local._loop = loop

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new loop of this policy's kind."""
        if self._loop_factory is None:
            raise NotImplementedError(f"{type(self).__name__} names no loop to make")
        return self._loop_factory()


def _warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the first frame, going outward, that is neither the core's nor the umbrella's."""
    import warnings

    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module: object) -> bool:
    # Policies of other distributions derive from this one, so frames of a base class come in between.
    return isinstance(module, str) and module.partition(".")[0] in ("asyncio", "asyncio_core")
