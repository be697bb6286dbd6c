"""The child watchers that programs could choose up to Python 3.13; what loops find by entry point.

Nothing of it is needed for starting processes: loops watch their children themselves. Who sets one of
these as the policy's watcher has it used all the same. The watchers that live on SIGCHLD are in
`signal_watchers`; those in here learn of a child's end in the ways that loops do, see `exits`.
"""

from __future__ import annotations

import warnings
from functools import partial

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.faces import extend_face, make_face
from asyncio_subprocess.abstract_watcher import AbstractChildWatcher, unknown_status
from asyncio_subprocess.exit_pidfd import _PidfdChildWatcher
from asyncio_subprocess.exit_pidfd import usable as can_use_pidfd
from asyncio_subprocess.exit_thread import _ThreadedChildWatcher
from asyncio_subprocess.exits import exit_watcher
from asyncio_subprocess.reaping import reap, waitstatus_to_exitcode
from asyncio_subprocess.signal_watchers import (
    BaseChildWatcher,
    FastChildWatcher,
    MultiLoopChildWatcher,
    SafeChildWatcher,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread
    from types import TracebackType
    from typing import Any, Self, TypeVarTuple, Unpack

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_subprocess.reaping import ExitWatcher

    _Ts = TypeVarTuple("_Ts")

__all__ = (
    "AbstractChildWatcher",
    "BaseChildWatcher",
    "FastChildWatcher",
    "MultiLoopChildWatcher",
    "PidfdChildWatcher",
    "SafeChildWatcher",
    "ThreadedChildWatcher",
    "can_use_pidfd",
    "exit_watcher",
    "waitstatus_to_exitcode",
)


class _Handler:
    """What to do when a child ends, and the watch kept for it."""

    __slots__ = ("args", "callback", "loop", "watch")

    def __init__(self, loop: AbstractEventLoop, watch: ExitWatcher) -> None:
        self.loop = loop
        self.watch = watch
        self.callback: Any = None
        self.args: tuple[Any, ...] = ()


class _LoopsOwnWatcher(AbstractChildWatcher):
    """Has the loop that runs when a handler is added do the watching.

    So children can be started in any thread, and none of these needs to be attached to a loop.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, _Handler] = {}

    def _new_watch(self, loop: AbstractEventLoop) -> ExitWatcher:
        raise NotImplementedError

    def is_active(self) -> bool:
        """Return True: there is nothing that could be missing."""
        return True

    def attach_loop(self, loop: AbstractEventLoop | None) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: children that have a handler keep it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        pass

    def add_child_handler(
        self, pid: int, callback: Callable[[int, int, Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractChildWatcher`; the callback is called in the loop that runs now.

        Raises RuntimeError where none does.
        """
        loop = get_running_loop()
        handler = self._handlers.get(pid)
        if handler is None or handler.loop is not loop:
            # A handler in another loop is replaced too; or that loop was closed before the child ended,
            # and this is another child with the same number.
            if handler is not None and not handler.loop.is_closed():
                handler.loop.call_soon_threadsafe(handler.watch.close)
            handler = _Handler(loop, self._new_watch(loop))
            handler.watch.watch(pid, partial(self._ended, pid, handler))
            self._handlers[pid] = handler
        handler.callback, handler.args = callback, args

    def remove_child_handler(self, pid: int) -> bool:
        """Forget the handler of the child `pid`, which will not be reaped; tell whether it had one."""
        handler = self._handlers.pop(pid, None)
        if handler is None:
            return False
        if not handler.loop.is_closed():
            handler.loop.call_soon_threadsafe(handler.watch.close)
        return True

    def _ended(self, pid: int, handler: _Handler, code: int | None) -> None:
        handler.watch.close()
        if self._handlers.get(pid) is not handler:
            return  # It was removed or replaced.
        del self._handlers[pid]
        if code is None:
            code = reap(pid)
        if code is None:
            code = unknown_status(pid)
        handler.callback(pid, code, *handler.args)


class ThreadedChildWatcher(_LoopsOwnWatcher):
    """Waits for each child in a thread of its own. Works everywhere.

    Added in Python 3.8, which made it the default.
    """

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if any(thread.is_alive() for thread in self._threads.values()):
            _warn(f"{self!r} still waits for children", ResourceWarning, source=self)

    @property
    def _threads(self) -> dict[int, Thread]:
        """The threads that wait; test suites join them."""
        threads: dict[int, Thread] = {}
        for handler in tuple(self._handlers.values()):
            watch: Any = handler.watch
            threads.update(watch._threads)
        return threads

    def _new_watch(self, loop: AbstractEventLoop) -> ExitWatcher:
        return _ThreadedChildWatcher(loop)


class PidfdChildWatcher(_LoopsOwnWatcher):
    """Watches a descriptor of each child in the loop: no threads, no signals. Linux 5.3 and newer.

    `add_child_handler()` raises OSError where the system gives no descriptor. Added in Python 3.9;
    the default from 3.12 on where it can be used.
    """

    def _new_watch(self, loop: AbstractEventLoop) -> ExitWatcher:
        return _PidfdChildWatcher(loop)


# Suites replace `waitstatus_to_exitcode` where the standard library has it, beside the watchers.
make_face(__name__, ("reaping",))


extend_face("asyncio_core.scheduling.events", __name__)

leave_to_checkers(__name__)
