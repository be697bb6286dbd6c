"""TLS over real sockets, with the ssl module's own sockets and the openssl program as the other end."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.certificates import CLIENT, common_name, only
from asyncio_test_support.protocols import Echo, HalfOpenRecorder
from asyncio_test_support.sockets import read_all, reset_when_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop
    from asyncio_test_support.certificates import Certificates


needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl program is not installed"
)


@pytest.fixture
def server_context(server_context: ssl.SSLContext, tls_version: str) -> ssl.SSLContext:
    return only(server_context, tls_version)


@pytest.fixture
def client_context(client_context: ssl.SSLContext, tls_version: str) -> ssl.SSLContext:
    return only(client_context, tls_version)


@pytest.fixture
def echo_server(loop: SelectorEventLoop, server_context: ssl.SSLContext) -> Iterator[Any]:
    """The address of a TLS server that echoes."""
    server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context))
    yield server.sockets[0].getsockname()
    server.close()
    server.abort_clients()
    loop.run_until_complete(server.wait_closed())


def blocking_peer(
    listening: socket.socket, context: ssl.SSLContext, serve: Callable[[ssl.SSLSocket], Any]
) -> Any:
    """Accept one connection, shake hands and let `serve` do the rest; for a thread."""
    sock, _ = listening.accept()
    sock.settimeout(20)
    with context.wrap_socket(sock, server_side=True) as tls:
        return serve(tls)


def test_both_ends_on_one_loop_exchange_much_data(
    loop: SelectorEventLoop, recorder: Any, echo_server: Any, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_connection(
            recorder, *echo_server, ssl=client_context
        )
        text = bytes(range(256)) * 8192
        transport.write(text)
        await protocol.until(lambda: len(protocol.data) == len(text))
        assert protocol.data == text
        assert transport.get_extra_info("peername") == echo_server
        transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_facts_of_the_connection(
    loop: SelectorEventLoop,
    recorder: Any,
    echo_server: Any,
    client_context: ssl.SSLContext,
    tls_version: str,
) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_connection(
            recorder, *echo_server, ssl=client_context, server_hostname="localhost"
        )
        facts = transport.get_extra_info
        assert facts("ssl_object").version() == tls_version
        assert facts("sslcontext") is client_context
        assert common_name(facts("peercert")) == "localhost"
        assert facts("cipher") == facts("ssl_object").cipher()
        assert facts("compression") is None
        assert facts("socket").family == socket.AF_INET
        assert facts("sockname")[0] == "127.0.0.1"
        addresses = facts("peername"), facts("sockname")
        transport.close()
        await protocol.lost
        # Connections are logged when they are over.
        assert (facts("peername"), facts("sockname")) == addresses
        assert facts("socket") is None

    loop.run_until_complete(main())


def test_a_default_context_trusts_nobody_unknown(
    loop: SelectorEventLoop, recorder: Any, echo_server: Any
) -> None:
    async def main() -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(recorder, *echo_server, ssl=True)

    loop.run_until_complete(main())


def test_a_certificate_for_another_name_is_refused(
    loop: SelectorEventLoop, recorder: Any, echo_server: Any, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                recorder, *echo_server, ssl=client_context, server_hostname="example.org"
            )

    loop.run_until_complete(main())


def test_client_certificates_protocols_and_names_reach_the_server(
    loop: SelectorEventLoop,
    recorder: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    certificates: Certificates,
) -> None:
    names: list[Any] = []
    certificates.ask_clients(server_context)
    server_context.set_alpn_protocols(["h2", "http/1.1"])
    server_context.sni_callback = lambda sslobj, name, context: names.append(name)  # type: ignore[assignment]
    client_context.load_cert_chain(certificates.client)
    client_context.set_alpn_protocols(["http/1.1"])

    async def main() -> None:
        arrived: asyncio_core.Future[Any] = loop.create_future()

        class Served(asyncio_core.Protocol):
            def connection_made(self, transport: Any) -> None:
                arrived.set_result(transport)

        server = await loop.create_server(Served, "127.0.0.1", 0, ssl=server_context)
        transport, protocol = await loop.create_connection(
            recorder,
            *server.sockets[0].getsockname(),
            ssl=client_context,
            server_hostname="www.example.test",
        )
        theirs = await arrived
        assert common_name(theirs.get_extra_info("peercert")) == CLIENT
        for side in (transport, theirs):
            sslobj = side.get_extra_info("ssl_object")
            assert sslobj.selected_alpn_protocol() == "http/1.1"
        assert names == ["www.example.test"]
        transport.close()
        await protocol.lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@pytest.mark.parametrize("goodbye", ["unwrap", "close", "reset"])
def test_a_blocking_peer_gets_all_data_before_the_end(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    in_thread: Any,
    goodbye: str,
) -> None:
    text = b"0123456789abcdef" * 100_000

    def serve(tls: ssl.SSLSocket) -> bytes:
        data = read_all(tls, len(text))
        tls.sendall(b"thank you")
        if goodbye == "unwrap":
            tls.unwrap().close()
        elif goodbye == "reset":
            reset_when_closed(tls)
        return data

    async def main() -> None:
        peer = in_thread(blocking_peer, listening, server_context, serve)
        transport, protocol = await loop.create_connection(
            recorder, *listening.getsockname(), ssl=client_context
        )
        transport.write(text)
        assert await peer == text
        end = await protocol.lost
        if goodbye == "reset":
            assert isinstance(end, (ConnectionResetError, type(None)))
        else:
            assert end is None
            assert protocol.data == b"thank you"
            assert protocol.eof == 1

    loop.run_until_complete(main())


def test_close_flushes_to_a_slow_peer(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    in_thread: Any,
) -> None:
    begin: Any = None
    text = b"x" * 8_000_000

    def serve(tls: ssl.SSLSocket) -> int:
        tls.sendall(b"ready")
        begin.result()
        data = read_all(tls, len(text) + 1)
        return len(data)

    async def main() -> None:
        from concurrent.futures import Future

        nonlocal begin
        begin = Future()
        peer = in_thread(blocking_peer, listening, server_context, serve)
        transport, protocol = await loop.create_connection(
            recorder, *listening.getsockname(), ssl=client_context
        )
        await protocol.until(lambda: protocol.data == b"ready")
        transport.write(text)
        assert protocol.pauses == ["pause"]
        # No more is encrypted than the socket's transport is ready to keep.
        assert transport._ssl_protocol._transport.get_write_buffer_size() < 400_000
        transport.close()
        begin.set_result(None)
        assert await peer == len(text)
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_close_gives_up_on_a_peer_that_never_answers(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    in_thread: Any,
) -> None:
    from concurrent.futures import Future

    async def main() -> None:
        end: Future[None] = Future()
        peer = in_thread(
            blocking_peer, listening, server_context, lambda tls: end.result(timeout=20)
        )
        transport, protocol = await loop.create_connection(
            recorder, *listening.getsockname(), ssl=client_context, ssl_shutdown_timeout=0.05
        )
        transport.close()
        assert isinstance(await protocol.lost, TimeoutError)
        end.set_result(None)
        await peer

    loop.run_until_complete(main())


def test_a_stranger_without_tls_fails_the_handshake_and_disturbs_nobody(
    loop: SelectorEventLoop, recorder: Any, echo_server: Any, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        _, stranger = await loop.create_connection(recorder, *echo_server)
        stranger.transport.write(b"GET / HTTP/1.0\r\n\r\n")
        await stranger.lost
        transport, protocol = await loop.create_connection(
            recorder, *echo_server, ssl=client_context
        )
        transport.write(b"still here")
        await protocol.until(lambda: protocol.data == b"still here")
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_connections_are_upgraded_in_both_directions(
    loop: SelectorEventLoop,
    recorder: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    class Upgrading(Echo):
        """Becomes encrypted when it is told to; after that it echoes."""

        def data_received(self, data: bytes) -> None:
            if data == b"STARTTLS\r\n":
                self.transport.write(b"go on\r\n")
                self.task = loop.create_task(self.upgrade())
            else:
                super().data_received(data)

        async def upgrade(self) -> None:
            self.transport = await loop.start_tls(
                self.transport, self, server_context, server_side=True
            )

    async def main() -> None:
        server = await loop.create_server(Upgrading, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, protocol = await loop.create_connection(recorder, *address)
        transport.write(b"STARTTLS\r\n")
        await protocol.until(lambda: protocol.data == b"go on\r\n")
        encrypted = await loop.start_tls(
            transport, protocol, client_context, server_hostname="localhost"
        )
        assert encrypted.get_extra_info("cipher")
        encrypted.write(b"secret")
        await protocol.until(lambda: protocol.data == b"go on\r\nsecret")
        encrypted.close()
        assert await protocol.lost is None
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_an_upgrade_after_the_end_of_the_peer_fails_at_once(
    loop: SelectorEventLoop, connect: Any, server_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        protocol, peer = await connect(HalfOpenRecorder)
        peer.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: bool(protocol.eof))
        with pytest.raises(ConnectionResetError):
            await loop.start_tls(protocol.transport, protocol, server_context, server_side=True)
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())


def test_an_accepted_socket_is_given_tls(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    in_thread: Any,
) -> None:
    def visit() -> bytes:
        with (
            socket.create_connection(listening.getsockname(), 20) as sock,
            client_context.wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"hello")
            return read_all(tls, 5)

    async def main() -> None:
        visitor = in_thread(visit)
        listening.setblocking(False)
        sock, _ = await loop.sock_accept(listening)
        transport, protocol = await loop.connect_accepted_socket(recorder, sock, ssl=server_context)
        await protocol.until(lambda: protocol.data == b"hello")
        transport.write(b"world")
        assert await visitor == b"world"
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_file_is_sent_through_tls_in_pieces_and_in_order(
    loop: SelectorEventLoop,
    recorder: Any,
    echo_server: Any,
    client_context: ssl.SSLContext,
    tmp_path: Path,
) -> None:
    text = bytes(range(256)) * 4096
    path = tmp_path / "file"
    path.write_bytes(text)

    async def main() -> None:
        transport, protocol = await loop.create_connection(
            recorder, *echo_server, ssl=client_context
        )
        transport.write(b"<")
        with path.open("rb") as file:
            assert await loop.sendfile(transport, file, 1000) == len(text) - 1000
            assert file.tell() == len(text)
            transport.write(b"|")
            assert await loop.sendfile(transport, file, 5, 10) == 10
            assert file.tell() == 15
            with pytest.raises(RuntimeError, match="fallback is disabled"):
                await loop.sendfile(transport, file, fallback=False)
        transport.write(b">")
        expected = b"<" + text[1000:] + b"|" + text[5:15] + b">"
        await protocol.until(lambda: len(protocol.data) >= len(expected))
        assert protocol.data == expected
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_closing_a_servers_clients_says_goodbye_in_tls(
    loop: SelectorEventLoop,
    listening: socket.socket,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    in_thread: Any,
) -> None:
    client_context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)

    async def main() -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context)
        address = server.sockets[0].getsockname()

        def visit() -> bytes:
            with (
                socket.create_connection(address, 20) as sock,
                # An end without close_notify would raise here.
                client_context.wrap_socket(
                    sock, server_hostname="localhost", suppress_ragged_eofs=False
                ) as tls,
            ):
                tls.sendall(b"x")
                read_all(tls, 1)
                arrived()
                return tls.recv(1)

        came: asyncio_core.Future[None] = loop.create_future()

        def arrived() -> None:
            loop.call_soon_threadsafe(came.set_result, None)

        visitor = in_thread(visit)
        await came
        server.close()
        server.close_clients()
        assert await visitor == b""
        await server.wait_closed()

    loop.run_until_complete(main())


# The openssl program


# A server refuses renegotiation by default, since OpenSSL 3.0; the ssl module has no name for this.
OP_ALLOW_CLIENT_RENEGOTIATION = 1 << 8


def s_client(
    address: tuple[str, int], certificates: Certificates, version: str, command: str
) -> None:
    """Have openssl say something, give it a command, and have it say something again."""
    program = subprocess.Popen(
        [
            *("openssl", "s_client", "-connect", f"{address[0]}:{address[1]}"),
            *("-CAfile", str(certificates.authority), "-verify_return_error"),
            "-tls1_2" if version == "TLSv1.2" else "-tls1_3",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        # It takes a line for a command only if that is all it finds: each has to wait for the other.
        for line, answer in (
            ("before", "before"),
            (command, {"R": "RENEGOTIATING", "k": "KEYUPDATE", "K": "KEYUPDATE"}.get(command, "x")),
            ("after", "after"),
        ):
            program.stdin.write(f"{line}\n".encode())
            program.stdin.flush()
            output = b""
            while not output.endswith(f"\n{answer}\n".encode()):
                byte = program.stdout.read(1)
                assert byte, output
                output = (output or b"\n") + byte


@needs_openssl
@pytest.mark.parametrize(
    ("tls_version", "command"),
    [("TLSv1.2", "x"), ("TLSv1.2", "R"), ("TLSv1.3", "x"), ("TLSv1.3", "k"), ("TLSv1.3", "K")],
    ids=["1.2", "1.2 renegotiates", "1.3", "1.3 updates its keys", "1.3 asks for new keys"],
    indirect=["tls_version"],
)
def test_openssl_s_client_talks_to_a_server(
    loop: SelectorEventLoop,
    server_context: ssl.SSLContext,
    echo_server: Any,
    certificates: Certificates,
    tls_version: str,
    command: str,
    in_thread: Any,
) -> None:
    server_context.options |= OP_ALLOW_CLIENT_RENEGOTIATION
    talking = in_thread(s_client, echo_server, certificates, tls_version, command)
    loop.run_until_complete(asyncio_core.wait_for(talking, 20))


@needs_openssl
def test_openssl_s_server_serves_a_client(
    loop: SelectorEventLoop,
    recorder: Any,
    client_context: ssl.SSLContext,
    certificates: Certificates,
    tls_version: str,
    in_thread: Any,
) -> None:
    async def main() -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        program = subprocess.Popen(
            [
                *("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-rev"),
                *("-cert", str(certificates.server), "-naccept", "1"),
                "-tls1_2" if tls_version == "TLSv1.2" else "-tls1_3",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with program:
            try:
                assert program.stdout is not None
                # It says this when it listens.
                while b"ACCEPT" not in await in_thread(program.stdout.readline):
                    pass
                transport, protocol = await loop.create_connection(
                    recorder, "127.0.0.1", port, ssl=client_context
                )
                transport.write(b"stressed\n")
                await protocol.until(lambda: protocol.data == b"desserts\n")
                transport.close()
                assert await protocol.lost is None
            finally:
                program.kill()

    loop.run_until_complete(asyncio_core.wait_for(main(), 20))
