"""Our TLS server over streams, with `openssl s_client` as its client."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

from asyncio_test_support.certificates import CLIENT, common_name
from peers.peer import (
    BIG,
    CERTIFICATES,
    GROWTH,
    Peer,
    big_text,
    equal,
    main,
    memory,
    peer,
    server_context,
    stands_still,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

#: OpenSSL's SSL_OP_ALLOW_CLIENT_RENEGOTIATION, which the ssl module names from Python 3.12 on.
ALLOW_CLIENT_RENEGOTIATION = 1 << 8


class Serving:
    """A server whose connections are taken one after the other by `accept()`."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Streams] = asyncio.Queue()
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._arrived.put((reader, writer))

    async def accept(self) -> Streams:
        return await self._arrived.get()


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None, **options: Any) -> AsyncIterator[Serving]:
    made = Serving()
    async with await asyncio.start_server(
        made.take, "127.0.0.1", 0, ssl=context, **options
    ) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        server.close()
        await server.wait_closed()


def s_client(version: str, port: int, *options: str | Path) -> Any:
    return peer(
        *(
            "openssl",
            "s_client",
            "-connect",
            f"127.0.0.1:{port}",
            f"-tls{version.replace('.', '_')}",
        ),
        *("-CAfile", CERTIFICATES.authority, "-verify_return_error", *options),
    )


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def talk(streams: Streams, client: Peer, word: bytes) -> None:
    """Send a line each way and see that it arrives."""
    reader, writer = streams
    await client.hears(word + b" up\n")
    equal(await reader.readline(), word + b" up\n")
    writer.write(word + b" down\n")
    await writer.drain()
    await client.says(word + b" down\n")


