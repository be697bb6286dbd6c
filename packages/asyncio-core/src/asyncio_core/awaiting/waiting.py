"""Waiting for awaitables: one after another, several at once, or from another thread.

Everything here works through the public face of futures (``add_done_callback()``, ``done()``,
``result()``, ...), so futures and tasks of other implementations can be waited for as well. While
something waits, the future that is waited for knows the waiting task (``future_add_to_awaited_by()``):
that is what the call graph is drawn from.
"""

from __future__ import annotations

import collections.abc
import types

from asyncio_core.awaiting import timeouts
from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_core.awaiting.futures import (
    Future,
    _chain_future,
    _get_loop,
    _loop_in_charge,
    _set_result_unless_cancelled,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
)
from asyncio_core.awaiting.task import Task
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.choosing.running_loop import _get_running_loop, get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.moments import check_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import (
        Awaitable,
        Coroutine,
        Generator,
        Iterable,
    )
    from typing import Any, Final, TypeVar, overload

    from asyncio_core.interfaces.loop import AbstractEventLoop

    T = TypeVar("T")
    FutureT = TypeVar("FutureT", bound=Future[Any])

__all__ = (
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "ensure_future",
    "run_coroutine_threadsafe",
    "sleep",
    "wait",
    "wait_for",
)

# The same strings as in concurrent.futures, which need not be imported for them.
FIRST_COMPLETED: Final = "FIRST_COMPLETED"
"""For ``wait()``: return as soon as one is done."""
FIRST_EXCEPTION: Final = "FIRST_EXCEPTION"
"""For ``wait()``: return as soon as one has failed, or when all are done."""
ALL_COMPLETED: Final = "ALL_COMPLETED"
"""For ``wait()``: return when all are done."""


# Set in the code of generators that types.coroutine() made coroutines of (see `inspect`).
_ITERABLE_COROUTINE = 0x100


# What nearly all futures and most collections are. The questions below have long answers for classes
# of other kinds, which are looked through for what they offer.
_FUTURES = frozenset((Future, Task))
_COLLECTIONS = frozenset((list, tuple, set, frozenset))


def _is_plain_generator(obj: object) -> bool:
    """Tell whether `obj` is a generator that nothing marked as a coroutine.

    On Python 3.11 `iscoroutine()` takes these for coroutines too.
    """
    return isinstance(obj, types.GeneratorType) and not (obj.gi_code.co_flags & _ITERABLE_COROUTINE)


def _is_single(fs: object) -> bool:
    """Tell whether one awaitable was given where an iterable of them belongs."""
    if type(fs) in _COLLECTIONS:
        return False
    return isfuture(fs) or (iscoroutine(fs) and not _is_plain_generator(fs))


async def _await(awaitable: Awaitable[T]) -> T:
    """Make a coroutine of any awaitable, for tasks accept nothing else."""
    return await awaitable


def _asking_task() -> Task[Any] | None:
    """Return the task that runs now, or None; unlike `current_task()` it needs no loop."""
    loop = _get_running_loop()
    return None if loop is None else current_task(loop)


if TYPE_CHECKING:

    @overload
    def ensure_future(
        coro_or_future: FutureT, *, loop: AbstractEventLoop | None = None
    ) -> FutureT: ...

    @overload
    def ensure_future(
        coro_or_future: Awaitable[T], *, loop: AbstractEventLoop | None = None
    ) -> Task[T]: ...


