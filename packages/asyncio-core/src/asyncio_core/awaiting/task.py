"""Tasks: what drives a coroutine, one step for each time that something it waited for is done.

A step sends None, or throws an exception, into the coroutine. What comes back says how to go on:

* a future with ``_asyncio_future_blocking`` set (what ``await`` yields): wake up when it is done;
* None (a bare ``yield``): go on in the loop's next round;
* an exception out of it: the task is done;
* anything else: a mistake, thrown back into the coroutine where it was made.

The step is the hottest path of the whole library. For futures and tasks of exactly our classes,
whose methods nobody can have replaced, it therefore reads and writes their state directly.
"""

from __future__ import annotations

import sys
import types
from _weakref import ref
from contextvars import Context, copy_context
from itertools import count

from asyncio_core.awaiting.base_futures import _CANCELLED, _FINISHED, _PENDING
from asyncio_core.awaiting.base_tasks import _task_get_stack, _task_print_stack, _task_repr
from asyncio_core.awaiting.cancelling import cancel_along, cancels_in_steps
from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_core.awaiting.futures import (
    Future,
    _get_loop,
    _loop_in_charge,
    _PyFuture,
    stand_on_class,
)
from asyncio_core.awaiting.task_registry import _current_tasks, _references, _swap_current_task
from asyncio_core.choosing.running_loop import _get_running_loop, _standard_events, get_running_loop
from asyncio_core.exceptions import CancelledError, InvalidStateError, drop_own_frame
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from types import FrameType
    from typing import Any, ClassVar, Protocol, TextIO, TypeAlias, TypeVar, Unpack

    from asyncio_core.awaiting.cancelling import Steps
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import FurtherTaskOptions

    _T_co = TypeVar("_T_co", covariant=True)
    _TaskT_co = TypeVar("_TaskT_co", bound="Task[Any]", covariant=True)
    _Driven: TypeAlias = Generator[Any, Any, _T_co] | Coroutine[Any, Any, _T_co]

    class _CustomTaskConstructor(Protocol[_TaskT_co]):
        """What `create_eager_task_factory()` takes."""

        def __call__(
            self,
            coro: Coroutine[Any, Any, Any],
            /,
            *,
            loop: AbstractEventLoop,
            name: str | None,
            context: Context | None,
            eager_start: bool,
        ) -> _TaskT_co: ...

    class _EagerTaskFactoryType(Protocol[_TaskT_co]):
        """What `create_eager_task_factory()` returns."""

        def __call__(
            self,
            loop: AbstractEventLoop,
            coro: Coroutine[Any, Any, Any],
            *,
            name: str | None = None,
            context: Context | None = None,
        ) -> _TaskT_co: ...

else:
    _T_co = None

# Numbers for the names of tasks that got none. next() of a count is atomic.
_task_name_counter = count(1).__next__


