"""Tasks: how they step through a coroutine, are cancelled, named, started eagerly, and shown."""

from __future__ import annotations

import contextvars
import gc
import io
import sys
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task import (
    Task,
    _set_task_name,
    create_eager_task_factory,
    create_task,
    eager_task_factory,
)
from asyncio_core.awaiting.task_registry import all_tasks, current_task
from asyncio_core.exceptions import CancelledError, InvalidStateError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.loops import run_a_round

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Boom(Exception):
    pass


async def nothing() -> None: ...


def iter_nothing() -> Generator[None, None, None]:
    yield from ()


async def wait_for(fut: Future[Any]) -> Any:
    return await fut


@types.coroutine
def pause() -> Generator[None, None, None]:
    yield


class Foreign:
    """A future of another library: the protocol, and nothing of our classes."""

    def __init__(self, loop: ParkingEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callbacks: list[tuple[Callable[[Any], object], contextvars.Context]] = []
        self._done = False
        self._error: BaseException | None = None

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Any) -> None:
        self._callbacks.append((callback, context))

    def _conclude(self) -> None:
        self._done = True
        for callback, context in self._callbacks:
            self._loop.call_soon(callback, self, context=context)

    def set(self) -> None:
        self._conclude()

    def cancel(self, msg: object = None) -> bool:
        self._error = CancelledError(msg)
        self._conclude()
        return True

    def done(self) -> bool:
        return self._done

    def result(self) -> str:
        if self._error is not None:
            raise self._error
        return "foreign"

    def __await__(self) -> Generator[Any, None, str]:
        if not self._done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()


