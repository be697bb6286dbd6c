"""The system may refuse to watch a descriptor: no room in the poller, no memory.

Whoever waits is told then; silence would look like an idle peer.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core import constants
from asyncio_test_support.sockets import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

if not hasattr(select, "epoll"):
    pytest.skip("needs epoll", allow_module_level=True)


class Refusing:
    """An epoll set that refuses to take more while `left` is not 0."""

    def __init__(self, epoll: Any) -> None:
        self.epoll = epoll
        self.left: float = 0
        self.number = errno.ENOSPC
        self.refused = 0

    def register(self, fd: int, flags: int) -> None:
        self.refuse()
        self.epoll.register(fd, flags)

    def modify(self, fd: int, flags: int) -> None:
        self.refuse()
        self.epoll.modify(fd, flags)

    def refuse(self) -> None:
        if self.left > 0:
            self.left -= 1
            self.refused += 1
            raise OSError(self.number, os.strerror(self.number))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.epoll, name)


@pytest.fixture(params=[(errno.ENOSPC, 1), (errno.ENOMEM, float("inf"))])
def refusing(request: pytest.FixtureRequest, loop: SelectorEventLoop) -> Iterator[Refusing]:
    poller: Any = loop._selector
    made = poller._epoll = Refusing(poller._epoll)
    made.number, times = request.param

    def begin() -> None:
        made.left = times

    made.begin = begin  # type: ignore[attr-defined]
    yield made
    made.left = 0


def watched(loop: SelectorEventLoop) -> list[int]:
    return [fd for fd in loop._selector.get_map() if fd != loop._ssock.fileno()]


def test_resuming_to_read(loop: SelectorEventLoop, connect: Any, refusing: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        protocol.transport.pause_reading()
        refusing.begin()
        protocol.transport.resume_reading()
        assert (await protocol.lost).errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


@pytest.mark.parametrize("lines", [False, True])
def test_a_write_that_has_to_wait(
    loop: SelectorEventLoop, connect: Any, refusing: Any, lines: bool
) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        fill(protocol.transport.get_extra_info("socket")._sock)
        refusing.begin()
        if lines:
            protocol.transport.writelines([b"a", b"b"])
        else:
            protocol.transport.write(b"abc")
        assert protocol.transport.get_write_buffer_size() == 0
        assert (await protocol.lost).errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_a_connection_from_its_beginning(
    loop: SelectorEventLoop, pair: Any, recorder: Any, refusing: Any
) -> None:
    async def main() -> None:
        refusing.begin()
        made: list[Any] = []

        def factory() -> Any:
            made.append(recorder())
            return made[-1]

        with suppress(OSError):
            await loop.create_connection(factory, sock=pair[0])
        assert (await made[0].lost).errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_start_tls(loop: SelectorEventLoop, connect: Any, refusing: Any) -> None:
    """It stops reading and resumes, which the system refuses."""

    async def main() -> None:
        protocol, _ = await connect()
        context = ssl.create_default_context()
        refusing.begin()
        with pytest.raises(OSError) as caught:
            await asyncio_core.wait_for(
                loop.start_tls(protocol.transport, protocol, context, server_hostname="localhost"),
                20,
            )
        assert caught.value.errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_a_file_that_has_to_wait(
    loop: SelectorEventLoop, pair: Any, refusing: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(4 << 20))

    async def main() -> None:
        with path.open("rb") as file:
            refusing.begin()
            with pytest.raises(OSError) as caught:
                await loop.sock_sendfile(pair[0], file)
            assert caught.value.errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_a_datagram_that_has_to_wait(loop: SelectorEventLoop, recorder: Any, refusing: Any) -> None:
    async def main() -> None:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with right:
            left.setblocking(False)
            _, protocol = await loop.create_datagram_endpoint(recorder, sock=left)
            while True:
                try:
                    left.send(b"x")
                except BlockingIOError:
                    break
            refusing.begin()
            protocol.transport.sendto(b"y")
            assert (await protocol.lost).errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_pipes(loop: SelectorEventLoop, recorder: Any, refusing: Any) -> None:
    async def main() -> None:
        source, sink = os.pipe()
        _, reader = await loop.connect_read_pipe(recorder, os.fdopen(source, "rb", 0))
        _, writer = await loop.connect_write_pipe(recorder, os.fdopen(sink, "wb", 0))
        reader.transport.pause_reading()
        while True:
            try:
                os.write(sink, b"x" * 65536)
            except BlockingIOError:
                break
        refusing.begin()
        writer.transport.write(b"y" * 100)
        refusing.begin()
        reader.transport.resume_reading()
        for protocol in (reader, writer):
            assert (await protocol.lost).errno == refusing.number

    loop.run_until_complete(main())
    assert watched(loop) == []
    # What is no end of the peer is reported of a pipe, as other errors are.
    loop.reported.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", ["recv", "sendall", "accept", "connect"])
def test_sock_calls_raise_and_leave_nothing(
    loop: SelectorEventLoop, pair: Any, refusing: Any, call: str
) -> None:
    async def main() -> None:
        left, right = pair
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            listener.setblocking(False)
            client.setblocking(False)
            refusing.begin()
            if call == "recv":
                waiting = loop.sock_recv(left, 1)
            elif call == "sendall":
                fill(left)
                waiting = loop.sock_sendall(left, b"y")
            elif call == "accept":
                waiting = loop.sock_accept(listener)
            else:
                waiting = loop.sock_connect(client, listener.getsockname())
            with pytest.raises(OSError) as caught:
                await waiting
            assert caught.value.errno == refusing.number
            assert watched(loop) == []
            refusing.left = 0
            if call == "recv":
                right.send(b"z")
                assert await loop.sock_recv(left, 1) == b"z"

    loop.run_until_complete(main())


def test_a_waiting_reader_outlives_a_writer_that_is_refused(
    loop: SelectorEventLoop, pair: Any, refusing: Any
) -> None:
    left, right = pair
    seen: list[bytes] = []
    loop.add_reader(left, lambda: seen.append(left.recv(9)))
    refusing.begin()
    with pytest.raises(OSError):
        loop.add_writer(left, print)
    right.send(b"x")

    async def main() -> None:
        while not seen:
            await asyncio_core.sleep(0.001)

    loop.run_until_complete(main())
    assert loop.remove_reader(left)
    assert not loop.remove_writer(left)


def test_what_cannot_be_taken_back_is_taken_back_later(
    loop: SelectorEventLoop, pair: Any, refusing: Any
) -> None:
    left, right = pair
    seen: list[bytes] = []
    loop.add_reader(left, lambda: seen.append(left.recv(9)))
    loop.add_writer(left, print)
    refusing.left = 1
    assert loop.remove_writer(left)
    right.send(b"x")

    async def main() -> None:
        while not seen:
            await asyncio_core.sleep(0)

    loop.run_until_complete(main())
    polls = 0
    usual = refusing.epoll.poll

    def count(*args: Any) -> Any:
        nonlocal polls
        polls += 1
        return usual(*args)

    refusing.poll = count
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    # It does not spin.
    assert polls < 20
    assert loop.remove_reader(left)


def test_a_selector_that_changes_nothing_any_more_keeps_no_connection_from_closing(
    loop: SelectorEventLoop, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    async def main() -> None:
        protocol, _ = await connect()
        fill(protocol.transport.get_extra_info("socket")._sock)
        protocol.transport.write(b"abc")
        with monkeypatch.context() as patch:
            patch.setattr(loop._selector, "modify", refuse)
            protocol.transport.abort()
        assert await protocol.lost is None

    loop.run_until_complete(main())
    assert watched(loop) == []


def test_an_accept_loop_at_its_end_of_rest(
    loop: SelectorEventLoop, recorder: Any, refusing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.005)

    async def main() -> None:
        made: list[Any] = []

        def factory() -> Any:
            made.append(recorder())
            return made[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        (listener,) = server._sockets
        out_of = OSError(errno.EMFILE, "Too many open files")
        loop._cannot_accept(out_of, factory, listener, None, server, 100, None, None, None)
        refusing.begin()
        with socket.create_connection(listener.getsockname()):
            while not refusing.refused:
                await asyncio_core.sleep(0.001)
            refusing.left = 0
            while not made:
                await asyncio_core.sleep(0.001)
            made[0].transport.close()
            await made[0].lost
        server.close()
        await server.wait_closed()
        assert not loop._resting

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert report["exception"].errno == errno.EMFILE
    loop.reported.clear()  # type: ignore[attr-defined]


def test_a_server_that_cannot_start(
    loop: SelectorEventLoop, recorder: Any, refusing: Any, descriptors: Any
) -> None:
    async def main() -> None:
        before = descriptors()
        refusing.begin()
        with pytest.raises(OSError) as caught:
            await loop.create_server(recorder, "127.0.0.1", 0)
        assert caught.value.errno == refusing.number
        refusing.left = 0
        assert descriptors() == before
        server = await loop.create_server(recorder, "127.0.0.1", 0, start_serving=False)
        refusing.begin()
        with pytest.raises(OSError):
            await server.start_serving()
        assert not server.is_serving()
        refusing.left = 0
        await server.start_serving()
        assert server.is_serving()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
