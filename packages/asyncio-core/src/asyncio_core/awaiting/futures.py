"""Futures, and the chains between them and ``concurrent.futures``.

A future is a box for an outcome that is not there yet. Two rules hold for all that follows:

* It changes its state once, from pending to cancelled or finished, and only in its loop's thread.
* Who waits is told by the loop, in a later round, never by whoever sets the outcome.
"""

from __future__ import annotations

import sys
from contextvars import copy_context
from types import GenericAlias

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.base_futures import (
    _CANCELLED,
    _FINISHED,
    _PENDING,
    _future_repr,
    isfuture,
)
from asyncio_core.choosing.running_loop import (
    _get_running_loop,
    _loop_of_the_standard,
    _runs_here,
    get_running_loop,
)
from asyncio_core.exceptions import CancelledError, InvalidStateError, drop_own_frame
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator
    from contextvars import Context
    from traceback import StackSummary
    from types import TracebackType
    from typing import Any, ClassVar, Generic, Self, TypeVar, overload

    from asyncio_core.interfaces.loop import AbstractEventLoop

    _T = TypeVar("_T")
else:
    # Only type checkers need the type variable. This spares every start the import of typing:
    # ``Generic[_T]`` is ``object``.
    _T = None
    Generic = {_T: object}

__all__ = (
    "Future",
    "future_add_to_awaited_by",
    "future_discard_from_awaited_by",
    "isfuture",
    "wrap_future",
)


def stand_on_class(future_class: type[Future[Any]]) -> None:
    """Give a class of futures attributes for its table, where that costs least."""
    if sys.version_info < (3, 12):
        for name, value in future_class._at_first.items():
            setattr(future_class, name, value)