# Its result never changes from outside, so that a Task[int] is a Task[object], too.
class Task(_PyFuture[_T_co]):  # type: ignore[type-var]
    """A coroutine that a loop runs; as a future, its outcome is the coroutine's.

    *coro* is what an ``async def`` function returns, or a generator-based coroutine; anything else
    raises ``TypeError``. *name* is for people, by default "Task-N". Its steps run in *context*,
    by default a copy of the caller's. With *eager_start*, and if *loop* is running in this very
    thread, the first step is made at once (added in Python 3.12). A task that nothing refers
    to any more, and that is pending, is reported when it is collected. (PEP 3156.)
    """

    _log_destroy_pending: bool = True
    _must_cancel: bool
    _fut_waiter: Future[Any] | None
    _num_cancels_requested: int = 0
    _coro: Any
    _context: Context
    # A number while nobody has asked for the name: most tasks die without having been printed.
    _name: str | int

    _at_first: ClassVar[dict[str, Any]] = {
        **_PyFuture._at_first,
        "_must_cancel": False,
        "_fut_waiter": None,
        "_coro": None,
    }

    def __init__(
        self,
        coro: _Driven[_T_co],
        *,
        loop: AbstractEventLoop | None = None,
        name: str | None = None,
        context: Context | None = None,
        eager_start: bool | None = False,
    ) -> None:
        if self._loop is not None:
            raise RuntimeError(f"{self!r} is already initialized")
        if not iscoroutine(coro):
            from asyncio_core.format_helpers import _suggest_call

            try:
                raise TypeError(f"a coroutine was expected, got {coro!r}{_suggest_call(coro)}")
            except TypeError as error:
                drop_own_frame(error)
                raise
        # First what can fail, then what would stay behind.
        called = _task_name_counter() if name is None else str(name)
        if context is None:
            context = copy_context()
        elif not isinstance(context, Context):
            raise TypeError(f"a contextvars.Context was expected as context, got {context!r}")
        if loop is None:
            loop = _loop_in_charge()
        # The same as Future.__init__ does, without the call.
        debug = loop.get_debug()
        self._loop = loop
        self._state = _PENDING
        self._exception = None
        self._callbacks = None
        self._unretrieved = False
        self._must_cancel = False
        self._fut_waiter = None
        self._coro = coro
        self._context = context
        self._name = called
        if debug:
            self._remember_birth(sys._getframe(1))
        if eager_start and _get_running_loop() is loop:
            try:
                self._start_eagerly(loop)
            finally:
                # Python 3.12 and 3.13 reach this frame from the traceback of what fails in there, and all of them
                # where the context cannot be entered.
                del self, coro
        else:
            loop.call_soon(self._step, context=context)
            _references[id(self)] = ref(self)

    def __repr__(self) -> str:
        return _task_repr(self)

    def __del__(self) -> None:
        if self._state is _PENDING:
            self._abandon()
        elif self._unretrieved:
            self._report_unretrieved()

    def _abandon(self) -> None:
        """Report a task that is collected before it is done, and take it off the registry."""
        if self._loop is None:
            return
        try:
            if self._log_destroy_pending:
                context: dict[str, Any] = {
                    "task": self,
                    "message": "Task was destroyed but it is pending!",
                }
                if self._source_traceback:
                    context["source_traceback"] = self._source_traceback
                self._loop.call_exception_handler(context)
        finally:
            _references.pop(id(self), None)

    def get_coro(self) -> Coroutine[Any, Any, _T_co] | None:
        """Return the coroutine; None if the task was started eagerly and done at once."""
        coro: Coroutine[Any, Any, _T_co] | None = self._coro
        return coro

    def get_context(self) -> Context:
        """Return the context its steps run in. Added in Python 3.12."""
        return self._context

    def get_name(self) -> str:
        """Return the name. Added in Python 3.8."""
        if (name := self._name).__class__ is int:
            name = self._name = f"Task-{name}"
        return name  # type: ignore[return-value]

    def set_name(self, value: object, /) -> None:
        """Set the name to ``str(value)``. Added in Python 3.8."""
        self._name = str(value)

    def set_result(self, result: Any, /) -> None:
        """Raise ``RuntimeError``: the coroutine alone decides on the outcome."""
        try:
            raise RuntimeError(
                "Task does not support set_result(): its coroutine returns the result"
            )
        except RuntimeError as error:
            drop_own_frame(error)
            raise

    def set_exception(self, exception: type[BaseException] | BaseException, /) -> None:
        """Raise ``RuntimeError``: the coroutine alone decides on the outcome."""
        try:
            raise RuntimeError("Task does not support set_exception(): its coroutine raises it")
        except RuntimeError as error:
            drop_own_frame(error)
            raise

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Return the frames of the coroutine, oldest first.

        A suspended coroutine has one; a running one all that lead to it. Of a task that failed,
        the frames of the traceback are returned; of one that ended otherwise, none. *limit* keeps
        that many: the newest of a stack, the oldest of a traceback.
        """
        return _task_get_stack(self, limit)

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Print the stack or the traceback, with source lines, to *file* (standard output)."""
        _task_print_stack(self, limit, file)

    def cancel(self, msg: Any | None = None) -> bool:
        """Ask the task to cancel itself; return False if it is done.

        A ``CancelledError`` with *msg* is thrown into the coroutine when it runs next, where it
        can be caught for cleaning up, or be ignored. Each call counts, see ``cancelling()``.
        """
        self._unretrieved = False
        if self._state is not _PENDING:
            return False
        waiter = self._fut_waiter
        if waiter is not None and type(waiter) is not _PyFuture:
            # It may lead on to other tasks, and be of a class with a cancel() of its own.
            return cancel_along(self._cancel_steps(msg), msg)
        self._num_cancels_requested += 1
        # What it waits for is cancelled first: its end is what wakes the task up. A future that
        # refuses, being done or shielded, leaves the throwing to the next step.
        if waiter is None or not waiter.cancel(msg=msg):
            self._must_cancel = True
            self._cancel_message = msg
        return True

    def _cancel_steps(self, msg: Any) -> Steps:
        """Do what ``cancel()`` does in steps; see ``asyncio_core.awaiting.cancelling``.

        Tasks in a ring would all wait for each other's end for ever. Where the way comes back to a task,
        that one is thrown out of the ring; its end wakes the one before it, and so on.
        """
        self._unretrieved = False
        if self._state is not _PENDING:
            return False
        key = id(self)
        if key in _being_cancelled:
            self._break_off(msg)
            return True
        self._num_cancels_requested += 1
        agreed = False
        if self._fut_waiter is not None:
            _being_cancelled.add(key)
            try:
                agreed = yield self._fut_waiter
            finally:
                _being_cancelled.discard(key)
        if not agreed:
            self._must_cancel = True
            self._cancel_message = msg
        return True

    def _break_off(self, msg: Any) -> None:
        """Cancel the task without its waiter, which waits for the task in its turn."""
        waiter = self._fut_waiter
        if waiter is None or waiter.done():
            # A step is on its way.
            self._must_cancel = True
            self._cancel_message = msg
            return
        waiter.remove_done_callback(self._wakeup)
        waiter.add_done_callback(_forget_cancellation)
        self._fut_waiter = None
        self._throw_soon(CancelledError() if msg is None else CancelledError(msg))

    def cancelling(self) -> int:
        """Return how many calls of ``cancel()`` no ``uncancel()`` answered. Added in Python 3.11."""
        return self._num_cancels_requested

    def uncancel(self) -> int:
        """Take back one call of ``cancel()``; return how many remain. Added in Python 3.11.

        For code that cancels its own task and must tell this from a cancellation from outside, as
        ``timeout()`` and ``TaskGroup`` do. With the last one, a cancellation that has not reached
        the coroutine yet is dropped.
        """
        if self._num_cancels_requested > 0:
            self._num_cancels_requested -= 1
            if self._num_cancels_requested == 0:
                self._must_cancel = False
        return self._num_cancels_requested

    def _start_eagerly(self, loop: AbstractEventLoop) -> None:
        """Make the first step now, inside whichever task runs, which goes on afterwards."""
        _references[id(self)] = ref(self)
        interrupted = _swap_current_task(loop, None)
        try:
            self._context.run(self._step)
            if self._state is not _PENDING:
                self._coro = None
        except BaseException:
            if self._state is _PENDING:
                # The context could not be entered: nothing has run, nothing ever will.
                self._log_destroy_pending = False
                _references.pop(id(self), None)
            raise
        finally:
            _swap_current_task(loop, interrupted)
            # As in __init__().
            del self, interrupted

    def _step(self, exc: BaseException | None = None) -> None:
        """Run the coroutine up to its next suspension or its end."""
        try:
            if self._resume(exc):
                self._queue_step()
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            # As below.
            del self, exc

    def _queue_step(self) -> None:
        """Have the loop make a step in its next turn."""
        loop: Any = self._loop
        # Our own loops do it for less. Those that stand in for one, in tests, seem to have any method.
        queue = getattr(type(loop), "_queue_step", None)
        if queue is None:
            loop.call_soon(self._step, context=self._context)
        else:
            queue(loop, self)

    def _resume(self, exc: BaseException | None = None) -> bool:
        """Do a step; return whether the next one is to come in the next turn, and is yet to be queued."""
        if self._state is not _PENDING:
            # Somebody went around set_result() above; the registry has not heard of it.
            _references.pop(id(self), None)
            raise InvalidStateError(f"_step(): already done: {self!r}, {exc!r}")
        if self._must_cancel:
            self._must_cancel = False
            if not isinstance(exc, CancelledError):
                exc = self._make_cancelled_error()
        self._fut_waiter = None
        loop: AbstractEventLoop = self._loop  # type: ignore[assignment]
        if loop in _current_tasks:
            raise RuntimeError(
                f"cannot enter {self!r} while {_current_tasks[loop]!r} is being executed"
            )
        _current_tasks[loop] = self
        try:
            waiter = self._coro.send(None) if exc is None else self._coro.throw(exc)
        except StopIteration as stop:
            if self._must_cancel:
                # It cancelled itself on the way to its end.
                self._must_cancel = False
                self._conclude_cancelled(None)
            else:
                self._result = stop.value
                self._conclude(_FINISHED)
        except CancelledError as error:
            # It begins in the coroutine, where it means something to its reader. The step's frame would
            # also keep alive, by way of the frames that called it, whatever the loop is busy with.
            drop_own_frame(error)
            self._conclude_cancelled(error)
        except BaseException as error:
            drop_own_frame(error)
            if isinstance(error, (AttributeError, RuntimeError)):
                error = _explained(error, loop)
            _PyFuture.set_exception(self, error)
            _references.pop(id(self), None)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                # It ends the run of the loop, so it is known to whoever runs that.
                self._unretrieved = False
                raise
        else:
            if waiter is None:
                return True
            kind = type(waiter)
            if (
                (kind is _PyFuture or kind is _PyTask)
                and waiter._asyncio_future_blocking
                and waiter._state is _PENDING
                and waiter._loop is loop
                and waiter is not self
            ):
                waiter._asyncio_future_blocking = False
                if waiter._callbacks is None:
                    waiter._callbacks = [(self._wakeup, self._context)]
                else:
                    waiter._callbacks.append((self._wakeup, self._context))
                self._fut_waiter = waiter
                if self._must_cancel and waiter.cancel(msg=self._cancel_message):
                    self._must_cancel = False
            else:
                self._wait_for(waiter, loop)
        finally:
            if (left := _current_tasks.pop(loop, None)) is not self and left is not None:
                # None in a child that this very step has forked: it must get out as it wants.
                raise RuntimeError(f"{self!r} is not the current task at the end of its step")
            # What is raised out of here has this frame in its traceback: keeping the task in it
            # would form a cycle.
            del self, exc, left
        return False

    def _wakeup(self, future: Any) -> None:
        """Go on after *future*, which the coroutine waited for, is done."""
        kind = type(future)
        if kind is not _PyFuture and kind is not _PyTask:
            failure = _failure_of_foreign(future)
        elif future._exception is None and future._state is _FINISHED:
            failure = None
        else:
            failure = future._failure()
        try:
            if self._resume(failure):
                self._queue_step()
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            # Python 3.12 and 3.13 reach this frame from every traceback of the coroutine.
            del self, future, failure

    # Futures tell by this who waits for them, see Future._asyncio_awaited_by.
    _wakeup._resumes_its_task = True  # type: ignore[attr-defined]

    def _wait_for(self, waiter: Any, loop: AbstractEventLoop) -> None:
        """Deal with what the coroutine yielded, apart from the two common cases."""
        try:
            mistake = _ask_to_be_woken(self, waiter, loop)
        except Exception as error:
            # A future of somebody's own that fails: nobody would wake the coroutine, and no cancellation reach it.
            drop_own_frame(error)
            try:
                waiter.remove_done_callback(self._wakeup)
            except Exception:
                pass  # It knows of no such callback, most likely.
            self._throw_soon(error)
            return
        if mistake is not None:
            self._throw_soon(mistake)
            return
        self._fut_waiter = waiter
        if self._must_cancel and waiter.cancel(msg=self._cancel_message):
            self._must_cancel = False

    def _throw_soon(self, error: BaseException) -> None:
        self.get_loop().call_soon(self._step, error, context=self._context)

    def _conclude_cancelled(self, error: CancelledError | None) -> None:
        # Whoever asks first gets the very exception that left the coroutine.
        self._cancelled_exc = error
        self._conclude(_CANCELLED)

    def _conclude(self, state: str) -> None:
        self._state = state
        if self._callbacks:
            self._schedule_callbacks()
        _references.pop(id(self), None)


