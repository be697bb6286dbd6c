"""create_unix_connection() and create_unix_server()."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import Peer, accepted, in_thread
from loop_kit.protocols import HalfOpenRecorder, Recorder, growth, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loop_kit.certificates import Authority

pytestmark = pytest.mark.needs("unix_sockets")

UNIX: Any = getattr(socket, "AF_UNIX", None)


@contextlib.contextmanager
def listening(path: object) -> Iterator[socket.socket]:
    with socket.socket(UNIX) as listener:
        listener.bind(path)  # type: ignore[arg-type]
        listener.listen()
        yield listener


async def connected(path: object) -> Peer:
    sock = socket.socket(UNIX)
    try:
        await in_thread(sock.connect, path)
    except OSError:
        sock.close()
        raise
    return Peer(sock)


@pytest.mark.parametrize(
    "form", [str, os.fsencode, lambda path: path], ids=["str", "bytes", "Path"]
)
async def test_connection_to_a_path(
    loop: AbstractEventLoop, short_path: Path, form: Callable[[Path], Any]
) -> None:
    with listening(str(short_path)) as listener:
        transport, protocol = await loop.create_unix_connection(Recorder, form(short_path))
        peer = await accepted(listener)
    await peer.send(b"hello")
    assert await protocol.received(5) == b"hello"
    transport.write(b"answer")
    transport.close()
    assert await peer.recv_all() == b"answer"
    assert await protocol.lost is None
    peer.close()


async def test_transport_tells_its_address(loop: AbstractEventLoop, short_path: Path) -> None:
    with listening(str(short_path)):
        transport, protocol = await loop.create_unix_connection(Recorder, str(short_path))
        assert transport.get_extra_info("peername") == str(short_path)
        assert transport.get_extra_info("socket").family == UNIX
        transport.abort()
        await protocol.lost


async def test_half_close(loop: AbstractEventLoop, short_path: Path) -> None:
    with listening(str(short_path)) as listener:
        transport, protocol = await loop.create_unix_connection(HalfOpenRecorder, str(short_path))
        peer = await accepted(listener)
    assert transport.can_write_eof()
    transport.write(b"request")
    transport.write_eof()
    assert await peer.recv_all() == b"request"
    await peer.send(b"answer")
    peer.close()
    await protocol.until_event("eof")
    assert protocol.data == b"answer"
    transport.close()
    await protocol.lost


async def test_connection_from_a_socket(loop: AbstractEventLoop) -> None:
    left, right = socket.socketpair()
    transport, protocol = await loop.create_unix_connection(Recorder, sock=left)
    peer = Peer(right)
    await peer.send(b"hello")
    assert await protocol.received(5) == b"hello"
    transport.close()
    await protocol.lost
    peer.close()


async def test_nobody_at_a_path_is_an_error(loop: AbstractEventLoop, short_path: Path) -> None:
    async def connect() -> None:
        with pytest.raises(FileNotFoundError):
            await loop.create_unix_connection(Recorder, str(short_path))
        with listening(str(short_path)):
            pass
        with pytest.raises(ConnectionRefusedError):
            await loop.create_unix_connection(Recorder, str(short_path))
        short_path.unlink()

    assert await growth(connect) == set()


@pytest.mark.parametrize("what", ["connection", "server"])
@pytest.mark.parametrize("case", ["nothing", "path and socket", "TCP socket"])
async def test_arguments_that_do_not_go_together_are_refused(
    loop: AbstractEventLoop, short_path: Path, what: str, case: str
) -> None:
    create: Any = getattr(loop, f"create_unix_{what}")
    with socket.socket() if case == "TCP socket" else socket.socket(UNIX) as sock:
        options: dict[str, Any] = {} if case == "nothing" else {"sock": sock}
        if case == "path and socket":
            options["path"] = str(short_path)
        with pytest.raises(ValueError):
            await create(Recorder, **options)


@pytest.mark.parametrize(
    "form", [str, os.fsencode, lambda path: path], ids=["str", "bytes", "Path"]
)
async def test_server_at_a_path(
    loop: AbstractEventLoop, short_path: Path, form: Callable[[Path], Any]
) -> None:
    made = loop.create_future()

    def factory() -> Recorder:
        made.set_result(Recorder())
        return made.result()  # type: ignore[no-any-return]

    async with await loop.create_unix_server(factory, form(short_path)) as server:
        assert server.is_serving()
        peer = await connected(str(short_path))
        client = await made
        await peer.send(b"hello")
        assert await client.received(5) == b"hello"
        client.transport.write(b"answer")
        assert await peer.recv_exactly(6) == b"answer"
        peer.close()
        await client.lost
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        await connected(str(short_path))


@pytest.mark.needs("abstract_sockets")
@pytest.mark.parametrize("form", [str, os.fsencode], ids=["str", "bytes"])
async def test_server_and_client_at_an_abstract_name(
    loop: AbstractEventLoop, form: Callable[[str], Any]
) -> None:
    name = form(f"\0loop-kit-{os.getpid()}-{id(loop)}")
    async with await loop.create_unix_server(Recorder, name):
        transport, protocol = await loop.create_unix_connection(Recorder, name)
        transport.write(b"hello")
        transport.close()
        await protocol.lost
        await settle()


async def test_server_from_a_socket(loop: AbstractEventLoop, short_path: Path) -> None:
    sock = socket.socket(UNIX)
    sock.bind(str(short_path))
    async with await loop.create_unix_server(Recorder, sock=sock) as server:
        assert server.sockets[0].getsockname() == str(short_path)
        (await connected(str(short_path))).close()
        await settle()


async def test_socket_that_nobody_serves_any_more_is_replaced(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    with listening(str(short_path)):
        pass
    assert stat.S_ISSOCK(short_path.stat().st_mode)
    async with await loop.create_unix_server(Recorder, str(short_path)):
        (await connected(str(short_path))).close()
        await settle()


async def test_file_at_the_path_is_left_alone(loop: AbstractEventLoop, short_path: Path) -> None:
    short_path.write_text("content")

    async def serve() -> None:
        with pytest.raises(OSError) as info:
            await loop.create_unix_server(Recorder, str(short_path))
        assert info.value.errno == errno.EADDRINUSE
        assert short_path.read_text() == "content"

    assert await growth(serve) == set()


@pytest.mark.since(3, 13)
async def test_closed_server_removes_its_socket(loop: AbstractEventLoop, short_path: Path) -> None:
    async with await loop.create_unix_server(Recorder, str(short_path)):
        assert short_path.exists()
    await settle(1)
    assert not short_path.exists()


@pytest.mark.since(3, 13)
async def test_closed_server_leaves_its_socket_on_request(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    create: Any = loop.create_unix_server
    async with await create(Recorder, str(short_path), cleanup_socket=False):
        assert short_path.exists()
    await settle(1)
    assert short_path.exists()


@pytest.mark.since(3, 13)
async def test_closed_server_leaves_the_socket_of_another(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    async with await loop.create_unix_server(Recorder, str(short_path)):
        short_path.unlink()
        with listening(str(short_path)) as listener:
            pass
    await settle(1)
    assert short_path.exists()
    assert listener.fileno() == -1


async def test_server_that_has_not_started_accepts_nothing(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    server = await loop.create_unix_server(Recorder, str(short_path), start_serving=False)
    with pytest.raises(ConnectionRefusedError):
        await connected(str(short_path))
    await server.start_serving()
    (await connected(str(short_path))).close()
    await settle()
    server.close()
    await server.wait_closed()


async def test_tls_over_a_unix_socket(
    loop: AbstractEventLoop, short_path: Path, authority: Authority
) -> None:
    async with await loop.create_unix_server(Recorder, str(short_path), ssl=authority.server()):
        transport, protocol = await loop.create_unix_connection(
            Recorder, str(short_path), ssl=authority.client(), server_hostname="localhost"
        )
        assert transport.get_extra_info("ssl_object") is not None
        transport.close()
        await protocol.lost
        await settle()


async def test_tls_over_a_unix_socket_needs_a_name(
    loop: AbstractEventLoop, short_path: Path, authority: Authority
) -> None:
    with pytest.raises(ValueError):
        await loop.create_unix_connection(Recorder, str(short_path), ssl=authority.client())


async def test_streams_over_a_unix_socket(loop: AbstractEventLoop, short_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(answer, str(short_path)):
        reader, writer = await asyncio.open_unix_connection(str(short_path))
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
