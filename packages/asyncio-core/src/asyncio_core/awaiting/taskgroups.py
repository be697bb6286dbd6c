"""Task groups: tasks that live no longer than a block of code.

The group ends early in two ways: a child, or the body of the block, fails; or somebody calls
`TaskGroup.cancel()`. Either way it *stops*: it cancels the children and, while the body still runs,
the parent task too, and takes that request back (``Task.uncancel()``) when the block is left. A
cancellation that came from elsewhere is thereby told from the group's own and goes on outward.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.task_registry import current_task
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError, drop_own_frame
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self, TypeVar, Unpack

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import CoroutineLike, TaskOptions

    T = TypeVar("T")

__all__ = ("TaskGroup",)


# Where a group is in its life.
_NEW = "new"
_BODY = "body"  # The block's body runs.
_WAITING = "waiting"  # The body is over, children are not.
_FINISHED = "finished"


class TaskGroup:
    """Asynchronous context manager that holds a group of tasks.

    ``async with TaskGroup() as group: group.create_task(...)`` waits at its end for all tasks of the
    group. When one of them, or the block itself, fails with another exception than CancelledError, the
    rest is cancelled, and the exceptions are raised together in an ExceptionGroup. KeyboardInterrupt
    and SystemExit are raised as they are.

    Added in Python 3.11.
    """

    def __init__(self) -> None:
        self._phase = _NEW
        self._loop: AbstractEventLoop | None = None
        self._parent: Task[Any] | None = None
        self._tasks: set[Task[Any]] = set()
        self._errors: list[BaseException] = []
        # KeyboardInterrupt or SystemExit, which take precedence over all others.
        self._base_error: BaseException | None = None
        # Children were cancelled, no more are accepted.
        self._stopping = False
        # The group has asked the parent to cancel and not yet taken it back.
        self._interrupting = False
        # Cancellations that the parent had behind it when the block was entered.
        self._cancels_before = 0
        # What __aexit__() waits for: resolved when the last child is done.
        self._drained: Future[None] | None = None
        # _on_task_done(), bound once for all children: while the body runs and nothing was stopped.
        self._report: Callable[[Task[Any]], object] | None = None

    def __repr__(self) -> str:
        words = ["TaskGroup"]
        if self._tasks:
            words.append(f"tasks={len(self._tasks)}")
        if self._errors:
            words.append(f"errors={len(self._errors)}")
        if self._phase is _FINISHED:
            words.append("finished")
        elif self._stopping:
            words.append("cancelling")
        elif self._phase is not _NEW:
            words.append("entered")
        return f"<{' '.join(words)}>"

    async def __aenter__(self) -> Self:
        """Open the group. Raises RuntimeError outside of a task and on a second entry."""
        if self._phase is not _NEW:
            raise RuntimeError(f"TaskGroup {self!r} has already been entered")
        loop = get_running_loop()
        parent = current_task(loop)
        if parent is None:
            raise RuntimeError(f"TaskGroup {self!r} cannot determine the parent task")
        self._loop = loop
        self._parent = parent
        # A cancellation that is pending has not been heard of: it is no thing of the past.
        self._cancels_before = cancels = parent.cancelling()
        if cancels and getattr(parent, "_must_cancel", False):
            self._cancels_before -= 1
        self._phase = _BODY
        if self._stopping:
            # Cancelled before it began: the body runs up to its first wait.
            self._interrupt_body()
        else:
            self._report = self._on_task_done
        return self

    async def __aexit__(
        self,
        et: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Wait for all tasks, then raise what went wrong."""
        outside: CancelledError | None = None
        failure: BaseException | None = None
        try:
            self._phase = _WAITING
            self._report = None
            if exc is not None or self._interrupting:
                outside = self._leave_body(exc)
            if self._tasks:
                outside = await self._aexit(outside)
            self._phase = _FINISHED
            if self._errors or outside is not None:
                failure = self._verdict(exc, outside)
                if failure is not None and failure is not exc:
                    if failure is self._base_error or failure is outside:
                        raise failure
                    # What it is made of is listed with it: it need not be shown before it, too.
                    raise failure from None
            # What came out of the body goes on, or nothing does: a cancellation that nobody but the
            # group asked for ends here. For type checkers this returns None: a block that returns a
            # value or raises would else be one that may end in another way.
            return failure is None  # type: ignore[return-value]
        finally:
            # The exceptions' tracebacks lead to this frame, which must not lead to them.
            del et, exc, tb, outside, failure
            self._parent = None
            if self._errors:
                self._errors = []
                self._base_error = None

    async def _aexit(self, outside: CancelledError | None) -> CancelledError | None:
        """Wait until all children are done; return the first cancellation from outside, if any.

        Who waits at the end of a group is found in the call graph by this name.
        """
        try:
            while self._tasks:
                self._drained = get_running_loop().create_future()
                try:
                    await self._drained
                except CancelledError as error:
                    drop_own_frame(error)  # It is raised again, from __aexit__().
                    # The group interrupts nobody in this phase, so it comes from outside.
                    if outside is None:
                        outside = error
                    self._stop()
            self._drained = None
            return outside
        finally:
            outside = None  # Its traceback led to this frame.

    def _leave_body(self, exc: BaseException | None) -> CancelledError | None:
        """Deal with how the body ended; return a cancellation that came from outside, if one did."""
        only_ours = self._take_back_interrupt()
        if exc is not None:
            self._note_body_error(exc)
            self._stop()
        return exc if isinstance(exc, CancelledError) and not only_ours else None

    def create_task(self, coro: CoroutineLike[T], **kwargs: Unpack[TaskOptions]) -> Task[T]:
        """Start a task in the group and return it.

        The keyword arguments are those of ``loop.create_task()``: `name`, `context`, and, since Python
        3.14, `eager_start` and whatever else the task factory understands.

        Raises RuntimeError, and closes `coro`, where the group has not been entered, is finished or
        is shutting down.
        """
        report = self._report
        if report is None:
            refusal = self._refusal()
            if refusal is not None:
                coro.close()
                raise RuntimeError(f"TaskGroup {self!r} {refusal}")
            report = self._on_task_done
        loop: Any = self._loop
        task: Task[T] = loop.create_task(coro, **kwargs) if kwargs else loop.create_task(coro)
        try:
            self._tasks.add(task)
            # Eager tasks too are taken care of in a callback: the failure of one that is done by
            # now would otherwise cancel this very task in the middle of its step.
            task.add_done_callback(report)
            if self._stopping:
                # Its first step, run eagerly, stopped the group before it belonged to it.
                task.cancel()
            return task
        except BaseException:
            # No memory, say: a child that the group would never hear of is not waited for.
            self._tasks.discard(task)
            task.cancel()
            raise
        finally:
            # This frame is part of the traceback where the task failed eagerly.
            del task

    def cancel(self) -> None:
        """End the group early and without an error.

        Cancels all tasks of the group that are not done, and the body of the block where it still
        runs; the block is then left normally, without CancelledError. Exceptions raised meanwhile, and
        a cancellation from outside, still come through. No tasks can be added any more.

        A group that is cancelled before it is entered is cancelled on entry. Cancelling again, or
        after the end, does nothing. Added in Python 3.15.
        """
        if self._phase is not _FINISHED:
            self._stop()

    def _refusal(self) -> str | None:
        """Return why no task can be added now, None where one can."""
        if self._phase is _NEW:
            return "has not been entered"
        if self._phase is _FINISHED or (
            self._phase is _WAITING and not self._tasks and not self._stopping
        ):
            return "is finished"
        return "is shutting down" if self._stopping else None

    def _stop(self) -> None:
        """Cancel the children and, while it runs, the body."""
        if self._stopping:
            return
        self._abort()
        if self._phase is _BODY:
            self._interrupt_body()

    def _abort(self) -> None:
        """Cancel the children and take no more of them; programs that know no `cancel()` yet do this."""
        self._stopping = True
        self._report = None
        for task in self._tasks:
            if not task.done():
                task.cancel()

    def _interrupt_body(self) -> None:
        if self._parent is not None:
            self._interrupting = True
            self._parent.cancel()

    def _take_back_interrupt(self) -> bool:
        """Withdraw the group's own cancellation of the parent.

        Returns whether there was one and no request from elsewhere is left beside it.
        """
        if not self._interrupting or self._parent is None:
            return False
        self._interrupting = False
        return self._parent.uncancel() <= self._cancels_before

    def _is_base_error(self, exc: BaseException) -> bool:
        return isinstance(exc, (SystemExit, KeyboardInterrupt))

    def _note_body_error(self, exc: BaseException) -> None:
        """Keep an exception that came out of the body, unless it is a cancellation."""
        if isinstance(exc, CancelledError):
            return
        if self._is_base_error(exc) and self._base_error is None:
            self._base_error = exc
        self._errors.append(exc)

    def _verdict(
        self, exc: BaseException | None, outside: CancelledError | None
    ) -> BaseException | None:
        """Return the exception that the block ends with, None where it ends well.

        `exc` came out of the body, `outside` is a cancellation that the group did not ask for.
        """
        if self._base_error is not None:
            return self._base_error
        if not self._errors:
            return outside
        if type(exc) is GeneratorExit and len(self._errors) == 1 and self._errors[0] is exc:
            return exc  # Nothing failed: somebody closes the generator around the block.
        self._pass_on_cancellation(outside)
        return BaseExceptionGroup("unhandled errors in a TaskGroup", self._errors)

    def _pass_on_cancellation(self, outside: CancelledError | None) -> None:
        """Have the parent cancelled anew where its cancellation gives way to exceptions.

        The count of requests stays what it is; the next wait of the parent raises CancelledError.
        """
        parent = self._parent
        if parent is not None and parent.cancelling() > self._cancels_before:
            parent.uncancel()
            parent.cancel(*(outside.args[:1] if outside is not None else ()))

    def _on_task_done(self, task: Task[Any]) -> None:
        """Take a child that is done out of the group, and stop the group where it failed."""
        tasks = self._tasks
        tasks.discard(task)
        if not tasks:
            drained = self._drained
            if drained is not None and not drained.done():
                drained.set_result(None)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            return
        self._errors.append(failure)
        ends_run = self._is_base_error(failure)
        if ends_run and self._base_error is None:
            self._base_error = failure
        parent = self._parent
        if parent is not None and parent.done() and self._loop is not None and not ends_run:
            # The block was never left properly; nobody will raise this.
            context = {
                "message": f"{task!r} of {self!r} failed after its parent task {parent!r} ended",
                "exception": failure,
                "task": task,
            }
            self._loop.call_exception_handler(context)
            return
        self._stop()

    # The call graph is told who waits: the task that stands there.
    _on_task_done._has_waiter_in = "_parent"  # type: ignore[attr-defined]


lend_names(
    __name__,
    "futures",
    "events",
    "exceptions",
    "tasks",
)

leave_to_checkers(__name__)
