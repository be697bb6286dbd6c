"""Servers that are cancelled while they are made, serve or end."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from pathlib import Path


def test_making_a_server(rounds: Any, loop: Any, greeter: Any) -> None:
    async def subject() -> None:
        server = await loop.create_server(greeter, "127.0.0.1", 0)
        server.close()

    rounds(subject, at_least=2)


def test_making_a_server_of_several_names(
    rounds: Any, loop: Any, resolving_to: Any, greeter: Any
) -> None:
    resolving_to(("127.0.0.1", 0))

    async def subject() -> None:
        server = await loop.create_server(greeter, ["one", "another"], 0)
        server.close()

    rounds(subject, at_least=3)


def test_making_a_server_where_somebody_waits_to_be_accepted(
    rounds: Any, loop: Any, greeter: Any
) -> None:
    clients: list[socket.socket] = []

    async def subject() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        # It stays, so that nobody but this side ends a connection that was accepted.
        clients.append(socket.create_connection(listening.getsockname()))
        server = await loop.create_server(greeter, sock=listening)
        server.close()
        server.abort_clients()

    def all_were_sent_away() -> None:
        loop.settle()
        for client in clients:
            client.settimeout(5)
            with client, contextlib.suppress(ConnectionResetError):
                while client.recv(10):
                    pass
        clients.clear()

    rounds(subject, between=all_were_sent_away, at_least=2)


def test_making_a_unix_server(rounds: Any, loop: Any, unix_path: Path, greeter: Any) -> None:
    async def subject() -> None:
        server = await loop.create_unix_server(greeter, unix_path)
        server.close()

    rounds(subject, between=lambda: unix_path.unlink(missing_ok=True))


def test_serving_clients(rounds: Any, loop: Any, recorder: Any, greeter: Any) -> None:
    async def subject() -> None:
        async with await loop.create_server(greeter, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            transport, protocol = await loop.create_connection(recorder, *address)
            try:
                await protocol.until(lambda: protocol.data == b"hello")
            finally:
                transport.abort()

    rounds(subject, at_least=6)


def test_serving_for_ever(rounds: Any, loop: Any, recorder: Any, greeter: Any) -> None:
    async def subject() -> None:
        server = await loop.create_server(greeter, "127.0.0.1", 0, start_serving=False)
        try:
            visiting = loop.create_task(visit(server.sockets[0].getsockname()))
            try:
                await server.serve_forever()
            finally:
                visiting.cancel()
        finally:
            server.close()

    async def visit(address: Any) -> None:
        await asyncio_core.sleep(0)
        await loop.create_connection(recorder, *address)
        # Stays: it is the server that has to end the connection.

    rounds(subject, endless=True, at_least=4)


@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_sending_clients_away(
    rounds: Any, loop: Any, recorder: Any, end: str, greeter: Any
) -> None:
    async def subject() -> None:
        server = await loop.create_server(greeter, "127.0.0.1", 0)
        try:
            address = server.sockets[0].getsockname()
            transport, protocol = await loop.create_connection(recorder, *address)
            try:
                await protocol.until(lambda: protocol.data == b"hello")
            except BaseException:
                transport.abort()
                raise
            server.close()
            getattr(server, end)()
            await server.wait_closed()
            await protocol.until(protocol.lost.done)
        finally:
            server.close()
            server.abort_clients()

    rounds(subject, at_least=6)


def test_giving_up_the_wait_for_a_server_leaves_no_waiter(
    rounds: Any, loop: Any, greeter: Any
) -> None:
    server = loop.run_until_complete(
        loop.create_server(greeter, "127.0.0.1", 0, start_serving=False)
    )
    left: list[Any] = []
    # Open in all rounds.
    rounds(server.wait_closed, endless=True, between=lambda: left.extend(server._waiters or ()))
    server.close()
    assert left == []