def _ask_to_be_woken(task: Task[Any], waiter: Any, loop: AbstractEventLoop) -> RuntimeError | None:
    """Have a task told when something is done, or return what is wrong with waiting for it."""
    blocking = getattr(waiter, "_asyncio_future_blocking", None)
    if blocking is None:
        if isinstance(waiter, types.GeneratorType):
            mistake = f"yielded a generator, {waiter!r}: use 'yield from' or 'await'"
        else:
            mistake = f"got bad yield: {waiter!r}"
    elif not blocking:
        mistake = f"yielded {waiter!r}: use 'yield from' or 'await', yield was used instead"
    elif waiter is task:
        return RuntimeError(f"Task cannot await on itself: {task!r}")
    elif _get_loop(waiter) is not loop:
        mistake = f"got Future {waiter!r} attached to a different loop"
        if _standard_events() is not None:
            from asyncio_core.choosing.mixing import whose

            mistake += whose(waiter)
    else:
        waiter._asyncio_future_blocking = False
        waiter.add_done_callback(task._wakeup, context=task._context)
        return None
    return RuntimeError(f"Task {task!r} {mistake}")


_PyTask = Task
stand_on_class(Task)


def _explained(error: BaseException, loop: AbstractEventLoop) -> BaseException:
    """Say more about an error where the standard asyncio is there, too, and may have to do with it."""
    if _standard_events() is None:
        return error
    from asyncio_core.choosing.mixing import explained

    return explained(error, loop)


