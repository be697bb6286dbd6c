"""TLS over connections, servers and transports that were plain before."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.certificates import SERVER_NAME
from loop_kit.peers import Peer, accepted, connected_peer, in_thread, listening
from loop_kit.protocols import BufferedRecorder, HalfOpenRecorder, Recorder, growth, same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Callable

    from loop_kit.certificates import Authority

MUCH = 1024 * 1024
PATTERN = bytes(range(256)) * (MUCH // 256)


@contextlib.asynccontextmanager
async def secured(
    loop: AbstractEventLoop,
    authority: Authority,
    factory: Callable[[], Any] = Recorder,
    *,
    server_context: ssl.SSLContext | None = None,
    client_context: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Any, Any, Peer]]:
    """Connect a client of the loop under test to a TLS server of the module ssl."""
    with listening() as listener:
        port = listener.getsockname()[1]
        connecting = loop.create_task(
            loop.create_connection(
                factory, SERVER_NAME, port, ssl=client_context or authority.client(), **options
            )
        )
        peer = await accepted(listener)
    try:
        await peer.wrap(server_context or authority.server(), server_side=True)
        transport, protocol = await connecting
    except BaseException:
        peer.close()
        connecting.cancel()
        await asyncio.wait([connecting])
        raise
    try:
        yield transport, protocol, peer
    finally:
        if not protocol.lost.done():
            transport.abort()
        peer.close()
        await protocol.lost


class Serving:
    """A TLS server of the loop under test, and the first protocol that it makes."""

    def __init__(self, loop: AbstractEventLoop, factory: Callable[[], Any] = Recorder) -> None:
        self.first: asyncio.Future[Any] = loop.create_future()
        self._factory = factory
        self.server: Any = None

    def __call__(self) -> Any:
        made = self._factory()
        if not self.first.done():
            self.first.set_result(made)
        return made

    @property
    def address(self) -> Any:
        return self.server.sockets[0].getsockname()


@contextlib.asynccontextmanager
async def serving(
    loop: AbstractEventLoop,
    context: ssl.SSLContext,
    factory: Callable[[], Any] = Recorder,
    **options: Any,
) -> AsyncIterator[Serving]:
    made = Serving(loop, factory)
    async with await loop.create_server(made, "127.0.0.1", 0, ssl=context, **options) as server:
        made.server = server
        yield made
        if made.first.done():
            protocol = made.first.result()
            if protocol.transport is not None:
                if not protocol.lost.done():
                    protocol.transport.abort()
                await protocol.lost


async def client_of(authority: Authority, address: Any, **options: Any) -> Peer:
    """Connect a TLS client of the module ssl."""
    peer = await connected_peer(address)
    context = options.pop("context", None) or authority.client()
    try:
        await peer.wrap(context, server_hostname=SERVER_NAME, **options)
    except BaseException:
        peer.close()
        raise
    return peer


# Handshakes


async def test_client_talks(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        assert protocol.events == ["made"]
        assert protocol.transport is transport
        transport.write(b"hello")
        assert await peer.recv_exactly(5) == b"hello"
        await peer.send(b"answer")
        assert await protocol.received(6) == b"answer"


async def test_transport_is_one_of_asyncio(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, _, _):
        assert isinstance(transport, asyncio.Transport)


async def test_server_talks(loop: AbstractEventLoop, authority: Authority) -> None:
    async with serving(loop, authority.server()) as server:
        peer = await client_of(authority, server.address)
        await peer.send(b"hello")
        client = await server.first
        assert await client.received(5) == b"hello"
        client.transport.write(b"answer")
        assert await peer.recv_exactly(6) == b"answer"
        peer.close()


async def test_client_and_server_of_the_loop_talk(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with serving(loop, authority.server()) as server:
        transport, protocol = await loop.create_connection(
            Recorder, *server.address, ssl=authority.client()
        )
        transport.write(b"hello")
        client = await server.first
        await client.received(5)
        client.transport.write(b"answer")
        await protocol.received(6)
        transport.close()
        assert await protocol.lost is None
        assert await client.lost is None


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_versions_of_tls(loop: AbstractEventLoop, authority: Authority, version: str) -> None:
    context = authority.client()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    async with secured(loop, authority, client_context=context) as (transport, protocol, peer):
        assert transport.get_extra_info("ssl_object").version() == version.replace("_", ".")
        transport.write(b"hello")
        assert await peer.recv_exactly(5) == b"hello"
        peer.close()
        await protocol.lost


async def test_transport_tells_about_its_encryption(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    context = authority.client()
    async with secured(loop, authority, client_context=context) as (transport, _, peer):
        tls: Any = peer.sock
        assert transport.get_extra_info("cipher")[0] == tls.cipher()[0]
        assert transport.get_extra_info("compression") is None
        assert transport.get_extra_info("sslcontext") is context
        assert isinstance(transport.get_extra_info("ssl_object"), (ssl.SSLObject, ssl.SSLSocket))
        names = [value for _, value in transport.get_extra_info("peercert")["subjectAltName"]]
        assert SERVER_NAME in names
        assert transport.get_extra_info("peername") == peer.sock.getsockname()
        assert transport.get_extra_info("sockname") == peer.sock.getpeername()
        assert transport.get_extra_info("socket") is not None


async def test_certificate_of_a_stranger_is_refused(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with pytest.raises((ssl.SSLCertVerificationError, ssl.SSLError, ConnectionError)):
        async with secured(loop, authority, client_context=authority.stranger()):
            pass
    with listening() as listener:
        connecting = loop.create_task(
            loop.create_connection(
                Recorder, SERVER_NAME, listener.getsockname()[1], ssl=authority.stranger()
            )
        )
        peer = await accepted(listener)
        with contextlib.suppress(ssl.SSLError, OSError):
            await peer.wrap(authority.server(), server_side=True)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connecting
        peer.close()


async def test_certificate_for_another_host_is_refused(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    context = authority.server("elsewhere.example.org")
    async with serving(loop, context) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                Recorder,
                *server.address,
                ssl=authority.client(),
                server_hostname=SERVER_NAME,
            )
        await settle()


async def test_name_of_the_server_may_be_given(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with listening() as listener:
        sock = socket.create_connection(listener.getsockname())
        connecting = loop.create_task(
            loop.create_connection(
                Recorder, sock=sock, ssl=authority.client(), server_hostname=SERVER_NAME
            )
        )
        peer = await accepted(listener)
    await peer.wrap(authority.server(), server_side=True)
    transport, protocol = await connecting
    transport.write(b"hello")
    assert await peer.recv_exactly(5) == b"hello"
    transport.abort()
    await protocol.lost
    peer.close()


async def test_empty_name_turns_the_check_of_names_off(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    context = authority.client()
    context.check_hostname = False
    async with serving(loop, authority.server("elsewhere.example.org")) as server:
        transport, protocol = await loop.create_connection(
            Recorder, *server.address, ssl=context, server_hostname=""
        )
        transport.close()
        await protocol.lost


async def test_ssl_true_means_the_default_context(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    # Which trusts the authorities of the system, and so not this one.
    async with serving(loop, authority.server()) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(Recorder, "localhost", server.address[1], ssl=True)
        await settle()


@pytest.mark.needs("sni")
async def test_server_learns_the_name_that_is_asked_for(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    names: list[Any] = []
    context = authority.server()
    context.sni_callback = lambda _, name, __: names.append(name)
    async with secured(loop, authority, server_context=context):
        assert names == [SERVER_NAME]


@pytest.mark.needs("alpn")
async def test_protocols_are_negotiated(loop: AbstractEventLoop, authority: Authority) -> None:
    server_context, client_context = authority.server(), authority.client()
    server_context.set_alpn_protocols(["h2", "http/1.1"])
    client_context.set_alpn_protocols(["http/1.1"])
    async with serving(loop, server_context) as server:
        transport, protocol = await loop.create_connection(
            Recorder, *server.address, ssl=client_context
        )
        client = await server.first
        await client.made
        for one in (transport, client.transport):
            assert one.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        transport.close()
        await protocol.lost


async def test_server_may_ask_for_a_certificate(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with serving(loop, authority.server_that_asks()) as server:
        peer = await client_of(
            authority, server.address, context=authority.client(certificate=True)
        )
        client = await server.first
        await client.made
        certificate = client.transport.get_extra_info("peercert")
        assert ("email", "client@example.org") in certificate["subjectAltName"]
        peer.close()


async def test_client_without_a_certificate_is_refused(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with serving(loop, authority.server_that_asks()) as server:
        # With TLS 1.3 a client learns only from its first reading that it was refused.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            peer = await client_of(authority, server.address)
            try:
                if not await peer.recv():
                    raise ConnectionAbortedError
            finally:
                peer.close()
        await settle()
        assert not (server.first.done() and server.first.result().events)


async def test_what_is_no_tls_is_refused_and_the_server_goes_on(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with serving(loop, authority.server()) as server:
        stranger = await connected_peer(server.address)
        await stranger.send(b"GET / HTTP/1.1\r\n\r\n" * 20)
        assert await stranger.is_dead()
        stranger.close()
        peer = await client_of(authority, server.address)
        await peer.send(b"hello")
        peer.close()
        await settle()


async def test_peer_that_leaves_during_the_handshake(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with listening() as listener:
        connecting = loop.create_task(
            loop.create_connection(
                Recorder, SERVER_NAME, listener.getsockname()[1], ssl=authority.client()
            )
        )
        peer = await accepted(listener)
        await peer.recv(1)
        peer.close()
        with pytest.raises(ConnectionError):
            await connecting


# Timeouts


async def test_handshake_that_takes_too_long_is_given_up(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with listening() as listener:
        connecting = loop.create_task(
            loop.create_connection(
                Recorder,
                SERVER_NAME,
                listener.getsockname()[1],
                ssl=authority.client(),
                ssl_handshake_timeout=0.05,
            )
        )
        peer = await accepted(listener)
        with pytest.raises(ConnectionAbortedError):
            await connecting
        assert await peer.is_dead()
        peer.close()


async def test_server_gives_a_handshake_up_that_takes_too_long(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with serving(loop, authority.server(), ssl_handshake_timeout=0.05) as server:
        silent = await connected_peer(server.address)
        assert await silent.recv_all() == b""
        silent.close()
        peer = await client_of(authority, server.address)
        peer.close()
        await settle()


async def test_shutdown_that_takes_too_long_is_given_up(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority, ssl_shutdown_timeout=0.05) as (transport, protocol, _):
        # The peer never answers with a close_notify of its own.
        transport.close()
        await protocol.lost
        assert transport.is_closing()


@pytest.mark.parametrize("timeout", [0, -1])
@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
async def test_timeouts_are_positive(
    loop: AbstractEventLoop, authority: Authority, name: str, timeout: float
) -> None:
    with listening() as listener:
        create: Any = loop.create_connection
        with pytest.raises(ValueError):
            await create(
                Recorder, *listener.getsockname(), ssl=authority.client(), **{name: timeout}
            )


# Data


async def test_much_data_arrives_whole(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        transport.write(PATTERN)
        assert same(await peer.recv_exactly(MUCH), PATTERN)
        sending = loop.create_task(peer.send(PATTERN))
        assert same(await protocol.received(MUCH), PATTERN)
        await sending


async def test_small_writes_keep_their_order(loop: AbstractEventLoop, authority: Authority) -> None:
    pieces = [b"%d," % number for number in range(2000)]
    async with secured(loop, authority) as (transport, _, peer):
        for piece in pieces[:1000]:
            transport.write(piece)
        transport.writelines(pieces[1000:])
        expected = b"".join(pieces)
        assert same(await peer.recv_exactly(len(expected)), expected)


@pytest.mark.parametrize("data", ["text", 5, None], ids=repr)
async def test_write_refuses_what_is_not_like_bytes(
    loop: AbstractEventLoop, authority: Authority, data: Any
) -> None:
    async with secured(loop, authority) as (transport, _, peer):
        with pytest.raises(TypeError):
            transport.write(data)
        transport.write(b"x")
        assert await peer.recv_exactly(1) == b"x"


async def test_writing_is_paused_and_resumed(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        written = 0
        while "paused" not in protocol.events:
            transport.write(PATTERN)
            written += MUCH
            await settle(1)
        assert transport.get_write_buffer_size() > 0
        reading = loop.create_task(peer.recv_exactly(written))
        await protocol.until_event("resumed")
        assert len(await reading) == written
        assert protocol.events[:3] == ["made", "paused", "resumed"]


async def test_marks_are_set(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, _, _):
        transport.set_write_buffer_limits(high=1000, low=100)
        assert transport.get_write_buffer_limits() == (100, 1000)
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)


async def test_paused_reading_delivers_nothing(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        assert transport.is_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        await peer.send(b"waiting")
        await settle()
        assert protocol.data == b""
        transport.resume_reading()
        assert await protocol.received(7) == b"waiting"


async def test_buffered_protocol_receives_much(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority, BufferedRecorder) as (_, protocol, peer):
        sending = loop.create_task(peer.send(PATTERN))
        assert same(await protocol.received(MUCH), PATTERN)
        await sending


async def test_second_protocol_takes_over(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, first, peer):
        await peer.send(b"first")
        await first.received(5)
        second = Recorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        await peer.send(b"second")
        assert await second.received(6) == b"second"
        transport.set_protocol(first)


# Ends


async def test_close_says_goodbye(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        transport.write(b"last words")
        transport.close()
        assert transport.is_closing()
        # An end without close_notify would be an SSLEOFError of this reading.
        assert await peer.recv_all() == b"last words"
        await in_thread(peer.sock.unwrap)  # type: ignore[attr-defined]
        peer.close()
        assert await protocol.lost is None


async def test_close_sends_what_waits(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        for _ in range(8):
            transport.write(PATTERN)
        transport.close()
        assert same(await peer.recv_all(), PATTERN * 8)
        peer.close()
        assert await protocol.lost is None


async def test_goodbye_of_the_peer_ends_the_connection(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        await peer.send(b"last words")
        await in_thread(peer.sock.unwrap)  # type: ignore[attr-defined]
        assert await protocol.lost is None
        assert protocol.data == b"last words"
        assert protocol.events == ["made", "data", "eof", "lost"]
        assert transport.is_closing()


async def test_connection_that_breaks_off_ends(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority) as (_, protocol, peer):
        await peer.send(b"data")
        await protocol.received(4)
        # No close_notify: the socket under the TLS is closed.
        peer.close()
        await protocol.lost
        assert protocol.data == b"data"


async def test_reset_by_the_peer_is_an_error(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        await settle()
        peer.reset()
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert transport.is_closing()


async def test_abort_ends_at_once(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        transport.write(PATTERN * 8)
        transport.abort()
        assert await protocol.lost is None
        assert transport.is_closing()
        with contextlib.suppress(ssl.SSLError):
            await peer.is_dead()


async def test_there_is_no_half_close(loop: AbstractEventLoop, authority: Authority) -> None:
    async with secured(loop, authority) as (transport, _, _):
        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()


async def test_eof_received_cannot_keep_the_connection_open(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    # The documentation: SSL transports ignore what it answers, and warn.
    async with secured(loop, authority, HalfOpenRecorder) as (_, protocol, peer):
        await in_thread(peer.sock.unwrap)  # type: ignore[attr-defined]
        assert await protocol.lost is None
        assert protocol.events == ["made", "eof", "lost"]


async def test_closed_transport_ignores_writes(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    async with secured(loop, authority) as (transport, protocol, peer):
        transport.close()
        transport.write(b"too late")
        assert await peer.recv_all() == b""
        peer.close()
        await protocol.lost
        transport.write(b"too late")
        transport.close()
        transport.abort()


@pytest.mark.parametrize("how", ["refused", "cancelled", "timed out"])
async def test_handshake_that_fails_leaves_nothing(
    loop: AbstractEventLoop, authority: Authority, how: str
) -> None:
    async def connect() -> None:
        with listening() as listener:
            options: dict[str, Any] = {"ssl_handshake_timeout": 0.01} if how == "timed out" else {}
            connecting = loop.create_task(
                loop.create_connection(
                    Recorder, *listener.getsockname(), ssl=authority.client(), **options
                )
            )
            peer = await accepted(listener)
            await peer.recv(1)
            if how == "refused":
                await peer.send(b"this is no TLS, nor anything like it")
            elif how == "cancelled":
                connecting.cancel()
            await asyncio.wait([connecting])
            assert connecting.cancelled() if how == "cancelled" else connecting.exception()
            assert await peer.is_dead()
            peer.close()

    assert await growth(connect) == set()


# start_tls()


async def test_start_tls_of_a_client(loop: AbstractEventLoop, authority: Authority) -> None:
    with listening() as listener:
        plain, protocol = await loop.create_connection(Recorder, *listener.getsockname())
        peer = await accepted(listener)
    plain.write(b"STARTTLS\n")
    assert await peer.recv_exactly(9) == b"STARTTLS\n"
    wrapping = loop.create_task(peer.wrap(authority.server(), server_side=True))
    transport = await loop.start_tls(
        plain, protocol, authority.client(), server_hostname=SERVER_NAME
    )
    await wrapping
    assert transport is not None
    assert transport is not plain
    assert transport.get_extra_info("ssl_object") is not None
    # Not made a second time.
    assert protocol.events == ["made"]
    transport.write(b"hello")
    assert await peer.recv_exactly(5) == b"hello"
    await peer.send(b"answer")
    assert await protocol.received(6) == b"answer"
    transport.close()
    await in_thread(peer.sock.unwrap)  # type: ignore[attr-defined]
    peer.close()
    assert await protocol.lost is None


async def test_start_tls_of_a_server(loop: AbstractEventLoop, authority: Authority) -> None:
    done = loop.create_future()

    class Upgrading(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.data == b"STARTTLS\n":
                self.transport.pause_reading()
                self.upgrading = loop.create_task(self.upgrade())

        async def upgrade(self) -> None:
            self.transport.write(b"GO\n")
            self.transport = await loop.start_tls(
                self.transport, self, authority.server(), server_side=True
            )
            self.transport.write(b"hello")
            done.set_result(self)

    async with await loop.create_server(Upgrading, "127.0.0.1", 0) as server:
        peer = await connected_peer(server.sockets[0].getsockname())
        await peer.send(b"STARTTLS\n")
        assert await peer.recv_exactly(3) == b"GO\n"
        await peer.wrap(authority.client(), server_hostname=SERVER_NAME)
        assert await peer.recv_exactly(5) == b"hello"
        protocol = await done
        await peer.send(b"secret")
        assert await protocol.received(15) == b"STARTTLS\nsecret"
        protocol.transport.close()
        assert await peer.recv_all() == b""
        peer.close()
        await protocol.lost


@pytest.mark.parametrize("wrong", [None, True, "context"])
async def test_start_tls_needs_a_context(loop: AbstractEventLoop, wrong: Any) -> None:
    with listening() as listener:
        transport, protocol = await loop.create_connection(Recorder, *listener.getsockname())
        with pytest.raises(TypeError):
            await loop.start_tls(transport, protocol, wrong)
        transport.abort()
        await protocol.lost


async def test_start_tls_of_what_cannot_raises(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with pytest.raises(TypeError):
        await loop.start_tls(
            asyncio.Transport(),
            Recorder(),
            authority.client(),
            server_hostname=SERVER_NAME,
        )


async def test_start_tls_that_is_refused_closes_the_connection(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with listening() as listener:
        plain, protocol = await loop.create_connection(Recorder, *listener.getsockname())
        peer = await accepted(listener)
    with contextlib.suppress(ssl.SSLError, OSError):
        wrapping = loop.create_task(peer.wrap(authority.server(), server_side=True))
    with pytest.raises(ssl.SSLCertVerificationError):
        await loop.start_tls(plain, protocol, authority.stranger(), server_hostname=SERVER_NAME)
    await asyncio.wait([wrapping])
    assert wrapping.exception() is not None
    peer.close()
    await settle()
    assert plain.is_closing()


async def test_start_tls_gives_up_after_its_timeout(
    loop: AbstractEventLoop, authority: Authority
) -> None:
    with listening() as listener:
        plain, protocol = await loop.create_connection(Recorder, *listener.getsockname())
        peer = await accepted(listener)
    with pytest.raises(ConnectionAbortedError):
        await loop.start_tls(
            plain,
            protocol,
            authority.client(),
            server_hostname=SERVER_NAME,
            ssl_handshake_timeout=0.02,
        )
    assert await peer.is_dead()
    peer.close()


async def test_tls_within_tls(loop: AbstractEventLoop, authority: Authority) -> None:
    # As through an HTTPS proxy: the outer server hands what it decrypts to an inner one.
    async with serving(loop, authority.server()) as server:
        outer, first = await loop.create_connection(
            Recorder, *server.address, ssl=authority.client(), server_hostname=SERVER_NAME
        )
        client = await server.first
        await client.made
        upgrading = loop.create_task(
            loop.start_tls(client.transport, client, authority.server(), server_side=True)
        )
        inner = await loop.start_tls(outer, first, authority.client(), server_hostname=SERVER_NAME)
        client.transport = await upgrading
        assert inner is not None
        inner.write(b"hello")
        assert await client.received(5) == b"hello"
        client.transport.write(b"answer")
        assert await first.received(6) == b"answer"
        inner.close()
        await first.lost
        await client.lost


async def test_streams_over_tls(loop: AbstractEventLoop, authority: Authority) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=authority.server()) as server:
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=authority.client()
        )
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
        await settle()
