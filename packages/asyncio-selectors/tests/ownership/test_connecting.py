"""Connections, endpoints and pipes that are cancelled while they are opened."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import asyncio_core


def test_connecting_to_an_address(
    rounds: Any, loop: Any, listening: socket.socket, recorder: Any, turn_away: Any
) -> None:
    async def subject() -> None:
        transport, _ = await loop.create_connection(recorder, *listening.getsockname())
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=3)


def test_connecting_to_a_name(
    rounds: Any,
    loop: Any,
    listening: socket.socket,
    recorder: Any,
    turn_away: Any,
    resolving_to: Any,
) -> None:
    resolving_to(listening.getsockname())

    async def subject() -> None:
        transport, _ = await loop.create_connection(recorder, "somewhere", 80)
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=4)


def test_connecting_from_an_address(
    rounds: Any, loop: Any, listening: socket.socket, recorder: Any, turn_away: Any
) -> None:
    async def subject() -> None:
        transport, _ = await loop.create_connection(
            recorder, *listening.getsockname(), local_addr=("127.0.0.1", 0)
        )
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=3)


def test_connecting_over_a_socket(rounds: Any, loop: Any, recorder: Any) -> None:
    async def subject() -> None:
        mine, peer = socket.socketpair()
        with peer:
            transport, _ = await loop.create_connection(recorder, sock=mine)
            transport.abort()

    rounds(subject, at_least=2)


def test_connecting_where_the_backlog_is_full(
    rounds: Any, loop: Any, full: Any, recorder: Any
) -> None:
    rounds(lambda: loop.create_connection(recorder, *full), endless=True, at_least=1)


def test_connecting_to_the_second_address(
    rounds: Any,
    loop: Any,
    listening: socket.socket,
    recorder: Any,
    turn_away: Any,
    resolving_to: Any,
    nobodys_address: Any,
) -> None:
    resolving_to(nobodys_address, listening.getsockname())

    async def subject() -> None:
        transport, _ = await loop.create_connection(recorder, "somewhere", 80)
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=5)


def test_racing_a_dead_address(
    rounds: Any,
    loop: Any,
    listening: socket.socket,
    recorder: Any,
    turn_away: Any,
    resolving_to: Any,
    nobodys_address: Any,
) -> None:
    resolving_to(nobodys_address, listening.getsockname())

    async def subject() -> None:
        transport, _ = await loop.create_connection(
            recorder, "somewhere", 80, happy_eyeballs_delay=10
        )
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=6)


def test_racing_a_slow_address(
    rounds: Any, loop: Any, recorder: Any, full: Any, turn_away: Any, resolving_to: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quick:
        quick.setblocking(False)
        resolving_to(full, quick.getsockname())

        async def subject() -> None:
            transport, _ = await loop.create_connection(
                recorder, "somewhere", 80, happy_eyeballs_delay=0.01
            )
            assert transport.get_extra_info("peername") == quick.getsockname()
            transport.abort()

        rounds(subject, between=lambda: turn_away(quick), at_least=6)


def test_racing_addresses_that_all_answer(
    rounds: Any,
    loop: Any,
    listening: socket.socket,
    recorder: Any,
    turn_away: Any,
    resolving_to: Any,
) -> None:
    resolving_to(*[listening.getsockname()] * 4)

    async def subject() -> None:
        # No delay at all: several connect in one turn.
        transport, _ = await loop.create_connection(
            recorder, "somewhere", 80, happy_eyeballs_delay=0
        )
        transport.abort()

    rounds(subject, between=lambda: turn_away(listening), at_least=6)


def test_racing_addresses_of_which_none_answers(
    rounds: Any,
    loop: Any,
    full: Any,
    recorder: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        # Not in a thread: while one is at it, the loop does seem to have nothing to do.
        await asyncio_core.sleep(0)
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, full)] * 3

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    rounds(
        lambda: loop.create_connection(recorder, "somewhere", 80, happy_eyeballs_delay=0.001),
        endless=True,
        at_least=6,
    )


# Unix connections.


def test_connecting_to_a_unix_socket(
    rounds: Any, loop: Any, recorder: Any, unix_path: Path, turn_away: Any
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(unix_path))
        listening.listen()
        listening.setblocking(False)

        async def subject() -> None:
            transport, _ = await loop.create_unix_connection(recorder, unix_path)
            transport.abort()

        rounds(subject, between=lambda: turn_away(listening), at_least=2)


# Datagrams.


def test_making_a_datagram_endpoint(
    rounds: Any, loop: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", ("127.0.0.1", 9))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)

    async def subject() -> None:
        transport, _ = await loop.create_datagram_endpoint(
            recorder, local_addr=("127.0.0.1", 0), remote_addr=("somewhere", 9)
        )
        transport.abort()

    rounds(subject, at_least=3)


# Pipes.


needs_pipes = pytest.mark.skipif(
    sys.platform == "win32", reason="select() there takes sockets only: the loop has no pipes"
)


@needs_pipes
def test_connecting_a_read_pipe(rounds: Any, loop: Any, recorder: Any) -> None:
    async def subject() -> None:
        reading, writing = pipe_ends()
        with writing:
            transport, _ = await loop.connect_read_pipe(recorder, reading)
            transport.close()

    rounds(subject, at_least=2)


@needs_pipes
def test_connecting_a_write_pipe(rounds: Any, loop: Any, recorder: Any) -> None:
    async def subject() -> None:
        reading, writing = pipe_ends()
        with reading:
            transport, _ = await loop.connect_write_pipe(recorder, writing)
            transport.abort()

    rounds(subject, at_least=2)


def pipe_ends() -> tuple[Any, Any]:
    reader, writer = os.pipe()
    return open(reader, "rb", 0), open(writer, "wb", 0)


@needs_pipes
def test_connecting_a_write_pipe_that_nobody_reads(rounds: Any, loop: Any) -> None:
    class Talker(asyncio_core.Protocol):
        def connection_made(self, transport: Any) -> None:
            # More than a pipe holds.
            transport.write(bytes(1 << 20))

    reading: list[Any] = []

    async def subject() -> None:
        read_end, write_end = pipe_ends()
        reading.append(read_end)
        transport, _ = await loop.connect_write_pipe(Talker, write_end)
        transport.abort()

    def no_writer_is_left() -> None:
        loop.settle()
        for end in reading:
            with end:
                os.set_blocking(end.fileno(), False)
                # None where it would block, as there still is a writer.
                while piece := end.read(1 << 16):
                    pass
                assert piece == b""
        reading.clear()

    rounds(subject, between=no_writer_is_left, at_least=2)


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is what refuses some devices")
def test_connecting_a_device_that_cannot_be_watched(rounds: Any, loop: Any, recorder: Any) -> None:
    async def subject() -> None:
        device = Path(os.devnull).open("rb", 0)  # noqa: SIM115
        _, protocol = await loop.connect_read_pipe(recorder, device)
        await protocol.until(protocol.lost.done)
        assert device.closed

    rounds(subject)
