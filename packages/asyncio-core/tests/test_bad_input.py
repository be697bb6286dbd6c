"""Bad input to futures, tasks, handles and the loop's calls: the compiled form answers it as the pure form does.

Each row is an expression, the type that it raises, and the message; None where the message is Python's own, which names what
a form is made of. `…` in a message stands for anything.
"""

from __future__ import annotations

import contextlib
import gc
import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting import futures, task, task_registry
from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task import Task
from asyncio_core.choosing import running_loop
from asyncio_core.exceptions import CancelledError, InvalidStateError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling.handles import Handle, TimerHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    Kinds = type[BaseException] | tuple[type[BaseException], ...]
    Case = tuple[str, Kinds, str | None]


class Boom(Exception):
    pass


class Refusing(Exception):
    def __init__(self) -> None:
        raise Boom("no")


class Thing:
    def __repr__(self) -> str:
        return "<thing>"


class Unnamed:
    def __str__(self) -> str:
        raise Boom("no name")


class Unequal:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise Boom("no equal")

    def __call__(self, *args: object) -> None:
        pass


class Loop(ParkingEventLoop):
    def __repr__(self) -> str:
        return "<Loop>"


# What was never initialized says so, or lacks what __init__() sets; it does nothing else, and never crashes.
UNINITIALIZED = (RuntimeError, AttributeError, InvalidStateError)
# A method called with something else for self: types of C look at its type first.
FOREIGN = (AttributeError, TypeError)

