"""Futures made from other futures: `gather()` and `shield()`.

The other functions for waiting live in `asyncio_core.awaiting.waiting` and `asyncio_core.awaiting.completing` and are named
here too, so that one module offers them all.
"""

from __future__ import annotations

from types import CoroutineType

from asyncio_core.awaiting.cancelling import cancel_along, cancels_in_steps
from asyncio_core.awaiting.completing import as_completed
from asyncio_core.awaiting.futures import (
    Future,
    _get_loop,
    _loop_in_charge,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
)
from asyncio_core.awaiting.task import Task
from asyncio_core.awaiting.waiting import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    _asking_task,
    ensure_future,
    run_coroutine_threadsafe,
    sleep,
    wait,
    wait_for,
)
from asyncio_core.exceptions import CancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any, Literal, TypeVar, overload

    from asyncio_core.awaiting.cancelling import Steps
    from asyncio_core.interfaces.loop import AbstractEventLoop

    T = TypeVar("T")
    T1 = TypeVar("T1")
    T2 = TypeVar("T2")
    T3 = TypeVar("T3")
    T4 = TypeVar("T4")
    T5 = TypeVar("T5")
    T6 = TypeVar("T6")

__all__ = (
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "as_completed",
    "ensure_future",
    "gather",
    "run_coroutine_threadsafe",
    "shield",
    "sleep",
    "wait",
    "wait_for",
)


def _failure_of(future: Future[Any]) -> BaseException | None:
    """Return why a future that is done has no result, or None where it has one.

    Looking at the exception also tells the future that somebody has seen it.
    """
    if not future.cancelled():
        return future.exception()
    # With the message, where the future has one to give; those of other kinds need not.
    make = getattr(future, "_make_cancelled_error", CancelledError)
    error: CancelledError = make()
    return error


def _mark_as_seen(future: Future[Any]) -> None:
    """Have nobody told that the exception of a future that is done was never asked for."""
    if not future.cancelled():
        future.exception()


def _has_ended_the_run(future: Future[Any]) -> bool:
    """Tell whether a future, not yet asked, failed with what has come out of the loop: a second report
    of it, by a future that it is handed on to, would be one too many.
    """
    failure = getattr(future, "_exception", None)
    if failure is None or not isinstance(failure, (KeyboardInterrupt, SystemExit)):
        return False
    return not getattr(future, "_log_traceback", True)