# The ids of tasks whose cancel() is at what they wait for, in any thread.
_being_cancelled: set[int] = set()


cancels_in_steps(Task.cancel, Task._cancel_steps)

if not TYPE_CHECKING and twins is not None:
    Task = _CTask = twins.Task
    cancels_in_steps(Task.cancel, Task._cancel_steps)
    twins.know(
        task=globals(),
        _PyTask=_PyTask,
        _explained=_explained,
        _task_get_stack=_task_get_stack,
        _task_print_stack=_task_print_stack,
        _task_repr=_task_repr,
        cancel_along=cancel_along,
        iscoroutine=iscoroutine,
    )


def _forget_cancellation(future: Any) -> None:
    """Count a cancellation as seen that is an exception of a future, as with gather()'s."""
    if isinstance(getattr(future, "_exception", None), CancelledError):
        future.exception()


def _failure_of_foreign(future: Any) -> BaseException | None:
    """Return what ``result()`` of a future of another class raises, if it does."""
    # The step must not run inside the handler: the error would become the context of whatever
    # the coroutine raises afterwards.
    try:
        future.result()
    except BaseException as error:
        drop_own_frame(error)
        return error
    finally:
        # Frames of the future's own class lead back here, and the future has their exception.
        del future
    return None


def create_task(
    coro: _Driven[_T_co],
    *,
    name: str | None = None,
    context: Context | None = None,
    **kwargs: Unpack[FurtherTaskOptions],
) -> Task[_T_co]:
    """Have the running loop run *coro* as a task, and return it.

    *name* and *context* are as for ``Task``; further arguments, such as *eager_start* (Python
    3.14), go to the loop's task factory. Keep a reference: the loop itself holds tasks only
    weakly. Raises ``RuntimeError`` without a running loop. Added in Python 3.7.
    """
    if name is None and context is None and not kwargs:
        # As nearly always. A call with options that are none takes longer.
        return get_running_loop().create_task(coro)
    # Factories written for older Pythons know none of these: what was not given is not passed.
    options: Any = kwargs
    if name is not None:
        options["name"] = name
    if context is not None:
        options["context"] = context
    return get_running_loop().create_task(coro, **options)


