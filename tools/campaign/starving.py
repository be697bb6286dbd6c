"""The part `memory`: in small programs, each allocation of the loop's thread fails once.

What runs may then fail with MemoryError, be reported, or never end: a program that has no memory may lose a wake-up. But the process
does not crash, nothing goes wrong in other words, and the loop goes on.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import platform
import socket
import warnings
from typing import TYPE_CHECKING, Any

import native
import page
from failing import where
from native import functions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from parts import Extent
    from stage import Tools
    from worker import Notes

#: Seconds in which a program has to end; where it lost its wake-up it does not.
_LIMIT = 0.1
#: As many where nobody was told that it does not end, as the machine may be busy.
_LIMIT_AT_LAST = 5.0
_MOST = 1500
_MOST_IN_BRIEF = 60


async def _futures(tools: Tools) -> None:
    loop = asyncio.get_running_loop()
    for number in range(3):
        future: asyncio.Future[int] = loop.create_future()
        future.add_done_callback(print_nothing)
        future.add_done_callback(print_nothing)
        loop.call_soon(future.set_result, number)
        await future
    failed: asyncio.Future[int] = loop.create_future()
    failed.set_exception(LookupError("on purpose"))
    try:
        await failed
    except LookupError:
        pass
    loop.create_future().cancel("enough")


def print_nothing(*_: object) -> None:
    """A callback."""


async def _steps(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


async def _tasks(tools: Tools) -> None:
    await asyncio.gather(_steps(1), _steps(2), return_exceptions=True)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(_steps(number), name="a name")
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel("enough")
    await asyncio.wait([task], timeout=60)
    await asyncio.wait_for(_steps(2), 60)


async def _timers(tools: Tools) -> None:
    loop = asyncio.get_running_loop()
    for number in range(4):
        loop.call_later(0.0001 * number, print_nothing, number)
        loop.call_later(60, print_nothing).cancel()
        loop.call_soon(print_nothing, number)
        loop.call_soon(print_nothing).cancel()
        loop.call_soon_threadsafe(print_nothing)
    await asyncio.sleep(0.001)


async def _locks(tools: Tools) -> None:
    lock, queue = asyncio.Lock(), asyncio.Queue[int](1)

    async def use() -> None:
        async with lock:
            await asyncio.sleep(0)
        await queue.put(1)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(use())
        for _ in range(3):
            await queue.get()


async def _streams(tools: Tools) -> None:
    with_stream = [await asyncio.open_connection(sock=sock) for sock in socket.socketpair()]
    (reader, writer), (other_reader, other_writer) = with_stream
    try:
        other_writer.write(b"a line\nexactly up to; this")
        await reader.readline()
        await reader.readexactly(8)
        await reader.readuntil(b";")
        writer.writelines([b"more ", b"pieces"])
        await writer.drain()
        await other_reader.readexactly(11)
        other_writer.write_eof()
        await reader.read()
    finally:
        writer.close()
        other_writer.close()
    await writer.wait_closed()


async def _pipes(tools: Tools) -> None:
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as end, open(writing, "wb", 0) as other:
        reader = asyncio.StreamReader()
        factory: Any = asyncio.StreamReaderProtocol(reader)
        receiving, _ = await loop.connect_read_pipe(lambda: factory, end)
        sending, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, other)
        try:
            sending.write(b"a word")
            await reader.readexactly(6)
        finally:
            sending.close()
            receiving.close()


async def _tls(tools: Tools) -> None:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    reader = asyncio.StreamReader()
    factory: Any = asyncio.StreamReaderProtocol(reader)
    opening: Any = asyncio.open_connection(sock=left, ssl=tools.client, server_hostname="localhost")
    try:
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(
                loop.connect_accepted_socket(lambda: factory, right, ssl=tools.server)
            )
            client, writer = await opening
    except BaseException:
        # Who waits for the other's words hears of it.
        left.close()
        right.close()
        raise
    serving, _ = accepting.result()
    try:
        writer.write(b"a word")
        await reader.readexactly(6)
        serving.write(b"another")
        await client.readexactly(7)
    finally:
        serving.close()
        writer.close()
    await writer.wait_closed()


PROGRAMS: dict[str, Callable[[Tools], Awaitable[None]]] = {
    "futures": _futures,
    "tasks": _tasks,
    "timers": _timers,
    "locks": _locks,
    "streams": _streams,
    "pipes": _pipes,
    "tls": _tls,
}


def units(*, brief: bool) -> list[str]:
    return ["futures", "tasks", "streams"] if brief else list(PROGRAMS)


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run a program once to count its allocations, and then with each of them failing."""
    calls = native.Calls()
    calls.spare(_left_out())
    for _ in range(3):
        # What is made once, is made.
        count, wrong = _point(unit, tools, calls, 0)
    if notes.begins("none"):
        notes.ends("none", wrong)
    for number in _spread(count, _MOST_IN_BRIEF if extent.brief else _MOST):
        if notes.begins(str(number)):
            _, wrong = _point(unit, tools, calls, number)
            notes.ends(str(number), wrong, left_out=calls.has_spared())


