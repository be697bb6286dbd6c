"""The part `forks`: a process whose loop runs gets a child, in each way there is, in the midst of whatever.

In the child no loop runs. It can run one of its own, and with whatever it does and however it ends it disturbs nothing of its parent's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import os
import select
import signal
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from bustle import KINDS, Bustle
from stage import Stage, Tools

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from parts import Extent
    from worker import Notes

#: Seconds in which a child has to have ended.
_LIMIT = 30.0
_STARTS: dict[str, str | None] = {"fork": "fork", "forkserver": "forkserver", "spawn": "spawn"}
#: How a child that `os.fork()` made ends: at once, or by leaving all that it was called by.
_ENDS = ("ends at once", "leaves the loop")
_WAYS = (
    *(f"os.fork, {end}" for end in _ENDS),
    *(f"Process, {start}" for start in _STARTS),
    *(f"pool, {start}" for start in _STARTS),
)
#: Each of them so often, with a seed each.
_TIMES = 5
_MULTITHREADED = " is multi-threaded, use of fork"


def units(*, brief: bool) -> list[str]:
    return ["idle", "in a task"] if brief else list(_PLACES)


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run some points for each way to get a child."""
    # Once there, they stay.
    resource_tracker.ensure_running()
    if not extent.brief:
        forkserver.ensure_running()
    for way, seed in itertools.product(_WAYS, range(_TIMES)):
        if extent.brief and (seed or way not in _WAYS[:3]):
            continue
        # A thread of an executor has nothing to leave.
        if not (unit == "in a thread" and way == "os.fork, leaves the loop"):
            name = f"{way}, {seed}"
            if notes.begins(name):
                notes.ends(name, _point(unit, way, seed, tools))


def _point(unit: str, way: str, seed: int, tools: Tools) -> list[str]:
    stage = Stage(tools)
    here = os.getpid()
    with stage.looking():
        try:
            asyncio.run(_main(stage, unit, way, seed))
        except SystemExit as error:
            if os.getpid() == here:
                raise
            os._exit(int(str(error.code)))
    # It does run in several threads.
    return [line for line in stage.wrong if _MULTITHREADED not in line]


async def _main(stage: Stage, unit: str, way: str, seed: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stage.reported.append(context))
    bustle = Bustle(stage, seed, kinds=() if unit == "idle" else KINDS)
    busy = asyncio.create_task(bustle.run())
    await asyncio.wait_for(bustle.answers_each(), _LIMIT)
    kind, _, detail = way.partition(", ")
    if kind == "os.fork":
        fork = _Fork(stage, detail)
        await _PLACES[unit](fork)
        stage.wrong += await asyncio.to_thread(fork.outcome)
    else:
        child = {"Process": _process, "pool": _pool}[kind]
        stage.wrong += await asyncio.wait_for(child(detail, unit == "in a thread"), _LIMIT)
    await asyncio.wait_for(bustle.answers_each(), _LIMIT)
    bustle.stop()
    await asyncio.wait_for(busy, _LIMIT)
    stage.wrong += bustle.unanswered()


class _Fork:
    """A child by `os.fork()`; called where it is to be made."""

    def __init__(self, stage: Stage, end: str) -> None:
        self._stage = stage
        self._end = end
        self._pid = 0

    def __call__(self) -> None:
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(writing)
            return
        status = 1
        try:
            stage = self._stage
            os.write(
                writing, json.dumps(checks(stage.server_context, stage.client_context)).encode()
            )
            status = 0
        finally:
            # The unraisable and the raised alike go where somebody reads them.
            sys.stderr.flush()
            if status or self._end == "ends at once":
                os._exit(status)
        os.close(writing)
        os.close(self._reading)
        sys.exit(0)

    def outcome(self) -> list[str]:
        """Wait for the child, and return what is wrong."""
        told = bytearray()
        with open(self._reading, "rb", 0) as reading:
            while select.select([reading], [], [], _LIMIT)[0] and (data := reading.read(1 << 16)):
                told += data
        pidfd = os.pidfd_open(self._pid)
        try:
            if not select.select([pidfd], [], [], _LIMIT)[0]:
                os.kill(self._pid, signal.SIGABRT)
        finally:
            os.close(pidfd)
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        wrong = [f"the child ends with {status}"] if status else []
        return wrong + (json.loads(told) if told else ["the child tells nothing"])


