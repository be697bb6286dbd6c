"""The part `signals`: signals come at random moments of a busy program.

A point is one run, and its seed says what comes when. No answer may be lost or go astray, every signal's handler has to run, and
Ctrl-C has to end a run as documented, with nothing left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import thread as futures_thread
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from alarms import Alarms
from bustle import Bustle
from stage import Stage, Tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parts import Extent
    from worker import Notes

#: Seconds in which the handler of a signal has to have run, and a run that was interrupted to have ended.
_LIMIT = 20.0
#: Points of each unit in the short form.
_IN_BRIEF = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)
PROGRAM = Path(__file__).with_name("interrupted_program.py")


def units(*, brief: bool) -> list[str]:
    return [unit for unit in _UNITS if not (brief and unit in _SLOW)]


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run points of one kind as long as there is time."""
    # A shell's background jobs ignore it, and Python with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    until = time.monotonic() + extent.seconds
    for seed in itertools.count(extent.seed):
        if seed - extent.seed >= _IN_BRIEF if extent.brief else time.monotonic() > until:
            break
        if notes.begins(f"seed {seed}"):
            notes.ends(f"seed {seed}", _point(_UNITS[unit], tools, seed))


def _point(run: Callable[[Stage, Random], object], tools: Tools, seed: int) -> list[str]:
    random = Random(seed)
    stage = Stage(tools)
    if run is _twice:
        stage.wrong += _torn(tools, random)
        # What was reported of it, with all that its tracebacks held, is gone only now.
        gc.collect()
        _unlock()
    with stage.looking():
        run(stage, random)
    # A client that was interrupted closes its connection, and its answer may be on its way then; what a torn run has left is closed some time.
    # And Python tells of a signal that comes just when its handler is removed.
    return [
        line
        for line in stage.wrong
        if not line.endswith(" bytes are not sent")
        and not (run is _changing and "ignored due to race condition" in line)
        and not (run is _twice and (" was closed: " in line or "unclosed event loop" in line))
    ]


class _Handlers:
    """What the handlers of signals tell: when each ran last, and how often."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._moments: dict[int, list[float]] = {}
        self._random = random
        self.ran: dict[int, float] = dict.fromkeys(SIGNALS, 0.0)
        self.times: dict[int, int] = dict.fromkeys(SIGNALS, 0)

    def note(self, signum: int, frame: object = None) -> None:
        """Handle a signal."""
        self.ran[signum] = time.monotonic()
        self.times[signum] += 1

    def plan(self, alarms: Alarms, seconds: float) -> float:
        """Send each signal some times within so many seconds; return when the last one comes."""
        begin = time.monotonic()
        for signum in SIGNALS:
            moments = [begin + self._random.random() * seconds for _ in range(8)]
            # Some so close that they may become one.
            moments += [moment + self._random.random() / 5000 for moment in moments[:4]]
            self._moments[signum] = sorted(moments)
            for moment in moments:
                alarms.set(signum, moment)
        return max(moments[-1] for moments in self._moments.values())

    async def all_have_run(self) -> None:
        """Wait until each handler has run after the last of its signals."""
        until = time.monotonic() + _LIMIT
        while late := [s for s, moments in self._moments.items() if self.ran[s] < moments[-1]]:
            if time.monotonic() > until:
                names = [signal.Signals(signum).name for signum in late]
                self._stage.wrong.append(f"no handler has run for the last {', '.join(names)}")
                return
            await asyncio.sleep(0.001)

    def check(self) -> None:
        """A handler runs as often as its signal came, or less often; SIGCHLD comes from children, too."""
        for signum in set(SIGNALS) - {signal.SIGCHLD}:
            sent = len(self._moments[signum])
            if not 1 <= self.times[signum] <= sent:
                what = f"of {sent} {signal.Signals(signum).name} {self.times[signum]} were handled"
                self._stage.wrong.append(what)


def _handled(stage: Stage, random: Random) -> None:
    """The handlers are the loop's."""

    @contextlib.contextmanager
    def handling(handlers: _Handlers) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for signum in SIGNALS:
            loop.add_signal_handler(signum, handlers.note, signum)
        yield
        for signum in SIGNALS:
            loop.remove_signal_handler(signum)

    with _as_before():
        _run(stage, _among_signals(stage, random, handling))