class Future(Generic[_T]):
    """The outcome of something that has not happened yet: a result, an exception, or nothing.

    *loop* is the loop that its callbacks run on; by default the running one, else the one that
    ``get_event_loop()`` returns. In debug mode the future remembers where it was made. Not
    thread-safe: other threads go through ``loop.call_soon_threadsafe()``. (PEP 3156.)
    """

    # What the hot paths read and write is set on each instance. Before that, or where __init__ was skipped, an
    # instance answers as a pending future does: with what stands on the class, or in the table below.
    _state: str
    _loop: AbstractEventLoop | None = None
    _asyncio_future_blocking: bool = False
    _result: Any
    _exception: BaseException | None
    _exception_tb: TracebackType | None = None
    _cancel_message: Any = None
    _cancelled_exc: CancelledError | None = None
    _source_traceback: StackSummary | None = None
    # True from set_exception() until somebody looks at the exception.
    _unretrieved: bool
    # Futures that wait for this one without being called back by it; see the property below.
    _waiters: set[Future[Any]] | None = None
    # Pairs of callback and context; None while there are none.
    _callbacks: list[tuple[Callable[[Any], object], Context]] | None

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    def __init__(self, *, loop: AbstractEventLoop | None = None) -> None:
        if self._loop is not None:
            raise RuntimeError(f"{self!r} is already initialized")
        if loop is None:
            loop = _loop_in_charge()
        # First what fails where this is no loop: then there is nothing for a destructor to report to it.
        debug = loop.get_debug()
        self._loop = loop
        self._state = _PENDING
        self._exception = None
        self._callbacks = None
        self._unretrieved = False
        if debug:
            self._remember_birth(sys._getframe(1))

    _at_first: ClassVar[dict[str, Any]] = {
        "_state": _PENDING,
        "_result": None,
        "_exception": None,
        "_unretrieved": False,
    }

    if not TYPE_CHECKING and sys.version_info >= (3, 12):
        # Where a class has an attribute, these are slow at the same one of its instances.

        def __getattr__(self, name: str) -> Any:
            try:
                return self._at_first[name]
            except KeyError:
                pass
            try:
                raise AttributeError(
                    f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
                )
            except AttributeError as error:
                drop_own_frame(error)
                raise

    def _remember_birth(self, frame: Any) -> None:
        from asyncio_core.format_helpers import extract_stack

        self._source_traceback = extract_stack(frame)

    def __repr__(self) -> str:
        return _future_repr(self)

    def __del__(self) -> None:
        if self._unretrieved:
            self._report_unretrieved()

    def _report_unretrieved(self) -> None:
        """Tell the loop's exception handler that nobody ever looked at the exception."""
        context: dict[str, Any] = {
            "message": f"{type(self).__name__} exception was never retrieved",
            "exception": self._exception,
            "future": self,
        }
        if self._source_traceback:
            context["source_traceback"] = self._source_traceback
        if self._loop is not None:
            self._loop.call_exception_handler(context)

    @property
    def _log_traceback(self) -> bool:
        return self._unretrieved

    @_log_traceback.setter
    def _log_traceback(self, value: bool) -> None:
        if value:
            raise ValueError("_log_traceback can only be set to False")
        self._unretrieved = False

    @property
    def _asyncio_awaited_by(self) -> frozenset[Future[Any]] | None:
        """The futures and tasks that wait for this one, or None.

        Who waits has left a method among the callbacks, a task its wake-up or a gathering what counts its
        children. That mostly says it all: only other links are recorded on their own.
        """
        waiting = set(self._waiters or ())
        for callback, _ in self._callbacks or ():
            if (waiter := _waiter_behind(callback)) is not None:
                waiting.add(waiter)
        return frozenset(waiting) or None

    def get_loop(self) -> AbstractEventLoop:
        """Return the loop this future belongs to. Added in Python 3.7."""
        if self._loop is None:
            raise RuntimeError("Future object is not initialized.")
        return self._loop

    def done(self) -> bool:
        """Tell whether there is an outcome: a result, an exception, or a cancellation."""
        return self._state is not _PENDING

    def cancelled(self) -> bool:
        """Tell whether the future was cancelled."""
        return self._state is _CANCELLED

    def result(self) -> _T:
        """Return the result.

        Raises the exception that was set, ``CancelledError`` if the future was cancelled, and
        ``InvalidStateError`` while it is pending.
        """
        if self._state is _FINISHED and self._exception is None:
            result: _T = self._result
            return result
        try:
            raise self._failure() or InvalidStateError(
                "the result is not there yet: the future is pending"
            )
        except BaseException as error:
            drop_own_frame(error)
            raise

    def exception(self) -> BaseException | None:
        """Return the exception that was set, or None after a result.

        Raises ``CancelledError`` if the future was cancelled, ``InvalidStateError`` while it is
        pending.
        """
        if self._state is _FINISHED:
            self._unretrieved = False
            return self._exception
        try:
            if self._state is _CANCELLED:
                raise self._make_cancelled_error()
            raise InvalidStateError("no exception can be asked for yet: the future is pending")
        except BaseException as error:
            drop_own_frame(error)
            raise

    def _make_cancelled_error(self) -> CancelledError:
        """Return what to raise for a cancelled future.

        A task's own CancelledError is given out once, with its traceback; afterwards, and for
        plain futures, a new one with the message each time. Kept, it would hold the frames.
        """
        error, self._cancelled_exc = self._cancelled_exc, None
        if error is not None:
            return error
        return CancelledError() if (msg := self._cancel_message) is None else CancelledError(msg)

    def _failure(self) -> BaseException | None:
        """Return what ``result()`` would raise for a future that is done; None where it would not."""
        if self._state is _CANCELLED:
            return self._make_cancelled_error()
        if (error := self._exception) is None:
            return None
        self._unretrieved = False
        # As it was set: every raise would lengthen the traceback by its own frames.
        return error.with_traceback(self._exception_tb)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the future and schedule its callbacks; return False if it was done before.

        *msg* becomes the argument of the ``CancelledError`` that waiting tasks get.
        """
        self._unretrieved = False
        if self._state is not _PENDING:
            return False
        self._state = _CANCELLED
        self._cancel_message = msg
        if self._callbacks:
            self._schedule_callbacks()
        return True

    def set_result(self, result: _T, /) -> None:
        """Finish the future with *result* and schedule its callbacks.

        Raises ``InvalidStateError`` if it is done already.
        """
        try:
            if self._state is not _PENDING:
                raise InvalidStateError(f"{self._state}: {self!r}")
            self._result = result
            self._state = _FINISHED
            if self._callbacks:
                self._schedule_callbacks()
        except BaseException as error:
            drop_own_frame(error)
            raise

    def set_exception(self, exception: type[BaseException] | BaseException, /) -> None:
        """Finish the future with *exception*, an instance or a class, and schedule its callbacks.

        A ``StopIteration`` would end the generator that waits, so it arrives as the cause of a
        ``RuntimeError`` (as of Python 3.13; before, ``TypeError`` was raised). Raises
        ``InvalidStateError`` if the future is done already.
        """
        try:
            if self._state is not _PENDING:
                raise InvalidStateError(f"{self._state}: {self!r}")
            error = exception() if isinstance(exception, type) else exception
            if isinstance(error, StopIteration):
                cause = error
                error = RuntimeError(
                    "StopIteration would end the generator that waits and cannot be raised into a Future"
                )
                error.__context__ = error.__cause__ = cause
            elif not isinstance(error, BaseException):
                raise TypeError(f"an exception was expected, got {exception!r}")
            self._exception = error
            self._exception_tb = error.__traceback__
            self._state = _FINISHED
            self._unretrieved = True
            if self._callbacks:
                self._schedule_callbacks()
        except BaseException as error:
            drop_own_frame(error)
            raise

    def add_done_callback(
        self, fn: Callable[[Self], object], /, *, context: Context | None = None
    ) -> None:
        """Have the loop call ``fn(future)`` when the future is done.

        It runs in *context*, by default a copy of the caller's as it is now. If the future is
        done already, the call is scheduled at once.
        """
        if self._state is not _PENDING:
            self.get_loop().call_soon(fn, self, context=context)
            return
        if context is None:
            context = copy_context()
        if self._callbacks is None:
            self._callbacks = [(fn, context)]
        else:
            self._callbacks.append((fn, context))

    def remove_done_callback(self, fn: Callable[[Self], object], /) -> int:
        """Forget every callback that equals *fn*; return how many there were."""
        callbacks = self._callbacks
        if callbacks is None:
            return 0
        kept = [entry for entry in callbacks if entry[0] != fn]
        removed = len(callbacks) - len(kept)
        # A comparison can run any code, so that other callbacks may now stand here.
        if removed > 0 and self._callbacks is callbacks:
            callbacks[:] = kept
        return max(removed, 0)

    def _schedule_callbacks(self) -> None:
        """Hand the callbacks over to the loop; afterwards there are none."""
        callbacks, self._callbacks = self._callbacks, None
        call_soon = self._loop.call_soon  # type: ignore[union-attr]
        for callback, context in callbacks or ():
            call_soon(callback, self, context=context)

    def __await__(self) -> Generator[Any, None, _T]:
        try:
            if self._state is _PENDING:
                # The task that drives us takes this as: wait for me. It turns the flag back.
                self._asyncio_future_blocking = True
                yield self
                if self._state is _PENDING:
                    raise RuntimeError("await wasn't used with future")
            return self.result()
        except BaseException as error:
            drop_own_frame(error)
            raise

    # Makes ``yield from future`` work in generators.
    if TYPE_CHECKING:

        def __iter__(self) -> Generator[Any, None, _T]: ...

    else:
        __iter__ = __await__


def _waiter_behind(callback: Any) -> Future[Any] | None:
    """Return the task that waits for a future through one of its callbacks, None where that tells of none."""
    # A method answers with its function's attributes; mocks would answer with anything.
    if getattr(callback, "_resumes_its_task", None) is True:
        return callback.__self__  # type: ignore[no-any-return]
    where = getattr(callback, "_has_waiter_in", None)
    return getattr(callback.__self__, where, None) if type(where) is str else None


_PyFuture = Future
stand_on_class(Future)
# What tells of itself who waits for it.
_KINDS: tuple[type[Future[Any]], ...] = (Future,)

# Below DEBUG: the level of log records about what was never asked for.
STACK_DEBUG = 9

# What somebody put in the place of `asyncio.events.get_event_loop()`; see `faces`. Without that, the short way.
get_event_loop: Callable[[], AbstractEventLoop] | None = None


def _loop_in_charge() -> AbstractEventLoop:
    """Return the running loop, else the one of this thread, as ``get_event_loop()`` finds it."""
    if get_event_loop is not None:
        return get_event_loop()
    running = _get_running_loop()
    if running is not None:
        return running
    if _loop_of_the_standard() is not None:
        return get_running_loop()  # which says that there is none of ours
    # Not above: most futures are made while a loop runs.
    from asyncio_core.choosing import policies

    return policies.get_event_loop()


def _get_loop(fut: Any) -> AbstractEventLoop:
    """Return the loop of any future; old or foreign ones may only have ``_loop``."""
    try:
        get_loop = fut.get_loop
    except AttributeError:
        known: AbstractEventLoop = fut._loop
        return known
    loop: AbstractEventLoop = get_loop()
    return loop


if TYPE_CHECKING:

    @overload
    def future_add_to_awaited_by(fut: Future[Any], waiter: Future[Any], /) -> None: ...

    @overload
    def future_add_to_awaited_by(fut: Future[Any], waiter: None, /) -> None: ...


def future_add_to_awaited_by(fut: Any, waiter: Any, /) -> None:
    """Record, for the call graph, that *waiter* waits for *fut*.

    Whoever waits through a callback of its own, as ``gather()`` does, says so with this; a task
    that awaits a future need not. Only for futures and tasks of this library; anything
    else is left alone. Added in Python 3.14.
    """
    if isinstance(fut, _KINDS) and isinstance(waiter, _KINDS):
        if fut._waiters is None:
            fut._waiters = {waiter}
        else:
            fut._waiters.add(waiter)


if TYPE_CHECKING:

    @overload
    def future_discard_from_awaited_by(fut: Future[Any], waiter: Future[Any], /) -> None: ...

    @overload
    def future_discard_from_awaited_by(fut: Future[Any], waiter: None, /) -> None: ...


def future_discard_from_awaited_by(fut: Any, waiter: Any, /) -> None:
    """Undo ``future_add_to_awaited_by(fut, waiter)``. Added in Python 3.14."""
    if isinstance(fut, _KINDS) and isinstance(waiter, _KINDS) and fut._waiters is not None:
        fut._waiters.discard(waiter)


_py_future_add_to_awaited_by = future_add_to_awaited_by
_py_future_discard_from_awaited_by = future_discard_from_awaited_by


def _set_result_unless_cancelled(fut: Future[Any], result: Any) -> None:
    """Set the result, unless a cancellation came first: the usual end of a timer."""
    if not fut.cancelled():
        fut.set_result(result)


if not TYPE_CHECKING and twins is not None:
    Future = _CFuture = twins.Future
    _KINDS = (_CFuture, _PyFuture)
    future_add_to_awaited_by = _c_future_add_to_awaited_by = twins.future_add_to_awaited_by
    future_discard_from_awaited_by = _c_future_discard_from_awaited_by = (
        twins.future_discard_from_awaited_by
    )
    _set_result_unless_cancelled = twins._set_result_unless_cancelled
    twins.know(
        _future_repr=_future_repr,
        _loop_in_charge=_loop_in_charge,
        _waiter_behind=_waiter_behind,
        _py_future_add_to_awaited_by=_py_future_add_to_awaited_by,
        _py_future_discard_from_awaited_by=_py_future_discard_from_awaited_by,
    )


def _convert_future_exc(exc: BaseException) -> BaseException:
    """Return asyncio's counterpart of an exception that concurrent.futures has its own class for."""
    import concurrent.futures

    kind = type(exc)
    if kind is concurrent.futures.CancelledError:
        return CancelledError(*exc.args).with_traceback(exc.__traceback__)
    if kind is concurrent.futures.InvalidStateError:
        return InvalidStateError(*exc.args).with_traceback(exc.__traceback__)
    return exc