class _GatheringFuture(Future["Any"]):
    """What `gather()` returns: done when its children are, and cancelled through them."""

    # Not in the future's dictionary, which the interpreter is slow to look into where futures are compiled.
    __slots__ = ("_asker", "_cancel_error", "_children", "_keep_failures", "_missing", "_places")

    def __init__(
        self,
        places: list[Future[Any]],
        *,
        keep_failures: bool,
        asker: Task[Any] | None,
        loop: AbstractEventLoop,
    ) -> None:
        """Collect for `places`: one future for each argument, the same one for equal arguments."""
        super().__init__(loop=loop)
        self._places = places
        self._children = dict.fromkeys(places)
        self._missing = len(self._children)
        self._keep_failures = keep_failures
        self._asker = asker
        self._cancel_error: CancelledError | None = None

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the children that are not done; return False where there are none.

        The future itself ends only when they have, with CancelledError as its exception.
        """
        return cancel_along(self._cancel_steps(msg), msg)

    def _cancel_steps(self, msg: Any) -> Steps:
        """Do what ``cancel()`` does in steps; see ``asyncio_core.awaiting.cancelling``."""
        if self.done():
            return False
        agreed = False
        for child in self._children:
            # Each is asked, whatever those before it have answered.
            agreed |= bool((yield child))
        if not agreed:
            return False
        # Remembered, since the children may swallow it, and `keep_failures` would hide it.
        self._cancel_error = CancelledError() if msg is None else CancelledError(msg)
        return True

    def _watch(self) -> None:
        """Follow the children. What is done already counts at once, without a turn of the loop."""
        finished = []
        report = self._child_done
        for child in self._children:
            if child.done():
                finished.append(child)
            else:
                child.add_done_callback(report)
        for child in finished:
            report(child)

    def _child_done(self, child: Future[Any]) -> None:
        self._missing = missing = self._missing - 1
        if not self._keep_failures:
            # Most children are tasks, and went well: these are looked at no further.
            well = type(child) is Task and not child.cancelled() and child.exception() is None
            if not well and self._failed_with(child):
                return
        if not missing:
            self._complete()

    # The call graph is told who waits: the task that stands there.
    _child_done._has_waiter_in = "_asker"  # type: ignore[attr-defined]

    def _failed_with(self, child: Future[Any]) -> bool:
        """Fail as `child` did, if it did."""
        if self.done():
            # An earlier failure has been reported; this one is known to nobody, on purpose.
            _mark_as_seen(child)
            return True
        # A task's failure that ended the run is known from the beginning, asked for or not.
        known = _has_ended_the_run(child)
        failure = _failure_of(child)
        if failure is None:
            return False
        self.set_exception(failure)
        if known:
            self._log_traceback = False
        # Nobody awaits the children that go on through here.
        self._asker = None
        return True

    def _complete(self) -> None:
        if self.done():
            for child in self._children:
                _mark_as_seen(child)
            return
        if self._cancel_error is not None:
            for child in self._children:
                _failure_of(child)
            self.set_exception(self._cancel_error)
            return
        if not self._keep_failures:
            self.set_result([child.result() for child in self._places])
            return
        results: list[Any] = []
        for child in self._places:
            failure = _failure_of(child)
            results.append(child.result() if failure is None else failure)
        self.set_result(results)


cancels_in_steps(_GatheringFuture.cancel, _GatheringFuture._cancel_steps)


if TYPE_CHECKING:
    # The result is a list; a tuple is the nearest type that gives each place its own. That is
    # also where the overlaps come from.

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        second: Awaitable[T2],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1, T2]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1, T2, T3]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1, T2, T3, T4]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        fifth: Awaitable[T5],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1, T2, T3, T4, T5]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        fifth: Awaitable[T5],
        sixth: Awaitable[T6],
        /,
        *,
        return_exceptions: Literal[False] = False,
    ) -> Future[tuple[T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def gather(  # type: ignore[overload-overlap]
        *coros_or_futures: Awaitable[T], return_exceptions: Literal[False] = False
    ) -> Future[list[T]]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[tuple[T1 | BaseException]]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        second: Awaitable[T2],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[tuple[T1 | BaseException, T2 | BaseException]]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException]]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[
        tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException, T4 | BaseException]
    ]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        fifth: Awaitable[T5],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[
        tuple[
            T1 | BaseException,
            T2 | BaseException,
            T3 | BaseException,
            T4 | BaseException,
            T5 | BaseException,
        ]
    ]: ...

    @overload
    def gather(
        first: Awaitable[T1],
        second: Awaitable[T2],
        third: Awaitable[T3],
        fourth: Awaitable[T4],
        fifth: Awaitable[T5],
        sixth: Awaitable[T6],
        /,
        *,
        return_exceptions: bool,
    ) -> Future[
        tuple[
            T1 | BaseException,
            T2 | BaseException,
            T3 | BaseException,
            T4 | BaseException,
            T5 | BaseException,
            T6 | BaseException,
        ]
    ]: ...

    @overload
    def gather(
        *coros_or_futures: Awaitable[T], return_exceptions: bool
    ) -> Future[list[T | BaseException]]: ...


def gather(*coros_or_futures: Any, return_exceptions: bool = False) -> Any:
    """Run awaitables concurrently; return a future for the list of their results, in order.

    Coroutines and other awaitables become tasks. The first exception becomes that of the returned
    future, while the others run on; with `return_exceptions` exceptions, CancelledError among them,
    take their place in the list instead. Cancelling the returned future cancels all that are not done.
    An argument given twice is run once.

    Without arguments the result is an empty list. Raises TypeError for what cannot be awaited and
    ValueError for futures of different loops. Added in Python 3.4.
    """
    if not coros_or_futures:
        loop = _loop_in_charge()
        empty = loop.create_future()
        empty.set_result([])
        return empty
    home: AbstractEventLoop | None = None
    # Each argument once.
    futures: dict[Any, Any] = dict.fromkeys(coros_or_futures)
    future: Any = None
    for argument in futures:
        if home is not None and type(argument) is CoroutineType:
            # As ensure_future() does it.
            try:
                future = home.create_task(argument)
            except RuntimeError:
                argument.close()
                raise
        else:
            future = ensure_future(argument, loop=home)
            if home is None:
                home = _get_loop(future)
        futures[argument] = future
        if future is not argument:
            # The caller never sees this task. Where the gathering future goes away with its
            # loop, its own report is enough.
            future._log_destroy_pending = False
    assert home is not None
    if len(futures) == len(coros_or_futures):
        places = list(futures.values())
    else:
        places = [futures[argument] for argument in coros_or_futures]
    outer = _GatheringFuture(
        places, keep_failures=return_exceptions, asker=_asking_task(), loop=home
    )
    outer._watch()
    try:
        return outer
    finally:
        # This frame is part of the traceback of what was started eagerly and failed.
        del outer, places, futures, future


def shield(arg: Awaitable[T]) -> Future[T]:
    """Protect an awaitable from the cancellation of whoever awaits it.

    Returns a future that ends as `arg` does. Cancelling that future, or a task that awaits it, leaves
    `arg` running; an exception that it raises later, when nobody listens any more, goes to the
    loop's exception handler. Where `arg` itself is cancelled, the future is cancelled too.

    The loop keeps only weak references to tasks: hold one to what you shield.
    Raises TypeError for what cannot be awaited. Added in Python 3.4.
    """
    inner: Future[Any] = ensure_future(arg)
    if inner.done():
        try:
            return inner
        finally:
            # Started eagerly, it may have failed: then this frame is part of its traceback.
            del inner
    asker = _asking_task()
    outer = _get_loop(inner).create_future()
    future_add_to_awaited_by(inner, asker)

    def hand_over(_: object) -> None:
        future_discard_from_awaited_by(inner, asker)
        if outer.done():
            return
        known = _has_ended_the_run(inner)
        if inner.cancelled():
            outer.cancel()
        elif (failure := inner.exception()) is not None:
            outer.set_exception(failure)
            if known:
                outer._log_traceback = False
        else:
            outer.set_result(inner.result())

    def part(_: object) -> None:
        if inner.done():
            return
        future_discard_from_awaited_by(inner, asker)
        inner.remove_done_callback(hand_over)
        # However many shields were given up, a later failure is reported once.
        inner.remove_done_callback(_log_on_exception)
        inner.add_done_callback(_log_on_exception)

    inner.add_done_callback(hand_over)
    outer.add_done_callback(part)
    return outer


def _log_on_exception(future: Future[Any]) -> None:
    """Report the failure of something shielded that nobody waits for any more."""
    if future.cancelled():
        return
    known = _has_ended_the_run(future)
    failure = future.exception()
    # That of gather() has its cancellation as an exception; neither is a failure.
    if failure is not None and not known and not isinstance(failure, CancelledError):
        context = {
            "message": f"{type(failure).__name__} exception in shielded future",
            "exception": failure,
            "future": future,
        }
        _get_loop(future).call_exception_handler(context)
