"""TLS handshakes, of both sides, that are cancelled."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    import ssl


def in_background(loop: Any, coro: Any) -> Any:
    """Start the other side, which ends with the connection, well or badly, after the subject."""
    task = loop.create_task(coro)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    return task


def both_sides(
    loop: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext, recorder: Any
) -> Any:
    """The two handshakes of a connection: coroutine functions that take a socket."""
    client = loop.create_connection
    server = loop.connect_accepted_socket
    return (
        lambda sock: client(recorder, sock=sock, ssl=client_context, server_hostname="localhost"),
        lambda sock: server(recorder, sock, ssl=server_context),
    )


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_handshake(
    rounds: Any,
    loop: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    recorder: Any,
    side: str,
) -> None:
    sides = both_sides(loop, server_context, client_context, recorder)
    mine, others = sides if side == "client" else sides[::-1]

    async def subject() -> None:
        left, right = socket.socketpair()
        in_background(loop, end_of(others(right)))
        transport, _ = await mine(left)
        transport.abort()

    async def end_of(handshake: Any) -> None:
        _, protocol = await handshake
        await protocol.lost

    rounds(subject, at_least=6)


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_handshake_with_a_peer_that_is_silent(
    rounds: Any,
    loop: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    recorder: Any,
    side: str,
) -> None:
    mine = both_sides(loop, server_context, client_context, recorder)[side == "server"]

    async def subject() -> None:
        left, right = socket.socketpair()
        with right:
            await mine(left)

    rounds(subject, endless=True, at_least=2)


def test_connecting_to_a_tls_server(
    rounds: Any,
    loop: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    recorder: Any,
    greeter: Any,
) -> None:
    async def subject() -> None:
        server = await loop.create_server(greeter, "127.0.0.1", 0, ssl=server_context)
        try:
            address = server.sockets[0].getsockname()
            transport, protocol = await loop.create_connection(
                recorder, *address, ssl=client_context, server_hostname="localhost"
            )
            try:
                await protocol.until(lambda: protocol.data == b"hello")
            finally:
                transport.abort()
        finally:
            server.close()
            server.abort_clients()

    rounds(subject, at_least=8)


@pytest.mark.parametrize("side", ["client", "server"])
def test_start_tls(
    rounds: Any,
    loop: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    recorder: Any,
    side: str,
) -> None:
    async def upgrade(sock: socket.socket, which: str) -> Any:
        transport, protocol = await loop.create_connection(recorder, sock=sock)
        if which == "client":
            terms = {"sslcontext": client_context, "server_hostname": "localhost"}
        else:
            terms = {"sslcontext": server_context, "server_side": True}
        try:
            return await loop.start_tls(transport, protocol, **terms), protocol
        except asyncio_core.CancelledError:
            # start_tls() has closed it.
            assert transport.is_closing()
            raise

    async def follow(sock: socket.socket, which: str) -> None:
        _, protocol = await upgrade(sock, which)
        await protocol.lost

    async def subject() -> None:
        left, right = socket.socketpair()
        in_background(loop, follow(right, "server" if side == "client" else "client"))
        transport, _ = await upgrade(left, side)
        transport.abort()

    rounds(subject, at_least=8)
