"""The entry point from ordinary code: make a loop, run something on it, and tidy up.

Around a run in the main thread, Ctrl-C cancels the main task instead of tearing through the loop's own
code; pressed again it raises KeyboardInterrupt at once.
"""

from __future__ import annotations

import collections.abc
import contextvars
import os
import sys
import threading

from asyncio_core import constants
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.combinators import gather
from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_core.awaiting.task_registry import all_tasks
from asyncio_core.awaiting.waiting import _await
from asyncio_core.choosing.policies import new_event_loop, set_event_loop
from asyncio_core.choosing.running_loop import _get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.lent_names import lend_names
from asyncio_core.loops import lingering
from asyncio_core.loops.provisions import provide
from asyncio_core.scheduling.asyncgens import AsyncgenPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType
    from typing import Any, Self, TypeVar, final

    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop

    T = TypeVar("T")
else:

    def final(cls):
        return cls


__all__ = ("Runner", "run")


class _Interrupts:
    """Turns SIGINT into a cancellation of the main task while it runs.

    Only in the main thread, and only where Python's own handler is in place: a program that
    installed another one keeps it.
    """

    def __init__(self, loop: AbstractEventLoop, task: Task[Any]) -> None:
        self._loop = loop
        self._task = task
        self._installed = False
        self.count = 0

    def install(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        import signal

        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        try:
            signal.signal(signal.SIGINT, self._interrupted)
        except ValueError:
            return  # An embedded or sub-interpreter, where signals are not ours to handle.
        self._installed = True

    def remove(self) -> None:
        if not self._installed:
            return
        import signal

        # What was installed in the meantime stays.
        if signal.getsignal(signal.SIGINT) == self._interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupted(self, signum: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1 or self._task.done():
            raise KeyboardInterrupt
        self._task.cancel()
        # The loop may be waiting for I/O; an empty callback wakes it up.
        self._loop.call_soon_threadsafe(_nothing)

    def explains(self, task: Task[Any]) -> bool:
        """Tell whether it was the interrupt, and nothing else, that cancelled the task."""
        if not self.count:
            return False
        # Tasks of other implementations may not count their cancellations.
        uncancel = getattr(task, "uncancel", None)
        return uncancel is not None and uncancel() == 0


def _nothing() -> None:
    """Do nothing, in a callback that only wakes the loop."""


def _knows_no_time_limit(loop: AbstractEventLoop) -> bool:
    """Tell whether a derived loop has overridden `shutdown_default_executor()` as of Python 3.11."""
    if sys.version_info >= (3, 12):
        return False
    from asyncio_core.scheduling.executors import ExecutorPart
    from asyncio_core.scheduling.loop_part import is_replaced

    own = ExecutorPart.shutdown_default_executor
    return is_replaced(loop.shutdown_default_executor, own)


@final
class Runner:
    """Runs coroutines on a loop of its own, one after another, in one context.

    A context manager: the loop is made on first use and closed at the end, after all tasks were
    cancelled and asynchronous generators and the default executor shut down. Added in Python 3.11.
    """

    def __init__(
        self,
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], AbstractEventLoop] | None = None,
    ) -> None:
        """Prepare a runner; nothing is made yet.

        `debug` switches the loop's debug mode on or off (None: as the environment says).
        `loop_factory` makes the loop; by default the policy does, and the loop is the thread's
        current one until the end.
        """
        self._debug = debug
        self._loop_factory = loop_factory
        self._loop: AbstractEventLoop | None = None
        self._context: contextvars.Context | None = None
        self._closed = False
        self._is_current = False

    def __enter__(self) -> Self:
        """Make the loop. Raises RuntimeError once the runner is closed."""
        self.get_loop()
        return self

    def __exit__(
        self,
        exc_type: object,
        exc_val: object,
        exc_tb: object,
    ) -> None:
        """Close the runner."""
        self.close()

    def get_loop(self) -> AbstractEventLoop:
        """Return the loop, making it on first use. Raises RuntimeError once closed."""
        return self._lazy_init()

    def _lazy_init(self) -> AbstractEventLoop:
        if self._closed:
            raise RuntimeError("Runner is closed")
        if self._loop is None:
            self._loop = self._make_loop()
            self._context = contextvars.copy_context()
        return self._loop

    def _make_loop(self) -> AbstractEventLoop:
        provide()  # a loop from elsewhere does not
        if self._loop_factory is not None:
            loop = self._loop_factory()
        else:
            loop = new_event_loop()
            # Some code still asks for the thread's current loop before anything runs.
            set_event_loop(loop)
            self._is_current = True
        if self._debug is not None:
            loop.set_debug(self._debug)
        return loop

    def run(self, coro: Awaitable[T], *, context: contextvars.Context | None = None) -> T:
        """Run an awaitable to its end on the runner's loop and return its result.

        It runs in a task, in `context`, by default the runner's own. On Ctrl-C in the main thread
        the task is cancelled, and KeyboardInterrupt raised where that ended it. Raises
        RuntimeError where a loop runs in this thread or the runner is closed, and TypeError for what
        cannot be awaited (any awaitable is accepted since Python 3.14).
        """
        if _get_running_loop() is not None:
            raise RuntimeError("Runner.run() cannot be called from a running event loop")
        try:
            loop = self._lazy_init()
        except Exception as exc:
            _drop_if_never_run(coro, exc)
            raise
        if not iscoroutine(coro):
            if not isinstance(coro, collections.abc.Awaitable):
                from asyncio_core.format_helpers import _suggest_call

                kind = type(coro).__name__
                raise TypeError(f"an awaitable is required, not {kind!r}{_suggest_call(coro)}")
            coro = _await(coro)
        where = self._context if context is None else context
        task: Task[T] = loop.create_task(coro, context=where)
        interrupts = _Interrupts(loop, task)
        interrupts.install()
        process = os.getpid()
        try:
            return loop.run_until_complete(task)
        except CancelledError:
            if interrupts.explains(task):
                # In its context the traceback shows what was interrupted.
                raise KeyboardInterrupt
            raise
        except KeyboardInterrupt:
            if interrupts.count > 1:
                lingering.name(
                    lingering.asked_to_end(all_tasks(loop)), "When Ctrl-C came a second time,"
                )
            raise
        finally:
            try:
                interrupts.remove()
            except BaseException:
                # Ctrl-C, once more: a handler that stays would be taken for the program's own by the next run.
                interrupts.remove()
                raise
            if os.getpid() != process:
                self._leave_to_parent()

    def _leave_to_parent(self) -> None:
        """Have done with the loop, in a child that was forked while it ran."""
        from asyncio_core.loops import forked

        loop, self._loop = self._loop, None
        self._closed = True
        if self._is_current:
            set_event_loop(None)
        if loop is not None:
            forked.leave(loop)

    def close(self) -> None:
        """Cancel what still runs, shut the loop down and close it. Closing again does nothing."""
        if self._loop is None:
            return
        loop = self._loop
        try:
            _cancel_all_tasks(loop)
            finish = loop.run_until_complete
            finish(loop.shutdown_asyncgens())
            # Last, as all that came before may have needed threads.
            if _knows_no_time_limit(loop):
                finish(loop.shutdown_default_executor())
            else:
                finish(loop.shutdown_default_executor(constants.THREAD_JOIN_TIMEOUT))
        finally:
            self._loop = None
            self._closed = True
            if self._is_current:
                set_event_loop(None)
            loop.close()