def ensure_future(coro_or_future: Any, *, loop: AbstractEventLoop | None = None) -> Any:
    """Return a future for an awaitable, starting a task where it takes one.

    A future (anything `isfuture()` accepts) comes back as it is. A coroutine becomes a task of
    `loop`, by default the running loop or the thread's current one; any other awaitable is awaited
    by such a task.

    Raises TypeError for what cannot be awaited, ValueError where a future belongs to another loop
    than `loop`, and RuntimeError where there is no loop to be found or it is closed; the coroutine
    is closed then. Added in Python 3.4.4.
    """
    kind: Any = type(coro_or_future)
    if kind in _FUTURES or (kind is not types.CoroutineType and isfuture(coro_or_future)):
        if loop is None or loop is _get_loop(coro_or_future):
            return coro_or_future
        raise ValueError(
            "The future belongs to a different loop than the one specified as the loop argument"
        )
    native = kind is types.CoroutineType or iscoroutine(coro_or_future)
    if not native and not isinstance(coro_or_future, collections.abc.Awaitable):
        from asyncio_core.format_helpers import _suggest_call

        raise TypeError(
            "An asyncio.Future, a coroutine or an awaitable is required, "
            f"got {coro_or_future!r}{_suggest_call(coro_or_future)}"
        )
    home = _loop_in_charge() if loop is None else loop
    coro = coro_or_future if native else _await(coro_or_future)
    try:
        return home.create_task(coro)
    except BaseException as exc:
        # Left alone, what will never run is reported as never awaited: the wrapper, which nobody
        # else knows, and with a closed loop (RuntimeError) the caller's coroutine as well.
        if not native or isinstance(exc, RuntimeError):
            coro.close()
        raise


@types.coroutine
def __sleep0() -> Generator[None]:
    """Let the loop turn once: a task that yields None is queued again, without a future."""
    yield


# Our own, to know it from what replaces it.
_SLEEP0 = __sleep0


class _OneTurn:
    """Awaited, does what `__sleep0()` does, but needs no generator for it."""

    __slots__ = ()

    # An iterator for each time that gives None once.
    __await__ = (None,).__iter__


_ONE_TURN: Any = _OneTurn()


if TYPE_CHECKING:

    @overload
    async def sleep(delay: float) -> None: ...

    @overload
    async def sleep(delay: float, result: T) -> T: ...


async def sleep(delay: float, result: Any = None) -> Any:
    """Suspend the calling task for `delay` seconds, then return `result`.

    With zero or less the other callbacks that are ready get one turn, and no timer is made. Raises
    ValueError where `delay` is not a number (NaN). Source: PEP 3156.
    """
    try:
        at_once = delay <= 0
    except ArithmeticError:
        check_moment(delay, "delay")
        raise
    if at_once:
        await (_ONE_TURN if __sleep0 is _SLEEP0 else __sleep0())
        return result
    if delay != delay:
        raise ValueError("Invalid delay: NaN (not a number)")
    loop = get_running_loop()
    alarm = loop.create_future()
    timer = loop.call_later(delay, _set_result_unless_cancelled, alarm, result)
    try:
        return await alarm
    finally:
        timer.cancel()


def run_coroutine_threadsafe(
    coro: Coroutine[Any, Any, T], loop: AbstractEventLoop
) -> concurrent.futures.Future[T]:
    """Run a coroutine on `loop` from another thread.

    Returns a `concurrent.futures.Future`, which that thread may wait for; cancelling it cancels the
    task. It is cancelled where the loop is closed before the task has ended, or has begun. Raises TypeError where `coro` is not a coroutine, and RuntimeError where the loop is closed.
    Added in Python 3.5.1.
    """
    if not iscoroutine(coro):
        from asyncio_core.format_helpers import _suggest_call

        raise TypeError(f"A coroutine object is required, got {coro!r}{_suggest_call(coro)}")
    from concurrent.futures import Future as ThreadFuture

    answer: ThreadFuture[T] = ThreadFuture()
    owed = getattr(loop, "_answers_owed", None)
    if type(owed) is not dict:
        owed = {}  # A loop of another kind, of which nobody tells when it is closed.

    # Before the loop is asked: from then on, closing it sees to the answer.
    owed[answer] = coro
    answer.add_done_callback(lambda answer: owed.pop(answer, None))
    try:
        loop.call_soon_threadsafe(_start_for_thread, coro, loop, answer, owed)
    except BaseException:
        owed.pop(answer, None)
        raise
    return answer


