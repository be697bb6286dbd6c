"""Pipes: what a loop makes of their ends, and serving them by name."""

from __future__ import annotations

import gc
import os
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform != "win32":
    pytest.skip("named pipes are a thing of Windows", allow_module_level=True)


import _winapi

import asyncio_core
from asyncio_core.windows.pipes import PipeHandle, pipe
from asyncio_iocp import PipeServer, _overlapped
from asyncio_test_support.protocols import Echo

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    return rf"\\.\pipe\asyncio-test-{os.getpid()}-{request.node.name}"


def overlapped_pair() -> tuple[PipeHandle, PipeHandle]:
    first, second = pipe(duplex=True)
    return PipeHandle(first), PipeHandle(second)


def test_what_goes_into_one_end_comes_out_of_the_other(loop: Any, recorder: Any) -> None:
    data = bytes(range(256)) * 4096

    async def main() -> None:
        out, into = overlapped_pair()
        reading, protocol = await loop.connect_read_pipe(recorder, out)
        writing, writer = await loop.connect_write_pipe(recorder, into)
        assert reading.get_extra_info("pipe") is out
        writing.write(data)
        assert writer.pauses == ["pause"]
        await protocol.until(lambda: len(protocol.data) == len(data))
        await writer.until(lambda: writer.pauses == ["pause", "resume"])
        assert protocol.data == data
        assert writing.can_write_eof()
        writing.write(b"the end")
        writing.write_eof()
        assert await writer.lost is None
        assert await protocol.lost is None
        assert protocol.data == data + b"the end"
        assert protocol.eof == 1
        assert (out.handle, into.handle) == (None, None)

    loop.run_until_complete(main())


def test_writer_hears_that_the_reader_is_gone(loop: Any, recorder: Any) -> None:
    async def main() -> None:
        out, into = overlapped_pair()
        _, writer = await loop.connect_write_pipe(recorder, into)
        out.close()
        assert await writer.lost is None

        out, into = overlapped_pair()
        writing, writer = await loop.connect_write_pipe(recorder, into)
        writing.write(b"x" * 1_000_000)
        out.close()
        assert isinstance(await writer.lost, (BrokenPipeError, ConnectionError))

    loop.run_until_complete(main())


def test_sockets_are_pipes_too(loop: Any, recorder: Any, pair: Any) -> None:
    async def main() -> None:
        _, protocol = await loop.connect_read_pipe(recorder, pair[0])
        writing, writer = await loop.connect_write_pipe(recorder, pair[1])
        # Nobody reads what comes back; it does not end the connection.
        writing.write(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        writing.close()
        assert await writer.lost is None
        assert await protocol.lost is None

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["blocking pipe", "pipe of the C library", "file"])
def test_what_knows_no_overlapped_calls_is_refused(loop: Any, recorder: Any, kind: str) -> None:
    async def main() -> None:
        if kind == "blocking pipe":
            ends = pipe(overlapped=(False, False))
            out, into = PipeHandle(ends[0]), PipeHandle(ends[1])
        elif kind == "file":
            out, into = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        else:
            fds = os.pipe()
            out, into = os.fdopen(fds[0], "rb", 0), os.fdopen(fds[1], "wb", 0)
        with out, into:
            with pytest.raises(OSError, match=r"\w"):
                await loop.connect_write_pipe(recorder, into)
            # It is the caller's still.
            assert into.fileno() >= 0
            _, protocol = await loop.connect_read_pipe(recorder, out)
            assert isinstance(await protocol.lost, OSError)
        gc.collect()

    loop.run_until_complete(main())


def test_clients_of_a_name_are_served_one_by_one(loop: Any, recorder: Any, address: str) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await loop.create_pipe_connection(recorder, address)
        [server] = await loop.start_serving_pipe(Echo, address)
        assert isinstance(server, PipeServer)
        assert address in repr(server)
        clients = [await loop.create_pipe_connection(recorder, address) for _ in range(5)]
        for number, (transport, _) in enumerate(clients):
            assert not transport.can_write_eof()
            with pytest.raises(NotImplementedError):
                transport.write_eof()
            assert transport.get_extra_info("addr") == address
            transport.write(b"client %d" % number)
        for number, (transport, protocol) in enumerate(clients):
            await protocol.until(lambda p=protocol, n=number: p.data == b"client %d" % n)
            transport.close()
            assert await protocol.lost is None
        server.close()
        server.close()
        assert server.closed()
        assert repr(server) == "<PipeServer closed>"
        with pytest.raises(FileNotFoundError):
            await loop.create_pipe_connection(recorder, address)

    loop.run_until_complete(main())