def run(
    main: Awaitable[T],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], AbstractEventLoop] | None = None,
) -> T:
    """Run an awaitable on a new loop, close the loop, and return the result.

    The main entry point of a program. Tasks that are left when `main` ends are cancelled; the
    default executor gets five minutes to finish. `debug` and `loop_factory` (added in Python 3.12)
    are as for `Runner`, the rest as for `Runner.run()`.

    Raises RuntimeError where a loop runs in this thread already.
    """
    if _get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    runner = Runner(debug=debug, loop_factory=loop_factory)
    try:
        return runner.run(main)
    finally:
        runner.close()


def _drop_if_never_run(coro: Awaitable[Any], failure: Exception) -> None:
    """Close a coroutine for which there can be no loop, so that the one clear error stays the only one.

    That is where ASYNCIO_LOOP is wrong. After the failure of a factory, say, the caller may try another.
    """
    from asyncio_core.choosing.loop_registry import LoopSelectionError

    if isinstance(failure, LoopSelectionError) and iscoroutine(coro):
        coro.close()


def _cancel_all_tasks(loop: AbstractEventLoop) -> None:
    """Cancel the loop's tasks, run it until they have ended, and report those that failed."""
    leftover = all_tasks(loop)
    if isinstance(loop, AsyncgenPart):
        # They are waited for with the generators that are left, and as little cancelled.
        leftover -= loop._closing_asyncgens
    if not leftover:
        return
    asked_before = {task: _times_asked(task) for task in leftover}
    # Asking one asks all that it waits for. Those that nobody waits for come first, so that a long
    # chain is gone along once and not for each of its links.
    for task in sorted(leftover, key=_is_awaited):
        times = asked_before[task]
        if times is None or task.cancelling() == times:
            task.cancel()
    naming = lingering.name_after_a_while(loop, leftover)
    try:
        loop.run_until_complete(gather(*leftover, return_exceptions=True))
    except KeyboardInterrupt:
        lingering.name(leftover, "When Ctrl-C came, at the end of the run,")
        raise
    finally:
        naming.cancel()
    for task in leftover:
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            context = {
                "message": "unhandled exception during asyncio.run() shutdown",
                "exception": failure,
                "task": task,
            }
            loop.call_exception_handler(context)


def _is_awaited(task: Task[Any]) -> bool:
    return bool(getattr(task, "_asyncio_awaited_by", None))


def _times_asked(task: Task[Any]) -> int | None:
    """How often a task was asked to cancel itself; None for kinds of tasks that do not tell."""
    tell = getattr(task, "cancelling", None)
    return None if tell is None else tell()


lend_names(
    __name__,
    "inspect",
    "sys",
    "coroutines",
    "enum",
    "events",
    "exceptions",
    "functools",
    "signal",
    "tasks",
)

leave_to_checkers(__name__)