def _left_out() -> Iterator[functions.Span]:
    """Yield the functions in which this Python does not survive that there is no memory."""
    version = ".".join(platform.python_version_tuple()[:2])
    for left_out in page.left_out("memory"):
        if version in left_out["pythons"]:
            yield from functions.find(left_out["function"], left_out["library"])


def _spread(count: int, most: int) -> Iterator[int]:
    """Yield numbers from 1 to `count`, with gaps where these are too many."""
    step = max(1, -(-count // most))
    yield from range(1, count + 1, step)


def _point(unit: str, tools: Tools, calls: native.Calls, number: int) -> tuple[int, list[str]]:
    """Run a program with one allocation failing; return how many there were, and what is wrong."""
    wrong: list[str] = []
    errors: list[BaseException | None] = []
    with warnings.catch_warnings():
        # What a program that has no memory did not close is closed by the collector.
        warnings.simplefilter("ignore")
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context.get("exception")))
        task = loop.create_task(_awaited(PROGRAMS[unit](tools)))
        task.add_done_callback(lambda _: loop.stop())
        guard = loop.call_later(_LIMIT, loop.stop)
        counted: dict[str, int] = {}
        calls.begin("malloc", number, errno.ENOMEM)
        try:
            loop.run_forever()
        except MemoryError as error:
            errors.append(error)
        finally:
            counted = calls.end()
        guard.cancel()
        if not task.done() and not errors:
            guard = loop.call_later(_LIMIT_AT_LAST, loop.stop)
            loop.run_forever()
            guard.cancel()
        if not task.done() and not errors:
            wrong.append(f"it does not end, and nobody is told: {where(task)}")
        errors.append(_outcome(loop, task))
        wrong += [f"{error!r}" for error in errors if not _is_documented(error)]
        if loop.run_until_complete(_goes_on()) != b"a word":
            wrong.append("the loop does not go on")
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        del task
        gc.collect()
    return counted.get("malloc", 0), wrong


async def _awaited(program: Awaitable[None]) -> None:
    await program


def _outcome(loop: Any, task: asyncio.Task[None]) -> BaseException | None:
    """Return what a program ended with; it, and all tasks that it has left, are cancelled."""
    for left in asyncio.all_tasks(loop):
        left.cancel()
    for _ in range(5):
        loop.call_soon(loop.stop)
        loop.run_forever()
    if not task.done() or task.cancelled():
        return None
    return task.exception()


def _is_documented(error: BaseException | None) -> bool:
    """Tell whether this may come of a lack of memory, or of a wake-up that was lost by it."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_documented, error.exceptions))
    if error is None or isinstance(error, (MemoryError, OSError, EOFError)):
        return True
    # Raised because of that one, by somebody who did not get his way.
    cause = error.__cause__ or error.__context__
    return isinstance(error, asyncio.CancelledError) or (
        cause is not None and _is_documented(cause)
    )


async def _goes_on() -> bytes:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        loop.call_later(0, left.send, b"a word")
        return await asyncio.wait_for(loop.sock_recv(right, 6), 10)
