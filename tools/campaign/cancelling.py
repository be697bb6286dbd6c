"""The part `cancel`: each scenario is cancelled at each of its suspensions, in several ways and places.

After it, nothing may be left, nothing reported, and what was used can be used again.
"""

from __future__ import annotations

import asyncio
import itertools
import types
from typing import TYPE_CHECKING, Any

import scenarios
from stage import LIMIT, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from parts import Extent
    from scenarios import Entry
    from stage import Tools
    from worker import Notes

#: More suspensions than any scenario has.
_MOST = 500

#: How the task is cancelled.
WAYS = {
    "waiting": "while it waits",
    "woken": "when what it waits for has just come, before it goes on",
    "twice": "while it waits, and once more while it clears up",
    "at once": "twice, one right after the other",
}
#: Where the scenario runs.
PLACES = {
    "alone": "in a task of its own",
    "timeout": "within timeout()",
    "group": "in a TaskGroup, whose own task is cancelled",
}
#: It is not cancelled, but the timeout() around it expires.
EXPIRES = "expires"


def units(*, brief: bool) -> list[str]:
    return [name for name, entry in scenarios.entries().items() if not (brief and entry.slow)]


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run all points of a scenario."""
    entry = scenarios.entries()[unit]
    combined = [f"{place}, {way}" for place, way in itertools.product(PLACES, WAYS)]
    for how in ["alone, waiting", "alone, woken"] if extent.brief else [*combined, EXPIRES]:
        for number in range(1, _MOST):
            name = f"{how}, {number}"
            if notes.begins(name):
                reached, wrong = _point(entry, tools, how, number)
                if not reached and not wrong:
                    break
                notes.ends(name, wrong)
                if not reached:
                    break


def _point(entry: Entry, tools: Tools, how: str, number: int) -> tuple[bool, list[str]]:
    """Run a scenario, and cancel it at its suspension of this number; return whether it had one, and what is wrong."""
    stage = Stage(tools)
    place, _, way = how.partition(", ")
    with stage.watching():
        run = _Run(stage, way, number)
        stage.perform(entry.peers, lambda: run.play(entry, place))
    return run.reached, stage.wrong


class _Run:
    """A scenario in a task that is cancelled at its suspension of one number."""

    def __init__(self, stage: Stage, way: str, number: int) -> None:
        self._stage = stage
        self._way = way
        self._number = number
        self._count = 0
        self.reached = False
        self._task: asyncio.Task[Any] | None = None

    async def play(self, entry: Entry, place: str) -> None:
        stage = self._stage
        counted = _watched(entry.play(stage), self._suspended)
        task = self._task = stage.loop.create_task(getattr(self, f"_{place}")(counted))
        await asyncio.wait([task], timeout=LIMIT)
        if not task.done():
            stage.wrong.append(f"it does not end: {task.get_stack()}")
            task.cancel()
            await asyncio.wait([task], timeout=LIMIT)
            return
        if task.cancelled():
            if not self.reached or place == EXPIRES:
                stage.wrong.append("it is cancelled, and nobody did so")
            return
        if (error := task.exception()) is not None:
            if not (self.reached and place == EXPIRES and type(error) is TimeoutError):
                stage.wrong.append(f"it ends with {error!r}")
        elif self.reached and place != EXPIRES:
            stage.wrong.append("it ends as if it had not been cancelled")

    async def _alone(self, counted: Coroutine[Any, Any, Any]) -> None:
        await counted

    async def _timeout(self, counted: Coroutine[Any, Any, Any]) -> None:
        async with asyncio.timeout(60):
            await counted

    async def _group(self, counted: Coroutine[Any, Any, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_awaiting(counted))

    async def _expires(self, counted: Coroutine[Any, Any, Any]) -> None:
        async with asyncio.timeout(60) as self._expiring:
            await counted

    def _suspended(self, waits_for: Any) -> None:
        """Called at each suspension, before the task waits for what was yielded."""
        self._count += 1
        if self._count == self._number:
            self.reached = True
            self._cancel(waits_for)
        elif self._count == self._number + 1 and self._way == "twice":
            self._stage.loop.call_soon(self._cancel_task)

    def _cancel(self, waits_for: Any) -> None:
        loop = self._stage.loop
        if self._way == "":
            self._expiring.reschedule(loop.time() - 1)
        elif self._way == "woken" and waits_for is not None:
            # The task's own callback comes behind this one.
            waits_for.add_done_callback(lambda _: self._cancel_task())
        else:
            loop.call_soon(self._cancel_task)
            if self._way == "at once":
                loop.call_soon(self._cancel_task)

    def _cancel_task(self) -> None:
        assert self._task is not None
        self._task.cancel()


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


@types.coroutine
def _watched(
    coroutine: Coroutine[Any, Any, Any], suspended: Callable[[Any], None]
) -> Generator[Any, Any, Any]:
    """Run a coroutine, and tell of each of its suspensions before it is one."""
    go_on: Callable[[Any], Any] = coroutine.send
    argument: Any = None
    while True:
        try:
            waits_for = go_on(argument)
        except StopIteration as end:
            return end.value
        suspended(waits_for)
        try:
            argument = yield waits_for
            go_on = coroutine.send
        except BaseException as error:
            argument = error
            go_on = coroutine.throw
