"""Echo by streams: a task for each connection."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, cast

from bench.cases import Unavailable
from bench.servers import KIB, MIB, Counts, Load, case

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SEPARATORS = (b"\r\n", b"\n", b"\0")
PREFIX = 4


async def serving(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, backlog=4096)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def echo_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def echo_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            prefix = await reader.readexactly(PREFIX)
            frame = await reader.readexactly(int.from_bytes(prefix, "big"))
            writer.writelines((prefix, frame))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def echo_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A tuple is what typeshed knows since Python 3.13.
    separators = cast("bytes", SEPARATORS)
    try:
        while True:
            writer.write(await reader.readuntil(separators))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


def readline() -> AsyncIterator[int]:
    return serving(echo_lines)


def readexactly() -> AsyncIterator[int]:
    return serving(echo_frames)


def readuntil() -> AsyncIterator[int]:
    if sys.version_info < (3, 13) and not hasattr(asyncio, "__implementation__"):
        raise Unavailable("no tuple of separators before Python 3.13")
    return serving(echo_parts)


def frames(size: int) -> Load:
    return Load(size=size, prefixed=True)


case("readline", "a line of 1 KiB there and back", readline, Load(suffixes=(b"\n",)))
case("readexactly_64", "a frame of 64 bytes there and back", readexactly, frames(64))
case("readexactly_4k", "a frame of 4 KiB there and back", readexactly, frames(4 * KIB))
case(
    "readexactly_1m",
    "a frame of 1 MiB there and back",
    readexactly,
    frames(MIB),
    Counts(100, 300, 30),
)
case(
    "readuntil",
    "1 KiB up to one of three separators, there and back",
    readuntil,
    Load(suffixes=SEPARATORS),
)