async def exchanges_lines(version: str) -> None:
    names: list[str | None] = []
    context = server_context(version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda sslobj, name, context: names.append(name)
    options = ("-alpn", "spdy/3,http/1.1", "-servername", "www.example.test")
    async with serving(context) as server, s_client(version, server.port, *options) as client:
        streams = await server.accept()
        for n in range(20):
            await talk(streams, client, b"line %d" % n)
        sslobj = streams[1].get_extra_info("ssl_object")
        equal(sslobj.version(), f"TLSv{version}")
        equal(sslobj.selected_alpn_protocol(), "http/1.1")
        equal(names, ["www.example.test"])
        equal(streams[1].get_extra_info("peercert"), None)
        await client.says(b"ALPN protocol: http/1.1")
        await client.says(rb"Verify return code: 0 \(ok\)")
        await close(streams[1])
        await client.says(b"closed|DONE")
        equal(await client.end(), 0)


async def knows_a_client_by_its_certificate(version: str) -> None:
    context = server_context(version)
    CERTIFICATES.ask_clients(context)
    async with serving(context) as server:
        async with s_client(version, server.port) as stranger:
            await stranger.says(b"alert certificate required|alert handshake failure")
            equal(await stranger.end() != 0, True)
        async with s_client(
            version, server.port, "-cert", CERTIFICATES.client, "-key", CERTIFICATES.client
        ) as client:
            streams = await server.accept()
            await talk(streams, client, b"welcome")
            equal(common_name(streams[1].get_extra_info("peercert")), CLIENT)
            await close(streams[1])
            equal(await client.end(), 0)


async def survives_a_client_that_refuses_its_certificate(version: str) -> None:
    async with serving(server_context(version)) as server:
        options = ("-verify_hostname", "elsewhere.example.org")
        async with s_client(version, server.port, *options) as doubtful:
            await doubtful.says(b"certificate verify failed|hostname mismatch")
            equal(await doubtful.end() != 0, True)
        async with s_client(version, server.port, "-verify_hostname", "localhost") as client:
            streams = await server.accept()
            # With TLS 1.3 the server was ready before the first one had seen its certificate.
            while not await _is_alive(streams):
                streams = await server.accept()
            await talk(streams, client, b"hello")
            await close(streams[1])
            equal(await client.end(), 0)


async def _is_alive(streams: Streams) -> bool:
    reader, writer = streams
    writer.write(b"say something\n")
    try:
        async with asyncio.timeout(0.5):
            await reader.read(1)
    except TimeoutError:
        return True
    except OSError:
        pass
    with contextlib.suppress(OSError):
        await close(writer)
    return False


async def updates_keys(version: str) -> None:
    async with serving(server_context(version)) as server, s_client(version, server.port) as client:
        streams = await server.accept()
        await talk(streams, client, b"before")
        for n, command in enumerate((b"k\n", b"K\n", b"K\n", b"k\n"), 1):
            await client.hears(command)
            await client.says(b"(KEYUPDATE.*){%d}" % n)
            await talk(streams, client, b"after %d" % n)
        await close(streams[1])
        equal(await client.end(), 0)


async def renegotiates(version: str) -> None:
    context = server_context(version)
    context.options |= ALLOW_CLIENT_RENEGOTIATION
    async with serving(context) as server, s_client(version, server.port) as client:
        streams = await server.accept()
        await talk(streams, client, b"before")
        for n in range(1, 4):
            await client.hears(b"R\n")
            await client.says(b"(RENEGOTIATING.*){%d}" % n)
            await talk(streams, client, b"after %d" % n)
        await close(streams[1])
        equal(await client.end(), 0)


async def does_not_renegotiate_unless_it_is_allowed(version: str) -> None:
    async with serving(server_context(version)) as server, s_client(version, server.port) as client:
        reader, writer = streams = await server.accept()
        await talk(streams, client, b"before")
        await client.hears(b"R\n")
        await client.says(b"no renegotiation|no_renegotiation")
        # The client gives up, and says why.
        with contextlib.suppress(ssl.SSLError):
            equal(await reader.read(), b"")
        with contextlib.suppress(ssl.SSLError):
            await close(writer)
        await client.end()


async def resumes_a_session(version: str) -> None:
    context = server_context(version)
    with tempfile.TemporaryDirectory() as folder:
        ticket = f"{folder}/ticket"
        async with serving(context) as server:
            for option, kind in (("-sess_out", b"New"), ("-sess_in", b"Reused")):
                async with s_client(version, server.port, option, ticket) as client:
                    streams = await server.accept()
                    await talk(streams, client, b"hello")
                    await client.says(kind + b", TLSv")
                    await close(streams[1])
                    equal(await client.end(), 0)


async def hears_a_goodbye(version: str) -> None:
    async with serving(server_context(version)) as server, s_client(version, server.port) as client:
        reader, writer = streams = await server.accept()
        await talk(streams, client, b"hello")
        await client.hears(b"the last words\n")
        equal(await reader.readline(), b"the last words\n")
        client.hears_no_more()
        equal(await reader.read(), b"")
        equal(writer.get_extra_info("ssl_object").version(), f"TLSv{version}")
        await close(writer)
        equal(await client.end(), 0)


async def outlives_a_client_that_is_killed(version: str) -> None:
    async with serving(server_context(version)) as server, s_client(version, server.port) as client:
        reader, writer = streams = await server.accept()
        await talk(streams, client, b"hello")
        client.kill()
        equal(await reader.read(), b"")
        for _ in range(4):
            # No write after the other end has gone raises; many of them would be logged.
            writer.write(b"is anybody there?\n")
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError):
            await close(writer)
        await client.end()