def create_eager_task_factory(
    custom_task_constructor: _CustomTaskConstructor[_TaskT_co],
) -> _EagerTaskFactoryType[_TaskT_co]:
    """Return a task factory that makes tasks with *custom_task_constructor* and starts them at once.

    The constructor is called as ``Task`` is, with ``eager_start=True``. Added in Python 3.12.
    """

    def factory(
        loop: AbstractEventLoop,
        coro: Coroutine[Any, Any, Any],
        *,
        eager_start: bool = True,
        **kwargs: Any,
    ) -> _TaskT_co:
        """Make a task that runs at once, up to where it first has to wait."""
        return custom_task_constructor(coro, loop=loop, eager_start=eager_start, **kwargs)

    del factory.__annotations__  # as `leave_to_checkers()` does
    return factory


if TYPE_CHECKING:

    def eager_task_factory(
        loop: AbstractEventLoop | None,
        coro: Coroutine[Any, Any, _T_co],
        *,
        name: str | None = None,
        context: Context | None = None,
        eager_start: bool = True,
    ) -> Task[_T_co]:
        """Make a task that runs its coroutine at once, up to where it first has to wait.

        A coroutine that never waits, as one that finds its answer in a cache, costs no round of the loop.
        Set with ``loop.set_task_factory(asyncio.eager_task_factory)``. Added in Python 3.12.
        """

else:
    eager_task_factory = create_eager_task_factory(Task)


def _set_task_name(task: Any, name: object) -> None:
    """Name *task* if a name was given; tasks of other classes need not have names."""
    if name is not None and (set_name := getattr(task, "set_name", None)) is not None:
        set_name(name)
