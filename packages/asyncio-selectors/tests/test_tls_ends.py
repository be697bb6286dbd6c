"""How TLS connections end: under a flood, cut off, reset, and after the peer's close_notify."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core import constants
from asyncio_test_support.certificates import CLIENT, common_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop
    from asyncio_test_support.certificates import Certificates

MUCH = 4 * 1024 * 1024
FLOOD = b"z" * 16384


class Sink(asyncio_core.BufferedProtocol):
    """Takes into one buffer, and remembers how it went."""

    def __init__(self) -> None:
        self.lost = asyncio_core.get_running_loop().create_future()
        self.begun = asyncio_core.get_running_loop().create_future()
        self.room = bytearray(1024)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        if not self.begun.done():
            self.begun.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def flood(sock: ssl.SSLSocket) -> int:
    """Send until the other side ends it; give the number of bytes sent."""
    sent = 0
    try:
        while True:
            sent += sock.send(b"z" * 16384)
    except OSError:
        return sent


@pytest.mark.parametrize("server_side", [False, True])
def test_a_flood_after_close_ends_with_an_error_soon(
    loop: SelectorEventLoop,
    in_thread: Callable[..., Any],
    stream_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    server_side: bool,
) -> None:
    ours, theirs = stream_pair
    context, other = (
        (server_context, client_context) if server_side else (client_context, server_context)
    )

    def peer() -> int:
        name = "localhost" if server_side else None
        with other.wrap_socket(theirs, server_side=not server_side, server_hostname=name) as tls:
            return flood(tls)

    async def main() -> None:
        sent = in_thread(peer)
        if server_side:
            transport, protocol = await loop.connect_accepted_socket(Sink, ours, ssl=context)
        else:
            transport, protocol = await loop.create_connection(
                Sink, sock=ours, ssl=context, server_hostname="localhost"
            )
        await protocol.begun
        transport.close()
        # Far less than the shutdown timeout.
        exc = await asyncio_core.wait_for(protocol.lost, 15)
        assert isinstance(exc, ConnectionAbortedError)
        await sent

    loop.run_until_complete(main())


def test_no_more_is_thrown_away_than_is_said(
    loop: SelectorEventLoop,
    in_thread: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    local_pair: Any,
) -> None:
    monkeypatch.setattr(constants, "SSL_SHUTDOWN_MOST_DISCARDED", 64 * 1024)
    ours, theirs = local_pair

    def peer() -> None:
        with server_context.wrap_socket(theirs, server_side=True) as tls:
            flood(tls)

    async def main() -> None:
        sent = in_thread(peer)
        transport, protocol = await loop.create_connection(
            Sink, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        await protocol.begun
        layer = transport._ssl_protocol  # type: ignore[attr-defined]
        transport.close()
        assert isinstance(await protocol.lost, ConnectionAbortedError)
        # What one read takes, on top.
        assert layer._discarded <= 64 * 1024 + layer.max_size
        await sent

    loop.run_until_complete(main())


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows does not tell what the peer has acknowledged"
)
def test_what_was_written_before_close_arrives_in_spite_of_a_flood(
    loop: SelectorEventLoop,
    in_thread: Callable[..., Any],
    stream_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    ours, theirs = stream_pair

    def peer(slow: threading.Event) -> int:
        # Not closed before the thread has seen the end. One thread: OpenSSL's objects are no good in two.
        tls = server_context.wrap_socket(theirs, server_side=True)
        tls.setblocking(False)
        received, flooding = 0, True
        while True:
            ready, room, _ = select.select([tls], [tls] if flooding else [], [], 20)
            assert ready or room
            if room:
                try:
                    tls.send(FLOOD)
                except ssl.SSLWantWriteError:
                    pass
                except OSError:
                    flooding = False
            if not slow.is_set():
                continue
            try:
                while piece := tls.recv(65536):
                    received += len(piece)
                break
            except ssl.SSLWantReadError:
                pass
            except OSError:
                break
        tls.close()
        return received

    async def main() -> None:
        slow = threading.Event()
        received = in_thread(peer, slow)
        transport, protocol = await loop.create_connection(
            Sink, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        await protocol.begun
        transport.write(b"x" * MUCH)
        transport.close()
        layer = transport._ssl_protocol  # type: ignore[attr-defined]
        while not layer._is_flooded():
            await asyncio_core.sleep(0)
        slow.set()
        assert await received == MUCH
        assert isinstance(await protocol.lost, ConnectionAbortedError)

    loop.run_until_complete(main())


# The end without close_notify.


def cut_off(sock: socket.socket, context: ssl.SSLContext) -> None:
    tls = context.wrap_socket(sock, server_side=True)
    tls.sendall(b"half of the ")
    with socket.socket(fileno=tls.detach()) as raw:
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(20)
        while raw.recv(1024):
            pass


@pytest.mark.parametrize("suppressed", [None, True, False])
def test_a_protocol_can_ask_to_be_told_of_a_missing_close_notify(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    suppressed: bool | None,
    local_pair: Any,
) -> None:
    ours, theirs = local_pair

    class Told(recorder):  # type: ignore[misc]
        if suppressed is not None:
            suppress_ragged_eofs = suppressed

    async def main() -> None:
        done = in_thread(cut_off, theirs, server_context)
        _, protocol = await loop.create_connection(
            Told, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        exc = await protocol.lost
        assert protocol.data == b"half of the "
        if suppressed is False:
            assert isinstance(exc, ssl.SSLEOFError)
            assert protocol.eof == 0
        else:
            assert exc is None
            assert protocol.eof == 1
        await done

    loop.run_until_complete(main())


def test_an_end_in_good_order_is_none_to_be_told_of(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    local_pair: Any,
) -> None:
    ours, theirs = local_pair

    class Told(recorder):  # type: ignore[misc]
        suppress_ragged_eofs = False

    def peer() -> None:
        with server_context.wrap_socket(theirs, server_side=True) as tls:
            tls.sendall(b"all")
            tls.unwrap()

    async def main() -> None:
        done = in_thread(peer)
        _, protocol = await loop.create_connection(
            Told, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        assert await protocol.lost is None
        assert (protocol.data, protocol.eof) == (b"all", 1)
        await done

    loop.run_until_complete(main())


# The reset.


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows drops what was received when a reset comes"
)
@pytest.mark.parametrize("end", ["resume", "close", "abort"])
def test_what_came_before_a_reset_is_there_when_reading_is_resumed(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    end: str,
    local_pair: Any,
) -> None:
    ours, theirs = local_pair

    def peer() -> None:
        tls = server_context.wrap_socket(theirs, server_side=True)
        assert tls.recv(2) == b"go"
        tls.sendall(b"last words")
        # With something unread it is a reset.
        while not tls.pending() and not len(socket.socket.recv(tls, 1, socket.MSG_PEEK)):
            pass
        socket.socket(fileno=tls.detach()).close()

    async def main() -> None:
        done = in_thread(peer)
        transport, protocol = await loop.create_connection(
            recorder, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        transport.pause_reading()
        transport.write(b"go")
        transport.write(b"never read")
        layer = transport._ssl_protocol
        await done
        while layer._transport is not None:
            await asyncio_core.sleep(0)
        assert not protocol.lost.done()
        if end == "resume":
            transport.resume_reading()
        else:
            getattr(transport, end)()
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == (b"last words" if end == "resume" else b"")
        assert transport.is_closing()

    loop.run_until_complete(main())


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows drops what was received when a reset comes"
)
def test_writing_on_after_a_reset_ends_the_wait_for_the_reader(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    local_pair: Any,
) -> None:
    ours, theirs = local_pair

    def peer() -> None:
        tls = server_context.wrap_socket(theirs, server_side=True)
        assert tls.recv(2) == b"go"
        tls.sendall(b"last words")
        socket.socket.recv(tls, 1, socket.MSG_PEEK)
        socket.socket(fileno=tls.detach()).close()

    async def main() -> None:
        done = in_thread(peer)
        transport, protocol = await loop.create_connection(
            recorder, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        transport.pause_reading()
        transport.write(b"go")
        transport.write(b"never read")
        layer = transport._ssl_protocol
        await done
        while layer._transport is not None:
            await asyncio_core.sleep(0)
        transport.write(b"more")
        assert isinstance(await protocol.lost, ConnectionError)

    loop.run_until_complete(main())


def test_a_write_after_the_peers_end_says_what_is_not_sent(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    local_pair: Any,
) -> None:
    ours, theirs = local_pair

    def peer() -> None:
        # It minds data where it waits for an end.
        with (
            server_context.wrap_socket(theirs, server_side=True) as tls,
            contextlib.suppress(ssl.SSLError),
        ):
            tls.unwrap()

    class Writing(recorder):  # type: ignore[misc]
        def eof_received(self) -> bool:
            # This still goes out.
            self.transport.write(b"goodbye")
            loop.call_soon(self.transport.write, b"too late")
            return super().eof_received()  # type: ignore[no-any-return]

    async def main() -> None:
        done = in_thread(peer)
        _, protocol = await loop.create_connection(
            Writing, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        await protocol.lost
        await done

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.run_until_complete(main())
    assert [record.getMessage().rpartition(", ")[2] for record in caplog.records] == [
        "8 bytes are not sent"
    ]


# Facts that come late, sessions that are taken up again.


@pytest.mark.skipif(not ssl.HAS_TLSv1_3, reason="OpenSSL without TLS 1.3")
@pytest.mark.parametrize("asked", ["at once", "at the end"])
def test_a_certificate_shown_after_the_handshake_is_known(
    loop: SelectorEventLoop,
    recorder: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    certificates: Certificates,
    asked: str,
) -> None:
    certificates.ask_clients(server_context)
    client_context.load_cert_chain(certificates.client)
    for context in (server_context, client_context):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.post_handshake_auth = True

    async def main() -> None:
        left, right = socket.socketpair()
        (transport, protocol), (served, serving) = await asyncio_core.gather(
            loop.create_connection(
                recorder, sock=left, ssl=client_context, server_hostname="localhost"
            ),
            loop.connect_accepted_socket(recorder, right, ssl=server_context),
        )
        assert not served.get_extra_info("peercert")
        served.get_extra_info("ssl_object").verify_client_post_handshake()
        served.write(b"who are you?")
        await protocol.until(lambda: bool(protocol.data))
        transport.write(b"look")
        await serving.until(lambda: bool(serving.data))
        if asked == "at once":
            assert common_name(served.get_extra_info("peercert")) == CLIENT
        transport.close()
        await serving.lost
        await protocol.lost
        assert common_name(served.get_extra_info("peercert")) == CLIENT

    loop.run_until_complete(main())


def test_a_context_can_take_up_a_session(
    loop: SelectorEventLoop,
    recorder: Any,
    server_context: ssl.SSLContext,
    certificates: Certificates,
) -> None:
    class Resuming(ssl.SSLContext):
        session: ssl.SSLSession | None = None

        def wrap_bio(self, *args: Any, **kwds: Any) -> ssl.SSLObject:
            return super().wrap_bio(*args, session=self.session, **kwds)

    context = Resuming(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificates.authority)

    class Greeting(asyncio_core.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"hello")

    async def main() -> None:
        server = await loop.create_server(Greeting, "127.0.0.1", 0, ssl=server_context)
        reused = []
        for _ in range(2):
            transport, protocol = await loop.create_connection(
                recorder,
                *server.sockets[0].getsockname(),
                ssl=context,
                server_hostname="localhost",
            )
            # The tickets of TLS 1.3 come with the first data.
            await protocol.until(lambda protocol=protocol: bool(protocol.data))
            sslobj = transport.get_extra_info("ssl_object")
            reused.append(sslobj.session_reused)
            context.session = sslobj.session
            transport.close()
            await protocol.lost
        assert reused == [False, True]
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
