"""loop.sendfile() and loop.sock_sendfile()."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from typing import IO, TYPE_CHECKING, Any

import pytest

from loop_kit.certificates import SERVER_NAME
from loop_kit.peers import Peer, accepted, connection, listening
from loop_kit.protocols import Recorder, same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator
    from pathlib import Path

    from loop_kit.certificates import Authority

SIZE = 1024 * 1024 + 7
CONTENT = (bytes(range(256)) * (SIZE // 256 + 1))[:SIZE]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[IO[bytes]]:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    with path.open("rb") as opened:
        yield opened


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, Peer]]:
    """A TCP socket that does not block, and its peer."""
    with listening() as listener:
        sock = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    with sock, other:
        sock.setblocking(False)
        yield sock, Peer(other)


async def test_whole_file_is_sent(loop: AbstractEventLoop, file: IO[bytes]) -> None:
    async with connection(loop) as (transport, _, peer):
        reading = loop.create_task(peer.recv_exactly(SIZE))
        assert await loop.sendfile(transport, file) == SIZE
        assert same(await reading, CONTENT)
        assert file.tell() == SIZE


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, 1000, slice(0, 1000)),
        (5000, 1000, slice(5000, 6000)),
        (SIZE - 10, None, slice(SIZE - 10, SIZE)),
        (SIZE - 10, 1000, slice(SIZE - 10, SIZE)),
        (SIZE, None, slice(SIZE, SIZE)),
    ],
    ids=["count", "offset and count", "offset", "more than there is", "at the end"],
)
async def test_part_of_a_file_is_sent(
    loop: AbstractEventLoop, file: IO[bytes], offset: int, count: int | None, expected: slice
) -> None:
    async with connection(loop) as (transport, _, peer):
        content = CONTENT[expected]
        assert await loop.sendfile(transport, file, offset, count) == len(content)
        transport.write(b"!")
        assert await peer.recv_exactly(len(content) + 1) == content + b"!"
        if content:
            assert file.tell() == offset + len(content)


async def test_writes_before_and_after_keep_their_order(
    loop: AbstractEventLoop, file: IO[bytes]
) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        transport.write(b"before" * 50_000)
        reading = loop.create_task(peer.recv_exactly(SIZE + 300_005))
        await loop.sendfile(transport, file)
        transport.write(b"after")
        assert same(await reading, b"before" * 50_000 + CONTENT + b"after")


async def test_file_without_descriptor_is_sent_by_reading(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, peer):
        reading = loop.create_task(peer.recv_exactly(SIZE))
        assert await loop.sendfile(transport, io.BytesIO(CONTENT)) == SIZE
        assert same(await reading, CONTENT)


async def test_file_without_descriptor_is_an_error_without_fallback(
    loop: AbstractEventLoop,
) -> None:
    async with connection(loop) as (transport, _, _):
        with pytest.raises((asyncio.SendfileNotAvailableError, RuntimeError)):
            await loop.sendfile(transport, io.BytesIO(CONTENT), fallback=False)


async def test_file_is_sent_over_tls_by_reading(
    loop: AbstractEventLoop, file: IO[bytes], authority: Authority
) -> None:
    with listening() as listener:
        connecting = loop.create_task(
            loop.create_connection(
                Recorder, SERVER_NAME, listener.getsockname()[1], ssl=authority.client()
            )
        )
        peer = await accepted(listener)
    await peer.wrap(authority.server(), server_side=True)
    transport, protocol = await connecting
    reading = loop.create_task(peer.recv_exactly(SIZE))
    assert await loop.sendfile(transport, file) == SIZE
    assert same(await reading, CONTENT)
    transport.abort()
    peer.close()
    await protocol.lost


async def test_file_opened_as_text_is_refused(
    loop: AbstractEventLoop, file: IO[bytes], tmp_path: Path
) -> None:
    with (tmp_path / "content").open(encoding="latin-1") as text:
        async with connection(loop) as (transport, _, _):
            wrong: Any = text
            with pytest.raises(ValueError):
                await loop.sendfile(transport, wrong)


async def test_closing_transport_sends_no_file(loop: AbstractEventLoop, file: IO[bytes]) -> None:
    async with connection(loop) as (transport, _, _):
        transport.close()
        with pytest.raises(RuntimeError):
            await loop.sendfile(transport, file)


async def test_peer_that_leaves_is_an_error(loop: AbstractEventLoop, file: IO[bytes]) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        sending = loop.create_task(loop.sendfile(transport, file))
        await peer.recv_exactly(1000)
        peer.reset()
        with pytest.raises(ConnectionError):
            await sending


async def test_cancelled_sendfile_sends_no_more(loop: AbstractEventLoop, file: IO[bytes]) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        sending = loop.create_task(loop.sendfile(transport, file))
        await peer.recv_exactly(1000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        transport.abort()
        with contextlib.suppress(ConnectionError):
            assert len(await peer.recv_all()) < SIZE - 1000


# Sockets


async def test_sock_sendfile_sends_the_whole_file(
    loop: AbstractEventLoop, file: IO[bytes], sockets: tuple[socket.socket, Peer]
) -> None:
    sock, peer = sockets
    reading = loop.create_task(peer.recv_exactly(SIZE))
    assert await loop.sock_sendfile(sock, file) == SIZE
    assert same(await reading, CONTENT)
    assert file.tell() == SIZE


async def test_sock_sendfile_sends_a_part(
    loop: AbstractEventLoop, file: IO[bytes], sockets: tuple[socket.socket, Peer]
) -> None:
    sock, peer = sockets
    assert await loop.sock_sendfile(sock, file, 100, 2000) == 2000
    assert await peer.recv_exactly(2000) == CONTENT[100:2100]
    assert file.tell() == 2100


async def test_sock_sendfile_falls_back_to_reading(
    loop: AbstractEventLoop, sockets: tuple[socket.socket, Peer]
) -> None:
    sock, peer = sockets
    reading = loop.create_task(peer.recv_exactly(SIZE))
    assert await loop.sock_sendfile(sock, io.BytesIO(CONTENT)) == SIZE
    assert same(await reading, CONTENT)


async def test_sock_sendfile_without_fallback_is_an_error(
    loop: AbstractEventLoop, sockets: tuple[socket.socket, Peer]
) -> None:
    with pytest.raises(asyncio.SendfileNotAvailableError):
        await loop.sock_sendfile(sockets[0], io.BytesIO(CONTENT), fallback=False)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((-1,), ValueError), ((0, -1), ValueError), ((0, 0), ValueError), ((0, "1"), TypeError)],
    ids=["negative offset", "negative count", "no count", "count is no number"],
)
async def test_sock_sendfile_refuses(
    loop: AbstractEventLoop,
    file: IO[bytes],
    sockets: tuple[socket.socket, Peer],
    arguments: tuple[Any, ...],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        await loop.sock_sendfile(sockets[0], file, *arguments)


async def test_sock_sendfile_is_for_streams(loop: AbstractEventLoop, file: IO[bytes]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        with pytest.raises(ValueError):
            await loop.sock_sendfile(sock, file)


async def test_cancelled_sock_sendfile_leaves_the_socket_usable(
    loop: AbstractEventLoop, file: IO[bytes], sockets: tuple[socket.socket, Peer]
) -> None:
    sock, peer = sockets
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    # As often as it takes for the kernel to have enough of it.
    sending = loop.create_task(_send_again_and_again(loop, sock, file))
    await settle()
    assert not sending.done()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await peer.send(b"hello")
    assert await loop.sock_recv(sock, 5) == b"hello"


async def _send_again_and_again(
    loop: AbstractEventLoop, sock: socket.socket, file: IO[bytes]
) -> None:
    for _ in range(20):
        await loop.sock_sendfile(sock, file)