def _copy_future_state(source: Any, dest: Future[Any]) -> None:
    """Give *dest* the outcome of *source*, a future of either kind that is done."""
    if dest.cancelled():
        return
    if source.cancelled():
        dest.cancel()
    elif (error := source.exception()) is not None:
        dest.set_exception(_convert_future_exc(error))
    else:
        dest.set_result(source.result())


def _set_concurrent_future_state(concurrent: concurrent.futures.Future[Any], source: Any) -> None:
    """Give a concurrent future the outcome of *source*, unless it is already settled."""
    if source.cancelled():
        concurrent.cancel()
    if not concurrent.set_running_or_notify_cancel():
        return
    error = source.exception()
    if error is None:
        concurrent.set_result(source.result())
    else:
        concurrent.set_exception(_convert_future_exc(error))


def _chain_future(source: Any, destination: Any) -> None:
    """Let *destination* end as *source* ends, and a cancellation of the former cancel the latter.

    Each may be of asyncio or of concurrent.futures; what belongs to a loop is only touched in
    that loop's thread. Raises ``TypeError`` for anything that is no future.
    """
    settle = _copy_future_state if isfuture(destination) else _reversed_set_state
    _chain(source, _loop_of_link(source), destination, _loop_of_link(destination), settle)


def _chain(
    source: Any,
    source_loop: AbstractEventLoop | None,
    destination: Any,
    destination_loop: AbstractEventLoop | None,
    settle: Callable[[Any, Any], None],
) -> None:
    """Do what `_chain_future()` does; a future without a loop is one of concurrent.futures."""

    def pass_on(source: Any) -> None:
        if destination_loop in (None, source_loop) or _runs_here(destination_loop):
            settle(source, destination)
        else:
            _tell_loop(destination_loop, settle, source, destination)

    def pass_back(destination: Any) -> None:
        if not destination.cancelled():
            return
        # Where its own loop is running us, a detour would only give the source another round.
        if source_loop is None or _runs_here(source_loop):
            source.cancel()
        else:
            _tell_loop(source_loop, source.cancel)

    destination.add_done_callback(pass_back)
    source.add_done_callback(pass_on)


