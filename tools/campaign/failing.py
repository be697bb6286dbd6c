"""The part `calls`: in each scenario, each system call of the loop's thread fails once, with each errno that its manual page has.

What was asked for may then succeed or fail with an OSError; errors may be reported. Nothing may be left, and the loop goes on.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import page
import scenarios
from scenarios.peers import Echo
from stage import LIMIT, Stage

if sys.platform == "win32":
    from stand_ins import FAILURES, Calls, number_of
else:
    from failures import FAILURES, number_of
    from native import Calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from parts import Extent
    from scenarios import Entry
    from stage import Tools
    from worker import Notes

#: Of more calls of one name, the first and the last ones.
_MOST = 30
_MOST_IN_BRIEF = 3
#: Scenarios that the short form has.
_BRIEF = ("networks.connect", "streams.serve_lines", "pipes.write", "named_pipes.read_and_write")


def units(*, brief: bool) -> list[str]:
    return [name for name in scenarios.entries() if not brief or name in _BRIEF]


@cache
def _calls() -> Calls:
    """Return what lets calls fail in this process."""
    return Calls()


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run a scenario once to count its calls, and then with each of them failing."""
    entry = scenarios.entries()[unit]
    calls = _calls()
    # An accept loop that rests need not do so for a second.
    constants: Any = importlib.import_module("asyncio.constants")
    constants.ACCEPT_RETRY_DELAY = 0.01
    # Whatever is imported is loaded before calls are counted.
    _point(entry, tools, calls, "", 0, 0)
    if not notes.begins("none"):
        return
    counted, wrong = _point(entry, tools, calls, "", 0, 0)
    notes.ends("none", wrong)
    left_out = [
        pattern
        for one in page.left_out("calls")
        if one["unit"] == unit
        for pattern in one["points"]
    ]
    for name, failures in FAILURES.items():
        for number in _some(counted.get(name, 0), _MOST_IN_BRIEF if extent.brief else _MOST):
            for failure in failures:
                title = f"{name} {number}, {failure}"
                if any(fnmatchcase(title, pattern) for pattern in left_out):
                    continue
                if notes.begins(title):
                    _, wrong = _point(entry, tools, calls, name, number, number_of(failure))
                    notes.ends(title, wrong)


def _some(count: int, most: int) -> Iterator[int]:
    """Yield the numbers from 1 to `count`, but for those in the midst of many."""
    for number in range(1, count + 1):
        if number <= most // 2 or number > count - most // 2:
            yield number


def _point(
    entry: Entry, tools: Tools, calls: Calls, name: str, number: int, told: int
) -> tuple[dict[str, int], list[str]]:
    """Run a scenario with one call failing; return how many calls there were, and what is wrong."""
    stage = Stage(tools)
    run = _Run(stage, calls, name, number, told)
    with stage.watching(quiet=not name):
        stage.perform(entry.peers, lambda: run.play(entry))
    for context in stage.reported:
        if not isinstance(context.get("exception"), OSError):
            stage.wrong.append(f"reported: {context}")
    return run.counted, stage.wrong


class _Run:
    """A scenario in which a call fails."""

    def __init__(self, stage: Stage, calls: Calls, name: str, number: int, told: int) -> None:
        self._stage = stage
        self._calls = calls
        self._fault = (name, number, told)
        self.counted: dict[str, int] = {}

    async def play(self, entry: Entry) -> None:
        stage = self._stage
        task = stage.loop.create_task(entry.play(stage))
        self._calls.begin(*self._fault)
        try:
            await asyncio.wait([task], timeout=LIMIT)
            # What the scenario has left to the loop: connections that end, say.
            for _ in range(5):
                await asyncio.sleep(0)
        finally:
            self.counted = self._calls.end()
        if not task.done():
            stage.wrong.append(f"it does not end: {where(task)}")
            task.cancel()
            await asyncio.wait([task], timeout=LIMIT)
        elif (error := task.exception()) is not None and not _is_documented(error):
            stage.wrong.append(f"it ends with {error!r}")
        stage.afterwards[:] = [*map(_tolerant, stage.afterwards), self._goes_on]

    async def _goes_on(self) -> None:
        """The loop serves a further connection."""
        loop: Any = self._stage.loop
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"a word")
        await reader.readexactly(6)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()


def _tolerant(call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """Return what does the same, and may fail as the scenario may."""

    async def tolerant() -> None:
        try:
            await call()
        except Exception as error:
            if not _is_documented(error):
                raise

    return tolerant


def _is_documented(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_documented, error.exceptions))
    return isinstance(error, (OSError, EOFError, asyncio.SendfileNotAvailableError))


def where(task: asyncio.Task[Any]) -> str:
    """Return in which functions a task waits, the outermost first."""
    lines = []
    coroutine: Any = task.get_coro()
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            lines.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        coroutine = getattr(coroutine, "cr_await", None)
    return " > ".join(lines)
