"""asyncio's streams over the loop: its transports carry what they are asked to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import Peer, accepted, connected_peer, listening
from loop_kit.protocols import same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

MUCH = 1024 * 1024


async def open_with_peer(**options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Peer]:
    with listening() as listener:
        reader, writer = await asyncio.open_connection(*listener.getsockname(), **options)
        return reader, writer, await accepted(listener)


async def close(writer: asyncio.StreamWriter, peer: Peer) -> None:
    writer.close()
    peer.close()
    await writer.wait_closed()


async def test_lines_and_bytes_are_read(loop: AbstractEventLoop) -> None:
    reader, writer, peer = await open_with_peer()
    await peer.send(b"first line\nsecond;exactly")
    assert await reader.readline() == b"first line\n"
    assert await reader.readuntil(b";") == b"second;"
    assert await reader.readexactly(7) == b"exactly"
    peer.send_eof()
    assert await reader.read() == b""
    assert reader.at_eof()
    await close(writer, peer)


async def test_end_in_the_middle_is_told(loop: AbstractEventLoop) -> None:
    reader, writer, peer = await open_with_peer()
    await peer.send(b"half")
    peer.send_eof()
    with pytest.raises(asyncio.IncompleteReadError) as info:
        await reader.readexactly(10)
    assert info.value.partial == b"half"
    await close(writer, peer)


async def test_drain_waits_for_a_slow_reader(loop: AbstractEventLoop) -> None:
    _, writer, peer = await open_with_peer()
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(bytes(32 * MUCH))
    draining = loop.create_task(writer.drain())
    await settle()
    assert not draining.done()
    assert len(await peer.recv_exactly(32 * MUCH)) == 32 * MUCH
    await draining
    await close(writer, peer)


async def test_slow_reader_stops_the_peer(loop: AbstractEventLoop) -> None:
    reader, writer, peer = await open_with_peer(limit=1024)
    data = bytes(range(256)) * (32 * MUCH // 256)
    sending = loop.create_task(peer.send(data))
    await settle()
    assert not sending.done()
    assert same(await reader.readexactly(len(data)), data)
    await sending
    await close(writer, peer)


async def test_end_is_written(loop: AbstractEventLoop) -> None:
    reader, writer, peer = await open_with_peer()
    writer.write(b"request")
    writer.write_eof()
    assert await peer.recv_all() == b"request"
    await peer.send(b"answer")
    peer.close()
    assert await reader.read() == b"answer"
    await close(writer, peer)


async def test_reset_is_raised_to_the_reader(loop: AbstractEventLoop) -> None:
    reader, writer, peer = await open_with_peer()
    reading = loop.create_task(reader.read())
    await settle()
    peer.reset()
    with pytest.raises(ConnectionResetError):
        await reading
    writer.close()
    with pytest.raises(ConnectionResetError):
        await writer.wait_closed()


async def test_server_of_streams_answers(loop: AbstractEventLoop) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        peers = [await connected_peer(server.sockets[0].getsockname()) for _ in range(10)]
        for number, peer in enumerate(peers):
            await peer.send(b"line %d\n" % number)
        for number, peer in enumerate(peers):
            assert await peer.recv_exactly(7) == b"LINE %d\n" % number
            peer.send_eof()
            assert await peer.recv_all() == b""
            peer.close()


async def test_peer_name_is_told(loop: AbstractEventLoop) -> None:
    _, writer, peer = await open_with_peer()
    assert writer.get_extra_info("peername") == peer.sock.getsockname()
    await close(writer, peer)
