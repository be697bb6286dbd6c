"""TLS that starts on a connection which is paused, filled, or about to be closed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.sockets import read_all

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop

# More than both sockets' buffers take.
MUCH = 8 * 1024 * 1024


@pytest.mark.parametrize("server_side", [False, True])
def test_a_paused_protocol_is_told_to_go_on(
    loop: SelectorEventLoop,
    recorder: Any,
    connect: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    server_side: bool,
) -> None:
    ours, theirs = (
        (server_context, client_context) if server_side else (client_context, server_context)
    )
    name = None if server_side else "localhost"
    their_name = "localhost" if server_side else None

    def peer(sock: socket.socket) -> int:
        assert len(read_all(sock, MUCH)) == MUCH
        with theirs.wrap_socket(
            sock, server_side=not server_side, server_hostname=their_name
        ) as tls:
            tls.sendall(b"up")
            return len(read_all(tls, MUCH + 5))

    async def main() -> None:
        protocol, sock = await connect()
        sock.settimeout(20)
        protocol.transport.write(b"a" * MUCH)
        assert protocol.pauses == ["pause"]
        told = in_thread(peer, sock)
        encrypted = await loop.start_tls(
            protocol.transport, protocol, ours, server_side=server_side, server_hostname=name
        )
        encrypted.write(b"small")
        await protocol.until(lambda: protocol.pauses == ["pause", "resume"])
        encrypted.write(b"b" * MUCH)
        assert protocol.pauses == ["pause", "resume", "pause"]
        await protocol.until(lambda: len(protocol.pauses) == 4)
        assert protocol.pauses[3] == "resume"
        assert await told == MUCH + 5
        assert protocol.data == b"up"
        encrypted.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_another_protocol_is_not_told_of_a_pause_that_it_does_not_know(
    loop: SelectorEventLoop,
    recorder: Any,
    connect: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    def peer(sock: socket.socket) -> int:
        assert len(read_all(sock, MUCH)) == MUCH
        with server_context.wrap_socket(sock, server_side=True) as tls:
            return len(read_all(tls, 5))

    async def main() -> None:
        protocol, sock = await connect()
        sock.settimeout(20)
        protocol.transport.write(b"a" * MUCH)
        told = in_thread(peer, sock)
        other = recorder()
        encrypted = await loop.start_tls(
            protocol.transport, other, client_context, server_hostname="localhost"
        )
        encrypted.write(b"small")
        assert await told == 5
        assert other.pauses == []
        encrypted.close()
        await other.lost

    loop.run_until_complete(main())


def test_a_paused_connection_within_tls_is_told_to_go_on(
    loop: SelectorEventLoop,
    recorder: Any,
    connect: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    async def main() -> None:
        left, right = socket.socketpair()
        _, ours = await loop.create_connection(recorder, sock=left)
        _, theirs = await loop.create_connection(recorder, sock=right)

        async def both(first: Any, second: Any) -> Any:
            return await asyncio_core.gather(
                loop.start_tls(first, ours, client_context, server_hostname="localhost"),
                loop.start_tls(second, theirs, server_context, server_side=True),
            )

        outer = await both(ours.transport, theirs.transport)
        outer[0].write(b"a" * MUCH)
        assert ours.pauses == ["pause"]
        # The one side begins now, the other when it has had all that is not of this handshake.
        inner = loop.create_task(
            loop.start_tls(outer[0], ours, client_context, server_hostname="localhost")
        )
        data = bytearray()

        class Taking(recorder):  # type: ignore[misc]
            def data_received(self, piece: bytes) -> None:
                data.extend(piece)
                if len(data) >= MUCH:
                    outer[1].pause_reading()
                super().data_received(piece)

        taking = Taking()
        data.extend(theirs.data)
        outer[1].set_protocol(taking)
        await taking.until(lambda: len(data) >= MUCH)
        early = bytes(data[MUCH:])

        class Knowing(recorder):  # type: ignore[misc]
            def _take_early_data(self) -> bytes:
                return early

        knowing = Knowing()
        outer[1].set_protocol(knowing)
        at_end = await loop.start_tls(outer[1], knowing, server_context, server_side=True)
        encrypted = await inner
        await ours.until(lambda: ours.pauses == ["pause", "resume"])
        encrypted.write(b"inside")
        await knowing.until(lambda: knowing.data == b"inside")
        encrypted.abort()
        at_end.abort()
        await ours.lost
        await knowing.lost

    loop.run_until_complete(main())


def test_reading_goes_on_where_it_was_paused(
    loop: SelectorEventLoop,
    connect: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    def peer(sock: socket.socket) -> None:
        with server_context.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"hello")
            assert tls.recv(1) == b""

    async def main() -> None:
        protocol, sock = await connect()
        sock.settimeout(20)
        protocol.transport.pause_reading()
        told = in_thread(peer, sock)
        encrypted = await loop.start_tls(
            protocol.transport, protocol, client_context, server_hostname="localhost"
        )
        assert encrypted.is_reading()
        await protocol.until(lambda: protocol.data == b"hello")
        encrypted.close()
        await protocol.lost
        await told

    loop.run_until_complete(main())


@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("moment", ["before", "long before", "meanwhile"])
def test_none_is_given_for_a_transport_that_this_side_has_closed(
    loop: SelectorEventLoop,
    recorder: Any,
    connect: Any,
    client_context: ssl.SSLContext,
    end: str,
    moment: str,
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        close = getattr(protocol.transport, end)
        if moment != "meanwhile":
            close()
        if moment == "long before":
            await protocol.lost
        upgrading = loop.create_task(
            loop.start_tls(
                protocol.transport, protocol, client_context, server_hostname="localhost"
            )
        )
        if moment == "meanwhile":
            # The first message of the handshake is here.
            await loop.sock_recv(peer, 1)
            close()
        assert await upgrading is None
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_reset_in_the_handshake_is_raised(
    loop: SelectorEventLoop, connect: Any, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        upgrading = loop.create_task(
            loop.start_tls(
                protocol.transport, protocol, client_context, server_hostname="localhost"
            )
        )
        await loop.sock_recv(peer, 1)
        # There is more to be read: the other side learns that as a reset.
        peer.close()
        with pytest.raises(ConnectionResetError):
            await upgrading
        assert isinstance(await protocol.lost, ConnectionResetError)

    loop.run_until_complete(main())
