"""Part of the event loop: its futures and tasks, and factories that replace the usual tasks."""

from __future__ import annotations

from asyncio_core.awaiting import task
from asyncio_core.awaiting.futures import Future, _PyFuture
from asyncio_core.awaiting.task import _PyTask
from asyncio_core.scheduling.loop_part import LoopPart
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, Unpack

    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop_types import CoroutineLike, TaskOptions, _TaskFactory

    _T = TypeVar("_T")

__all__ = ("TaskMakingPart",)

# A class of Python's that is called with keywords takes a detour through C. Making an object and having it set up is
# the same, at half the cost.
_new: Any = object.__new__


class TaskMakingPart(LoopPart):
    """create_future(), create_task() and the task factory."""

    def create_future(self) -> Future[Any]:
        """Return a new future bound to this loop. Added in Python 3.5.2."""
        if Future is not _PyFuture:
            return Future(loop=self)
        made: Any = _new(_PyFuture)
        made.__init__(loop=self)
        future: Future[Any] = made
        return future

    def create_task(self, coro: CoroutineLike[_T], **kwargs: Unpack[TaskOptions]) -> Task[_T]:
        """Schedule the coroutine `coro` and return its task.

        Keyword arguments are those of `Task`: `name` (str), `context` (`contextvars.Context`) and
        `eager_start` (bool). With a task factory they go to it, and what it returns is returned.
        Raises RuntimeError where the loop is closed. Added in Python 3.4.2.
        """
        self._check_closed()
        factory: Callable[..., Task[_T]] | None = self._task_factory  # type: ignore[assignment]
        if factory is None:
            if kwargs or task.Task is not _PyTask:
                made = task.Task(coro, loop=self, **kwargs)
            else:
                made = _new(_PyTask)
                made.__init__(coro, loop=self)
            try:
                if made._source_traceback:
                    del made._source_traceback[-1]
                return made
            finally:
                # This frame is part of the traceback where the task was started eagerly and failed.
                del made
        if "name" in kwargs and not _takes_name(factory):
            # Factories written for Python up to 3.13 take (loop, coro, context=None); there the name
            # was given to the finished task.
            name = kwargs.pop("name")
            foreign: Task[_T] = factory(self, coro, **kwargs)
            try:
                task._set_task_name(foreign, name)
                return foreign
            finally:
                del foreign  # as above
        return factory(self, coro, **kwargs)

    def set_task_factory(self, factory: _TaskFactory | None) -> None:
        """Have `create_task()` return `factory(loop, coro, **kwargs)`; None for the usual tasks.

        The factory has to return an object with a future's interface and pass keyword arguments on
        to it. Raises TypeError for what cannot be called. Added in Python 3.4.4.
        """
        if not (factory is None or callable(factory)):
            raise TypeError(f"task factory must be a callable or None, got {factory!r}")
        self._task_factory = factory

    def get_task_factory(self) -> _TaskFactory | None:
        """Return the factory set with `set_task_factory()`, or None. Added in Python 3.4.4."""
        return self._task_factory


if twins is not None:
    twins.know(TaskMakingPart=TaskMakingPart, making=globals())


def _takes_name(factory: Callable[..., Any]) -> bool:
    """Return whether a task factory can be called with name=…; True where that is not known."""
    from inspect import Parameter, signature

    try:
        parameters = signature(factory).parameters
    except (TypeError, ValueError):
        return True
    return "name" in parameters or any(
        parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()
    )