TABLES: dict[str, list[Case]] = {
    "Futures are made": [
        ("Future(3)", TypeError, None),
        ("Future(loop)", TypeError, None),
        ("Future(loop=3)", AttributeError, None),
        ("Future(loop=thing)", AttributeError, None),
        ("Future(lop=loop)", TypeError, None),
        ("Future(loop=loop, name='n')", TypeError, None),
        ("pending.__init__(loop=loop)", RuntimeError, "<Future pending> is already initialized"),
        (
            "finished.__init__(loop=loop)",
            RuntimeError,
            "<Future finished result=1> is already initialized",
        ),
        ("cancelled.__init__()", RuntimeError, "<Future cancelled> is already initialized"),
    ],
    "Futures get their outcome": [
        ("pending.set_result()", TypeError, None),
        ("pending.set_result(1, 2)", TypeError, None),
        ("pending.set_result(result=1)", TypeError, None),
        ("finished.set_result(1)", InvalidStateError, "FINISHED: <Future finished result=1>"),
        (
            "failed.set_result(1)",
            InvalidStateError,
            "FINISHED: <Future finished exception=Boom('failed')>",
        ),
        ("cancelled.set_result(1)", InvalidStateError, "CANCELLED: <Future cancelled>"),
        (
            "finished.set_exception(Boom())",
            InvalidStateError,
            "FINISHED: <Future finished result=1>",
        ),
        (
            "failed.set_exception(Boom)",
            InvalidStateError,
            "FINISHED: <Future finished exception=Boom('failed')>",
        ),
        ("cancelled.set_exception(Boom())", InvalidStateError, "CANCELLED: <Future cancelled>"),
        ("finished.set_exception(3)", InvalidStateError, "FINISHED: <Future finished result=1>"),
        ("pending.set_exception()", TypeError, None),
        ("pending.set_exception(None)", TypeError, "an exception was expected, got None"),
        ("pending.set_exception(3)", TypeError, "an exception was expected, got 3"),
        ("pending.set_exception('text')", TypeError, "an exception was expected, got 'text'"),
        ("pending.set_exception(int)", TypeError, "an exception was expected, got <class 'int'>"),
        (
            "pending.set_exception(object)",
            TypeError,
            "an exception was expected, got <class 'object'>",
        ),
        ("pending.set_exception(thing)", TypeError, "an exception was expected, got <thing>"),
        ("pending.set_exception(exception=Boom())", TypeError, None),
        ("pending.set_exception(UnicodeDecodeError)", TypeError, None),
        ("pending.set_exception(Refusing)", Boom, "no"),
        ("pending.cancel(1, 2)", TypeError, None),
        ("pending.cancel(message='m')", TypeError, None),
        (
            "setattr(pending, '_log_traceback', True)",
            ValueError,
            "_log_traceback can only be set to False",
        ),
        (
            "setattr(pending, '_log_traceback', 3)",
            ValueError,
            "_log_traceback can only be set to False",
        ),
    ],
    "Futures are asked": [
        (
            "pending.result()",
            InvalidStateError,
            "the result is not there yet: the future is pending",
        ),
        (
            "pending.exception()",
            InvalidStateError,
            "no exception can be asked for yet: the future is pending",
        ),
        ("cancelled.result()", CancelledError, ""),
        ("cancelled.exception()", CancelledError, ""),
        ("failed.result()", Boom, "failed"),
        ("pending.result(1)", TypeError, None),
        ("pending.done(1)", TypeError, None),
        ("pending.get_loop(1)", TypeError, None),
        ("pending.exception(timeout=1)", TypeError, None),
        ("pending._make_cancelled_error(1)", TypeError, None),
        ("pending + 1", TypeError, None),
        ("pending < pending", TypeError, None),
        ("len(pending)", TypeError, None),
        ("pending[0]", TypeError, None),
        ("Future[int](3)", TypeError, None),
        ("cancelled_with.result()", CancelledError, "why"),
        ("await_by_hand(pending)", RuntimeError, "await wasn't used with future"),
        ("pending.__await__().throw(3)", TypeError, None),
        ("pending.__await__().throw(int)", TypeError, None),
        ("pending.__await__().throw(Boom)", Boom, ""),
        ("next(iter(failed))", Boom, "failed"),
        ("next(iter(cancelled_with))", CancelledError, "why"),
        ("driven(pending).send(3)", RuntimeError, "await wasn't used with future"),
        ("driven(pending).throw(Boom())", Boom, ""),
        ("driven(pending).throw(Boom)", Boom, ""),
        ("driven(pending).throw(3)", TypeError, None),
        ("isfuture()", TypeError, None),
    ],
    "Callbacks of futures": [
        ("pending.add_done_callback()", TypeError, None),
        ("pending.add_done_callback(print, 1)", TypeError, None),
        ("pending.add_done_callback(fn=print)", TypeError, None),
        ("pending.add_done_callback(print, contxt=None)", TypeError, None),
        ("pending.remove_done_callback()", TypeError, None),
        ("pending.remove_done_callback(print, print)", TypeError, None),
        ("pending.remove_done_callback(fn=print)", TypeError, None),
        ("with_callback(Unequal()).remove_done_callback(print)", Boom, "no equal"),
    ],
    "Futures without __init__": [
        ("bare.result()", UNINITIALIZED, None),
        ("bare.exception()", UNINITIALIZED, None),
        ("bare.get_loop()", RuntimeError, "Future object is not initialized."),
        ("bare.set_result(1)", UNINITIALIZED, None),
        ("bare.set_exception(Boom())", UNINITIALIZED, None),
        ("bare.add_done_callback(print)", UNINITIALIZED, None),
        ("bare.remove_done_callback(print)", UNINITIALIZED, None),
        ("bare.cancel()", UNINITIALIZED, None),
        ("bare.cancel('m')", UNINITIALIZED, None),
        (
            "setattr(bare, '_log_traceback', True)",
            ValueError,
            "_log_traceback can only be set to False",
        ),
        ("bare.__await__().throw(Boom())", (Boom, RuntimeError), None),
    ],
    "Tasks are made": [
        ("Task()", TypeError, None),
        ("Task(3)", TypeError, "a coroutine was expected, got 3"),
        ("Task(3, loop=loop)", TypeError, "a coroutine was expected, got 3"),
        ("Task(None, loop=loop)", TypeError, "a coroutine was expected, got None"),
        (
            "Task(waits, loop=loop)",
            TypeError,
            "a coroutine was expected, got <function waits at …> (the function waits; did you mean waits()?)",
        ),
        ("Task(pending, loop=loop)", TypeError, "a coroutine was expected, got <Future pending>"),
        (
            "Task(iter(()), loop=loop)",
            TypeError,
            "a coroutine was expected, got <tuple_iterator object at …>",
        ),
        (
            "Task(agen(), loop=loop)",
            TypeError,
            "a coroutine was expected, got <async_generator object agen at …>",
        ),
        ("Task(thing, loop=loop)", TypeError, "a coroutine was expected, got <thing>"),
        ("Task(made(), loop=3)", AttributeError, None),
        ("Task(made(), loop=thing)", AttributeError, None),
        ("Task(made(), lop=loop)", TypeError, None),
        ("Task(made(), loop)", TypeError, None),
        ("Task(made(), loop=loop, name=Unnamed())", Boom, "no name"),
        (
            "Task(made(), loop=loop, context=3)",
            TypeError,
            "a contextvars.Context was expected as context, got 3",
        ),
        (
            "Task(made(), loop=loop, context={})",
            TypeError,
            "a contextvars.Context was expected as context, got {}",
        ),
        (
            "Task(made(), loop=loop, context=thing)",
            TypeError,
            "a contextvars.Context was expected as context, got <thing>",
        ),
        ("Task(coro=made(), loop=loop, eager=True)", TypeError, None),
        (
            "task.__init__(made(), loop=loop)",
            RuntimeError,
            "<Task pending name='task' …> is already initialized",
        ),
        (
            "ended.__init__(made(), loop=loop)",
            RuntimeError,
            "<Task finished name='ended' …> is already initialized",
        ),
        (
            "task.__init__(3, loop=loop)",
            RuntimeError,
            "<Task pending name='task' …> is already initialized",
        ),
        ("closed.create_task(made())", RuntimeError, "Event loop is closed"),
        ("Task(made(), loop=closed)", RuntimeError, "Event loop is closed"),
        ("loop.create_task(3)", TypeError, "a coroutine was expected, got 3"),
        ("loop.create_task(made(), nam='n')", TypeError, None),
        ("create_task(made())", RuntimeError, "no running event loop"),
        ("create_task(3)", RuntimeError, "no running event loop"),
    ],
    "Tasks are asked and told": [
        (
            "task.set_result(1)",
            RuntimeError,
            "Task does not support set_result(): its coroutine returns the result",
        ),
        (
            "task.set_exception(Boom())",
            RuntimeError,
            "Task does not support set_exception(): its coroutine raises it",
        ),
        (
            "ended.set_result(1)",
            RuntimeError,
            "Task does not support set_result(): its coroutine returns the result",
        ),
        ("task.result()", InvalidStateError, "the result is not there yet: the future is pending"),
        (
            "task.exception()",
            InvalidStateError,
            "no exception can be asked for yet: the future is pending",
        ),
        (
            "ended.set_exception(3)",
            RuntimeError,
            "Task does not support set_exception(): its coroutine raises it",
        ),
        ("task.set_result()", TypeError, None),
        ("task.cancel(1, 2)", TypeError, None),
        ("task.cancel(message='m')", TypeError, None),
        ("task.cancelling(1)", TypeError, None),
        ("task.uncancel(1)", TypeError, None),
        ("task.set_name()", TypeError, None),
        ("task.set_name(Unnamed())", Boom, "no name"),
        ("task.set_name('a', 'b')", TypeError, None),
        ("task.set_name(value='n')", TypeError, None),
        ("task.get_name(1)", TypeError, None),
        ("task.get_coro(1)", TypeError, None),
        ("task.get_context(1)", TypeError, None),
        ("task.get_stack(3)", TypeError, None),
        ("task.get_stack(limit='x')", TypeError, None),
        ("task.print_stack(3)", TypeError, None),
        (
            "ended._step()",
            InvalidStateError,
            "_step(): already done: <Task finished name='ended' …>, None",
        ),
        ("Task.cancel()", TypeError, None),
        ("Task.cancel(3)", FOREIGN, None),
        ("Future.cancel(3)", FOREIGN, None),
        ("Future.result(thing)", FOREIGN, None),
        ("Task.get_name(pending)", FOREIGN, None),
        ("Task._wakeup(pending)", TypeError, None),
        (
            "setattr(task, '_log_traceback', True)",
            ValueError,
            "_log_traceback can only be set to False",
        ),
        ("task._wakeup()", TypeError, None),
        ("task.add_done_callback()", TypeError, None),
        ("task.remove_done_callback(fn=print)", TypeError, None),
    ],
    "Tasks without __init__": [
        ("bare_task.result()", UNINITIALIZED, None),
        ("bare_task.exception()", UNINITIALIZED, None),
        ("bare_task.get_loop()", RuntimeError, "Future object is not initialized."),
        ("bare_task.add_done_callback(print)", UNINITIALIZED, None),
        (
            "bare_task.set_result(1)",
            RuntimeError,
            "Task does not support set_result(): its coroutine returns the result",
        ),
        ("bare_task._step()", UNINITIALIZED, None),
        ("bare_task._wakeup(finished)", UNINITIALIZED, None),
    ],
    "Handles": [
        ("Handle()", TypeError, None),
        ("Handle(print)", TypeError, None),
        ("Handle(print, ())", TypeError, None),
        ("Handle(print, (), 3)", AttributeError, None),
        ("Handle(print, (), thing)", AttributeError, None),
        ("Handle(print, (), loop, None, 1)", TypeError, None),
        ("Handle(print, (), loop, contxt=None)", TypeError, None),
        ("setattr(handle, 'anything', 1)", AttributeError, None),
        ("handle.__dict__", AttributeError, None),
        ("handle.cancel(1)", TypeError, None),
        ("handle.cancelled(1)", TypeError, None),
        ("handle.get_context(1)", TypeError, None),
        ("handle < handle", TypeError, None),
        ("handle.when()", AttributeError, None),
        ("TimerHandle()", TypeError, None),
        ("TimerHandle(1.0, print)", TypeError, None),
        ("TimerHandle(1.0, print, (), 3)", AttributeError, None),
        ("setattr(timer, 'anything', 1)", AttributeError, None),
        ("timer < 3", TypeError, None),
        ("timer >= handle", TypeError, None),
        ("timer.when(1)", TypeError, None),
        ("bare_handle.cancel()", AttributeError, None),
        ("bare_handle._run()", AttributeError, None),
        ("bare_timer.cancel()", AttributeError, None),
        ("hash(TimerHandle([], print, (), loop))", TypeError, None),
        ("TimerHandle('x', print, (), loop) < timer", TypeError, None),
    ],
    "Calls to be made by the loop": [
        ("loop.call_soon()", TypeError, None),
        ("loop.call_soon(print, contxt=None)", TypeError, None),
        ("loop.call_later()", TypeError, None),
        ("loop.call_later(1)", TypeError, None),
        ("loop.call_later(None, print)", TypeError, "delay must not be None"),
        ("loop.call_later('x', print)", TypeError, "delay must be a number, not 'x'"),
        ("loop.call_later(thing, print)", TypeError, "delay must be a number, not <thing>"),
        ("loop.call_later(nan, print)", ValueError, "when must not be NaN, got nan"),
        (
            "loop.call_later(Decimal('nan'), print)",
            ValueError,
            "delay must not be NaN, got Decimal('NaN')",
        ),
        ("loop.call_later(Decimal(1), print)", TypeError, None),
        ("loop.call_later(1j, print)", TypeError, "when must be a number, not (…+1j)"),
        ("loop.call_later(1, print, when=2)", TypeError, None),
        ("loop.call_at()", TypeError, None),
        ("loop.call_at(1)", TypeError, None),
        ("loop.call_at(None, print)", TypeError, "when cannot be None"),
        ("loop.call_at('x', print)", TypeError, "when must be a number, not 'x'"),
        ("loop.call_at(thing, print)", TypeError, "when must be a number, not <thing>"),
        ("loop.call_at(nan, print)", ValueError, "when must not be NaN, got nan"),
        (
            "loop.call_at(Decimal('nan'), print)",
            ValueError,
            "when must not be NaN, got Decimal('NaN')",
        ),
        ("loop.call_at(1j, print)", TypeError, "when must be a number, not 1j"),
        ("loop.call_at([], print)", TypeError, "when must be a number, not []"),
        ("loop.call_soon_threadsafe()", TypeError, None),
        ("closed.call_soon(print)", RuntimeError, "Event loop is closed"),
        ("closed.call_later(1, print)", RuntimeError, "Event loop is closed"),
        ("closed.call_at(1, print)", RuntimeError, "Event loop is closed"),
        ("closed.call_soon_threadsafe(print)", RuntimeError, "Event loop is closed"),
        ("closed.call_at(None, print)", TypeError, "when cannot be None"),
        ("closed.call_later(nan, print)", ValueError, "when must not be NaN, got nan"),
        ("debugging.call_soon(3)", TypeError, "call_soon() needs a callable object, got 3"),
        ("debugging.call_soon(None)", TypeError, "call_soon() needs a callable object, got None"),
        (
            "debugging.call_soon(waits)",
            TypeError,
            "coroutines cannot be used with call_soon(), got <function waits at …>",
        ),
        (
            "debugging.call_soon(thing)",
            TypeError,
            "call_soon() needs a callable object, got <thing>",
        ),
        ("debugging.call_later(1, 3)", TypeError, "call_at() needs a callable object, got 3"),
        ("debugging.call_at(1, 3)", TypeError, "call_at() needs a callable object, got 3"),
        (
            "debugging.call_later(1, waits)",
            TypeError,
            "coroutines cannot be used with call_at(), got <function waits at …>",
        ),
        (
            "debugging.call_soon_threadsafe(3)",
            TypeError,
            "call_soon_threadsafe() needs a callable object, got 3",
        ),
        (
            "debugging.call_soon_threadsafe(waits)",
            TypeError,
            "coroutines cannot be used with call_soon_threadsafe(), got <function waits at …>",
        ),
        ("debugging.call_later('x', 3)", TypeError, "delay must be a number, not 'x'"),
        ("loop.create_future(1)", TypeError, None),
        ("loop.time(1)", TypeError, None),
        ("loop.set_debug()", TypeError, None),
        ("loop.stop(1)", TypeError, None),
        (
            "loop.run_until_complete(3)",
            TypeError,
            "An asyncio.Future, a coroutine or an awaitable is required, got 3",
        ),
        ("loop.run_until_complete()", TypeError, None),
        ("closed.run_until_complete(pending)", RuntimeError, "Event loop is closed"),
        ("closed.run_forever()", RuntimeError, "Event loop is closed"),
        (
            "loop.set_exception_handler(3)",
            TypeError,
            "A callable object or None is expected, got 3",
        ),
        ("loop.set_task_factory(3)", TypeError, "task factory must be a callable or None, got 3"),
        (
            "loop.run_until_complete(other_pending)",
            ValueError,
            "The future belongs to a different loop than the one specified as the loop argument",
        ),
    ],
    "Who is running": [
        ("get_running_loop()", RuntimeError, "no running event loop"),
        ("get_running_loop(1)", TypeError, None),
        ("_set_running_loop()", TypeError, None),
        ("current_task()", RuntimeError, "no running event loop"),
        ("all_tasks()", RuntimeError, "no running event loop"),
        ("current_task([])", TypeError, None),
        ("_enter_task(loop)", TypeError, None),
        (
            "_leave_task(loop, task)",
            RuntimeError,
            "cannot leave <Task pending name='task' …> while None is the current task",
        ),
        (
            "entered(_enter_task, loop, other_task)",
            RuntimeError,
            "cannot enter <Task pending name='other_task' …> while <Task pending name='task' …> is being executed",
        ),
        (
            "entered(_leave_task, loop, other_task)",
            RuntimeError,
            "cannot leave <Task pending name='other_task' …> while <Task pending name='task' …> is the current task",
        ),
        ("_enter_task([], task)", TypeError, None),
        ("_swap_current_task([], task)", TypeError, None),
        ("_register_task(3)", TypeError, None),
        ("_register_task()", TypeError, None),
        ("_register_eager_task([])", TypeError, None),
        ("_unregister_eager_task([])", TypeError, None),
        ("_swap_current_task(loop)", TypeError, None),
        ("future_add_to_awaited_by(pending)", TypeError, None),
        ("future_add_to_awaited_by(fut=pending, waiter=task)", TypeError, None),
    ],
}


