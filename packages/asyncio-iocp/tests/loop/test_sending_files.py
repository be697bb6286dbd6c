"""`sendfile()` and `sock_sendfile()`."""

from __future__ import annotations

import io
import os
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.sockets import read_all, reset

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = bytes(range(256)) * 4096


@pytest.fixture
def file() -> Iterator[Any]:
    with tempfile.TemporaryFile() as opened:
        opened.write(DATA)
        opened.flush()
        yield opened


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, None, DATA),
        (1000, None, DATA[1000:]),
        (0, 1000, DATA[:1000]),
        (500, 1000, DATA[500:1500]),
        (len(DATA) - 10, 1000, DATA[-10:]),
        (len(DATA), None, b""),
        (len(DATA) + 10, 5, b""),
    ],
)
def test_sock_sendfile_sends_the_range_and_leaves_the_position_behind_it(
    loop: Any, pair: Any, in_thread: Any, file: Any, offset: int, count: Any, expected: bytes
) -> None:
    left, right = pair

    async def main() -> None:
        receiving = in_thread(read_all, right)
        assert await loop.sock_sendfile(left, file, offset, count, fallback=False) == len(expected)
        left.shutdown(socket.SHUT_WR)
        assert await receiving == expected
        assert file.tell() == offset + len(expected)

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["no file", "bytes", "closed"])
def test_what_is_no_plain_file_is_copied_or_refused(
    loop: Any, pair: Any, in_thread: Any, kind: str
) -> None:
    async def main() -> None:
        if kind == "bytes":
            receiving = in_thread(read_all, pair[1])
            assert await loop.sock_sendfile(pair[0], io.BytesIO(b"copied")) == 6
            pair[0].shutdown(socket.SHUT_WR)
            assert await receiving == b"copied"
        thing: Any = object() if kind == "no file" else io.BytesIO(b"x")
        if kind == "closed":
            with tempfile.TemporaryFile() as thing:
                pass
        with pytest.raises(asyncio_core.SendfileNotAvailableError, match="not a regular file"):
            await loop._sock_sendfile_native(pair[0], thing, 0, None)

    loop.run_until_complete(main())


def test_sendfile_goes_behind_what_is_buffered_and_before_what_is_written_later(
    loop: Any, connect: Any, in_thread: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.write(DATA)
        receiving = in_thread(read_all, peer)
        sending = loop.create_task(loop.sendfile(transport, file, fallback=False))
        await asyncio_core.sleep(0)
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            transport.write(b"in between")
        assert await sending == len(DATA)
        transport.write(b"the end")
        transport.close()
        assert await receiving == DATA + DATA + b"the end"
        assert await protocol.lost is None
        assert file.tell() == len(DATA)

    loop.run_until_complete(main())


def test_reading_rests_while_a_file_is_sent(
    loop: Any, connect: Any, in_thread: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        await asyncio_core.sleep(0)
        assert not protocol.transport.is_reading()
        peer.settimeout(20)
        receiving = in_thread(read_all, peer)
        await sending
        assert protocol.transport.is_reading()
        peer.sendall(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        protocol.transport.close()
        assert await receiving == DATA
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows throws away what was received before a reset"
)
@pytest.mark.parametrize("when", ["before", "behind a buffer", "in the middle"])
def test_an_answer_is_received_though_a_file_cannot_be_sent(
    loop: Any, connect: Any, in_thread: Any, when: str
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        with tempfile.TemporaryFile() as big:
            os.truncate(big.fileno(), 1 << 26)
            if when == "before":
                peer.sendall(b"too much")
                reset(peer)
            elif when == "behind a buffer":
                protocol.transport.write(bytes(1 << 26))
            sending = loop.create_task(loop.sendfile(protocol.transport, big))
            if when != "before":
                if when == "in the middle":
                    peer.settimeout(20)
                    await in_thread(peer.recv, 1000)
                else:
                    await asyncio_core.sleep(0)
                peer.sendall(b"too much")
                reset(peer)
            with pytest.raises(ConnectionError):
                await sending
            assert isinstance(await protocol.lost, ConnectionError)
            assert protocol.data == b"too much"

    loop.run_until_complete(main())


def test_transport_that_is_aborted_ends_the_sending(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        with tempfile.TemporaryFile() as big:
            # More than any system buffers, and nobody reads.
            os.truncate(big.fileno(), 1 << 28)
            sending = loop.create_task(loop.sendfile(protocol.transport, big))
            for _ in range(3):
                await asyncio_core.sleep(0)
            assert not sending.done()
            protocol.transport.abort()
            with pytest.raises(ConnectionError):
                await sending
            await protocol.lost

    loop.run_until_complete(main())


def test_second_file_at_the_same_time_is_refused(loop: Any, connect: Any, file: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        protocol.transport.write(DATA * 16)
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        await asyncio_core.sleep(0)
        with pytest.raises(RuntimeError, match="being sent already"):
            await loop.sendfile(protocol.transport, file)
        protocol.transport.abort()
        with pytest.raises(ConnectionError):
            await sending
        await protocol.lost

    loop.run_until_complete(main())


def test_file_that_becomes_shorter_is_sent_as_far_as_it_goes(
    loop: Any, pair: Any, in_thread: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = pair
    path = tmp_path / "shrinking"
    path.write_bytes(DATA)
    usual = loop._proactor.sendfile

    def sendfile(sock: Any, file: Any, offset: int, count: int) -> Any:
        # In pieces, between two of which the file is cut.
        if offset >= 1000:
            with path.open("r+b") as cutting:
                cutting.truncate(1000)
        return usual(sock, file, offset, 1000)

    async def main() -> None:
        monkeypatch.setattr(loop._proactor, "sendfile", sendfile)
        receiving = in_thread(read_all, right)
        with path.open("rb") as file:
            sending = loop.sock_sendfile(left, file, fallback=False)
            assert await asyncio_core.wait_for(sending, 20) == 1000
            assert file.tell() == 1000
        left.shutdown(socket.SHUT_WR)
        assert await receiving == DATA[:1000]

    loop.run_until_complete(main())
