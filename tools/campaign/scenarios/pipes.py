"""Pipes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.peers import Answers

if TYPE_CHECKING:
    from stage import Stage


@scenario()
async def read(stage: Stage) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as end, open(writing, "wb", 0) as other:
        transport, protocol = await stage.loop.connect_read_pipe(Answers, end)
        try:
            stage.loop.call_soon(other.write, b"a word")
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
            other.write(b"a line\n")
            await reader.readline()
            stage.loop.call_soon(other.close)
            assert await reader.read() == b""
        finally:
            transport.close()


@scenario()
async def write(stage: Stage) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as other, open(writing, "wb", 0) as end:
        transport, protocol = await stage.loop.connect_write_pipe(Answers, end)
        try:
            transport.write(b"a word")
            assert other.read(6) == b"a word"
        finally:
            transport.close()
        await protocol.lost


class _Paused(Answers):
    """Waits while the transport does not want more."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.may_write.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.may_write.set()
        super().connection_lost(exc)


@scenario()
async def write_more_than_fits(stage: Stage) -> None:
    loop: Any = stage.loop
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", 0) as other, open(writing, "wb", 0) as end:
        transport, protocol = await loop.connect_write_pipe(_Paused, end)
        loop.add_reader(other, other.read, 1 << 17)
        try:
            transport.write(bytes(1 << 19))
            await protocol.may_write.wait()
        finally:
            loop.remove_reader(other)
            transport.abort()
        await protocol.lost
