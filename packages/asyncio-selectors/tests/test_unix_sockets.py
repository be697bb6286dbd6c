"""Connections and servers over Unix sockets."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_test_support.programs import printed_by

if sys.platform == "win32":
    pytest.skip("needs Unix sockets", allow_module_level=True)


import asyncio_core

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop


class Path2:
    """A path object that is no pathlib one."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __fspath__(self) -> str:
        return self._path


async def exchange(loop: SelectorEventLoop, factory: Any, listen: Any, connect: Any) -> Any:
    """Serve at `listen`, connect to `connect`, pass something over; return both protocols."""
    made: list[Any] = []

    def serving() -> Any:
        made.append(factory())
        return made[-1]

    server = await loop.create_unix_server(serving, listen)
    transport, client = await loop.create_unix_connection(factory, connect)
    transport.write(b"hello")
    while not made:
        await loop.create_task(_turn())
    await made[0].until(lambda: made[0].data == b"hello")
    made[0].transport.write(b"back")
    await client.until(lambda: client.data == b"back")
    transport.close()
    await client.lost
    await made[0].lost
    server.close()
    await server.wait_closed()
    return client, made[0]


async def _turn() -> None:
    """One turn of the loop."""


@pytest.mark.parametrize("kind", [str, os.fsencode, Path, Path2])
def test_paths_of_all_kinds_work(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, kind: Any
) -> None:
    loop.run_until_complete(exchange(loop, recorder, kind(unix_path), kind(unix_path)))
    assert not unix_path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("kind", [str, str.encode])
