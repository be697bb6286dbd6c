"""The registry that tasks of every class share."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any

import pytest

import asyncio_core
from asyncio_core.awaiting import tasks
from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.task_registry import (
    _current_tasks,
    _enter_task,
    _leave_task,
    _references,
    _register_eager_task,
    _register_task,
    _scheduled_tasks,
    _swap_current_task,
    _unregister_eager_task,
    _unregister_task,
    all_tasks,
    current_task,
)
from asyncio_core.loops.parking import ParkingEventLoop


class Foreign:
    """A task of another library; what the registry needs, and no more."""

    def __init__(self, loop: ParkingEventLoop, done: bool = False) -> None:
        self._loop = loop
        self._done = done

    def done(self) -> bool:
        return self._done


async def hang() -> None:
    await Future()


class TestAllTasks:
    def test_pending_tasks_of_one_loop_are_found(self, loop: ParkingEventLoop) -> None:
        other = ParkingEventLoop()
        elsewhere = other.create_task(hang())
        other.call_soon(other.stop)
        other.run_forever()

        async def main() -> None:
            tasks = {loop.create_task(hang()) for _ in range(3)}
            me = current_task()
            assert all_tasks() == tasks | {me}
            assert all_tasks(other) == {elsewhere}
            for task in tasks:
                task.cancel()

        loop.run_until_complete(main())
        elsewhere.cancel()
        other.call_soon(other.stop)
        other.run_forever()
        other.close()
        assert all_tasks(other) == set()

    def test_without_a_loop_one_must_be_running(self) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            all_tasks()

    def test_a_done_task_leaves_nothing_behind(self, loop: ParkingEventLoop) -> None:
        before = len(_references)

        async def main() -> None:
            loop.create_task(hang()).cancel()
            loop.create_task(fail()).add_done_callback(lambda task: task.exception())
            await loop.create_task(succeed())

        async def fail() -> None:
            raise KeyError

        async def succeed() -> None: ...

        loop.run_until_complete(main())
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert len(_references) == before

    def test_foreign_tasks_are_found_held_weakly_and_forgotten(
        self, loop: ParkingEventLoop
    ) -> None:
        task: Any = Foreign(loop)
        finished = Foreign(loop, done=True)
        before = len(_references)
        _register_task(task)
        _register_task(finished)
        assert all_tasks(loop) == {task}
        _unregister_task(finished)
        _unregister_task(finished)
        gone = weakref.ref(task)
        del task
        gc.collect()
        assert gone() is None
        assert len(_references) == before

    def test_a_foreign_task_may_say_its_loop_by_method(self, loop: ParkingEventLoop) -> None:
        class Task:
            def get_loop(self) -> ParkingEventLoop:
                return loop

            def done(self) -> bool:
                return False

        task: Any = Task()
        _register_task(task)
        assert all_tasks(loop) == {task}
        _unregister_task(task)
        assert all_tasks(loop) == set()

    def test_eager_ones_are_found_during_their_step(self, loop: ParkingEventLoop) -> None:
        task: Any = Foreign(loop)
        _register_eager_task(task)
        assert all_tasks(loop) == {task}
        _unregister_eager_task(task)
        _unregister_eager_task(task)
        assert all_tasks(loop) == set()

    def test_any_thread_may_ask_while_tasks_come_and_go(self, loop: ParkingEventLoop) -> None:
        stop = threading.Event()
        asked = threading.Event()
        errors = []

        def ask() -> None:
            try:
                while not stop.is_set():
                    all_tasks(loop)
                    asked.set()
            except BaseException as error:
                errors.append(error)
                asked.set()

        async def nothing() -> None: ...

        async def main() -> None:
            while not asked.is_set():
                await loop.create_task(nothing())
            for _ in range(50):
                tasks = [loop.create_task(nothing()) for _ in range(50)]
                for task in tasks:
                    await task

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            loop.run_until_complete(main())
        finally:
            stop.set()
            thread.join()
        assert errors == []


class TestCurrentTask:
    def test_it_is_none_outside_of_tasks(self, loop: ParkingEventLoop) -> None:
        assert current_task(loop) is None
        with pytest.raises(RuntimeError, match="no running event loop"):
            current_task()
        seen: list[Any] = ["unset"]
        loop.call_soon(lambda: seen.append(current_task()))
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["unset", None]

    def test_it_is_the_running_one_inside(self, loop: ParkingEventLoop) -> None:
        async def look() -> tuple[Any, Any]:
            return current_task(), current_task(loop)

        task = loop.create_task(look())
        assert loop.run_until_complete(task) == (task, task)
        assert current_task(loop) is None

    def test_entering_and_leaving_belong_together(self, loop: ParkingEventLoop) -> None:
        first, second = Foreign(loop), Foreign(loop)
        with pytest.raises(RuntimeError, match="cannot leave"):
            _leave_task(loop, first)
        _enter_task(loop, first)
        with pytest.raises(RuntimeError, match="cannot enter"):
            _enter_task(loop, second)
        with pytest.raises(RuntimeError, match="cannot leave"):
            _leave_task(loop, second)
        assert current_task(loop) is first  # type: ignore[comparison-overlap]
        _leave_task(loop, first)
        assert current_task(loop) is None

    def test_our_tasks_do_not_run_inside_a_foreign_one(self, loop: ParkingEventLoop) -> None:
        reports: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        foreign = Foreign(loop)
        task = loop.create_task(hang())
        _enter_task(loop, foreign)
        loop.call_soon(loop.stop)
        loop.run_forever()
        _leave_task(loop, foreign)
        assert "cannot enter" in str(reports[0]["exception"])
        task._log_destroy_pending = False
        task.get_coro().close()  # type: ignore[union-attr]

    def test_swapping_returns_which_it_was(self, loop: ParkingEventLoop) -> None:
        first, second = Foreign(loop), Foreign(loop)
        assert _swap_current_task(loop, first) is None
        assert _swap_current_task(loop, second) is first
        assert _swap_current_task(loop, None) is second
        assert _swap_current_task(loop, None) is None
        assert loop not in _current_tasks


class TestWeakSet:
    """What profilers look for: the registry as the set of tasks that the standard library's is."""

    def test_it_holds_the_tasks_that_are_not_done(self, loop: ParkingEventLoop) -> None:
        assert tasks._scheduled_tasks is _scheduled_tasks  # type: ignore[attr-defined]

        async def main() -> None:
            task = loop.create_task(hang())
            assert {task, current_task()} <= set(_scheduled_tasks)
            assert task in _scheduled_tasks
            assert Future(loop=loop) not in _scheduled_tasks
            before = len(_scheduled_tasks)
            task.cancel()
            await asyncio_core.wait([task])
            assert task not in _scheduled_tasks
            assert len(_scheduled_tasks) == before - 1

        loop.run_until_complete(main())

    def test_tasks_of_other_classes_go_in_and_out(self, loop: ParkingEventLoop) -> None:
        task: Any = Foreign(loop)
        _scheduled_tasks.add(task)
        assert task in _scheduled_tasks
        assert task in all_tasks(loop)
        _scheduled_tasks.discard(task)
        _scheduled_tasks.discard(task)
        assert task not in _scheduled_tasks
        assert all_tasks(loop) == set()

    def test_its_references_stay_one_set(self) -> None:
        assert isinstance(_scheduled_tasks.data, set)
        assert _scheduled_tasks.data is _scheduled_tasks.data

    @pytest.mark.skipif(sys.version_info >= (3, 12), reason="the name went away in Python 3.12")
    def test_its_name_on_python_3_11(self) -> None:
        assert tasks._all_tasks is _scheduled_tasks  # type: ignore[attr-defined]


def test_tasks_can_be_made_by_a_finalizer_while_all_tasks_looks_at_them(loop):
    """Up to Python 3.11 the collector may run wherever something is allocated."""
    made = [Future(loop=loop) for _ in range(100)]
    for future in made:
        _register_task(future)

    class Maker:
        def __init__(self):
            self.itself = self

        def __del__(self):
            made.append(Future(loop=loop))
            _register_task(made[-1])

    limits = gc.get_threshold()
    try:
        for allocations in range(10, 110):
            Maker()
            gc.set_threshold(allocations)
            all_tasks(loop)
            gc.set_threshold(*limits)
    finally:
        gc.set_threshold(*limits)
        for future in made:
            _unregister_task(future)
