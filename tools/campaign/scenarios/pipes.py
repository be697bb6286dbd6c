"""Pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.peers import Answers, Paused

if TYPE_CHECKING:
    from stage import Stage


def _say(end: Any, data: bytes) -> None:
    """Write, or close the pipe, so that who waits for this hears of it."""
    try:
        if end.write(data) == len(data):
            return
    except OSError:
        pass
    end.close()


@scenario()
async def read(stage: Stage) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as end, open(writing, "wb", 0) as other:
        transport, protocol = await stage.loop.connect_read_pipe(Answers, end)
        try:
            stage.loop.call_soon(_say, other, b"a word")
            await protocol.come(6)
        finally:
            transport.close()
        await protocol.lost


@scenario()
async def read_to_the_end(stage: Stage) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as end, open(writing, "wb", 0) as other:
        reader = asyncio.StreamReader()
        transport, _ = await stage.loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), end
        )
        try:
            _say(other, b"a line\n")
            await reader.readline()
            stage.loop.call_soon(other.close)
            assert await reader.read() == b""
        finally:
            transport.close()


@scenario()
async def write(stage: Stage) -> None:
    loop: Any = stage.loop
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as other, open(writing, "wb", 0) as end:
        transport, protocol = await loop.connect_write_pipe(Answers, end)
        try:
            receiving, receiver = await loop.connect_read_pipe(Answers, other)
            try:
                transport.write(b"a word")
                await receiver.come(6)
            finally:
                receiving.close()
        finally:
            transport.close()
        await protocol.lost


def _swallow(end: Any) -> None:
    with contextlib.suppress(OSError):
        end.read(1 << 17)


@scenario()
async def write_more_than_fits(stage: Stage) -> None:
    loop: Any = stage.loop
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as other, open(writing, "wb", 0) as end:
        os.set_blocking(reading, False)
        transport, protocol = await loop.connect_write_pipe(Paused, end)
        try:
            loop.add_reader(other, _swallow, other)
            transport.write(bytes(1 << 19))
            await protocol.may_write.wait()
        finally:
            loop.remove_reader(other)
            transport.abort()
        await protocol.lost