def test_abstract_names_work(loop: SelectorEventLoop, recorder: Any, kind: Any) -> None:
    name = kind(f"\0asyncio-selectors-{os.getpid()}")
    loop.run_until_complete(exchange(loop, recorder, name, name))


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="needs SO_PEERCRED")
def test_the_credentials_of_the_peer_can_be_asked_for(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        seen: list[bytes] = []

        class Looking(recorder):  # type: ignore[misc]
            def connection_made(self, transport: Any) -> None:
                sock = transport.get_extra_info("socket")
                size = struct.calcsize("3i")
                seen.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
                super().connection_made(transport)

        await exchange(loop, Looking, unix_path, unix_path)
        assert {struct.unpack("3i", each) for each in seen} == {
            (os.getpid(), os.getuid(), os.getgid())
        }

    loop.run_until_complete(main())


def test_sockets_made_elsewhere_are_taken(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(unix_path))
        server = await loop.create_unix_server(recorder, sock=listening)
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(str(unix_path))
        transport, protocol = await loop.create_unix_connection(recorder, sock=connected)
        assert transport.get_extra_info("peername") == str(unix_path)
        transport.abort()
        await protocol.lost
        server.close()
        server.close_clients()
        await server.wait_closed()
        # The file of a socket that was bound elsewhere is removed too.
        assert not unix_path.exists()

    loop.run_until_complete(main())


def stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def test_a_stale_socket_is_replaced(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    stale(unix_path)
    loop.run_until_complete(exchange(loop, recorder, unix_path, unix_path))


KINDS = ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"]


@pytest.mark.parametrize("listening", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_a_socket_that_lives_is_not_taken_over(
    loop: SelectorEventLoop,
    recorder: Any,
    unix_path: Path,
    descriptors: Any,
    kind: str,
    listening: bool,
) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_UNIX, getattr(socket, kind)) as living:
            living.bind(str(unix_path))
            if listening and kind != "SOCK_DGRAM":
                living.listen()
                # A full backlog is no sign of death.
                living.listen(0)
            was = unix_path.stat()
            before = descriptors()
            with pytest.raises(OSError, match="is already in use") as caught:
                await loop.create_unix_server(recorder, unix_path)
            assert caught.value.errno == errno.EADDRINUSE
            assert str(unix_path) in str(caught.value)
            with pytest.raises(OSError, match="is already in use") as caught:
                await loop.create_datagram_endpoint(recorder, str(unix_path), family=socket.AF_UNIX)
            assert caught.value.errno == errno.EADDRINUSE
            assert os.path.samestat(unix_path.stat(), was)
            del caught
            assert descriptors() == before
        # Stale from here on.
        server = await loop.create_unix_server(recorder, unix_path)
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_server_that_lives_does_not_notice_that_another_asked(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        made: list[Any] = []
        async with await loop.create_unix_server(lambda: made.append(1), unix_path):
            with pytest.raises(OSError, match="is already in use"):
                await loop.create_unix_server(recorder, unix_path)
            await _turn()
        assert made == []

    loop.run_until_complete(main())


def test_a_stale_datagram_socket_is_replaced(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        for _ in range(2):
            transport, protocol = await loop.create_datagram_endpoint(
                recorder, unix_path, family=socket.AF_UNIX
            )
            transport.close()
            await protocol.lost

    stale(unix_path)
    loop.run_until_complete(main())


def test_the_file_of_a_socket_that_somebody_else_has_too_stays(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as managed:
            managed.bind(str(unix_path))
            managed.listen()
            for _ in range(2):
                server = await loop.create_unix_server(recorder, sock=managed.dup())
                server.close()
                await server.wait_closed()
                assert unix_path.exists()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(unix_path))

    loop.run_until_complete(main())


def test_a_file_that_is_no_socket_stays(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, descriptors: Any
) -> None:
    unix_path.write_text("precious")
    before = descriptors()
    with pytest.raises(OSError, match="is already in use"):
        loop.run_until_complete(loop.create_unix_server(recorder, unix_path))
    assert unix_path.read_text() == "precious"
    assert descriptors() == before


async def served_at(loop: SelectorEventLoop, factory: Any, path: Any, **options: Any) -> Any:
    server = await loop.create_unix_server(factory, path, **options)
    assert os.path.exists(path)
    return server


def test_the_file_stays_where_that_is_asked_for(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        server = await served_at(loop, recorder, unix_path, cleanup_socket=False)
        server.close()
        await server.wait_closed()
        assert unix_path.exists()

    loop.run_until_complete(main())


def test_a_file_that_somebody_else_put_there_stays(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        server = await served_at(loop, recorder, unix_path)
        unix_path.rename(unix_path.with_name("elsewhere"))
        stale(unix_path)
        server.close()
        await server.wait_closed()
        assert unix_path.exists()

    loop.run_until_complete(main())


def test_a_file_that_is_gone_is_no_error(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        server = await served_at(loop, recorder, unix_path)
        unix_path.unlink()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_the_file_is_found_again_from_another_directory(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.chdir(unix_path.parent)
        server = await served_at(loop, recorder, unix_path.name)
        monkeypatch.chdir("/")
        server.close()
        await server.wait_closed()
        assert not unix_path.exists()

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({}, ValueError, "no path and sock were specified"),
        ({"path": "x", "sock": object()}, ValueError, "path and sock can not be"),
        ({"path": "x", "server_hostname": "y"}, ValueError, "only meaningful with ssl"),
        ({"path": "x", "ssl": True}, ValueError, "you have to pass server_hostname"),
        ({"path": "x", "ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only"),
        ({"path": "x", "ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only"),
    ],
)
def test_connecting_refuses_what_does_not_fit(
    loop: SelectorEventLoop,
    recorder: Any,
    descriptors: Any,
    arguments: Any,
    error: type[Exception],
    text: str,
) -> None:
    before = descriptors()
    with pytest.raises(error, match=text):
        loop.run_until_complete(loop.create_unix_connection(recorder, **arguments))
    assert descriptors() == before


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({}, ValueError, "path was not specified, and no sock"),
        ({"path": "x", "sock": object()}, ValueError, "path and sock can not be"),
        ({"path": "x", "ssl": True}, TypeError, "must be an SSLContext or None"),
        ({"path": "x", "ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only"),
        ({"path": "x", "ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only"),
    ],
)
def test_serving_refuses_what_does_not_fit(
    loop: SelectorEventLoop,
    recorder: Any,
    descriptors: Any,
    arguments: Any,
    error: type[Exception],
    text: str,
) -> None:
    before = descriptors()
    with pytest.raises(error, match=text):
        loop.run_until_complete(loop.create_unix_server(recorder, **arguments))
    assert descriptors() == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: socket.socket(),
        lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    ],
)
def test_other_sockets_are_refused(loop: SelectorEventLoop, recorder: Any, make: Any) -> None:
    with make() as sock:
        for call in (loop.create_unix_connection, loop.create_unix_server):
            with pytest.raises(ValueError, match="A UNIX Domain Stream Socket was expected"):
                loop.run_until_complete(call(recorder, sock=sock))


def test_connecting_to_nobody_leaves_nothing_open(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, descriptors: Any
) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        loop.run_until_complete(loop.create_unix_connection(recorder, unix_path))
    stale(unix_path)
    with pytest.raises(ConnectionRefusedError):
        loop.run_until_complete(loop.create_unix_connection(recorder, unix_path))
    assert descriptors() == before


def test_a_socket_that_cannot_be_bound_is_closed(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, descriptors: Any
) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        loop.run_until_complete(loop.create_unix_server(recorder, unix_path / "below"))
    assert descriptors() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_does_not_take_its_parents_file_away(unix_path: Path) -> None:
    # In a process of its own, without the threads of the tests.
    code = f"""
import os, sys
from asyncio_core import Runner, get_running_loop
from asyncio_selectors import SelectorEventLoop

path = {str(unix_path)!r}

async def main():
    async with await get_running_loop().create_unix_server(None, path):
        if os.fork() == 0:
            sys.exit()
        os.wait()
        assert os.path.exists(path)
    assert not os.path.exists(path)

Runner(loop_factory=SelectorEventLoop).run(main())
"""
    printed_by(code)


def test_accepting_on_a_socket_that_is_shut_down_fails(
    loop: SelectorEventLoop, unix_path: Path
) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(unix_path))
            listener.listen()
            listener.setblocking(False)
            accepting = loop.create_task(loop.sock_accept(listener))
            await _turn()
            listener.shutdown(socket.SHUT_RDWR)
            with pytest.raises(OSError) as caught:
                await asyncio_core.wait_for(accepting, 20)
            assert caught.value.errno == errno.EINVAL

    loop.run_until_complete(main())


def test_serving_for_ever_ends_when_the_listening_socket_is_shut_down(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    async def main() -> None:
        reports: list[Any] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        server = await loop.create_unix_server(recorder, unix_path)
        forever = loop.create_task(server.serve_forever())
        await _turn()
        server.sockets[0].shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError) as caught:
            await asyncio_core.wait_for(forever, 20)
        assert caught.value.errno == errno.EINVAL
        assert len(reports) == 1
        assert not server.is_serving()
        assert not unix_path.exists()

    loop.run_until_complete(main())