def _start_for_thread(
    coro: Any, loop: AbstractEventLoop, answer: Any, owed: dict[Any, Any]
) -> None:
    """Run a coroutine as a task that a thread is waiting for: the loop's part of the above."""
    if owed.get(answer) is not None:
        owed[answer] = None
        if answer.done():
            owed.pop(answer, None)
    try:
        _chain_future(ensure_future(coro, loop=loop), answer)
    except BaseException as exc:
        # The thread that asked learns of it, and so does the loop's exception handler. The
        # two that end the process go to the loop alone.
        fatal = isinstance(exc, (KeyboardInterrupt, SystemExit))
        if not fatal and answer.set_running_or_notify_cancel():
            answer.set_exception(exc)
        raise
    finally:
        # This frame is part of the traceback of a task that was started eagerly and failed.
        del answer


class _Gate:
    """Opens when enough of the futures that report to it are done."""

    __slots__ = ("_missing", "_rule", "asker", "opened")

    def __init__(
        self, opened: Future[None], missing: int, rule: str, asker: Task[Any] | None
    ) -> None:
        self.opened = opened
        self.asker = asker
        self._missing = missing
        self._rule = rule

    def report(self, future: Future[Any]) -> None:
        """Count a future that is done. Used as a done callback."""
        self._missing = missing = self._missing - 1
        if missing <= 0 or (self._rule != ALL_COMPLETED and self._alarmed_by(future)):
            self.open()

    # The call graph is told who waits: the task that stands there.
    report._has_waiter_in = "asker"  # type: ignore[attr-defined]

    def _alarmed_by(self, future: Future[Any]) -> bool:
        return self._rule == FIRST_COMPLETED or (
            not future.cancelled() and future.exception() is not None
        )

    def open(self) -> None:
        _release_waiter(self.opened)


