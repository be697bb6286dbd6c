"""Futures: their states, their callbacks, their reports, and the chains to concurrent.futures."""

from __future__ import annotations

import concurrent.futures
import contextvars
import gc
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.awaiting.futures import (
    Future,
    _chain_future,
    _set_result_unless_cancelled,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
    wrap_future,
)
from asyncio_core.awaiting.task import _PyTask
from asyncio_core.exceptions import CancelledError, InvalidStateError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.loops import run_a_round

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Boom(Exception):
    pass


def finish(fut: Future[Any]) -> None:
    fut.set_result("done")


def fail(fut: Future[Any]) -> None:
    fut.set_exception(Boom())


def cancel(fut: Future[Any]) -> None:
    fut.cancel()


def raise_and_catch(fut: Future[Any]) -> None:
    with pytest.raises(Boom):
        fut.result()


class TestStates:
    def test_a_new_future_is_pending(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        assert not fut.done()
        assert not fut.cancelled()
        assert fut.get_loop() is loop
        with pytest.raises(InvalidStateError):
            fut.result()
        with pytest.raises(InvalidStateError):
            fut.exception()

    def test_a_result_can_be_read_as_often_as_one_likes(self, loop: ParkingEventLoop) -> None:
        fut: Future[list[int]] = Future(loop=loop)
        value = [1]
        fut.set_result(value)
        assert fut.done()
        assert not fut.cancelled()
        assert fut.result() is fut.result() is value
        assert fut.exception() is None

    def test_an_exception_is_returned_by_one_method_and_raised_by_the_other(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        boom = Boom()
        fut.set_exception(boom)
        assert fut.exception() is boom
        with pytest.raises(Boom) as caught:
            fut.result()
        assert caught.value is boom

    def test_an_exception_class_is_instantiated(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.set_exception(Boom)
        assert type(fut.exception()) is Boom

    @pytest.mark.parametrize("kind", [StopIteration, type("Ending", (StopIteration,), {})])
    def test_stop_iteration_becomes_the_cause_of_a_runtime_error(
        self, loop: ParkingEventLoop, kind: type[StopIteration]
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        stop = kind(3)
        fut.set_exception(stop)
        error = fut.exception()
        assert type(error) is RuntimeError
        assert error.__cause__ is stop

    def test_what_is_no_exception_is_refused_and_changes_nothing(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        with pytest.raises(TypeError, match="'boom'"):
            fut.set_exception("boom")  # type: ignore[arg-type]
        assert not fut.done()

    @pytest.mark.parametrize("first", [finish, fail, cancel])
    @pytest.mark.parametrize("second", [finish, fail])
    def test_the_outcome_is_set_once(
        self,
        loop: ParkingEventLoop,
        reports: list[dict[str, Any]],
        first: Callable[[Future[Any]], None],
        second: Callable[[Future[Any]], None],
    ) -> None:
        fut: Future[Any] = Future(loop=loop)
        first(fut)
        with pytest.raises(InvalidStateError):
            second(fut)
        assert fut.cancel() is False

    def test_cancelling_gives_each_reader_an_error_with_the_message(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        assert fut.cancel("enough") is True
        assert fut.cancelled()
        errors = []
        for read in (fut.result, fut.exception, fut.result):
            with pytest.raises(CancelledError, match="enough") as caught:
                read()
            errors.append(caught.value)
        assert len(set(map(id, errors))) == 3

    def test_a_cancellation_without_message_has_no_arguments(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.cancel()
        with pytest.raises(CancelledError) as caught:
            fut.result()
        assert caught.value.args == ()

    def test_a_timer_that_comes_too_late_leaves_a_cancelled_future_alone(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.cancel()
        _set_result_unless_cancelled(fut, 1)
        assert fut.cancelled()
        other: Future[int] = Future(loop=loop)
        _set_result_unless_cancelled(other, 1)
        assert other.result() == 1

    def test_reading_a_failure_repeatedly_does_not_lengthen_its_traceback(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.set_exception(Boom())
        lengths = []
        for _ in range(3):
            with pytest.raises(Boom) as caught:
                fut.result()
            lengths.append(len(caught.traceback))
        assert len(set(lengths)) == 1


class TestConstruction:
    def test_the_running_loop_is_the_default(self, loop: ParkingEventLoop) -> None:
        async def main() -> Future[int]:
            return Future()

        assert loop.run_until_complete(main()).get_loop() is loop

    def test_a_second_initialisation_is_refused(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        with pytest.raises(RuntimeError, match="already initialized"):
            Future.__init__(fut, loop=loop)

    def test_a_subclass_that_skips_init_is_pending_and_has_no_loop(self) -> None:
        class Careless(Future[int]):
            def __init__(self) -> None:
                pass

        fut = Careless()
        assert not fut.done()
        with pytest.raises(InvalidStateError):
            fut.result()
        with pytest.raises(RuntimeError, match="not initialized"):
            fut.get_loop()

    def test_a_task_class_that_skips_init_is_pending_and_waits_for_nothing(self) -> None:
        class Careless(_PyTask[int]):
            def __init__(self) -> None:
                pass

        task = Careless()
        assert not task.done()
        assert not task.cancelled()
        assert task.get_coro() is None
        assert task._fut_waiter is None
        assert task._must_cancel is False
        with pytest.raises(InvalidStateError):
            task.exception()

    def test_an_attribute_that_is_not_there_is_missed_as_with_any_object(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Any = Future(loop=loop)
        assert getattr(fut, "nothing", 1) == 1
        assert not hasattr(fut, "nothing")
        with pytest.raises(
            AttributeError, match="Future' object has no attribute 'nothing'"
        ) as caught:
            fut.nothing
        assert caught.value.name == "nothing"
        assert caught.value.obj is fut
        assert len(caught.traceback) == 1

    def test_the_class_can_be_subscripted(self) -> None:
        alias: Any = Future[int]
        assert isinstance(alias, types.GenericAlias)
        assert alias.__origin__ is Future
        assert alias.__args__ == (int,)

    def test_debug_mode_remembers_where_a_future_was_made(self, loop: ParkingEventLoop) -> None:
        loop.set_debug(True)
        fut: Future[int] = Future(loop=loop)
        assert fut._source_traceback is not None
        birth = fut._source_traceback[-1]
        assert (birth.filename, birth.name) == (
            __file__,
            "test_debug_mode_remembers_where_a_future_was_made",
        )
        assert repr(fut) == f"<Future pending created at {__file__}:{birth.lineno}>"


class TestRepr:
    def test_each_state_shows(self, loop: ParkingEventLoop) -> None:
        futures: list[Future[Any]] = [Future(loop=loop) for _ in range(4)]
        futures[1].set_result(4)
        futures[2].cancel()
        futures[3].set_exception(Boom("x"))
        assert futures[3].exception()
        assert [repr(fut) for fut in futures] == [
            "<Future pending>",
            "<Future finished result=4>",
            "<Future cancelled>",
            "<Future finished exception=Boom('x')>",
        ]

    @pytest.mark.parametrize(
        ("count", "shown"), [(1, "[print()]"), (2, "[print(), print()]"), (3, "<1 more>")]
    )
    def test_many_callbacks_are_counted(
        self, loop: ParkingEventLoop, count: int, shown: str
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        for _ in range(count):
            fut.add_done_callback(print)
        assert shown in repr(fut)

    def test_a_future_that_is_its_own_result_shows_as_dots(self, loop: ParkingEventLoop) -> None:
        fut: Future[Any] = Future(loop=loop)
        fut.set_result([fut])
        assert repr(fut) == "<Future finished result=[...]>"


class TestCallbacks:
    def test_they_run_in_order_in_the_loop_and_get_the_future(self, loop: ParkingEventLoop) -> None:
        got: list[Any] = []
        fut: Future[int] = Future(loop=loop)
        fut.add_done_callback(lambda f: got.append((1, f)))
        fut.add_done_callback(lambda f: got.append((2, f)))
        fut.set_result(0)
        assert got == []
        run_a_round(loop)
        assert got == [(1, fut), (2, fut)]

    @pytest.mark.parametrize("conclude", [finish, fail, cancel])
    def test_every_outcome_calls_them(
        self, loop: ParkingEventLoop, conclude: Callable[[Future[Any]], None]
    ) -> None:
        got: list[Any] = []
        fut: Future[Any] = Future(loop=loop)
        fut.add_done_callback(got.append)
        conclude(fut)
        run_a_round(loop)
        assert got == [fut]
        assert fut.cancelled() or fut.exception() or fut.result()

    def test_one_added_afterwards_is_called_all_the_same(self, loop: ParkingEventLoop) -> None:
        got: list[Any] = []
        fut: Future[int] = Future(loop=loop)
        fut.set_result(0)
        fut.add_done_callback(got.append)
        assert got == []
        run_a_round(loop)
        assert got == [fut]

    def test_they_run_in_the_context_they_were_added_in_or_the_given_one(
        self, loop: ParkingEventLoop
    ) -> None:
        variable = contextvars.ContextVar("variable", default="outside")
        got = []

        def look(_: object) -> None:
            got.append(variable.get())

        given = contextvars.copy_context()
        given.run(variable.set, "given")
        mine = contextvars.copy_context()
        mine.run(variable.set, "mine")
        fut: Future[int] = Future(loop=loop)
        fut.add_done_callback(look)
        fut.add_done_callback(look, context=given)
        mine.run(fut.add_done_callback, look)
        mine.run(fut.set_result, 0)
        run_a_round(loop)
        assert got == ["outside", "given", "mine"]

    def test_removing_counts_equal_ones(self, loop: ParkingEventLoop) -> None:
        got: list[Any] = []
        fut: Future[int] = Future(loop=loop)
        assert fut.remove_done_callback(got.append) == 0
        for callback in (got.append, print, got.append):
            fut.add_done_callback(callback)
        assert fut.remove_done_callback(got.append) == 2
        assert [callback for callback, _ in fut._callbacks or ()] == [print]

    def test_a_callback_that_removes_another_comes_too_late(self, loop: ParkingEventLoop) -> None:
        got: list[Any] = []
        fut: Future[int] = Future(loop=loop)
        fut.add_done_callback(lambda f: got.append(f.remove_done_callback(got.append)))
        fut.add_done_callback(got.append)
        fut.set_result(0)
        run_a_round(loop)
        assert got == [0, fut]

    def test_a_comparison_that_finishes_the_future_does_no_harm(
        self, loop: ParkingEventLoop
    ) -> None:
        got: list[Any] = []
        fut: Future[int] = Future(loop=loop)

        class Meddler:
            def __eq__(self, other: object) -> bool:
                if not fut.done():
                    fut.set_result(0)
                return True

            __hash__ = None  # type: ignore[assignment]

        fut.add_done_callback(got.append)
        fut.remove_done_callback(Meddler())  # type: ignore[arg-type]
        run_a_round(loop)
        assert got == [fut]


class TestAwaiting:
    def test_a_done_future_gives_its_result_without_suspending(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.set_result(3)
        with pytest.raises(StopIteration) as stop:
            next(fut.__await__())
        assert stop.value.value == 3

    def test_a_pending_future_yields_itself_and_asks_to_be_waited_for(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[tuple[int, int]] = Future(loop=loop)
        waiting = iter(fut)
        assert next(waiting) is fut
        assert fut._asyncio_future_blocking is True
        fut.set_result((1, 2))
        with pytest.raises(StopIteration) as stop:
            next(waiting)
        assert stop.value.value == (1, 2)

    def test_going_on_before_it_is_done_is_an_error(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        waiting = iter(fut)
        next(waiting)
        with pytest.raises(RuntimeError, match="await wasn't used"):
            next(waiting)


class TestUnretrievedExceptions:
    def test_one_that_nobody_looked_at_is_reported_once(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        boom = Boom()
        fut.set_exception(boom)
        del fut
        gc.collect()
        [report] = reports
        assert report["message"] == "Future exception was never retrieved"
        assert report["exception"] is boom
        assert isfuture(report["future"])
        assert "source_traceback" not in report

    def test_debug_mode_adds_where_the_future_was_made(
        self, loop: ParkingEventLoop, reports: list[dict[str, Any]]
    ) -> None:
        loop.set_debug(True)
        fut: Future[int] = Future(loop=loop)
        fut.set_exception(Boom())
        del fut
        gc.collect()
        assert reports[0]["source_traceback"][-1].filename == __file__

    @pytest.mark.parametrize(
        "look",
        [
            lambda fut: fut.exception(),
            raise_and_catch,
            lambda fut: fut.cancel(),
            lambda fut: setattr(fut, "_log_traceback", False),
        ],
    )
    def test_one_that_was_looked_at_is_not_reported(
        self,
        loop: ParkingEventLoop,
        reports: list[dict[str, Any]],
        look: Callable[[Future[int]], object],
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        fut.set_exception(Boom())
        assert fut._log_traceback
        look(fut)
        assert not fut._log_traceback
        del fut
        gc.collect()
        assert reports == []

    def test_the_report_can_only_be_switched_off(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        with pytest.raises(ValueError, match="only be set to False"):
            fut._log_traceback = True

    def test_a_future_and_its_failure_form_no_cycle(self, loop: ParkingEventLoop) -> None:
        gc.collect()
        gc.disable()
        try:
            fut: Future[int] = Future(loop=loop)
            fut.set_exception(Boom())
            try:
                fut.result()
            except Boom:
                pass
            gone = weakref.ref(fut)
            del fut
            assert gone() is None
        finally:
            gc.enable()


class TestProtocol:
    def test_any_class_with_the_flag_is_a_future(self) -> None:
        class Foreign:
            _asyncio_future_blocking: bool | None = False

        assert isfuture(Foreign())
        assert not isfuture(Foreign)
        assert not isfuture(object())
        off = Foreign()
        off._asyncio_future_blocking = None
        assert not isfuture(off)

    def test_a_flag_on_the_instance_alone_does_not_count(self) -> None:
        thing = types.SimpleNamespace(_asyncio_future_blocking=False)
        assert not isfuture(thing)


class TestAwaitedBy:
    def test_links_can_be_added_and_discarded(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        waiters: list[Future[int]] = [Future(loop=loop) for _ in range(2)]
        assert fut._asyncio_awaited_by is None
        for waiter in waiters:
            future_add_to_awaited_by(fut, waiter)
        assert fut._asyncio_awaited_by == frozenset(waiters)
        future_discard_from_awaited_by(fut, waiters[0])
        assert fut._asyncio_awaited_by == {waiters[1]}
        future_discard_from_awaited_by(fut, waiters[1])
        future_discard_from_awaited_by(fut, waiters[1])
        assert fut._asyncio_awaited_by is None

    def test_what_is_no_future_of_ours_is_left_alone(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        future_add_to_awaited_by(fut, object())
        future_add_to_awaited_by(object(), fut)
        assert fut._asyncio_awaited_by is None

    def test_a_task_that_awaits_is_known_without_being_recorded(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)

        async def wait() -> int:
            return await fut

        task = loop.create_task(wait())
        run_a_round(loop)
        waiting: Any = fut._asyncio_awaited_by
        assert waiting == {task}
        fut.set_result(1)
        assert loop.run_until_complete(task) == 1
        assert fut._asyncio_awaited_by is None


class TestConcurrentFutures:
    def test_a_result_from_another_thread_arrives(self, loop: ParkingEventLoop) -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            wrapped = wrap_future(pool.submit(threading.get_ident), loop=loop)
            assert loop.run_until_complete(wrapped) != threading.get_ident()

    def test_an_exception_from_another_thread_arrives(self, loop: ParkingEventLoop) -> None:
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)
        boom = Boom()
        thread = threading.Thread(target=source.set_exception, args=(boom,))
        thread.start()
        with pytest.raises(Boom) as caught:
            loop.run_until_complete(wrapped)
        thread.join()
        assert caught.value is boom

    def test_what_is_settled_in_the_loop_s_own_thread_is_there_at_once(
        self, loop: ParkingEventLoop
    ) -> None:
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)

        async def main() -> None:
            source.set_result(7)
            assert wrapped.result() == 7

        loop.run_until_complete(main())

    def test_its_invalid_state_becomes_ours(self, loop: ParkingEventLoop) -> None:
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)
        source.set_exception(concurrent.futures.InvalidStateError("late"))
        with pytest.raises(InvalidStateError, match="late"):
            loop.run_until_complete(wrapped)

    def test_cancelling_the_wrapper_cancels_what_it_wraps(self, loop: ParkingEventLoop) -> None:
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)
        wrapped.cancel()
        run_a_round(loop)
        assert source.cancelled()

    def test_cancelling_what_it_wraps_cancels_the_wrapper(self, loop: ParkingEventLoop) -> None:
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)
        source.cancel()
        with pytest.raises(CancelledError):
            loop.run_until_complete(wrapped)

    def test_a_result_after_the_loop_is_closed_is_dropped(self) -> None:
        loop = ParkingEventLoop()
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        wrapped = wrap_future(source, loop=loop)
        loop.close()
        source.set_result(1)
        assert not wrapped.done()

    @pytest.mark.parametrize("conclude", [finish, fail, cancel])
    def test_the_chain_works_towards_concurrent_futures_too(
        self, loop: ParkingEventLoop, conclude: Callable[[Future[Any]], None]
    ) -> None:
        source: Future[Any] = Future(loop=loop)
        target: concurrent.futures.Future[Any] = concurrent.futures.Future()
        _chain_future(source, target)
        conclude(source)
        run_a_round(loop)
        assert target.done()
        assert target.cancelled() is source.cancelled()
        if not source.cancelled():
            assert target.exception() is source.exception()

    def test_cancelling_from_a_thread_reaches_the_source_in_its_loop(
        self, loop: ParkingEventLoop
    ) -> None:
        source: Future[Any] = Future(loop=loop)
        target: concurrent.futures.Future[Any] = concurrent.futures.Future()
        _chain_future(source, target)
        cancelled_in = []
        source.add_done_callback(lambda _: cancelled_in.append(threading.get_ident()))
        thread = threading.Thread(target=target.cancel)
        thread.start()
        with pytest.raises(CancelledError):
            loop.run_until_complete(source)
        thread.join()
        assert cancelled_in == [threading.get_ident()]

    def test_an_asyncio_future_is_returned_as_it_is(self, loop: ParkingEventLoop) -> None:
        fut: Future[int] = Future(loop=loop)
        assert wrap_future(fut) is fut

    def test_anything_else_is_refused(self, loop: ParkingEventLoop) -> None:
        with pytest.raises(TypeError, match="42"):
            wrap_future(42, loop=loop)  # type: ignore[arg-type]


def test_a_foreign_future_can_be_chained(loop: ParkingEventLoop) -> None:
    """One that has no get_loop(), only the attribute, as old ones do."""

    class Foreign:
        _asyncio_future_blocking = False
        _loop = loop
        outcome: int | None = None

        def __init__(self) -> None:
            self.callbacks: list[Callable[[Any], object]] = []

        def add_done_callback(self, callback: Callable[[Any], object]) -> None:
            self.callbacks.append(callback)

        def cancelled(self) -> bool:
            return False

        def exception(self) -> None:
            return None

        def result(self) -> int | None:
            return self.outcome

        def __await__(self) -> Generator[Any, None, int | None]:
            yield self
            return self.outcome

    source = Foreign()
    target: Future[int] = Future(loop=loop)
    _chain_future(source, target)
    source.outcome = 5
    for callback in source.callbacks:
        callback(source)
    assert target.result() == 5
