"""TLS over completions: the shared layer on these transports."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

import asyncio_core
from asyncio_test_support.protocols import Echo, HalfOpenRecorder

DATA = bytes(range(256)) * 4096


def test_data_goes_both_ways(
    loop: Any, recorder: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context) as server:
            address = server.sockets[0].getsockname()
            transport, protocol = await loop.create_connection(
                recorder, *address, ssl=client_context, server_hostname="localhost"
            )
            transport.write(DATA)
            await protocol.until(lambda: len(protocol.data) == len(DATA))
            assert protocol.data == DATA
            assert transport.get_extra_info("cipher")
            transport.close()
            assert await protocol.lost is None

    loop.run_until_complete(main())


def test_certificate_that_is_not_trusted_is_refused(
    loop: Any, recorder: Any, server_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context) as server:
            with pytest.raises(ssl.SSLCertVerificationError):
                await loop.create_connection(
                    recorder,
                    *server.sockets[0].getsockname(),
                    ssl=ssl.create_default_context(),
                    server_hostname="localhost",
                )

    loop.run_until_complete(main())


def test_connection_is_encrypted_in_the_middle(
    loop: Any, recorder: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    class Upgrading(Echo):
        def data_received(self, data: bytes) -> None:
            if data == b"STARTTLS":
                self.transport.write(b"OK")
                self.task = loop.create_task(self.upgrade())
            else:
                super().data_received(data)

        async def upgrade(self) -> None:
            self.transport = await loop.start_tls(
                self.transport, self, server_context, server_side=True
            )

    async def main() -> None:
        async with await loop.create_server(Upgrading, "127.0.0.1", 0) as server:
            transport, protocol = await loop.create_connection(
                recorder, *server.sockets[0].getsockname()
            )
            transport.write(b"STARTTLS")
            await protocol.until(lambda: protocol.data == b"OK")
            encrypted = await loop.start_tls(
                transport, protocol, client_context, server_hostname="localhost"
            )
            encrypted.write(b"secret")
            await protocol.until(lambda: protocol.data == b"OKsecret")
            encrypted.close()
            assert await protocol.lost is None

    loop.run_until_complete(main())


def test_encrypting_after_the_peer_has_ended_fails_at_once(
    loop: Any, connect: Any, server_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        protocol, peer = await connect(HalfOpenRecorder)
        peer.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: bool(protocol.eof))
        with pytest.raises(ConnectionResetError):
            await loop.start_tls(protocol.transport, protocol, server_context, server_side=True)
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())
