"""Pipes of Windows: named ones, served and connected to, and anonymous ones that complete."""

from __future__ import annotations

import itertools
import os
import sys
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.networks import exchange
from scenarios.peers import Answers, Echo, Paused

if TYPE_CHECKING:
    from stage import Stage

assert sys.platform == "win32"

#: More than a pipe and the transport hold.
MUCH = bytes(1 << 20)
_numbers = itertools.count()


def _address() -> str:
    return rf"\\.\pipe\campaign-{os.getpid()}-{next(_numbers)}"


def _pipe() -> tuple[Any, Any]:
    """Return both ends of an anonymous pipe."""
    from asyncio.windows_utils import PipeHandle, pipe

    # What writes waits for the end of the other side by reading.
    reading, writing = pipe(duplex=True, overlapped=(True, True))
    return PipeHandle(reading), PipeHandle(writing)


@scenario()
async def serve_and_connect(stage: Stage) -> None:
    address = _address()
    [server] = await stage.loop.start_serving_pipe(Echo, address)
    try:
        await exchange(*await stage.loop.create_pipe_connection(Answers, address))
    finally:
        server.close()


@scenario()
async def connect_to_nobody(stage: Stage) -> None:
    try:
        await stage.loop.create_pipe_connection(Answers, _address())
    except FileNotFoundError:
        pass


@scenario()
async def read_and_write(stage: Stage) -> None:
    loop: Any = stage.loop
    reading, writing = _pipe()
    with reading, writing:
        transport, protocol = await loop.connect_write_pipe(Answers, writing)
        try:
            receiving, receiver = await loop.connect_read_pipe(Answers, reading)
            try:
                transport.write(b"a word")
                await receiver.come(6)
            finally:
                receiving.close()
        finally:
            transport.close()
        await receiver.lost
        await protocol.lost


@scenario()
async def write_more_than_fits(stage: Stage) -> None:
    loop: Any = stage.loop
    reading, writing = _pipe()
    with reading, writing:
        transport, protocol = await loop.connect_write_pipe(Paused, writing)
        try:
            receiving, _ = await loop.connect_read_pipe(Answers, reading)
            try:
                transport.write(MUCH)
                await protocol.may_write.wait()
            finally:
                receiving.close()
        finally:
            transport.abort()
        await protocol.lost
