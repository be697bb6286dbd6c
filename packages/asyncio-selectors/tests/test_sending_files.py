"""Sending files with the system's call."""

from __future__ import annotations

import io
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

if not hasattr(os, "sendfile"):
    pytest.skip("needs os.sendfile()", allow_module_level=True)

import asyncio_core
from asyncio_core import SendfileNotAvailableError

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop

DATA = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def file(tmp_path: Any) -> Any:
    (tmp_path / "data").write_bytes(DATA)
    with open(tmp_path / "data", "r+b") as opened:
        yield opened


@pytest.fixture
def tcp() -> Any:
    """Two connected TCP sockets that do not block, with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        one = socket.create_connection(listener.getsockname())
        two, _ = listener.accept()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    with one, two:
        one.setblocking(False)
        two.setblocking(False)
        yield one, two


async def receive(loop: SelectorEventLoop, sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = await loop.sock_recv(sock, 1 << 17)
        if not piece:
            break
        data += piece
    return bytes(data)


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, None), (1000, None), (0, 5000), (1000, 5000), (len(DATA), None), (10, len(DATA))],
)
def test_a_file_is_sent_from_offset_to_count(
    loop: SelectorEventLoop, tcp: Any, file: Any, offset: int, count: int | None
) -> None:
    one, two = tcp
    expected = DATA[offset:] if count is None else DATA[offset : offset + count]
    # What the program read before does not matter.
    file.read(123)

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendfile(one, file, offset, count, fallback=False))
        assert await receive(loop, two, len(expected)) == expected
        assert await sending == len(expected)
        assert file.tell() == offset + len(expected)

    loop.run_until_complete(main())


def test_a_file_that_shrinks_ends_early_and_is_counted_right(
    loop: SelectorEventLoop, tcp: Any, file: Any
) -> None:
    one, two = tcp

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendfile(one, file, fallback=False))
        for _ in range(5):
            await asyncio_core.sleep(0)
        assert not sending.done()
        file.truncate(len(DATA) // 2)
        received = 0
        while not sending.done():
            received += len(await loop.sock_recv(two, 1 << 17))
        sent = await sending
        received += len(await receive(loop, two, sent - received))
        assert sent == received == file.tell() >= len(DATA) // 2 - 1
        assert sent < len(DATA)

    loop.run_until_complete(main())


def test_cancelling_leaves_the_position_behind_what_was_sent(
    loop: SelectorEventLoop, tcp: Any, file: Any
) -> None:
    one, two = tcp

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendfile(one, file, fallback=False))
        while one.fileno() not in loop._selector.get_map():
            await asyncio_core.sleep(0)
        sending.cancel()
        assert one.fileno() not in loop._selector.get_map()
        with pytest.raises(asyncio_core.CancelledError):
            await sending
        sent = file.tell()
        assert 0 < sent < len(DATA)
        one.close()
        assert await receive(loop, two, len(DATA)) == DATA[:sent]

    loop.run_until_complete(main())


@pytest.mark.parametrize("what", [io.BytesIO(b"data"), object()])
def test_what_is_no_file_of_the_system_is_refused(
    loop: SelectorEventLoop, tcp: Any, what: Any
) -> None:
    with pytest.raises(SendfileNotAvailableError, match="not a regular file"):
        loop.run_until_complete(loop._sock_sendfile_native(tcp[0], what, 0, None))


def test_a_device_is_no_file_to_send(loop: SelectorEventLoop, tcp: Any) -> None:
    with (
        open(os.devnull, "rb") as device,
        pytest.raises(SendfileNotAvailableError, match="not a regular file"),
    ):
        loop.run_until_complete(loop._sock_sendfile_native(tcp[0], device, 0, None))


def test_a_transport_sends_a_file_in_the_middle_of_other_data(
    loop: SelectorEventLoop, connect: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.write(DATA)
        sending = loop.create_task(loop.sendfile(transport, file, fallback=False))
        await asyncio_core.sleep(0)
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            transport.write(b"in between")
        with pytest.raises(RuntimeError, match="in progress"):
            transport.writelines([b"in between"])
        assert not transport.is_reading()
        assert await receive(loop, peer, 2 * len(DATA)) == DATA + DATA
        assert await sending == len(DATA)
        assert transport.is_reading()
        transport.write(b"after")
        assert await receive(loop, peer, 5) == b"after"
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_two_files_at_once_are_refused(loop: SelectorEventLoop, connect: Any, file: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        first = loop.create_task(loop.sendfile(protocol.transport, file, fallback=False))
        await asyncio_core.sleep(0)
        with pytest.raises(RuntimeError, match="being sent already"):
            await loop.sendfile(protocol.transport, file, fallback=False)
        assert await receive(loop, peer, len(DATA)) == DATA
        assert await first == len(DATA)
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("how", ["abort", "close"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_transport_that_ends_meanwhile_ends_the_sending(
    loop: SelectorEventLoop, connect: Any, file: Any, how: str, turns: int
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        sending = loop.create_task(loop.sendfile(protocol.transport, file, fallback=False))
        for _ in range(turns):
            await asyncio_core.sleep(0)
        fd = protocol.transport._sock_fd
        getattr(protocol.transport, how)()
        assert fd not in loop._selector.get_map()
        with pytest.raises(ConnectionError):
            await asyncio_core.wait_for(sending, 10)
        assert await protocol.lost is None
        position = file.tell()
        assert await receive(loop, peer, len(DATA)) == DATA[:position]

    loop.run_until_complete(main())


@pytest.mark.parametrize("keep_open", [True, False])
def test_what_comes_while_a_file_is_copied_is_received_behind_it(
    loop: SelectorEventLoop, connect: Any, recorder: Any, keep_open: bool
) -> None:
    class Answering(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.write(b"the answer")

        def eof_received(self) -> bool:
            super().eof_received()
            return keep_open

    async def main() -> None:
        protocol, peer = await connect(Answering)
        sending = loop.create_task(loop.sendfile(protocol.transport, io.BytesIO(DATA)))
        await receive(loop, peer, 1000)
        # As a task does that reads from a stream which had received too much.
        protocol.transport.resume_reading()
        peer.send(b"a question")
        peer.shutdown(socket.SHUT_WR)
        while protocol.transport.is_reading():
            await asyncio_core.sleep(0)
        assert not protocol.data
        rest = loop.create_task(receive(loop, peer, len(DATA) + 10))
        assert await sending == len(DATA)
        await protocol.until(lambda: protocol.eof)
        assert protocol.data == b"a question"
        assert protocol.transport.is_closing() is not keep_open
        protocol.transport.close()
        assert (await rest)[-10:] == b"the answer"
        assert await protocol.lost is None

    loop.run_until_complete(main())


@pytest.mark.parametrize("keep_open", [True, False])
def test_an_end_that_comes_while_a_file_is_copied_is_told_behind_it(
    loop: SelectorEventLoop, connect: Any, file: Any, keep_open: bool
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        protocol.keep_open = keep_open
        sending = loop.create_task(loop.sendfile(protocol.transport, io.BytesIO(DATA)))
        await receive(loop, peer, 1000)
        protocol.transport.resume_reading()
        peer.shutdown(socket.SHUT_WR)
        while not protocol.transport._peer_finished:
            await asyncio_core.sleep(0)
        assert not protocol.eof
        rest = loop.create_task(receive(loop, peer, len(DATA)))
        assert await sending == len(DATA)
        assert protocol.eof == 1
        assert protocol.transport.is_closing() is not keep_open
        protocol.transport.close()
        await rest
        assert await protocol.lost is None

    loop.run_until_complete(main())


@pytest.mark.parametrize("lost", [False, True])
def test_a_buffered_protocol_that_fails_behind_a_file_is_reported(
    loop: SelectorEventLoop, connect: Any, lost: bool
) -> None:
    class Failing(asyncio_core.BufferedProtocol):
        lost = None

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def get_buffer(self, sizehint: int) -> bytearray:
            return bytearray(100)

        def buffer_updated(self, nbytes: int) -> None:
            raise ZeroDivisionError

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost = [exc]

    async def main() -> None:
        protocol, peer = await connect(Failing)
        sending = loop.create_task(loop.sendfile(protocol.transport, io.BytesIO(DATA)))
        await receive(loop, peer, 1000)
        protocol.transport.resume_reading()
        peer.send(b"a question")
        while protocol.transport.is_reading():
            await asyncio_core.sleep(0)
        if lost:
            protocol.transport.abort()
            with pytest.raises(ConnectionError):
                await sending
        else:
            rest = loop.create_task(receive(loop, peer, len(DATA)))
            await sending
            await rest
        while protocol.lost is None:
            await asyncio_core.sleep(0)
        assert [type(exc) for exc in protocol.lost] == [type(None) if lost else ZeroDivisionError]

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert type(report["exception"]) is ZeroDivisionError
    loop.reported.clear()  # type: ignore[attr-defined]


def test_nothing_is_sent_through_a_descriptor_that_closed_while_the_file_waited(
    loop: SelectorEventLoop, connect: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.write(DATA)
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        await asyncio_core.sleep(0)
        fd = protocol.transport._sock_fd
        # What is buffered still goes out; the file, behind it, does not.
        protocol.transport.close()
        others: list[socket.socket] = []
        # In the turn of connection_lost() somebody else gets the number.
        while protocol.transport._sock is not None:
            await asyncio_core.sleep(0)
            try:
                peer.recv(1 << 17)
            except BlockingIOError:
                pass
        while not any(sock.fileno() == fd for sock in others):
            others += socket.socketpair()
        for sock in others:
            sock.setblocking(False)
        try:
            with pytest.raises(ConnectionError):
                await asyncio_core.wait_for(sending, 10)
            assert file.tell() == 0
            for sock in others:
                with pytest.raises(BlockingIOError):
                    sock.recv(1)
        finally:
            for sock in others:
                sock.close()

    loop.run_until_complete(main())


def test_a_peer_that_goes_away_is_an_error_and_ends_the_transport(
    loop: SelectorEventLoop, connect: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        sending = loop.create_task(loop.sendfile(protocol.transport, file, fallback=False))
        await receive(loop, peer, 1000)
        peer.close()
        with pytest.raises(ConnectionError):
            await sending
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.transport.is_closing()
        assert 1000 <= file.tell() < len(DATA)

    loop.run_until_complete(main())


def test_cancelling_a_transports_file_lets_it_write_again(
    loop: SelectorEventLoop, connect: Any, file: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        sending = loop.create_task(loop.sendfile(protocol.transport, file, fallback=False))
        for _ in range(3):
            await asyncio_core.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await sending
        position = file.tell()
        protocol.transport.write(b"after")
        protocol.transport.close()
        assert await receive(loop, peer, len(DATA)) == DATA[:position] + b"after"
        await protocol.lost

    loop.run_until_complete(main())
