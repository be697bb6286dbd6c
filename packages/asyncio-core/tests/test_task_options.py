"""create_task() with its keyword arguments, as a function and as a loop's method."""

from __future__ import annotations

from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core import Task, create_task, current_task, get_running_loop
from asyncio_core.loops.parking import ParkingEventLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Run = Callable[[Coroutine[Any, Any, Any]], Any]

number: ContextVar[int] = ContextVar("number", default=0)


@pytest.fixture(params=["function", "method"])
def create(request: pytest.FixtureRequest) -> Callable[..., Task[Any]]:
    def by_method(coro: Any, **options: Any) -> Task[Any]:
        return get_running_loop().create_task(coro, **options)

    return create_task if request.param == "function" else by_method


async def look() -> tuple[str, int]:
    task = current_task()
    assert task is not None
    return task.get_name(), number.get()


def test_eager_start_runs_up_to_the_first_wait(run: Run, create: Any) -> None:
    async def main() -> None:
        reached = []
        waiting = get_running_loop().create_future()

        async def go() -> str:
            reached.append("begun")
            await waiting
            return "ended"

        task = create(go(), eager_start=True)
        assert reached == ["begun"]
        waiting.set_result(None)
        assert await task == "ended"
        at_once = create(look(), eager_start=True, name="eager")
        assert at_once.done()
        assert await at_once == ("eager", 0)
        later = create(look(), eager_start=False)
        assert not later.done()
        assert (await later)[1] == 0

    run(main())


def test_name_and_context_are_taken(run: Run, create: Any) -> None:
    async def main() -> None:
        context = Context()
        context.run(number.set, 7)
        for eager in (True, False):
            assert await create(look(), name="one", context=context, eager_start=eager) == (
                "one",
                7,
            )
        task = create(look(), name=None, context=None)
        assert task.get_name().startswith("Task-")
        assert (await task)[1] == 0
        # Whatever it is, it becomes a string.
        assert await create(look(), name=12) == ("12", 0)

    run(main())


def test_failing_eagerly_is_the_tasks_outcome(run: Run, create: Any) -> None:
    async def main() -> None:
        async def fail() -> None:
            raise ValueError("at once")

        task = create(fail(), eager_start=True)
        assert task.done()
        with pytest.raises(ValueError, match="at once"):
            await task

    run(main())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 3}, "a contextvars.Context was expected"),
        ({"nothing": 3}, "nothing"),
    ],
)
def test_bad_options_are_refused(run: Run, create: Any, options: Any, message: str) -> None:
    async def main() -> None:
        coro = look()
        try:
            with pytest.raises(TypeError, match=message):
                create(coro, **options)
        finally:
            coro.close()

    run(main())


def test_a_loop_that_does_not_run_here_makes_the_first_step_in_its_turn(run: Run) -> None:
    other = ParkingEventLoop()

    async def main() -> Task[tuple[str, int]]:
        return other.create_task(look(), name="there", eager_start=True)

    task = run(main())
    assert not task.done()
    assert other.run_until_complete(task) == ("there", 0)
    other.close()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_leaves_an_eager_start(
    run: Run, create: Any, kind: type[BaseException]
) -> None:
    async def leave() -> None:
        raise kind

    async def main() -> None:
        me = current_task()
        with pytest.raises(kind):
            create(leave(), eager_start=True)
        assert current_task() is me

    run(main())
