"""Awaitables in the order in which they complete: `as_completed()`."""

from __future__ import annotations

from collections import deque
from weakref import ref

from asyncio_core.awaiting.futures import (
    _loop_in_charge,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
)
from asyncio_core.awaiting.waiting import _asking_task, _is_single, ensure_future
from asyncio_core.choosing.running_loop import _get_running_loop, get_running_loop
from asyncio_core.exceptions import CancelledError, drop_own_frame
from asyncio_core.moments import check_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
    from typing import Any, Protocol, TypeVar

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop_types import Cancellable

    T = TypeVar("T")

    class _SyncAndAsyncIterator(
        Iterator[Coroutine[Any, Any, T]], AsyncIterator[Future[T]], Protocol[T]
    ):
        """What `as_completed()` returns: iterable with ``for`` and with ``async for``."""


__all__ = ("as_completed",)


def as_completed(
    fs: Iterable[Awaitable[T]], *, timeout: float | None = None
) -> _SyncAndAsyncIterator[T]:
    """Iterate over awaitables in the order in which they complete.

    With ``async for`` the items are futures that are done: the tasks and futures that were given,
    and tasks made for what else was given. With ``for`` they are coroutines; awaiting the first of
    them, whichever that is, gives the first result, and so on. Iteration can be left and taken up
    again.

    When `timeout` seconds have passed before all are done, the next step of ``async for``, or
    awaiting the next coroutine, raises TimeoutError; the awaitables go on. Raises TypeError where
    `fs` is a single future or coroutine or holds what cannot be awaited.

    The asynchronous form was added in Python 3.13.
    """
    if _is_single(fs):
        raise TypeError(f"expects an iterable of awaitables, not {type(fs).__name__}")
    if timeout is not None:
        check_moment(timeout, "timeout")
    return _AsCompletedIterator(fs, timeout)


class _Arrivals:
    """Hands what comes in to those who wait for it, first come, first served.

    An item goes straight into the waiter's future. A waiter that is cancelled at that moment passes it
    on, so no item is lost.
    """

    __slots__ = ("_closed", "_items", "_waiters")

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiters: deque[Future[Any]] = deque()
        self._closed = False

    def put(self, item: Any) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(item)
                return
        self._items.append(item)

    def close(self) -> None:
        """Nothing more comes: fail those who wait, and whoever asks once the items are gone."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(TimeoutError())

    async def get(self) -> Any:
        """Return the next item; raise TimeoutError where none will come."""
        if self._items:
            return self._items.popleft()
        if self._closed:
            try:
                raise TimeoutError
            except TimeoutError as error:
                drop_own_frame(error)
                raise
        waiter = get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except BaseException as error:
            given = waiter.done() and not waiter.cancelled() and waiter.exception() is None
            if given and isinstance(error, CancelledError):
                self.put(waiter.result())
            drop_own_frame(error)
            raise


class _Weakly:
    """Calls a method of an object that is still there; what holds this does not keep the object."""

    __slots__ = ("_method", "_owner")

    def __init__(self, method: Callable[[Any, Any], object], owner: Any) -> None:
        self._method = method
        self._owner = ref(owner)

    def __call__(self, argument: Any = None) -> None:
        owner = self._owner()
        if owner is not None:
            self._method(owner, argument)


class _AsCompletedIterator:
    """The iterator of `as_completed()`.

    It is held by whoever iterates, and by the coroutines that it gave. When they are gone, nobody waits
    any more, and it takes itself off the futures that are left: they may last much longer.
    """

    __slots__ = (
        "__weakref__",
        "_arrivals",
        "_asker",
        "_asker_done",
        "_left",
        "_loop",
        "_pending",
        "_report",
        "_timer",
    )

    def __init__(self, awaitables: Iterable[Any], timeout: float | None) -> None:
        self._pending: set[Future[Any]] = set()
        self._timer: Cancellable | None = None
        if timeout is not None:
            check_moment(timeout, "timeout")
        self._loop = loop = _loop_in_charge()
        self._arrivals = _Arrivals()
        self._asker = asker = _asking_task()
        self._asker_done = _Weakly(_AsCompletedIterator._forget_asker, self)
        self._report = _Weakly(_AsCompletedIterator._completed, self)
        self._pending |= {ensure_future(awaitable, loop=loop) for awaitable in set(awaitables)}
        self._left = len(self._pending)
        self._watch()
        if not self._pending:
            return
        if asker is not None:
            asker.add_done_callback(self._asker_done)
        if timeout is not None:
            self._timer = loop.call_later(timeout, _Weakly(_AsCompletedIterator._expire, self))

    def _watch(self) -> None:
        # Not where they are made: those that fail eagerly lead to that frame.
        for future in self._pending:
            future.add_done_callback(self._report)
            if self._asker is not None:
                future_add_to_awaited_by(future, self._asker)

    def __del__(self, _running: Any = _get_running_loop) -> None:
        # Bound above: while the interpreter shuts down, globals cannot be relied on.
        pending = self._pending
        if not pending:
            return
        # Handed on by themselves, as this object is about to go.
        what = (pending, self._report, self._asker, self._asker_done, self._timer)
        if self._loop.is_running() and _running() is not self._loop:
            # The collector runs in any thread. The futures are the loop's.
            try:
                self._loop.call_soon_threadsafe(_detach, *what)
            except RuntimeError:
                pass  # It was closed just now.
        else:
            _detach(*what)

    def __aiter__(self) -> _AsCompletedIterator:
        return self

    def __iter__(self) -> _AsCompletedIterator:
        return self

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        try:
            return await self._arrivals.get()
        except CancelledError:
            # This step gave nothing; what it waited for is there for the next.
            self._left += 1
            raise
        finally:
            # Tracebacks that lead here do not keep the iterator, nor what it waits for.
            del self

    def __next__(self) -> Coroutine[Any, Any, Any]:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._wait_for_one()

    async def _wait_for_one(self) -> Any:
        future = None
        try:
            future = await self._arrivals.get()
            return future.result()
        finally:
            # As above; and a failure does not lead to itself.
            del self, future

    def _completed(self, future: Future[Any]) -> None:
        if future not in self._pending:
            return  # Too late: the time was up before this callback ran.
        self._pending.discard(future)
        if self._asker is not None:
            future_discard_from_awaited_by(future, self._asker)
        self._arrivals.put(future)
        if not self._pending:
            self._end()

    def _expire(self, _: object) -> None:
        self._end()
        self._arrivals.close()

    def _end(self) -> None:
        _detach(self._pending, self._report, self._asker, self._asker_done, self._timer)
        self._pending.clear()
        # A task that fails leads to its frames, and they to this object.
        self._asker = None

    def _forget_asker(self, asker: Task[Any]) -> None:
        """Take the task that made this out of the call graph: it has ended, and somebody else goes on."""
        for future in self._pending:
            future_discard_from_awaited_by(future, asker)
        self._asker = None


def _detach(
    pending: set[Future[Any]],
    report: _Weakly,
    asker: Task[Any] | None,
    asker_done: _Weakly,
    timer: Cancellable | None,
) -> None:
    """Let futures that are left know nothing of an `as_completed()` that is over or given up."""
    if timer is not None:
        timer.cancel()
    if asker is not None:
        asker.remove_done_callback(asker_done)
    for future in pending:
        future.remove_done_callback(report)
        if asker is not None:
            future_discard_from_awaited_by(future, asker)