def _plain(stage: Stage, random: Random) -> None:
    """The handlers are Python's, and know nothing of loops but how to wake one."""

    @contextlib.contextmanager
    def handling(handlers: _Handlers) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def handle(signum: int, frame: object) -> None:
            loop.call_soon_threadsafe(handlers.note, signum)

        before = {signum: signal.signal(signum, handle) for signum in SIGNALS}
        yield
        for signum, handler in before.items():
            signal.signal(signum, handler)

    with _as_before():
        _run(stage, _among_signals(stage, random, handling))


async def _among_signals(
    stage: Stage,
    random: Random,
    handling: Callable[[_Handlers], contextlib.AbstractContextManager[None]],
) -> None:
    handlers = _Handlers(stage, random)
    bustle = Bustle(stage, random.randrange(1 << 30))
    with Alarms() as alarms, handling(handlers):
        busy = asyncio.create_task(bustle.run())
        last = handlers.plan(alarms, 0.2 + random.random() / 2)
        while time.monotonic() < last:
            await asyncio.sleep(0.01)
        await handlers.all_have_run()
        bustle.stop()
        await asyncio.wait_for(busy, _LIMIT)
        alarms.cancel()
    handlers.check()
    stage.wrong += bustle.unanswered()


def _changing(stage: Stage, random: Random) -> None:
    """Handlers are added, replaced and removed while signals come that do nothing else."""
    signums = (signal.SIGWINCH, signal.SIGURG)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        bustle = Bustle(stage, random.randrange(1 << 30), kinds=("lines", "children", "threads"))
        numbers = itertools.count(1)
        # The handlers that may run: one that was replaced may have been called for already.
        present: dict[int, set[int]] = {signum: set() for signum in signums}

        def note(signum: int, number: int) -> None:
            if number not in present[signum]:
                stage.wrong.append(f"a handler of {signum} ran that was replaced or removed")

        with Alarms() as alarms:
            busy = asyncio.create_task(bustle.run())
            begin = time.monotonic()
            for _ in range(60):
                alarms.set(random.choice(signums), begin + random.random() * 0.3)
            while time.monotonic() < begin + 0.3:
                signum = random.choice(signums)
                loop.call_soon(present[signum].difference_update, list(present[signum]))
                if random.random() < 0.4:
                    loop.remove_signal_handler(signum)
                else:
                    number = next(numbers)
                    present[signum].add(number)
                    loop.add_signal_handler(signum, note, signum, number)
                await asyncio.sleep(random.random() / 200)
            bustle.stop()
            await asyncio.wait_for(busy, _LIMIT)
        stage.wrong.extend(bustle.unanswered())

    with _as_before():
        _run(stage, main())


def _interrupted(stage: Stage, random: Random) -> None:
    """Ctrl-C under `asyncio.run()`, once."""
    with Alarms() as alarms:
        bustle = Bustle(stage, random.randrange(1 << 30))
        moment = _moment(random)
        _is_interrupted(stage, lambda: asyncio.run(_busy(stage, bustle, alarms, moment)))


def _interrupted_again(stage: Stage, random: Random) -> None:
    """A Runner goes on with the next run after each Ctrl-C."""
    with Alarms() as alarms, asyncio.Runner() as runner:
        for _ in range(3):
            bustle = Bustle(stage, random.randrange(1 << 30))
            moment = _moment(random)
            busy = _busy(stage, bustle, alarms, moment)
            _is_interrupted(stage, lambda busy=busy: runner.run(busy))  # type: ignore[misc]
        bustle = Bustle(stage, random.randrange(1 << 30))
        runner.run(_once_more(bustle))
        stage.wrong += bustle.unanswered()


async def _once_more(bustle: Bustle) -> None:
    """Have all clients answered, and end."""
    busy = asyncio.create_task(bustle.run())
    await asyncio.wait_for(bustle.answers_each(), _LIMIT)
    bustle.stop()
    await busy


def _moment(random: Random) -> float:
    """Return after how many seconds Ctrl-C comes: mostly soon, when all begins."""
    return random.choice((0.01, 0.05, 0.2)) * random.random()