async def wait(
    fs: Iterable[FutureT], *, timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> tuple[set[FutureT], set[FutureT]]:
    """Wait for several futures or tasks; return the sets ``(done, pending)``.

    Waiting ends when all are done (ALL_COMPLETED), when one is (FIRST_COMPLETED), or when one has
    failed or all are done (FIRST_EXCEPTION); in any case after `timeout` seconds, if given. Running
    into the timeout is no error, and nothing is ever cancelled: not then, nor when the caller is.

    Raises TypeError for a single future and for coroutines, which would come back as tasks that the
    caller does not know; ValueError for an empty set and for another `return_when`.
    Source: PEP 3156.
    """
    if _is_single(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    futures = set(fs)
    if not futures:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
        raise ValueError(f"Invalid return_when value: {return_when}")
    if not _FUTURES.issuperset(map(type, futures)) and any(map(iscoroutine, futures)):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")
    if timeout is not None:
        check_moment(timeout, "timeout")
    return await _wait(futures, timeout, return_when, get_running_loop())


async def _wait(
    fs: Iterable[FutureT], timeout: float | None, return_when: str, loop: AbstractEventLoop
) -> tuple[set[FutureT], set[FutureT]]:
    """Do what `wait()` does, for futures of `loop` only."""
    futures = set(fs)
    gate = _Gate(loop.create_future(), len(futures), return_when, current_task(loop))
    report = gate.report
    watched: list[FutureT] = []  # not all where one of them is no future
    timer = None if timeout is None else loop.call_later(timeout, gate.open)
    try:
        # Futures that are done report in the next turn of the loop, so a program that waits for
        # them again and again still lets others run.
        for future in futures:
            future.add_done_callback(report)
            watched.append(future)
        await gate.opened
    finally:
        if timer is not None:
            timer.cancel()
        for future in watched:
            future.remove_done_callback(report)
    done = {future for future in futures if future.done()}
    return done, futures - done


def _release_waiter(waiter: Future[Any], *args: object) -> None:
    """Let one go on that waits for `waiter`. Used as a callback of timers and futures."""
    if not waiter.done():
        waiter.set_result(None)


async def wait_for(fut: Awaitable[T], timeout: float | None) -> T:
    """Await something for at most `timeout` seconds (None: without limit).

    Out of time, the awaited thing is cancelled, and TimeoutError is raised once that is done; where it
    ends with a result all the same, that result is returned. With zero or less, what is not done at
    once is cancelled before it starts. Cancelling the caller cancels the awaited thing. To leave that
    running, give ``shield(fut)``.

    A coroutine runs in the calling task, under `timeout()` (since Python 3.12): no result can get
    lost between two tasks. Raises TypeError for what cannot be awaited.
    """
    kind: Any = type(fut)
    if kind is not types.CoroutineType and kind not in _FUTURES:
        if not isinstance(fut, collections.abc.Awaitable) and not iscoroutine(fut):
            from asyncio_core.format_helpers import _suggest_call

            raise TypeError(f"{type(fut).__name__!r} object can't be awaited{_suggest_call(fut)}")
        if _is_plain_generator(fut):
            fut = ensure_future(fut)  # `await` refuses it, a task on Python 3.11 does not.
    future: Future[T] = None  # type: ignore[assignment] # until there is one
    try:
        if timeout is None:
            return await fut
        scope = _scope_of(fut, timeout)
        if scope is not None:
            try:
                async with scope:
                    return await fut
            except TimeoutError:
                # A future can get its result in the very turn in which the time is up.
                if scope.expired() and isfuture(fut) and fut.done() and not _is_cancelled(fut):
                    result: T = fut.result()
                    return result
                raise
        future = ensure_future(fut)
        if not future.done():
            await _cancel_and_wait(future)
            try:
                return future.result()
            except CancelledError as exc:
                raise TimeoutError from exc
        return future.result()
    finally:
        # A failure leads to this frame, and would lead to itself.
        del fut, future


def _scope_of(fut: Any, timeout: Any) -> Any:
    """Return the `timeout()` to wait under, None where there is no time; close what is not going to be awaited."""
    try:
        if not timeout > 0:
            check_moment(timeout, "timeout")
            return None
        return timeouts.timeout(timeout)
    except BaseException as exc:
        if iscoroutine(fut):
            fut.close()
        if isinstance(exc, TypeError):
            raise TypeError(f"timeout must be a number or None, not {timeout!r}") from None
        if isinstance(exc, ArithmeticError):
            check_moment(timeout, "timeout")
        raise


def _is_cancelled(future: Any) -> bool:
    """Tell whether a done future ended by a cancellation; that of gather() has one as its exception."""
    return future.cancelled() or isinstance(future.exception(), CancelledError)


def _waits_for(future: Future[Any], asked: Any) -> bool:
    """Tell whether `future` waits for `asked`, be it through others, or is it."""
    known = {asked}
    found = [asked]
    while found:
        if (waiting := found.pop()) is future:
            return True
        more = (getattr(waiting, "_asyncio_awaited_by", None) or frozenset()) - known
        known |= more
        found += more
    return False


async def _cancel_and_wait(future: Future[Any], loop: AbstractEventLoop | None = None) -> None:
    """Cancel a future and return when it has taken note, however long its task takes for it, and who cancels the caller meanwhile."""
    if loop is None:
        loop = get_running_loop()
    asker = current_task(loop)
    told: CancelledError | None = None
    try:
        while told is None or not future.done():
            over = loop.create_future()

            def notice(_: object, over: Future[None] = over) -> None:
                _release_waiter(over)

            future.cancel(*(told.args if told is not None else ()))
            future.add_done_callback(notice)
            future_add_to_awaited_by(future, asker)
            try:
                await over
                break
            except CancelledError as exc:
                # Whoever cancels the caller cancels what it waits for, once more, and that has to end all the same; but
                # not what waits for the caller in its turn: both would cancel each other for ever.
                if _waits_for(future, asker):
                    raise
                told = exc
            finally:
                future_discard_from_awaited_by(future, asker)
                future.remove_done_callback(notice)
        if told is not None:
            raise told
    finally:
        del told