async def waits() -> None:
    await Future()


async def ends() -> int:
    return 1


async def agen() -> Any:
    yield


class Scene:
    """What the expressions are about, by name."""

    def __init__(self) -> None:
        self._loops = [Loop() for _ in range(4)]
        self._coroutines: list[Coroutine[Any, Any, Any]] = []
        loop, closed, debugging, other = self._loops
        for each in self._loops:
            each.set_exception_handler(lambda *_: None)
        debugging.set_debug(True)
        closed.close()
        self.names: dict[str, Any] = {
            **{name: thing for module in _MODULES for name, thing in vars(module).items()},
            **globals(),
            "loop": loop,
            "closed": closed,
            "debugging": debugging,
            "other_pending": Future(loop=other),
            "thing": Thing(),
            "nan": float("nan"),
            "Decimal": Decimal,
            "isfuture": isfuture,
            "made": self._made,
            "with_callback": self._with_callback,
            "entered": self._entered,
        }
        self._make_futures(loop)
        self._make_tasks(loop)
        self._make_handles(loop)

    def _make_futures(self, loop: Loop) -> None:
        names = ("pending", "finished", "failed", "cancelled", "cancelled_with")
        made: dict[str, Future[Any]] = {name: Future(loop=loop) for name in names}
        made["finished"].set_result(1)
        made["failed"].set_exception(Boom("failed"))
        made["cancelled"].cancel()
        made["cancelled_with"].cancel("why")
        self.names.update(made)
        self.names["bare"] = Future.__new__(Future)

    def _make_tasks(self, loop: Loop) -> None:
        for name in ("task", "other_task"):
            self.names[name] = Task(self._made(), loop=loop, name=name)
        self.names["ended"] = Task(ends(), loop=loop, name="ended")
        loop.run_until_complete(self.names["ended"])
        self.names["bare_task"] = Task.__new__(Task)

    def _make_handles(self, loop: Loop) -> None:
        self.names["handle"] = Handle(print, (), loop)
        self.names["cancelled_handle"] = cancelled = Handle(print, (), loop)
        cancelled.cancel()
        self.names["timer"] = TimerHandle(5.0, print, (), loop)
        self.names["bare_handle"] = Handle.__new__(Handle)
        self.names["bare_timer"] = TimerHandle.__new__(TimerHandle)

    def _made(self) -> Coroutine[Any, Any, Any]:
        self._coroutines.append(waits())
        return self._coroutines[-1]

    def _with_callback(self, callback: Callable[..., object]) -> Future[Any]:
        pending: Future[Any] = self.names["pending"]
        pending.add_done_callback(callback)
        return pending

    def _entered(self, call: Callable[..., object], *args: object) -> None:
        loop, one = self._loops[0], self.names["task"]
        task_registry._enter_task(loop, one)
        try:
            call(*args)
        finally:
            task_registry._leave_task(loop, one)

    def close(self) -> None:
        for name in ("task", "other_task"):
            self.names[name]._log_destroy_pending = False
        for coroutine in self._coroutines:
            with contextlib.suppress(RuntimeError):
                coroutine.close()
        for loop in self._loops:
            loop.close()
        self.names.clear()