async def sends_no_faster_than_is_read(version: str) -> None:
    text = big_text()
    options = ("-quiet", "-ign_eof")
    async with (
        serving(server_context(version)) as server,
        s_client(version, server.port, *options) as client,
    ):
        reader, writer = await server.accept()
        await client.hears(b"go\n")
        equal(await reader.readline(), b"go\n")
        client.hold()
        before, most, written = memory(), 0, 0

        async def send() -> None:
            nonlocal most, written
            for start in range(0, len(text), 65536):
                writer.write(memoryview(text)[start : start + 65536])
                written = start
                most = max(most, writer.transport.get_write_buffer_size())
                await writer.drain()

        sending = asyncio.create_task(send())
        stopped = await stands_still(lambda: written)
        equal(0 < stopped < BIG // 2, True)
        equal(memory() - before < GROWTH, True)
        client.let_go()
        await sending
        # Closing sends what is buffered, however long it takes the other end to read it.
        await close(writer)
        equal(await client.end(), 0)
        equal(client.output == text, True)
        equal(most < 1024 * 1024, True)


async def takes_no_more_than_it_reads(version: str) -> None:
    text = big_text()
    async with (
        serving(server_context(version)) as server,
        s_client(version, server.port, "-quiet", "-no_ign_eof") as client,
    ):
        reader, writer = await server.accept()
        before, sent = memory(), 0

        async def feed() -> None:
            nonlocal sent
            for start in range(0, len(text), 65536):
                await client.hears(text[start : start + 65536])
                sent = start
            client.hears_no_more()

        feeding = asyncio.create_task(feed())
        stopped = await stands_still(lambda: sent)
        equal(0 < stopped < BIG // 2, True)
        equal(memory() - before < GROWTH, True)
        received = bytearray()
        while data := await reader.read(100_000):
            received += data
            if len(received) < 200_000:
                await asyncio.sleep(0.01)
        await feeding
        equal(received == text, True)
        await close(writer)
        equal(await client.end(), 0)


async def upgrades_a_connection(version: str) -> None:
    async with (
        serving(None) as server,
        s_client(version, server.port, "-starttls", "smtp") as client,
    ):
        reader, writer = await server.accept()
        writer.write(b"220 test ESMTP\r\n")
        equal((await reader.readline())[:4], b"EHLO")
        writer.write(b"250-test\r\n250 STARTTLS\r\n")
        equal(await reader.readline(), b"STARTTLS\r\n")
        writer.write(b"220 go ahead\r\n")
        await writer.start_tls(server_context(version))
        await client.says(b"Verify return code: 0")
        await talk((reader, writer), client, b"secret")
        client.hears_no_more()
        equal(await reader.read(), b"")
        await close(writer)
        equal(await client.end(), 0)


async def gives_up_on_a_client_that_does_not_say_goodbye(version: str) -> None:
    # The client is stuck in writing what nobody reads, so it cannot answer.
    async with (
        serving(server_context(version), ssl_shutdown_timeout=0.3) as server,
        s_client(version, server.port, "-quiet") as client,
    ):
        reader, writer = await server.accept()
        client.hold()
        for _ in range(32):
            writer.write(b"0123456789abcdef" * 65536)
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        equal(0.25 < loop.time() - began < 10, True)
        del reader
        client.kill()
        await client.end()


async def serves_many_at_once(version: str) -> None:
    count = 12
    async with serving(server_context(version)) as server:

        async def visit(number: int) -> None:
            async with s_client(version, server.port, "-quiet", "-no_ign_eof") as client:
                word = b"%d is here\n" % number
                await client.hears(word * 1000)
                await client.says(b"(?:" + word.upper() + b"){1000}")
                client.hears_no_more()
                equal(await client.end(), 0)

        async def answer() -> None:
            reader, writer = await server.accept()
            while data := await reader.read(1 << 16):
                writer.write(data.upper())
                await writer.drain()
            await close(writer)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(visit(number))
                group.create_task(answer())


BOTH = (
    exchanges_lines,
    knows_a_client_by_its_certificate,
    survives_a_client_that_refuses_its_certificate,
    resumes_a_session,
    hears_a_goodbye,
    outlives_a_client_that_is_killed,
    sends_no_faster_than_is_read,
    takes_no_more_than_it_reads,
    upgrades_a_connection,
    gives_up_on_a_client_that_does_not_say_goodbye,
    serves_many_at_once,
)
#: What exists in one version only.
ONLY = {"1.2": (renegotiates, does_not_renegotiate_unless_it_is_allowed), "1.3": (updates_keys,)}
SCENARIOS = {
    version: {one.__name__: one for one in (*BOTH, *only)} for version, only in ONLY.items()
}

if __name__ == "__main__":
    main(SCENARIOS)