async def _busy(stage: Stage, bustle: Bustle, alarms: Alarms, *delays: float) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stage.reported.append(context))
    for delay in delays:
        alarms.set(signal.SIGINT, time.monotonic() + delay)
    await bustle.run()


def _is_interrupted(stage: Stage, run: Callable[[], object]) -> None:
    begun = time.monotonic()
    try:
        run()
        stage.wrong.append("it ends as if it had not been interrupted")
    except KeyboardInterrupt:
        pass
    if (took := time.monotonic() - begun) > _LIMIT:
        stage.wrong.append(f"it took {took:.1f} s to end")


def _torn(tools: Tools, random: Random) -> list[str]:
    """Let Ctrl-C come again, perhaps while all is cleared up: it tears through whatever runs then.

    So something may be left. But the run ends, if need be by one Ctrl-C more.
    """
    stage = Stage(tools)
    with stage.looking(quiet=False), contextlib.suppress(KeyboardInterrupt), Alarms() as alarms:
        bustle = Bustle(stage, random.randrange(1 << 30))
        moment = _moment(random)
        again = moment + random.random() * random.choice((0.0002, 0.002, 0.02))
        delays = (moment, again, 5.0, 6.0, 7.0)
        # What is torn may fail in its own words: a lock that is released and was not taken, say.
        with contextlib.suppress(Exception):
            _is_interrupted(stage, lambda: asyncio.run(_busy(stage, bustle, alarms, *delays)))
    # A loop that was torn while it closed is somebody's until there is another one.
    asyncio.run(asyncio.sleep(0))
    return [line for line in stage.wrong if "answered with" in line or line.startswith("it ")]


def _unlock() -> None:
    """Unlock what begins threads, and what calls are given to them with.

    Python 3.14 may leave each lock locked that `with` has just taken when Ctrl-C comes (findings/cpython-with-leaves-lock.sh), and
    these are for the whole process.
    """
    threads: Any = threading
    for lock in (threads._active_limbo_lock, futures_thread._global_shutdown_lock):
        with contextlib.suppress(RuntimeError):
            lock.release()


def _twice(stage: Stage, random: Random) -> None:
    """The run after one that was torn is as ever."""
    bustle = Bustle(stage, random.randrange(1 << 30))
    _run(stage, _once_more(bustle))
    stage.wrong += bustle.unanswered()


def _program(stage: Stage, random: Random) -> None:
    """A program of its own is interrupted, from outside or by what is typed at its terminal."""
    delay, at_terminal = random.random() * 0.1, random.random() < 0.5
    master, slave = pty.openpty()
    try:
        command = [sys.executable, str(PROGRAM), str(stage.folder), str(random.randrange(1 << 30))]
        process = subprocess.Popen(
            [*command, "at-terminal"] if at_terminal else command,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        if process.stdout.readline() == "busy\n":
            time.sleep(delay)
            if at_terminal:
                os.write(master, b"\x03")
            else:
                process.send_signal(signal.SIGINT)
        try:
            told, stderr = process.communicate(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            told, stderr = process.communicate()
            stage.wrong.append("it does not end")
    finally:
        os.close(master)
        os.close(slave)
    lines = stderr.splitlines()
    if process.returncode != -signal.SIGINT or lines[-1:] != ["KeyboardInterrupt"]:
        stage.wrong.append(f"it ends with {process.returncode}: {stderr}")
    if told:
        stage.wrong.append(f"it tells: {told}")


_UNITS: dict[str, Callable[[Stage, Random], object]] = {
    "handled by the loop": _handled,
    "handled by Python": _plain,
    "handlers that change": _changing,
    "interrupted": _interrupted,
    "interrupted again and again": _interrupted_again,
    "interrupted twice": _twice,
    "a program of its own": _program,
}
_SLOW = ("interrupted again and again",)


def _run(stage: Stage, main: Any) -> None:
    async def with_handler() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: stage.reported.append(context))
        await main

    asyncio.run(with_handler())


@contextlib.contextmanager
def _as_before() -> Iterator[None]:
    """Let signals that come late do nothing, and give back the handlers that there were."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)
