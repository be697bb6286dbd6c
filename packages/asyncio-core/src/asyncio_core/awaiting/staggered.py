"""Races with staggered starts: the heart of happy eyeballs (RFC 8305).

One coordinator, the caller's task, starts the attempts one by one and waits. The attempt that
succeeds first cancels the others itself, in the same step, so that no two of them can both win.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.waiting import wait
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import CancelledError
from asyncio_core.lent_names import lend_names
from asyncio_core.moments import check_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("staggered_race",)


class _Race:
    """The attempts of one race and how they ended."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: list[Task[None]] = []
        self.failures: list[BaseException | None] = []
        self.winner: int | None = None
        self.prize: Any = None
        # The first cancellation of the coordinator, raised when all attempts have ended.
        self.cancelled: CancelledError | None = None

    def start(self, attempt: Callable[[], Awaitable[Any]]) -> Task[None]:
        number = len(self.failures)
        self.failures.append(None)
        task = self.loop.create_task(self._run(number, attempt))
        self.tasks.append(task)
        return task

    async def _run(self, number: int, attempt: Callable[[], Awaitable[Any]]) -> None:
        try:
            prize = await attempt()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.failures[number] = exc
            return
        if self.winner is None:
            self.winner = number
            self.prize = prize
            self.cancel(spare=number)

    def cancel(self, *, spare: int | None = None) -> None:
        for number, task in enumerate(self.tasks):
            if number != spare:
                task.cancel()

    async def start_all(
        self, attempts: Iterable[Callable[[], Awaitable[Any]]], delay: float | None
    ) -> None:
        """Start one attempt after another until the race is decided."""
        for attempt in attempts:
            latest = self.start(attempt)
            if not latest.done():
                await self.await_end(latest, delay)
            if self.winner is not None or self.cancelled is not None:
                return

    async def await_end(self, task: Task[None], delay: float | None) -> None:
        """Return when an attempt has ended or after `delay` seconds.

        Where the coordinator is cancelled meanwhile, so is every attempt, each time anew.
        """
        try:
            await wait([task], timeout=delay)
        except CancelledError as exc:
            if self.cancelled is None:
                self.cancelled = exc
            self.cancel()

    async def settle(self) -> None:
        """Return when all attempts have ended."""
        for task in self.tasks:
            while not task.done():
                await self.await_end(task, None)


async def staggered_race(
    coro_fns: Iterable[Callable[[], Awaitable[Any]]],
    delay: float | None,
    *,
    loop: AbstractEventLoop | None = None,
) -> tuple[Any, int | None, list[BaseException | None]]:
    """Start attempts one after another until the first one succeeds; cancel the others.

    Each of `coro_fns`, called without arguments, returns the awaitable of one attempt. The next
    attempt starts when the latest one has failed, or `delay` seconds after its start (None: only
    when it has failed).

    Returns ``(result, index, exceptions)``: of the winner its result and its place in `coro_fns`,
    both None where nobody won; and for each attempt that was started the exception that ended it,
    CancelledError for those that came too late, None for the winner. All attempts have ended by then.

    When the caller is cancelled, all attempts are, and CancelledError is raised once they have ended,
    even if one of them got through: an attempt that acquires something must give it back itself.
    """
    if delay is not None:
        check_moment(delay, "delay")
    race = _Race(get_running_loop() if loop is None else loop)
    try:
        try:
            await race.start_all(coro_fns, delay)
        except BaseException:
            race.cancel()
            raise
        finally:
            await race.settle()
        for task in race.tasks:
            task.result()  # An attempt can end with KeyboardInterrupt or SystemExit.
        if race.cancelled is not None:
            raise race.cancelled
        return race.prize, race.winner, race.failures
    finally:
        # The exceptions' tracebacks lead to frames that hold the race; let them not lead back.
        race.failures = []
        race.cancelled = None


lend_names(
    __name__,
    "futures",
    "typing",
    "contextlib",
    "events",
    "exceptions_mod=asyncio_core.exceptions",
    "locks=asyncio_sync.locks",
    "tasks",
)

leave_to_checkers(__name__)