def _tell_loop(loop: AbstractEventLoop, callback: Callable[..., object], *args: Any) -> None:
    """Call back in a loop of another thread; one that is closed has nobody left to tell."""
    if loop.is_closed():
        return
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise
        # It was closed just now.


def _reversed_set_state(source: Any, destination: concurrent.futures.Future[Any]) -> None:
    _set_concurrent_future_state(destination, source)


def _loop_of_link(future: Any) -> AbstractEventLoop | None:
    """Return the loop of a future that is to be chained, None for one of concurrent.futures."""
    if isfuture(future):
        return _get_loop(future)
    try:
        _check_thread_future(future)
    except TypeError as error:
        drop_own_frame(error)
        raise
    return None


def _check_thread_future(future: Any) -> None:
    """Raise TypeError for what is no future of concurrent.futures."""
    import concurrent.futures

    if isinstance(future, concurrent.futures.Future):
        return
    try:
        raise TypeError(f"a future was expected to chain with, got {future!r}")
    except TypeError as error:
        drop_own_frame(error)
        raise


def wrap_future(
    future: concurrent.futures.Future[_T] | Future[_T], *, loop: AbstractEventLoop | None = None
) -> Future[_T]:
    """Return a future of *loop* that ends as *future*, one of concurrent.futures, does.

    Cancelling it cancels *future*. An asyncio future is returned as it is. *loop* is by default
    the running loop, else the one that ``get_event_loop()`` returns. Raises ``TypeError`` if
    *future* is no future. Source: PEP 3156.
    """
    if isfuture(future):
        return future
    _check_thread_future(future)  # before a future is made that would hang
    wrapper = (loop or _loop_in_charge()).create_future()
    _chain(future, None, wrapper, _get_loop(wrapper), _copy_future_state)
    return wrapper


make_face(
    __name__,
    (
        "loops.base_events",
        "awaiting.combinators",
        "awaiting.coroutines",
        "awaiting.graph",
        "scheduling.task_making",
        "awaiting.taskgroups",
        "awaiting.waiting",
    ),
)


lend_names(
    __name__,
    "base_futures",
    "concurrent",
    "contextvars",
    "events",
    "exceptions",
    "format_helpers",
    "logging",
)

leave_to_checkers(__name__)
