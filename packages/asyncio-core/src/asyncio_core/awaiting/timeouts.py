"""Deadlines for blocks of code: ``async with timeout(seconds):``.

A timeout ends its block by cancelling the task that runs it, and turns the CancelledError that comes
out of the block into TimeoutError. Somebody else may have cancelled the task as well. Tasks therefore
count the requests (``Task.cancelling()``): the timeout takes its own back with ``Task.uncancel()``,
and when more are open than on entry, the cancellation goes on outward.
"""

from __future__ import annotations

# Not for checkers only: annotations stay here, as `asyncio_core.annotations` tells.
from types import TracebackType  # noqa: TC003

from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError, drop_own_frame
from asyncio_core.lent_names import lend_names
from asyncio_core.moments import check_moment
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, final

    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop_types import Cancellable
else:

    def final(cls):
        cls.__final__ = True
        return cls


__all__ = ("Timeout", "timeout", "timeout_at")


# The states, by the names that they are shown with.
_CREATED = "created"
_ENTERED = "active"
_EXPIRING = "expiring"
_EXPIRED = "expired"
_EXITED = "finished"


@final
class Timeout:
    """An asynchronous context manager that cancels its block at a moment of the loop's clock.

    Made by `timeout()` and `timeout_at()`. Added in Python 3.11.
    """

    __slots__ = (
        *("_alarm", "_cancels_before", "_state", "_task", "_when"),
        *("__dict__", "__weakref__"),  # for who keeps something with a timeout, or it somewhere
    )
    if TYPE_CHECKING:
        # Set on entry.
        _cancels_before: int
        _alarm: Cancellable | None

    def __init__(self, when: float | None) -> None:
        """Make a timeout for the moment `when` (seconds on ``loop.time()``; None: never).

        Raises ValueError for NaN, TypeError for what is no number.
        """
        if (when.__class__ is not float or when != when) and when is not None:
            check_moment(when)
        self._state = _CREATED
        self._when = when
        self._task: Task[Any] | None = None

    def when(self) -> float | None:
        """Return the moment at which the block is cancelled, None for never."""
        return self._when

    def reschedule(self, when: float | None) -> None:
        """Move the deadline to `when` (seconds on ``loop.time()``; None: never).

        A moment in the past ends the block as soon as it waits. Raises RuntimeError outside of the
        block and once the deadline has passed; ValueError for NaN, and the deadline stays as it was.
        """
        if self._state is not _ENTERED:
            if self._state is _CREATED:
                raise RuntimeError("Timeout has not been entered")
            raise RuntimeError(f"Cannot change state of {self._state} Timeout")
        if when is not None and when is not self._when:
            check_moment(when)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._when = when
        if when is None:
            return
        loop = get_running_loop()
        if when > loop.time():
            self._alarm = loop.call_at(when, _ON_TIMEOUT, self)
        else:
            self._alarm = loop.call_soon(_ON_TIMEOUT, self)

    def expired(self) -> bool:
        """Tell whether the deadline has passed within the block."""
        return self._state is _EXPIRING or self._state is _EXPIRED

    def __repr__(self) -> str:
        detail = ""
        if self._state is _ENTERED:
            when = self._when
            detail = f" when={when if when is None else round(when, 3)}"
        return f"<Timeout [{self._state}]{detail}>"

    async def __aenter__(self) -> Timeout:
        """Start the clock. Raises RuntimeError outside of a task and on a second entry."""
        if self._state is not _CREATED:
            raise RuntimeError("Timeout has already been entered")
        loop = get_running_loop()
        task = current_task(loop)
        if task is None:
            raise RuntimeError("Timeout should be used inside a task")
        self._task = task
        self._cancels_before = task.cancelling()
        self._state = _ENTERED
        when = self._when
        if when is None:
            self._alarm = None
        elif when > loop.time():
            self._alarm = loop.call_at(when, _ON_TIMEOUT, self)
        else:
            # Without the timer's detour: a block that yields but once is still ended.
            self._alarm = loop.call_soon(_ON_TIMEOUT, self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Stop the clock. Raises TimeoutError where the block ended because of it."""
        task, self._task = self._task, None
        if self._state is _ENTERED:
            self._state = _EXITED
            alarm, self._alarm = self._alarm, None
            if alarm is not None:
                alarm.cancel()
            return
        if self._state is not _EXPIRING or task is None:
            return
        self._state = _EXPIRED
        if task.uncancel() > self._cancels_before or exc_val is None:
            return  # The task is cancelled from outside too, or the block got through.
        if isinstance(exc_val, CancelledError):
            try:
                raise TimeoutError from exc_val
            except TimeoutError as error:
                drop_own_frame(error)
                raise
        _blame_timeout(exc_val)

    def _on_timeout(self) -> None:
        """Cancel the block: the deadline has come."""
        self._alarm = None
        self._state = _EXPIRING
        if self._task is not None:
            self._task.cancel()

    @staticmethod
    def _insert_timeout_error(exc_val: BaseException) -> None:
        _blame_timeout(exc_val)


# What a timer calls, without a method bound for each.
_ON_TIMEOUT = Timeout._on_timeout


def _blame_timeout(exc: BaseException) -> None:
    """Show TimeoutError where an exception arose while the cancellation was being handled.

    The block was cancelled and its clean-up failed with `exc`. In its chain of contexts, and in those
    of the members where it is a group, the CancelledError gets a TimeoutError around it, as if the
    block had been left with that.
    """
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            _blame_timeout(member)
    seen = set()
    link = exc
    # A chain made by hand can be a ring.
    while (inner := link.__context__) is not None and id(link) not in seen:
        if isinstance(inner, CancelledError):
            expiry = TimeoutError()
            expiry.__cause__ = inner
            expiry.__context__ = inner
            link.__context__ = expiry
            return
        seen.add(id(link))
        link = inner


def timeout(delay: float | None) -> Timeout:
    """Limit a block to `delay` seconds: ``async with timeout(10): ...``.

    The block is cancelled when the time is up, and TimeoutError is raised where the block ends, so it
    can only be caught outside. None sets no limit; `Timeout.reschedule()` can set one later. The
    time counts from this call, not from the entry.

    Raises RuntimeError where no loop runs, ValueError where `delay` is NaN. Added in Python 3.11.
    """
    if delay is None:
        return Timeout(None)
    try:
        when = get_running_loop().time() + delay
    except TypeError:
        # A decimal does not add to the clock, but its NaN is named as that of others is.
        check_moment(delay, "delay")
        raise
    return Timeout(when)


_PyTimeout = Timeout

if not TYPE_CHECKING and twins is not None:
    Timeout = twins.Timeout
    twins.know(timeouts=globals(), _blame_timeout=_blame_timeout)
    _timeout_after = twins.timeout_after
    _py_timeout = timeout

    # Of Python still: it tells the types of what it takes and returns, as that of the standard asyncio does.
    def timeout(delay: float | None) -> Timeout:
        return _timeout_after(delay)

    timeout.__doc__ = _py_timeout.__doc__


def timeout_at(when: float | None) -> Timeout:
    """Limit a block to the moment `when`, in seconds on ``loop.time()``; None sets no limit.

    Otherwise as `timeout()`. Added in Python 3.11.
    """
    return Timeout(when)


lend_names(
    __name__,
    "Optional=typing:Optional",
    "TracebackType=types:TracebackType",
    "Type=typing:Type",
    "enum",
    "events",
    "exceptions",
    "tasks",
)
