"""The part `time`: delays at the ends of what numbers there are, and clocks that stand still, jump and are set.

A moment that has passed is now, one that no clock will reach never comes and does no harm, and what is no number is refused where it is
given. Whatever the clocks do, timers run in their order and none before its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import sys
import time
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

import native
from scenarios.peers import Answers, tls
from stage import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from parts import Extent
    from stage import Tools
    from worker import Notes

NOW, LATER, REFUSED = "at once", "not yet", "refused"
#: Runs with clocks that go wrong, for each way to make them.
_RUNS = 60
_RUNS_IN_BRIEF = 3

#: Delays, and what comes of them.
VALUES: dict[str, tuple[Any, str]] = {
    "0": (0, NOW),
    "-0.0": (-0.0, NOW),
    "False": (False, NOW),
    "-1": (-1, NOW),
    "-1e300": (-1e300, NOW),
    "-inf": (-math.inf, NOW),
    "-10 ** 400": (-(10**400), NOW),
    "the least float": (5e-324, NOW),
    "1e-300": (1e-300, NOW),
    "Fraction(1, 10 ** 400)": (Fraction(1, 10**400), NOW),
    "Decimal('1e-400')": (Decimal("1e-400"), NOW),
    "Decimal('-Infinity')": (Decimal("-Infinity"), NOW),
    "a day": (86400, LATER),
    "a day and more": (Fraction(86400 * 7, 5), LATER),
    "2 ** 31": (2**31, LATER),
    "2 ** 63": (2**63, LATER),
    "1e18": (1e18, LATER),
    "Decimal('1e30')": (Decimal("1e30"), LATER),
    "the largest float": (sys.float_info.max, LATER),
    "10 ** 400": (10**400, LATER),
    "Fraction(10 ** 400)": (Fraction(10**400), LATER),
    "Decimal('1e400')": (Decimal("1e400"), LATER),
    "inf": (math.inf, LATER),
    "Decimal('Infinity')": (Decimal("Infinity"), LATER),
    "nan": (math.nan, REFUSED),
    "Decimal('NaN')": (Decimal("NaN"), REFUSED),
    "Decimal('sNaN')": (Decimal("sNaN"), REFUSED),
    "1j": (1j, REFUSED),
    "'1'": ("1", REFUSED),
    "[]": ([], REFUSED),
    "object()": (object(), REFUSED),
}


# Who takes a delay: each returns what ends when it is over.


def _never() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def _call_later(value: Any) -> None:
    loop, over = asyncio.get_running_loop(), _never()
    timer = loop.call_later(value, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


async def _call_at(value: Any) -> None:
    loop, over = asyncio.get_running_loop(), _never()
    timer = loop.call_at(value, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


async def _timeout(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(value):
            await _never()


async def _timeout_at(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(value):
            await _never()


async def _reschedule(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as scope:
            scope.reschedule(value)
            await _never()


async def _wait_for(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(_never(), value)


async def _wait(value: Any) -> None:
    await asyncio.wait([_never()], timeout=value)


async def _as_completed(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        for first in asyncio.as_completed([_never()], timeout=value):
            await first


async def _queue(value: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(value):
            await asyncio.Queue[int]().get()


#: These add it to the clock: what a float cannot be added to is refused with that error. Two look first whether it is nothing.
_ADD = {
    "call_later",
    "sleep",
    "timeout",
    "wait_for",
    "wait",
    "as_completed",
    "a queue within timeout",
}
_LOOK_FIRST = {"sleep", "wait_for"}
_TAKERS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "call_later": _call_later,
    "call_at": _call_at,
    "sleep": asyncio.sleep,
    "timeout": _timeout,
    "timeout_at": _timeout_at,
    "reschedule": _reschedule,
    "wait_for": _wait_for,
    "wait": _wait,
    "as_completed": _as_completed,
    "a queue within timeout": _queue,
}


# Clocks


class _Clocks:
    """How a clock is made to go wrong: `shift(seconds)` sets it on or back."""

    def __init__(self) -> None:
        self.shifted = 0.0
        self._real = time.monotonic

    def now(self) -> float:
        return self._real() + self.shifted

    def shift(self, seconds: float) -> None:
        self.shifted += seconds

    @contextlib.contextmanager
    def method(self, loop: Any) -> Iterator[None]:
        """The loop's own `time()` is replaced."""
        loop.time = self.now
        yield

    @contextlib.contextmanager
    def function(self, loop: Any) -> Iterator[None]:
        """`time.monotonic()` is replaced, as libraries for tests do."""
        time.monotonic = self.now
        try:
            yield
        finally:
            time.monotonic = self._real

    @contextlib.contextmanager
    def system(self, loop: Any) -> Iterator[None]:
        """The system's clock goes wrong, as far as this process can tell."""
        calls = native.Calls()
        self.shift = calls.shift_clock  # type: ignore[method-assign]
        try:
            yield
        finally:
            calls.shift_clock(None)

    @contextlib.contextmanager
    def wall(self, loop: Any) -> Iterator[None]:
        """It is the wall clock that is set; `time()` is another one."""
        calls = native.Calls()
        self.shift = lambda seconds: calls.shift_clock(seconds, wall=True)  # type: ignore[method-assign]
        try:
            yield
        finally:
            calls.shift_clock(None, wall=True)


_CLOCKS = {
    "the loop's clock": _Clocks.method,
    "time.monotonic()": _Clocks.function,
    "the system's clock": _Clocks.system,
    "the wall clock": _Clocks.wall,
}