def test_connections_outlive_their_server(loop: Any, recorder: Any, address: str) -> None:
    async def main() -> None:
        [server] = await loop.start_serving_pipe(Echo, address)
        transport, protocol = await loop.create_pipe_connection(recorder, address)
        transport.write(b"one")
        await protocol.until(lambda: protocol.data == b"one")
        server.close()
        transport.write(b"two")
        await protocol.until(lambda: protocol.data == b"onetwo")
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_a_connection_goes_on_where_there_can_be_no_further_instance(
    loop: Any, recorder: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _winapi.CreateNamedPipe
    connected: list[Any] = []

    def create(*args: Any) -> int:
        if connected:
            raise OSError(None, "no resources", None, 1450)
        return own(*args)

    def make() -> Any:
        connected.append(Echo())
        return connected[0]

    async def main() -> None:
        [server] = await loop.start_serving_pipe(make, address)
        monkeypatch.setattr(_winapi, "CreateNamedPipe", create)
        transport, protocol = await loop.create_pipe_connection(recorder, address)
        while not server.closed():
            await asyncio_core.sleep(0)
        (report,) = loop.reported
        assert report["message"] == "accepting on a pipe failed, it is served no more"
        loop.reported.clear()
        # Its instance is the connection's.
        transport.write(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_factory_that_raises_costs_its_connection_and_is_reported_once(
    loop: Any, recorder: Any, address: str
) -> None:
    calls = iter([True, False])

    def factory() -> Any:
        if next(calls):
            raise ZeroDivisionError
        return Echo()

    async def main() -> None:
        [server] = await loop.start_serving_pipe(factory, address)
        _, refused = await loop.create_pipe_connection(recorder, address)
        await refused.lost
        assert [type(report["exception"]) for report in loop.reported] == [ZeroDivisionError]
        loop.reported.clear()
        transport, protocol = await loop.create_pipe_connection(recorder, address)
        transport.write(b"x")
        await protocol.until(lambda: protocol.data == b"x")
        transport.close()
        await protocol.lost
        server.close()

    loop.run_until_complete(main())


def test_server_that_is_closed_before_it_accepts_leaves_no_handle(
    loop: Any, address: str, count_handles: Callable[[], int]
) -> None:
    async def serve_and_close() -> None:
        [server] = await loop.start_serving_pipe(Echo, address)
        server.close()
        await asyncio_core.sleep(0)
        [server] = await loop.start_serving_pipe(Echo, address)
        await asyncio_core.sleep(0)
        await asyncio_core.sleep(0)
        server.close()
        await asyncio_core.sleep(0)

    loop.run_until_complete(serve_and_close())
    before = count_handles()
    for _ in range(20):
        loop.run_until_complete(serve_and_close())
    assert count_handles() <= before


def test_connecting_fails_where_the_factory_raises_and_leaves_no_handle(
    loop: Any, address: str, count_handles: Callable[[], int]
) -> None:
    def fail() -> Any:
        raise ZeroDivisionError

    async def main() -> None:
        [server] = await loop.start_serving_pipe(Echo, address)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await loop.create_pipe_connection(fail, address)
            await asyncio_core.sleep(0.01)
        before = count_handles()
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                await loop.create_pipe_connection(fail, address)
            await asyncio_core.sleep(0.01)
        assert count_handles() <= before + 2
        server.close()

    loop.run_until_complete(main())


def test_bad_name_is_an_error(loop: Any) -> None:
    with pytest.raises(OSError, match=r"\w"):
        PipeServer("no pipe's name")
    with pytest.raises(OSError, match=r"\w"):
        loop.run_until_complete(loop.create_pipe_connection(Echo, "no pipe's name"))


def test_read_end_that_is_a_closed_socket_or_handle_fails_at_once(loop: Any, recorder: Any) -> None:
    async def main() -> None:
        out, into = overlapped_pair()
        out.close()
        into.close()
        with pytest.raises(ValueError, match="closed"):
            await loop.connect_read_pipe(recorder, out)
        with pytest.raises(ValueError, match="closed"):
            await loop.connect_write_pipe(recorder, into)
        with socket.socket() as sock:
            pass
        with pytest.raises(OSError, match=r"\w"):
            await loop.connect_write_pipe(recorder, sock)

    loop.run_until_complete(main())


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_pipe_is_served_on_when_the_loop_runs_again_after_an_interrupt(
    loop: Any, recorder: Any, address: str, exception: type[BaseException]
) -> None:
    interrupting = iter([True])

    def factory() -> Any:
        if next(interrupting, False):
            raise exception
        return Echo()

    async def ask() -> None:
        transport, protocol = await loop.create_pipe_connection(recorder, address)
        transport.write(b"anybody there?")
        await protocol.until(lambda: protocol.data == b"anybody there?" or protocol.lost.done())
        assert protocol.data == b"anybody there?"
        transport.close()
        await protocol.lost

    (server,) = loop.run_until_complete(loop.start_serving_pipe(factory, address))
    # The loop has to wait for a client first.
    loop.run_until_complete(asyncio_core.sleep(0))
    with PipeHandle(_overlapped.ConnectPipe(address)), pytest.raises(exception):
        loop.run_forever()
    loop.run_until_complete(ask())
    server.close()
    loop.run_until_complete(asyncio_core.sleep(0))