async def _process(start: str, in_thread: bool) -> list[str]:
    """A child of `multiprocessing`."""
    context: Any = multiprocessing.get_context(start)
    reading, writing = context.Pipe(duplex=False)
    with reading:
        with writing:
            process = context.Process(target=_send_checks, args=(writing,))
            if in_thread:
                await asyncio.to_thread(process.start)
            else:
                process.start()
        try:
            told: list[str] = await asyncio.to_thread(reading.recv)
        except EOFError:
            told = ["the child tells nothing"]
    await asyncio.to_thread(process.join)
    if process.exitcode:
        told.append(f"the child ends with {process.exitcode}")
    process.close()
    return told


async def _pool(start: str, in_thread: bool) -> list[str]:
    """A child of a pool, which the loop knows."""
    loop = asyncio.get_running_loop()
    pool = ProcessPoolExecutor(1, multiprocessing.get_context(start))
    try:
        if in_thread:
            return await asyncio.wrap_future(await asyncio.to_thread(pool.submit, checks))
        return await loop.run_in_executor(pool, checks)
    finally:
        await asyncio.to_thread(pool.shutdown)


# Where a child is made


async def _here(fork: Callable[[], None]) -> None:
    fork()


async def _in_task(fork: Callable[[], None]) -> None:
    await asyncio.create_task(_here(fork))


async def _called_by(register: Callable[[Callable[[], None]], object], fork: Any) -> None:
    """Have the loop call it."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def call() -> None:
        fork()
        if not done.done():
            done.set_result(None)

    register(call)
    await done


async def _in_callback(fork: Callable[[], None]) -> None:
    await _called_by(asyncio.get_running_loop().call_soon, fork)


async def _in_timer(fork: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    await _called_by(lambda call: loop.call_later(0.001, call), fork)


async def _in_reader(fork: Callable[[], None]) -> None:
    """In what is called as a descriptor can be read."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x")

        def register(call: Callable[[], None]) -> None:
            def once() -> None:
                loop.remove_reader(reading)
                call()

            loop.add_reader(reading, once)

        await _called_by(register, fork)
    finally:
        os.close(reading)
        os.close(writing)


async def _at_signal(fork: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def register(call: Callable[[], None]) -> None:
        loop.add_signal_handler(signal.SIGUSR2, call)
        os.kill(os.getpid(), signal.SIGUSR2)

    await _called_by(register, fork)
    loop.remove_signal_handler(signal.SIGUSR2)


async def _in_thread(fork: Callable[[], None]) -> None:
    await asyncio.to_thread(fork)


_PLACES: dict[str, Callable[[Callable[[], None]], Awaitable[None]]] = {
    "idle": _here,
    "in a task": _in_task,
    "in a callback": _in_callback,
    "in a timer": _in_timer,
    "in a reader": _in_reader,
    "in a signal's handler": _at_signal,
    "in a thread": _in_thread,
}


# What the child does


def _send_checks(writing: Any) -> None:
    writing.send(checks())


def checks(*contexts: Any) -> list[str]:
    """In the child: return what is wrong. With TLS where there are contexts for it."""
    wrong = []
    for ask in (asyncio.get_running_loop, asyncio.current_task, asyncio.all_tasks):
        try:
            wrong.append(f"in the child, {ask.__name__}() gives {ask()}")
        except RuntimeError:
            pass
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Tools(Path(folder), *(contexts or (None, None))))
        kinds = [kind for kind in KINDS if contexts or kind not in ("tls", "visits")]
        bustle = Bustle(stage, Random().randrange(1 << 30), kinds=tuple(kinds))
        with stage.looking():
            asyncio.run(_own(stage, bustle))
    wrong += stage.wrong + bustle.unanswered()
    return [f"in the child, {line}" for line in wrong]


async def _own(stage: Stage, bustle: Bustle) -> None:
    """The child's own loop does all that a loop does."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stage.reported.append(context))
    busy = asyncio.create_task(bustle.run())
    came = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, came.set_result, None)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(came, _LIMIT)
    loop.remove_signal_handler(signal.SIGUSR1)
    await asyncio.wait_for(bustle.answers_each(), _LIMIT)
    bustle.stop()
    await asyncio.wait_for(busy, _LIMIT)