def units(*, brief: bool) -> list[str]:
    return [*_TAKERS, "TLS", *_CLOCKS]


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Try each delay, or run timers with clocks that go wrong."""
    if unit in _CLOCKS:
        for seed in range(extent.seed, extent.seed + (_RUNS_IN_BRIEF if extent.brief else _RUNS)):
            if notes.begins(f"seed {seed}"):
                notes.ends(f"seed {seed}", _jumping(unit, seed, tools))
        return
    for name, (value, outcome) in VALUES.items():
        if notes.begins(name):
            point = _over_tls if unit == "TLS" else _delayed
            notes.ends(name, point(unit, value, _outcome(unit, value, outcome), tools))


# Delays


def _outcome(unit: str, value: Any, outcome: str) -> str:
    if outcome != REFUSED and unit in _ADD and not (unit in _LOOK_FIRST and value <= 0):
        try:
            time.monotonic() + value
        except (TypeError, OverflowError):
            return REFUSED
    return outcome


def _delayed(unit: str, value: Any, expected: str, tools: Tools) -> list[str]:
    stage = Stage(tools)
    with stage.watching():
        stage.perform((), lambda: _is_as_expected(stage, unit, value, expected))
    return stage.wrong


async def _is_as_expected(stage: Stage, unit: str, value: Any, expected: str) -> None:
    task = asyncio.ensure_future(_TAKERS[unit](value))
    # What is before a later timer has run when that has; a thread wakes a loop that waits for nothing but the delay.
    await asyncio.sleep(0.001)
    await asyncio.to_thread(int)
    for _ in range(5):
        await asyncio.sleep(0)
    if not task.done():
        found = LATER
        task.cancel()
        await asyncio.wait([task])
    elif (error := task.exception()) is None:
        found = NOW
    else:
        found = (
            REFUSED if isinstance(error, (TypeError, ValueError, OverflowError)) else repr(error)
        )
    if found != expected:
        stage.wrong.append(f"{found}, and not {expected}")


def _over_tls(unit: str, value: Any, expected: str, tools: Tools) -> list[str]:
    """A connection over TLS takes two delays: each has to be more than nothing."""
    stage = Stage(tools)
    # The least fractions are nothing for a float.
    refused = expected == REFUSED or not value > 0 or value < math.ulp(0.0)

    async def connect(**delays: Any) -> None:
        try:
            transport, protocol = await stage.loop.create_connection(
                Answers,
                *stage.at["tls"],
                ssl=stage.client_context,
                server_hostname="localhost",
                **delays,
            )
        except (TypeError, ValueError) as error:
            if not refused:
                stage.wrong.append(f"{delays}: {error!r}")
            return
        except ConnectionAbortedError as error:
            if expected != NOW:
                stage.wrong.append(f"{delays}: {error!r}")
            return
        if refused:
            stage.wrong.append(f"{delays} were not refused")
        transport.write(b"a word")
        await protocol.come(6)
        transport.close()
        await protocol.lost

    async def both() -> None:
        await connect(ssl_handshake_timeout=value)
        await connect(ssl_shutdown_timeout=value)

    with stage.watching(quiet=expected != NOW):
        stage.perform((tls,), both)
    return stage.wrong


# Clocks that go wrong


def _jumping(unit: str, seed: int, tools: Tools) -> list[str]:
    stage, random, clocks = Stage(tools), Random(seed), _Clocks()
    with stage.watching(), _CLOCKS[unit](clocks, stage.loop):
        stage.perform((), lambda: _timers(stage, random, clocks, unit))
        # What is left to do is done with the right time.
    return stage.wrong


async def _timers(stage: Stage, random: Random, clocks: _Clocks, unit: str) -> None:
    """Set timers, cancel some, and let the clock go wrong meanwhile: all others run, in order, and none too early."""
    loop = stage.loop
    ran: list[tuple[float, int]] = []
    waiting: dict[tuple[float, int], Any] = {}
    numbers = itertools.count()
    resolution = loop._clock_resolution
    # What the clock told before it went back: what was due then is still to run.
    told = 0.0

    def run(entry: tuple[float, int]) -> None:
        ran.append(entry)
        del waiting[entry]
        if entry[0] > max(told, loop.time()) + resolution:
            stage.wrong.append(f"a timer runs {entry[0] - loop.time()} s too early")
        if any(other < entry for other in waiting if other[0] + resolution < entry[0]):
            stage.wrong.append("a timer runs before one that is due before it")

    for _ in range(random.randint(5, 25)):
        for _ in range(random.randint(0, 8)):
            when = loop.time() + random.choice((0, 0.001, 0.003, 1, 3600, 1e6)) * random.random()
            entry = (when, next(numbers))
            waiting[entry] = loop.call_at(when, run, entry)
        if waiting and random.random() < 0.3:
            waiting.pop(random.choice(list(waiting))).cancel()
        what = random.random()
        if what < 0.4:
            # It goes on at once by minutes or days: the machine was asleep, say.
            clocks.shift(random.choice((0.01, 60, 1e5)) * random.random())
        elif what < 0.6:
            # It stood still, or went back by a little, which none should.
            told = loop.time()
            clocks.shift(-random.random() / 500)
        await asyncio.sleep(random.choice((0, 0, 0.001)))
        told = 0.0
    # What is left comes by and by, without anybody waiting for it.
    while waiting:
        if unit == "the wall clock":
            for timer in waiting.values():
                timer.cancel()
            break
        clocks.shift(max(0, max(waiting)[0] - loop.time()) / random.randint(1, 3) + 0.001)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
