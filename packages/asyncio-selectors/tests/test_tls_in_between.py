"""What TLS has to say for itself in the middle of a connection: renegotiations, new keys, a certificate that is asked for late.

Python's ssl module cannot begin the first two, so the other end is the openssl program. A relay stands between, which can hold
back what the program sends: so it is certain that something is written while TLS waits for an answer.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.certificates import CLIENT, common_name, only
from asyncio_test_support.protocols import LIMIT, Recorder
from asyncio_test_support.running import turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop
    from asyncio_test_support.certificates import Certificates

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None or sys.platform == "win32",
    reason="the openssl program is not installed, or has no pipes that a loop can read",
)
both_sides = pytest.mark.parametrize("side", ["client", "server"])

#: Servers refuse a client's renegotiation by default, since OpenSSL 3.0; the ssl module names it from Python 3.12 on.
OP_ALLOW_CLIENT_RENEGOTIATION = 1 << 8

#: More than is encrypted at once, in lines: the program shows what it receives as it is.
MUCH = b"".join(b"%07d\n" % n for n in range(20_000))


class Buffered(asyncio_core.BufferedProtocol):
    """A recorder with a buffer, of a few bytes only."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.room = bytearray(5)
        self.data, self.lost, self.until = (
            self.recorder.data,
            self.recorder.lost,
            self.recorder.until,
        )

    def get_buffer(self, sizehint: int) -> Any:
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.recorder.data_received(bytes(self.room[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.recorder.connection_lost(exc)


both_kinds = pytest.mark.parametrize("factory", [Recorder, Buffered])


class Relay:
    """Carries the bytes between our transport and the program."""

    def __init__(self, ours: socket.socket, its: socket.socket) -> None:
        self.loop = asyncio_core.get_running_loop()
        for sock in (ours, its):
            sock.setblocking(False)
        #: Whether the next that comes from the program is the last for the time being.
        self.holds_soon = False
        #: Pending while what comes from the program is held back.
        self.held: asyncio_core.Future[None] = self.loop.create_future()
        self.held.set_result(None)
        #: How many bytes our side has sent, and how many the program.
        self.sent = self.came = 0
        self._more: asyncio_core.Future[None] = self.loop.create_future()
        self.tasks = [
            self.loop.create_task(self._carry(its, ours, self._let_pass)),
            self.loop.create_task(self._carry(ours, its, self._count)),
        ]

    async def _carry(self, source: socket.socket, target: socket.socket, pass_on: Any) -> None:
        while data := await self.loop.sock_recv(source, 1 << 18):
            await pass_on(data)
            await self.loop.sock_sendall(target, data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    async def _let_pass(self, data: bytes) -> None:
        await self.held
        if self.holds_soon:
            self.holds_soon = False
            self.held = self.loop.create_future()
        self.came += len(data)
        self._tell()

    async def _count(self, data: bytes) -> None:
        self.sent += len(data)
        self._tell()

    def _tell(self) -> None:
        self._more.set_result(None)
        self._more = self.loop.create_future()

    def let_go(self) -> None:
        self.held.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at when something has come, from either side."""
        while not condition():
            await asyncio_core.wait_for(asyncio_core.shield(self._more), LIMIT)


class Program:
    """openssl's s_client or s_server: types into it, and records what it shows."""

    def __init__(self, *command: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            ("openssl", *command), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT
        )

    async def begin(self) -> None:
        loop = asyncio_core.get_running_loop()
        self.pipe, self.shown = await loop.connect_read_pipe(Recorder, self.process.stdout)

    def type(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    async def shows(self, text: bytes) -> None:
        await self.shown.until(lambda: text in self.shown.data)

    async def end(self) -> None:
        self.process.kill()
        await asyncio_core.wait_for(self.shown.lost, LIMIT)
        self.pipe.close()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def on_connection(
    loop: SelectorEventLoop,
    local_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    certificates: Certificates,
) -> Any:
    """Run a test's coroutine with our transport and protocol, the program at the other end, and the relay between."""
    ours, theirs = local_pair
    server_context.options |= OP_ALLOW_CLIENT_RENEGOTIATION

    async def to_server(version: str, made: list[Program]) -> socket.socket:
        program = Program(
            *("s_server", "-accept", "127.0.0.1:0", version),
            *("-cert", str(certificates.server), "-naccept", "1"),
        )
        made.append(program)
        await program.begin()
        await program.shows(b"ACCEPT 127.0.0.1:")
        await program.shown.until(lambda: program.shown.data.endswith(b"\n"))
        port = int(program.shown.data.rpartition(b":")[2])
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        return sock

    async def to_client(version: str, made: list[Program]) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            address = f"127.0.0.1:{listening.getsockname()[1]}"
            options = ("-CAfile", str(certificates.authority), "-verify_return_error")
            program = Program("s_client", "-connect", address, version, *options)
            made.append(program)
            await program.begin()
            sock, _ = await loop.sock_accept(listening)
            return sock

    def on_connection(side: str, version: str, factory: Any, test: Any) -> None:
        async def main() -> None:
            made: list[Program] = []
            relay = None
            try:
                find = to_server if side == "client" else to_client
                with await find("-tls" + version.replace(".", "_"), made) as its:
                    relay = Relay(theirs, its)
                    if side == "client":
                        context = only(client_context, f"TLSv{version}")
                        transport, protocol = await loop.create_connection(
                            factory, sock=ours, ssl=context, server_hostname="localhost"
                        )
                    else:
                        context = only(server_context, f"TLSv{version}")
                        transport, protocol = await loop.connect_accepted_socket(
                            factory, ours, ssl=context
                        )
                    try:
                        await exchange(transport, protocol, made[0], b"at first")
                        await test(transport, protocol, made[0], relay)
                    finally:
                        transport.abort()
                        for task in relay.tasks:
                            task.cancel()
                        await asyncio_core.wait(relay.tasks)
            finally:
                for program in made:
                    await program.end()
                theirs.close()
                await turns(4)

        loop.run_until_complete(asyncio_core.wait_for(main(), 3 * LIMIT))

    return on_connection


async def exchange(transport: Any, protocol: Any, program: Program, word: bytes) -> None:
    """Have a line go in both directions."""
    protocol.data.clear()
    program.type(word + b" to you\n")
    await protocol.until(lambda: protocol.data == word + b" to you\n")
    transport.write(word + b" and back\n")
    await program.shows(word + b" and back\n")


# Renegotiations


async def renegotiate(side: str, program: Program, relay: Relay) -> None:
    """Bring TLS to where it has said what it has to, and waits for the program's answer, which is held back."""
    before = relay.sent
    relay.holds_soon = True
    program.type(b"r\n" if side == "client" else b"R\n")
    # Nobody writes: this is TLS itself.
    await relay.until(lambda: relay.sent > before)
    assert not relay.held.done()


@needs_openssl
@both_kinds
@both_sides
@pytest.mark.parametrize("text", [b"in between\n", MUCH], ids=["little", "much"])
def test_what_is_written_during_a_renegotiation_goes_out_after_it(
    on_connection: Any, side: str, factory: Any, text: bytes
) -> None:
    async def test(transport: Any, protocol: Any, program: Program, relay: Relay) -> None:
        for n in range(3):
            await renegotiate(side, program, relay)
            sent = relay.sent
            piece = bytearray(text)
            transport.write(piece)
            transport.write(b"and more\n")
            # What was given to write() is the caller's again.
            piece[:] = bytes(len(piece))
            assert transport.get_write_buffer_size() >= len(text) + 9
            await turns(4)
            assert relay.sent == sent
            relay.let_go()
            await program.shows(text + b"and more\n")
            assert transport.get_write_buffer_size() == 0
            program.shown.data.clear()
            await exchange(transport, protocol, program, b"after %d" % n)

    on_connection(side, "1.2", factory, test)


@needs_openssl
@both_sides
def test_a_writer_that_is_paused_by_a_renegotiation_is_told_to_go_on(
    on_connection: Any, side: str
) -> None:
    async def test(transport: Any, protocol: Any, program: Program, relay: Relay) -> None:
        transport.set_write_buffer_limits(high=100)
        await renegotiate(side, program, relay)
        transport.write(b"a" * 100)
        assert protocol.pauses == []
        transport.write(b"b\n")
        assert protocol.pauses == ["pause"]
        relay.let_go()
        await protocol.until(lambda: protocol.pauses == ["pause", "resume"])
        await program.shows(b"a" * 100 + b"b\n")

    on_connection(side, "1.2", Recorder, test)


@needs_openssl
@both_sides
def test_what_is_written_before_close_arrives_though_a_renegotiation_is_under_way(
    on_connection: Any, side: str
) -> None:
    async def test(transport: Any, protocol: Any, program: Program, relay: Relay) -> None:
        await renegotiate(side, program, relay)
        transport.write(b"the last words\n")
        transport.close()
        relay.let_go()
        await program.shows(b"the last words\n")
        assert await protocol.lost is None

    on_connection(side, "1.2", Recorder, test)


# New keys

#: Commands of the program, by our side: to take new keys, and to ask us for some as well. A server that is to do the
#: former does so only when it sends something.
commands = pytest.mark.parametrize(
    ("side", "command"),
    [("client", b"K\n"), ("server", b"k\n"), ("server", b"K\n")],
    ids=["client-all", "server-its", "server-all"],
)


@needs_openssl
@both_kinds
@commands
def test_all_arrives_with_new_keys(
    on_connection: Any, side: str, factory: Any, command: bytes
) -> None:
    async def test(transport: Any, protocol: Any, program: Program, relay: Relay) -> None:
        for n in range(4):
            sent, came = relay.sent, relay.came
            program.type(command)
            await relay.until(lambda came=came: relay.came > came)
            if n % 2:
                await turns(4)
                # Our own new keys are for what is written next, RFC 8446, 4.6.3.
                assert relay.sent == sent
            transport.write(MUCH)
            await program.shows(MUCH)
            program.shown.data.clear()
            await exchange(transport, protocol, program, b"after %d" % n)

    on_connection(side, "1.3", factory, test)


# Certificates that are asked for late


@pytest.fixture
def asking(
    client_context: ssl.SSLContext, server_context: ssl.SSLContext, certificates: Certificates
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a client that would show its certificate, and of a server that requires one when it asks."""
    if not ssl.HAS_TLSv1_3:
        pytest.skip("OpenSSL without TLS 1.3")
    certificates.ask_clients(server_context)
    for context in (client_context, server_context):
        only(context, "TLSv1.3").post_handshake_auth = True
    return client_context, server_context


@pytest.fixture
def with_both_ends(
    loop: SelectorEventLoop, asking: tuple[ssl.SSLContext, ssl.SSLContext], local_pair: Any
) -> Any:
    """Run a test's coroutine with both transports and their protocols; then end all that."""

    def with_both_ends(factory: Any, test: Any) -> None:
        async def main() -> None:
            left, right = local_pair
            (client, protocol), (server, serving) = await asyncio_core.gather(
                loop.create_connection(
                    factory, sock=left, ssl=asking[0], server_hostname="localhost"
                ),
                loop.connect_accepted_socket(factory, right, ssl=asking[1]),
            )
            try:
                await test(client, protocol, server, serving)
            finally:
                client.abort()
                server.abort()
                await asyncio_core.wait([protocol.lost, serving.lost])

        loop.run_until_complete(asyncio_core.wait_for(main(), LIMIT))

    return with_both_ends


@both_kinds
@pytest.mark.parametrize("text", [b"who are you?", MUCH], ids=["little", "much"])
def test_a_certificate_is_shown_though_the_client_does_not_write(
    with_both_ends: Any,
    asking: tuple[ssl.SSLContext, ssl.SSLContext],
    certificates: Certificates,
    factory: Any,
    text: bytes,
) -> None:
    asking[0].load_cert_chain(certificates.client)

    async def test(client: Any, protocol: Any, server: Any, serving: Any) -> None:
        client.write(b"before")
        await serving.until(lambda: serving.data == b"before")
        server.get_extra_info("ssl_object").verify_client_post_handshake()
        assert not server.get_extra_info("peercert")
        # The question goes out with it.
        server.write(text)
        await protocol.until(lambda: protocol.data == text)
        # The client writes nothing that could take the answer along.
        while not server.get_extra_info("peercert"):
            await asyncio_core.sleep(0)
        assert common_name(server.get_extra_info("peercert")) == CLIENT
        client.write(MUCH)
        whole = b"before" + MUCH  # made once, as it is asked for with each few bytes
        await serving.until(lambda: serving.data == whole)

    with_both_ends(factory, test)


@both_kinds
def test_what_is_written_before_the_certificate_is_shown_comes_first(
    with_both_ends: Any,
    asking: tuple[ssl.SSLContext, ssl.SSLContext],
    certificates: Certificates,
    factory: Any,
) -> None:
    asking[0].load_cert_chain(certificates.client)

    async def test(client: Any, protocol: Any, server: Any, serving: Any) -> None:
        server.get_extra_info("ssl_object").verify_client_post_handshake()
        server.write(b"who are you?")
        client.write(MUCH)
        await protocol.until(lambda: protocol.data == b"who are you?")
        client.write(b"look")
        whole = MUCH + b"look"
        await serving.until(lambda: serving.data == whole)
        assert common_name(server.get_extra_info("peercert")) == CLIENT

    with_both_ends(factory, test)


@both_kinds
def test_a_client_that_shows_no_certificate_is_cut_off(with_both_ends: Any, factory: Any) -> None:
    async def test(client: Any, protocol: Any, server: Any, serving: Any) -> None:
        server.get_extra_info("ssl_object").verify_client_post_handshake()
        server.write(b"who are you?")
        await protocol.until(lambda: protocol.data == b"who are you?")
        refused, told = await serving.lost, await protocol.lost
        assert isinstance(refused, ssl.SSLError)
        assert refused.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
        # It has been told so by an alert, if that was not lost with the connection.
        if isinstance(told, ssl.SSLError):
            assert told.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        assert server.is_closing()

    with_both_ends(factory, test)