class TestOutcome:
    def test_the_result_is_what_the_coroutine_returns(self, loop: ParkingEventLoop) -> None:
        async def answer() -> int:
            await pause()
            return 42

        task = Task(answer(), loop=loop)
        assert not task.done()
        assert loop.run_until_complete(task) == 42
        assert task.result() == 42
        assert task.exception() is None

    def test_the_exception_is_what_it_raises(self, loop: ParkingEventLoop) -> None:
        boom = Boom()

        async def fail() -> None:
            raise boom

        task = Task(fail(), loop=loop)
        with pytest.raises(Boom):
            loop.run_until_complete(task)
        assert task.exception() is boom

    def test_nobody_else_can_set_it(self, loop: ParkingEventLoop) -> None:
        task = Task(nothing(), loop=loop)
        with pytest.raises(RuntimeError, match="does not support set_result"):
            task.set_result(None)
        with pytest.raises(RuntimeError, match="does not support set_exception"):
            task.set_exception(Boom())
        loop.run_until_complete(task)

    def test_one_set_behind_its_back_stays_and_is_reported(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        coro = nothing()
        task = Task(coro, loop=loop)
        Future.set_result(task, None)
        run_a_round(loop)
        coro.close()
        assert isinstance(reports[0]["exception"], InvalidStateError)

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_what_ends_the_process_goes_through_the_loop_as_well(
        self, loop: ParkingEventLoop, kind: type[BaseException]
    ) -> None:
        async def leave() -> None:
            raise kind

        task = Task(leave(), loop=loop)
        with pytest.raises(kind):
            run_a_round(loop)
        assert isinstance(task.exception(), kind)

    def test_a_failed_task_is_freed_without_the_collector(self, loop: ParkingEventLoop) -> None:
        gone: list[weakref.ref[Any]] = []

        async def fail() -> None:
            gone.append(weakref.ref(current_task()))
            await pause()
            raise Boom

        async def main() -> None:
            try:
                await loop.create_task(fail())
            except Boom:
                pass

        gc.collect()
        gc.disable()
        try:
            loop.run_until_complete(main())
            assert gone[0]() is None
        finally:
            gc.enable()

    def test_the_traceback_begins_in_the_coroutine(self, loop: ParkingEventLoop) -> None:
        async def fail() -> None:
            raise Boom

        task = Task(fail(), loop=loop)
        run_a_round(loop)
        error = task.exception()
        assert error is not None
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_frame.f_code.co_name == "fail"


class TestWaiting:
    def test_results_and_exceptions_of_futures_arrive(self, loop: ParkingEventLoop) -> None:
        good: Future[int] = Future(loop=loop)
        bad: Future[int] = Future(loop=loop)
        loop.call_soon(good.set_result, 1)
        loop.call_soon(bad.set_exception, Boom())
        assert loop.run_until_complete(wait_for(good)) == 1
        with pytest.raises(Boom):
            loop.run_until_complete(wait_for(bad))

    def test_an_error_that_was_handled_is_no_context_of_later_ones(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[None] = Future(loop=loop)
        loop.call_soon(fut.set_exception, Boom())

        async def main() -> None:
            try:
                await fut
            except Boom:
                pass
            raise KeyError

        with pytest.raises(KeyError) as caught:
            loop.run_until_complete(main())
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("how", ["subclass", "foreign"])
    def test_futures_of_other_classes_are_waited_for(
        self, loop: ParkingEventLoop, how: str
    ) -> None:
        added = []

        class Sub(Future[str]):
            def add_done_callback(self, fn: Any, /, *, context: Any = None) -> None:
                added.append(fn)
                super().add_done_callback(fn, context=context)

        if how == "foreign":
            foreign: Any = Foreign(loop)
            task = loop.create_task(wait_for(foreign))
            loop.call_soon(foreign.set)
        else:
            fut = Sub(loop=loop)
            task = loop.create_task(wait_for(fut))
            loop.call_soon(fut.set_result, how)
        assert loop.run_until_complete(task) == how
        assert len(added) == (how == "subclass")

    @pytest.mark.parametrize("added_before", [False, True])
    def test_a_future_that_fails_to_take_a_callback_ends_the_wait_with_its_error(
        self, loop: ParkingEventLoop, added_before: bool
    ) -> None:
        class Failing(Future[str]):
            def add_done_callback(self, fn: Any, /, *, context: Any = None) -> None:
                if added_before:
                    super().add_done_callback(fn, context=context)
                raise Boom

        async def main() -> str:
            failing = Failing(loop=loop)
            with pytest.raises(Boom):
                await failing
            failing.set_result("too late")
            await pause()
            return await wait_for(answered)

        answered: Future[str] = Future(loop=loop)
        loop.call_later(0, answered.set_result, "it goes on")
        assert loop.run_until_complete(main()) == "it goes on"

    @pytest.mark.parametrize("name", ["_asyncio_future_blocking", "get_loop"])
    def test_what_cannot_be_asked_ends_the_wait_with_its_error(
        self, loop: ParkingEventLoop, name: str
    ) -> None:
        class Unanswering(Foreign):
            def __getattribute__(self, asked: str) -> Any:
                if asked == name:
                    raise Boom
                return super().__getattribute__(asked)

        class Yielded:
            def __await__(self) -> Generator[Any, None, None]:
                yield foreign

        foreign = Unanswering(loop)
        vars(foreign)["_asyncio_future_blocking"] = True

        async def main() -> None:
            with pytest.raises(Boom):
                await Yielded()

        loop.run_until_complete(main())

    def test_a_foreign_future_is_cancelled_with_the_task(self, loop: ParkingEventLoop) -> None:
        fut: Any = Foreign(loop)
        task = Task(wait_for(fut), loop=loop)
        run_a_round(loop)
        assert task.cancel("stop")
        with pytest.raises(CancelledError, match="stop"):
            loop.run_until_complete(task)

    def test_a_task_of_another_library_can_await_ours(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        got = []

        def drive(coro: Any) -> None:
            try:
                waiter = coro.send(None)
            except StopIteration as stop:
                got.append(stop.value)
            else:
                assert waiter._asyncio_future_blocking
                waiter._asyncio_future_blocking = False
                waiter.add_done_callback(lambda _: drive(coro))

        drive(wait_for(fut))
        fut.set_result(8)
        run_a_round(loop)
        assert got == [8]

    def test_mistakes_are_raised_where_they_were_made(self, loop: ParkingEventLoop) -> None:
        other = ParkingEventLoop()
        elsewhere: Future[None] = Future(loop=other)
        unawaited: Future[None] = Future(loop=loop)

        @types.coroutine
        def bare(value: Any) -> Generator[Any, None, None]:
            yield value

        async def main() -> list[str]:
            messages = []
            for mistake in (
                bare(3),
                bare(unawaited),
                bare(iter_nothing()),
                wait_for(elsewhere),
                wait_for(task),
            ):
                try:
                    await mistake
                except RuntimeError as error:
                    messages.append(str(error))
            return messages

        task = loop.create_task(main())
        messages = loop.run_until_complete(task)
        for message, words in zip(
            messages,
            ("bad yield: 3", "yield was used", "generator", "different loop", "await on itself"),
            strict=True,
        ):
            assert words in message
        other.close()

    def test_a_loop_of_awaits_on_done_futures_never_suspends(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.set_result(1)

        async def total() -> int:
            return sum([await fut for _ in range(10)])

        task = Task(total(), loop=loop)
        run_a_round(loop)
        assert task.result() == 10


class TestArguments:
    @pytest.mark.parametrize("thing", [123, nothing, "coro", [iter_nothing()]])
    def test_what_is_no_coroutine_is_refused(self, loop: ParkingEventLoop, thing: Any) -> None:
        for _ in range(2):
            with pytest.raises(TypeError, match="a coroutine was expected"):
                Task(thing, loop=loop)
        assert all_tasks(loop) == set()

    @pytest.mark.parametrize("eager", [False, True])
    def test_what_is_no_context_is_refused(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]], eager: bool
    ) -> None:
        async def main() -> None:
            coro = nothing()
            with pytest.raises(TypeError, match="Context"):
                Task(coro, context="context", eager_start=eager)  # type: ignore[arg-type]
            coro.close()
            await pause()

        loop.run_until_complete(main())
        gc.collect()
        assert reports == []

    def test_a_second_initialisation_is_refused(self, loop: ParkingEventLoop) -> None:
        task = Task(nothing(), loop=loop)
        coro = nothing()
        with pytest.raises(RuntimeError, match="already initialized"):
            Task.__init__(task, coro, loop=loop)
        coro.close()
        loop.run_until_complete(task)

    def test_a_loop_that_takes_no_callback_leaves_a_report_and_no_task(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*args: object, **kwargs: object) -> None:
            raise Boom

        monkeypatch.setattr(loop, "call_soon", refuse)
        coro = nothing()
        with pytest.raises(Boom):
            Task(coro, loop=loop)
        coro.close()
        gc.collect()
        assert reports[0]["message"] == "Task was destroyed but it is pending!"
        reports.clear()
        gc.collect()
        assert all_tasks(loop) == set()

    def test_create_task_needs_a_running_loop(self) -> None:
        coro = nothing()
        with pytest.raises(RuntimeError, match="no running event loop"):
            create_task(coro)
        coro.close()

    def test_create_task_passes_on_what_was_given_and_nothing_else(
        self, loop: ParkingEventLoop
    ) -> None:
        got = []

        def factory(loop: Any, coro: Any, /, **kwargs: Any) -> Any:
            got.append(kwargs)
            return Task(coro, loop=loop, **kwargs)

        loop.set_task_factory(factory)
        context = contextvars.copy_context()

        async def main() -> None:
            got.clear()
            await create_task(nothing())
            await create_task(nothing(), name="x", context=context, eager_start=True)

        loop.run_until_complete(main())
        assert got[0].get("name") is None
        assert got[0].get("context") is None
        assert got[1] == {"name": "x", "context": context, "eager_start": True}


class TestNames:
    def test_unnamed_ones_are_numbered_in_order(self, loop: ParkingEventLoop) -> None:
        first, second = (Task(nothing(), loop=loop) for _ in range(2))
        numbers = [int(task.get_name().removeprefix("Task-")) for task in (second, first)]
        assert numbers[0] == numbers[1] + 1
        assert first.get_name() == f"Task-{numbers[1]}"
        run_a_round(loop)

    @pytest.mark.parametrize(("name", "shown"), [("x", "x"), (987, "987"), ({6}, "{6}")])
    def test_names_are_made_strings(self, loop: ParkingEventLoop, name: object, shown: str) -> None:
        task = Task(nothing(), loop=loop, name=name)
        assert task.get_name() == shown
        task.set_name("other")
        assert task.get_name() == "other"
        task.set_name(name)
        assert task.get_name() == shown
        run_a_round(loop)

    def test_a_task_without_names_is_left_without(self, loop: ParkingEventLoop) -> None:
        _set_task_name(object(), "x")
        task = Task(nothing(), loop=loop, name="kept")
        _set_task_name(task, None)
        assert task.get_name() == "kept"
        _set_task_name(task, "new")
        assert task.get_name() == "new"
        run_a_round(loop)


class TestContext:
    def test_steps_run_in_a_copy_of_the_makers_context(self, loop: ParkingEventLoop) -> None:
        variable = contextvars.ContextVar("variable", default=0)

        async def change() -> int:
            before = variable.get()
            variable.set(2)
            await pause()
            assert variable.get() == 2
            return before

        async def main() -> tuple[int, int]:
            variable.set(1)
            task = create_task(change())
            variable.set(9)
            return await task, variable.get()

        assert loop.run_until_complete(main()) == (1, 9)
        assert variable.get() == 0

    def test_or_in_the_given_one(self, loop: ParkingEventLoop) -> None:
        variable = contextvars.ContextVar("variable", default=0)

        async def change() -> None:
            await pause()
            variable.set(5)

        context = contextvars.copy_context()
        task = Task(change(), loop=loop, context=context)
        assert task.get_context() is context
        loop.run_until_complete(task)
        assert context[variable] == 5


class TestCancelling:
    def test_the_coroutine_gets_the_error_and_what_it_waits_for_is_cancelled(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[None] = Future(loop=loop)
        task = Task(wait_for(fut), loop=loop)
        run_a_round(loop)
        assert task._fut_waiter is fut
        assert task.cancel("enough")
        assert fut.cancelled()
        assert not task.done()
        with pytest.raises(CancelledError, match="enough"):
            loop.run_until_complete(task)
        assert task.cancelled()
        assert task.cancel() is False
        with pytest.raises(CancelledError):
            task.exception()

    def test_before_the_first_step_the_coroutine_never_runs(self, loop: ParkingEventLoop) -> None:
        ran = []

        async def body() -> None:
            ran.append(1)

        task = Task(body(), loop=loop)
        task.cancel("early")
        with pytest.raises(CancelledError, match="early"):
            loop.run_until_complete(task)
        assert ran == []

    def test_a_coroutine_can_refuse(self, loop: ParkingEventLoop) -> None:
        async def stubborn() -> str:
            try:
                await Future()
            except CancelledError:
                await pause()
            return "done all the same"

        task = Task(stubborn(), loop=loop)
        run_a_round(loop)
        task.cancel()
        assert loop.run_until_complete(task) == "done all the same"
        assert not task.cancelled()
        assert task.cancelling() == 1

    def test_a_task_that_cancels_itself_is_cancelled_at_its_next_await(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[None] = Future(loop=loop)

        async def main() -> None:
            task.cancel()
            assert task._must_cancel
            await fut

        task = loop.create_task(main())
        with pytest.raises(CancelledError):
            loop.run_until_complete(task)
        assert fut.cancelled()
        assert not task._must_cancel

    def test_or_at_its_end(self, loop: ParkingEventLoop) -> None:
        async def main() -> int:
            task.cancel()
            return 1

        task = loop.create_task(main())
        with pytest.raises(CancelledError):
            loop.run_until_complete(task)

    def test_it_reaches_through_a_chain_of_tasks(self, loop: ParkingEventLoop) -> None:
        fut: Future[None] = Future(loop=loop)
        inner = loop.create_task(wait_for(fut))
        outer = loop.create_task(wait_for(inner))
        run_a_round(loop)
        run_a_round(loop)
        outer.cancel("all of you")
        with pytest.raises(CancelledError, match="all of you"):
            loop.run_until_complete(outer)
        assert inner.cancelled()
        assert fut.cancelled()

    def test_requests_are_counted_and_taken_back(self, loop: ParkingEventLoop) -> None:
        task = Task(nothing(), loop=loop)
        assert task.uncancel() == 0
        task.cancel()
        task.cancel()
        assert task.cancelling() == 2
        assert task.uncancel() == 1
        assert task._must_cancel
        assert task.uncancel() == 0
        assert not task._must_cancel
        loop.run_until_complete(task)
        assert not task.cancelled()

    def test_the_message_can_be_changed_until_it_arrives(self, loop: ParkingEventLoop) -> None:
        task = Task(nothing(), loop=loop)
        task.cancel("first")
        task._cancel_message = "second"
        with pytest.raises(CancelledError, match="second"):
            loop.run_until_complete(task)


class TestEagerStart:
    def test_what_never_waits_is_done_at_once(self, loop: ParkingEventLoop) -> None:
        async def main() -> None:
            me = current_task()
            seen = []

            async def look() -> str:
                seen.append(current_task())
                assert all_tasks() == {me, current_task()}
                return "done"

            task = Task(look(), eager_start=True)
            assert task.done()
            assert task.result() == "done"
            assert task.get_coro() is None
            assert seen == [task]
            assert current_task() is me
            assert all_tasks() == {me}

        loop.run_until_complete(main())

    def test_what_waits_goes_on_later(self, loop: ParkingEventLoop) -> None:
        async def main() -> Any:
            fut: Future[int] = Future()
            task = Task(wait_for(fut), eager_start=True)
            assert not task.done()
            assert task in all_tasks()
            fut.set_result(4)
            return await task

        assert loop.run_until_complete(main()) == 4

    def test_it_nests(self, loop: ParkingEventLoop) -> None:
        async def depth(levels: int) -> list[Any]:
            me = current_task()
            below = await Task(depth(levels - 1), eager_start=True) if levels else []
            assert current_task() is me
            return [me, *below]

        assert len(set(loop.run_until_complete(depth(5)))) == 6

    def test_its_first_step_runs_in_its_context(self, loop: ParkingEventLoop) -> None:
        variable = contextvars.ContextVar("variable", default=0)

        async def change() -> None:
            variable.set(1)

        async def main() -> int:
            await Task(change(), eager_start=True)
            return variable.get()

        assert loop.run_until_complete(main()) == 0

    def test_a_context_that_is_entered_is_refused_and_the_loop_goes_on(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        async def main() -> None:
            me = current_task()
            context = contextvars.copy_context()

            def inside() -> None:
                coro = nothing()
                with pytest.raises(RuntimeError, match="already entered") as caught:
                    Task(coro, context=context, eager_start=True)
                coro.close()
                # The error holds nothing of what it has refused.
                gone = weakref.ref(coro)
                del coro
                assert gone() is None
                assert caught.value is not None

            context.run(inside)
            assert current_task() is me
            assert all_tasks() == {me}
            await pause()

        loop.run_until_complete(main())
        gc.collect()
        assert reports == []

    def test_without_a_running_loop_the_first_step_waits(self, loop: ParkingEventLoop) -> None:
        task = Task(nothing(), loop=loop, eager_start=True)
        assert not task.done()
        loop.run_until_complete(task)

    def test_a_loop_of_another_thread_is_not_run_in_this_one(self, loop: ParkingEventLoop) -> None:
        other = ParkingEventLoop()

        async def main() -> Task[None]:
            return Task(nothing(), loop=other, eager_start=True)

        task = loop.run_until_complete(main())
        assert not task.done()
        other.run_until_complete(task)
        other.close()

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_what_ends_the_process_leaves_the_constructor(
        self, loop: ParkingEventLoop, kind: type[BaseException]
    ) -> None:
        async def leave() -> None:
            raise kind

        async def main() -> bool:
            me = current_task()
            with pytest.raises(kind):
                Task(leave(), eager_start=True)
            return current_task() is me

        assert loop.run_until_complete(main())

    def test_the_factory_starts_every_task_eagerly(self, loop: ParkingEventLoop) -> None:
        loop.set_task_factory(eager_task_factory)

        async def main() -> None:
            assert create_task(nothing()).done()
            later = create_task(nothing(), eager_start=False)
            assert not later.done()
            await later

        loop.run_until_complete(main())

    @pytest.mark.parametrize("running", [False, True], ids=["no loop", "another loop"])
    def test_a_task_made_in_another_thread_begins_in_its_loops_thread(
        self, loop: ParkingEventLoop, running: bool
    ) -> None:
        threads: list[threading.Thread] = []
        tasks: list[Task[None]] = []

        async def note() -> None:
            threads.append(threading.current_thread())

        async def make() -> None:
            tasks.append(Task(note(), loop=loop, eager_start=True))
            tasks.append(eager_task_factory(loop, note()))

        def make_elsewhere() -> None:
            making = make()
            if running:
                other = ParkingEventLoop()
                other.run_until_complete(making)
                other.close()
            else:
                with pytest.raises(StopIteration):
                    making.send(None)

        thread = threading.Thread(target=make_elsewhere)
        thread.start()
        thread.join()
        assert threads == []
        for task in tasks:
            loop.run_until_complete(task)
        assert threads == [threading.current_thread()] * 2

    def test_a_factory_can_make_another_class(self, loop: ParkingEventLoop) -> None:
        class Mine(Task[Any]):
            pass

        loop.set_task_factory(create_eager_task_factory(Mine))

        async def main() -> None:
            task = create_task(nothing(), name="mine")
            assert type(task) is Mine
            assert task.get_name() == "mine"
            assert task.done()

        loop.run_until_complete(main())


class TestAbandoned:
    def test_a_task_that_nothing_can_wake_is_reported(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        loop.set_debug(True)

        async def hang() -> None:
            await Future()

        task = Task(hang(), loop=loop, name="lost")
        run_a_round(loop)
        del task
        gc.collect()
        [report] = reports
        assert report["message"] == "Task was destroyed but it is pending!"
        assert report["task"].get_name() == "lost"
        assert report["source_traceback"][-1].filename == __file__
        assert all_tasks(loop) == set()

    def test_unless_it_was_told_not_to(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        async def hang() -> None:
            await Future()

        task = Task(hang(), loop=loop)
        run_a_round(loop)
        task._log_destroy_pending = False
        del task
        gc.collect()
        assert reports == []
        assert all_tasks(loop) == set()

    def test_an_exception_that_nobody_looked_at_is_reported(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        async def fail() -> None:
            raise Boom

        task = Task(fail(), loop=loop)
        run_a_round(loop)
        del task
        gc.collect()
        [report] = reports
        assert report["message"] == "Task exception was never retrieved"
        assert isinstance(report["exception"], Boom)

    def test_a_subclass_need_not_call_our_destructor(self, loop: ParkingEventLoop) -> None:
        class Quiet(Task[Any]):
            def __del__(self) -> None:
                pass

        async def hang() -> None:
            await Future()

        task = Quiet(hang(), loop=loop)
        run_a_round(loop)
        del task
        gc.collect()
        assert all_tasks(loop) == set()


class TestRepr:
    def test_state_name_coroutine_and_callbacks_show(self, loop: ParkingEventLoop) -> None:
        line = nothing.__code__.co_firstlineno
        task = Task(nothing(), loop=loop, name="x")
        task.add_done_callback(print)
        place = f"coro=<nothing() running at {__file__}:{line}>"
        assert repr(task) == f"<Task pending name='x' {place} cb=[print()]>"
        task.cancel()
        assert repr(task) == f"<Task cancelling name='x' {place} cb=[print()]>"
        task.remove_done_callback(print)
        run_a_round(loop)
        place = f"coro=<nothing() done, defined at {__file__}:{line}>"
        assert repr(task) == f"<Task cancelled name='x' {place}>"

    def test_what_it_waits_for_shows(self, loop: ParkingEventLoop) -> None:
        fut: Future[str] = Future(loop=loop)
        task = Task(wait_for(fut), loop=loop)
        run_a_round(loop)
        assert repr(task).endswith(f" wait_for={fut!r}>")
        fut.set_result("here")
        loop.run_until_complete(task)
        assert repr(task).endswith(" result='here'>")

    def test_a_task_among_its_own_results_shows_as_dots(self, loop: ParkingEventLoop) -> None:
        async def find() -> set[Task[Any]]:
            return all_tasks()

        task = Task(find(), loop=loop)
        loop.run_until_complete(task)
        assert "result={...}" in repr(task)


class TestStack:
    def test_a_suspended_coroutine_has_one_frame(self, loop: ParkingEventLoop) -> None:
        task = Task(wait_for(Future(loop=loop)), loop=loop)
        run_a_round(loop)
        [frame] = task.get_stack()
        assert frame.f_code.co_name == "wait_for"
        file = io.StringIO()
        task.print_stack(file=file)
        assert file.getvalue().startswith(f"Stack for {task!r} (most recent call last):\n")
        assert "return await fut" in file.getvalue()
        task.cancel()
        run_a_round(loop)

    def test_of_a_running_one_the_newest_frames_are_kept(self, loop: ParkingEventLoop) -> None:
        async def look() -> tuple[list[str], int]:
            task = current_task()
            assert task is not None
            kept = [frame.f_code.co_name for frame in task.get_stack(limit=1)]
            return kept, len(task.get_stack())

        kept, length = loop.run_until_complete(look())
        assert kept == ["look"]
        assert length > 1

    def test_of_a_failed_one_the_traceback_is_shown(self, loop: ParkingEventLoop) -> None:
        async def inner() -> None:
            raise Boom("this")

        async def outer() -> None:
            await inner()

        task = Task(outer(), loop=loop)
        run_a_round(loop)
        assert [frame.f_code.co_name for frame in task.get_stack()] == ["outer", "inner"]
        assert [frame.f_code.co_name for frame in task.get_stack(limit=1)] == ["outer"]
        file = io.StringIO()
        task.print_stack(file=file)
        text = file.getvalue()
        assert text.startswith("Traceback for <Task finished")
        assert 'raise Boom("this")' in text
        assert text.endswith("Boom: this\n")
        assert task.exception()

    def test_of_one_that_ended_there_is_none(
        self, loop: ParkingEventLoop, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = Task(nothing(), loop=loop)
        loop.run_until_complete(task)
        assert task.get_stack() == []
        task.print_stack()
        assert capsys.readouterr().out == f"No stack for {task!r}\n"


def test_the_class_can_be_subscripted() -> None:
    alias: Any = Task[int]
    assert isinstance(alias, types.GenericAlias)
    assert alias.__origin__ is Task


def test_debug_mode_remembers_where_a_task_was_made(loop: ParkingEventLoop) -> None:
    loop.set_debug(True)
    line = sys._getframe().f_lineno + 1
    task = Task(nothing(), loop=loop)
    assert task._source_traceback is not None
    assert task._source_traceback[-1][:2] == (__file__, line)
    loop.run_until_complete(task)