_MODULES = (futures, task, task_registry, running_loop)


def driven(future: Future[Any]) -> Any:
    iterator = future.__await__()
    next(iterator)
    return iterator


def await_by_hand(future: Future[Any]) -> None:
    next(driven(future))


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()


# Looked at before __init__() has run: either there is an answer, or an attribute is lacking.
LOOKS = (
    "repr(bare)",
    "bare._callbacks",
    "bare._asyncio_awaited_by",
    "bare_task.get_context()",
    "bare_task.get_name()",
    "repr(bare_task)",
    "bare_handle.cancelled()",
    "bare_handle.get_context()",
    "repr(bare_handle)",
    "bare_timer.when()",
    "hash(bare_timer)",
    "bare_timer < timer",
    "repr(bare_timer)",
)


CASES = [(subject, *case) for subject, cases in TABLES.items() for case in cases]


@pytest.mark.parametrize(
    ("subject", "expression", "kind", "message"), CASES, ids=[case[1] for case in CASES]
)
# Tasks that were made by halves may be gone before they have run.
@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
def test_bad_input_raises(
    scene: Scene, subject: str, expression: str, kind: Kinds, message: str | None
) -> None:
    error = outcome(expression, scene)
    assert error is not None, f"{subject}: nothing is raised"
    # Exactly the type: a subclass would be another answer.
    assert type(error) in (kind if isinstance(kind, tuple) else (kind,)), error
    if message is not None:
        pattern = re.escape(message).replace("…", ".*")
        assert re.fullmatch(pattern, str(error), re.DOTALL), str(error)


def outcome(expression: str, scene: Scene) -> BaseException | None:
    try:
        eval(expression, scene.names)
    except BaseException as error:
        return error
    return None


@pytest.mark.parametrize("expression", LOOKS)
def test_what_was_never_initialized_can_be_looked_at(scene: Scene, expression: str) -> None:
    error = outcome(expression, scene)
    assert error is None or isinstance(error, (AttributeError, RuntimeError)), error


@pytest.mark.parametrize(
    "expression",
    ["Task(made(), loop=3)", "Task(made(), loop=3, eager_start=True)", "Future(loop=3)"],
)
@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
def test_what_was_made_by_halves_goes_without_a_word(
    scene: Scene, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: said.append(report.exc_value))
    error = outcome(expression, scene)
    assert isinstance(error, AttributeError)
    del error
    gc.collect()
    assert said == []
