"""What reads and writes go through leaves nothing behind: each scenario, repeated, takes no more memory than at first."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
import warnings

import pytest

import asyncio_core
import asyncio_streams
from asyncio_core import CancelledError, IncompleteReadError, create_task, get_running_loop, sleep

# More in the environment variable, for a long look.
REPEATS = int(os.environ.get("ASYNCIO_GROWTH_REPEATS", "300"))
# Counts that go up by one for each repetition go up by that many; what caches do stays below.
ALLOWED = REPEATS // 3

SCENARIOS = {}


def scenario(call):
    SCENARIOS[call.__name__] = call
    return call


def reader_with(data=b"", *, limit=64):
    reader = asyncio_streams.StreamReader(limit, get_running_loop())
    reader.feed_data(data)
    return reader


@scenario
async def reads_of_what_is_there():
    reader = reader_with(b"one\ntwo\nthree four" + b"x" * 5000)
    assert await reader.readline() == b"one\n"
    assert await anext(reader) == b"two\n"
    assert await reader.readuntil(b"ee ") == b"three "
    assert await reader.readexactly(2) == b"fo"
    assert len(await reader.read(3000)) == 3000
    reader.feed_eof()
    assert len(await reader.read()) == 2002


@scenario
async def reads_that_wait():
    reader = reader_with()
    task = create_task(reader.readline())
    await sleep(0)
    reader.feed_data(b"li")
    await sleep(0)
    reader.feed_data(b"ne\n")
    assert await task == b"line\n"


@scenario
async def a_read_that_is_cancelled():
    reader = reader_with(b"part")
    task = create_task(reader.readline())
    await sleep(0)
    task.cancel()
    with contextlib.suppress(CancelledError):
        await task


@scenario
async def a_read_with_a_limit_of_time():
    with contextlib.suppress(TimeoutError):
        await asyncio_core.wait_for(reader_with().read(1), 0)


@scenario
async def a_read_that_fails():
    reader = reader_with()
    task = create_task(reader.readexactly(5))
    await sleep(0)
    reader.set_exception(ConnectionResetError())
    with contextlib.suppress(ConnectionResetError):
        await task
    with contextlib.suppress(ConnectionResetError):
        await reader.readline()


@scenario
async def the_end_of_the_stream():
    reader = reader_with(b"part")
    reader.feed_eof()
    with contextlib.suppress(IncompleteReadError):
        await reader.readexactly(5)
    assert [line async for line in reader] == []


@scenario
async def a_line_that_is_too_long():
    reader = reader_with(b"x" * 100 + b"\n")
    with contextlib.suppress(ValueError):
        await reader.readline()


@scenario
async def a_call_that_is_never_awaited():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader_with().readline()


@scenario
async def a_call_that_is_left_while_it_waits():
    call = reader_with().readline()
    call.send(None)
    del call


@scenario
async def a_task_nobody_has_any_more():
    reader = reader_with()
    reader.task = create_task(reader.readline())
    await sleep(0)


@scenario
async def a_connection():
    ours, theirs = socket.socketpair()
    theirs.sendall(b"hello\n")
    with theirs:
        reader, writer = await asyncio_streams.open_connection(sock=ours)
        writer.write(await reader.readline())
        await writer.drain()
        assert theirs.recv(100) == b"hello\n"
        writer.close()
        await writer.wait_closed()


def measures():
    """Count what there is: objects that the collector knows, blocks of memory, and references where they are counted."""
    gc.collect()
    found = {"objects": len(gc.get_objects()), "blocks": sys.getallocatedblocks()}
    if hasattr(sys, "gettotalrefcount"):
        found["references"] = sys.gettotalrefcount()
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_grows(name):
    async def repeat(count):
        for _ in range(count):
            await SCENARIOS[name]()
        await sleep(0)

    async def grown():
        # Reports of what was left behind on purpose are not what this is about.
        get_running_loop().set_exception_handler(lambda *_: None)
        # What is imported, cached and specialized on first use is there afterwards.
        for _ in range(3):
            await repeat(30)
            measures()
        # Memory is had in lumps, so that a round may show some more; what grows does so in each.
        for _ in range(4):
            before = measures()
            await repeat(REPEATS)
            after = measures()
            more = {what: after[what] - before[what] for what in before}
            if all(count < ALLOWED for count in more.values()):
                return {}
        return more

    assert asyncio_core.run(grown()) == {}
