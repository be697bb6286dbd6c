"""Steps of tasks that want a turn of the loop and nothing else: who sees them queued, and what their handles are."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core import Task, current_task, sleep
from asyncio_core.loops.parking import ParkingEventLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Loop(ParkingEventLoop):
    """A class of its own, so that it can be patched."""


@pytest.fixture
def loop() -> Iterator[Any]:
    made = Loop()
    yield made
    made.close()


async def be_busy(turns: int) -> None:
    for _ in range(turns):
        await sleep(0)


def noting(calls: list[Any], queue: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a way to queue so that callbacks are noted, and called in one that returns nothing."""

    def call_soon(*args: Any, context: Any = None) -> Any:
        *owner, callback = args
        calls.append(callback)

        def call() -> None:
            callback()

        return queue(*owner, call, context=context)

    return call_soon


def owners(calls: list[Any]) -> list[Any]:
    return [getattr(callback, "__self__", None) for callback in calls]


def test_a_loop_class_with_its_own_call_soon_sees_every_step() -> None:
    calls: list[Any] = []

    class Seeing(ParkingEventLoop):
        def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
            calls.append(callback)
            return super().call_soon(callback, *args, context=context)

    loop = Seeing()
    task: Task[None] = loop.create_task(be_busy(50))
    loop.run_until_complete(task)
    loop.close()
    assert owners(calls).count(task) == 51


def test_a_loop_class_with_its_own_hook_of_call_soon_sees_every_step() -> None:
    calls: list[Any] = []

    class Seeing(ParkingEventLoop):
        def _call_soon(self, callback: Any, args: Any, context: Any) -> Any:
            calls.append(callback)
            return super()._call_soon(callback, args, context)

    loop = Seeing()
    loop.run_until_complete(be_busy(50))
    loop.close()
    assert len(calls) >= 51


@pytest.mark.parametrize("of_class", [False, True])
def test_what_takes_the_place_of_call_soon_sees_steps_at_once_and_as_long_as_it_is_there(
    loop: Any, monkeypatch: pytest.MonkeyPatch, of_class: bool
) -> None:
    calls: list[Any] = []
    owner = type(loop) if of_class else loop

    async def main() -> None:
        await be_busy(3)
        for _ in range(2):
            calls.clear()
            monkeypatch.setattr(owner, "call_soon", noting(calls, owner.call_soon))
            await be_busy(20)
            assert owners(calls) == [current_task()] * 20
            monkeypatch.undo()
            await be_busy(20)
            assert len(calls) == 20

    loop.run_until_complete(main())


def test_debug_mode_sees_where_steps_were_queued_from_when_it_is_switched_on(loop: Any) -> None:
    found: list[Any] = []

    def look() -> None:
        found.extend(loop._ready)

    async def main() -> None:
        await be_busy(3)
        loop.call_soon(look)
        await be_busy(1)
        loop.set_debug(True)
        loop.call_soon(look)
        await be_busy(1)

    loop.run_until_complete(main())
    plain, watched = [handle for handle in found if hasattr(handle._callback, "__self__")]
    assert plain._source_traceback is None
    assert watched._source_traceback is not None


def handle_of_waiting_step(loop: Any, task: Task[Any]) -> Any:
    """Return the handle of a task that has made some steps and waits for its turn."""
    for _ in range(3):
        loop.stop()
        loop.run_forever()
    (handle,) = loop._ready
    assert handle._callback.__self__ is task
    assert "Task._step()" in repr(handle)
    return handle


def test_the_callback_of_a_step_can_be_called_by_others(loop: Any) -> None:
    task = loop.create_task(be_busy(5))
    handle = handle_of_waiting_step(loop, task)
    loop._ready.clear()
    handle.get_context().run(handle._callback)
    assert len(loop._ready) == 1
    loop.run_until_complete(task)


def test_a_step_that_was_cancelled_is_not_made_and_holds_nothing(loop: Any) -> None:
    steps: list[int] = []

    async def count() -> None:
        for number in range(1000):
            steps.append(number)
            await sleep(0)

    task = loop.create_task(count())
    handle = handle_of_waiting_step(loop, task)
    made = len(steps)
    handle.cancel()
    assert handle.cancelled()
    for _ in range(2):
        loop.stop()
        loop.run_forever()
    assert len(steps) == made
    task._log_destroy_pending = False
    gone = weakref.ref(task)
    gc.collect()
    gc.disable()
    try:
        del task
        assert gone() is None
    finally:
        gc.enable()


def test_a_step_whose_context_cannot_be_entered_is_reported(loop: Any) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    task = loop.create_task(be_busy(1000))
    handle = handle_of_waiting_step(loop, task)
    handle.get_context().run(handle._run)
    (report,) = reports
    assert isinstance(report["exception"], RuntimeError)
    assert "Task._step()" in report["message"]
    assert report["handle"] is handle
    task.cancel()
    loop._ready.append(handle)
    loop.stop()
    loop.run_forever()
    assert task.cancelled()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_run_leaves_a_later_step(loop: Any, kind: type[BaseException]) -> None:
    async def end() -> None:
        await be_busy(3)
        raise kind

    with pytest.raises(kind) as caught:
        loop.run_until_complete(end())
    names = [entry.name for entry in caught.traceback]
    assert names.count("_resume") == 0
    assert names.count("_step") == 0
