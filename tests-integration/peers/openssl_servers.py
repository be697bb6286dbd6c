"""Our TLS client over streams, with `openssl s_server` as its server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from asyncio_test_support.certificates import common_name
from peers.peer import (
    BIG,
    CERTIFICATES,
    GROWTH,
    Peer,
    big_text,
    client_context,
    equal,
    main,
    memory,
    peer,
    stands_still,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server:
    """An `openssl s_server` that listens on a port of its choice."""

    def __init__(self, process: Peer, port: int) -> None:
        self.process = process
        self.port = port

    async def connect(self, context: ssl.SSLContext, **options: Any) -> Streams:
        options = {"server_hostname": "localhost", **options}
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, **options)


@contextlib.asynccontextmanager
async def s_server(version: str, *options: str | Path) -> AsyncIterator[Server]:
    async with peer(
        *("openssl", "s_server", "-accept", "127.0.0.1:0", f"-tls{version.replace('.', '_')}"),
        *("-cert", CERTIFICATES.server, "-key", CERTIFICATES.server, *options),
    ) as process:
        listening = await process.says(rb"ACCEPT \S+:(\d+)\n")
        yield Server(process, int(listening[1]))


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def talk(streams: Streams, server: Server, word: bytes) -> None:
    """Send a line each way and see that it arrives."""
    reader, writer = streams
    writer.write(word + b" up\n")
    await writer.drain()
    await server.process.says(word + b" up\n")
    await server.process.hears(word + b" down\n")
    equal(await reader.readline(), word + b" down\n")


async def exchanges_lines(version: str) -> None:
    context = client_context(version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with s_server(version, "-alpn", "http/1.1") as server:
        streams = await server.connect(context)
        for n in range(20):
            await talk(streams, server, b"line %d" % n)
        await server.process.says(b"ALPN protocols selected: http/1.1")
        facts = streams[1].get_extra_info
        equal(facts("ssl_object").version(), f"TLSv{version}")
        equal(facts("ssl_object").selected_alpn_protocol(), "http/1.1")
        equal(common_name(facts("peercert")), "localhost")
        await close(streams[1])
        # It goes on to the next client.
        await talk(streams := await server.connect(context), server, b"once more")
        await close(streams[1])


async def names_the_server_that_it_means(version: str) -> None:
    names = (
        "-servername",
        "www.example.test",
        "-cert2",
        CERTIFICATES.server,
        "-key2",
        CERTIFICATES.server,
    )
    async with s_server(version, *names, "-servername_fatal") as server:
        streams = await server.connect(client_context(version), server_hostname="www.example.test")
        await talk(streams, server, b"hello")
        await server.process.says(b'Hostname in TLS extension: "www.example.test"')
        await close(streams[1])
        try:
            await server.connect(client_context(version), server_hostname="ftp.example.test")
        except ssl.SSLError as error:
            equal("UNRECOGNIZED_NAME" in str(error), True)
        else:
            raise AssertionError("it served a name that is not its own")


async def shows_its_certificate(version: str) -> None:
    verify = ("-Verify", "1", "-verify_return_error", "-CAfile", CERTIFICATES.authority)
    async with s_server(version, *verify) as server:
        try:
            reader, writer = await server.connect(client_context(version))
            try:
                # With TLS 1.3 the client was ready before the server has seen what is missing.
                equal(await reader.read(), b"an error")
            finally:
                with contextlib.suppress(ssl.SSLError):
                    await close(writer)
        except ssl.SSLError as error:
            equal("ALERT" in str(error), True)
        context = client_context(version)
        context.load_cert_chain(CERTIFICATES.client)
        streams = await server.connect(context)
        await talk(streams, server, b"welcome")
        await server.process.says(b"subject=.*CN ?= ?test client")
        await close(streams[1])


async def refuses_a_certificate(version: str) -> None:
    async with s_server(version) as server:
        for context, name in (
            (ssl.create_default_context(), "localhost"),
            (client_context(version), "elsewhere.example.org"),
        ):
            try:
                await server.connect(context, server_hostname=name)
            except ssl.SSLCertVerificationError:
                pass
            else:
                raise AssertionError(f"{name} was believed")
        # The alerts reached it, and it is there for others.
        await server.process.says(b"alert unknown ca.*alert bad certificate")
        streams = await server.connect(client_context(version))
        await talk(streams, server, b"hello")
        await close(streams[1])


async def updates_keys(version: str) -> None:
    async with s_server(version) as server:
        streams = await server.connect(client_context(version))
        await talk(streams, server, b"before")
        for n, command in enumerate((b"k\n", b"K\n", b"K\n", b"k\n")):
            await server.process.obeys(command)
            await talk(streams, server, b"after %d" % n)
        await close(streams[1])


async def updates_keys_in_mid_stream(version: str) -> None:
    await _disturbed_while_sending(version, b"K\n", b"k\n")


async def renegotiates(version: str) -> None:
    async with s_server(version) as server:
        streams = await server.connect(client_context(version))
        await talk(streams, server, b"before")
        for n in range(3):
            await server.process.obeys(b"r\n")
            await talk(streams, server, b"after %d" % n)
        await close(streams[1])


async def renegotiates_in_mid_stream(version: str) -> None:
    await _disturbed_while_sending(version, b"r\n", b"r\n")


async def _disturbed_while_sending(version: str, *commands: bytes) -> None:
    """Type commands into the server while both sides send."""
    text = big_text(BIG // 4)
    async with s_server(version) as server:
        reader, writer = await server.connect(client_context(version))

        async def send() -> None:
            writer.write(b"<begin>")
            for start in range(0, len(text), 100_000):
                writer.write(text[start : start + 100_000])
                await writer.drain()
            writer.write(b"<end>")
            await writer.drain()

        sending = asyncio.create_task(send())
        await server.process.says(b"<begin>")
        for n in range(12):
            await server.process.obeys(commands[n % len(commands)])
            await server.process.hears(b"%d in between\n" % n)
            equal(await reader.readline(), b"%d in between\n" % n)
        await sending
        await server.process.says(b"<end>")
        _, _, said = bytes(server.process.output).partition(b"<begin>")
        arrived, _, _ = said.partition(b"<end>")
        # What it prints about a handshake stands among the data, and cuts a line in two.
        kept = [line for line in arrived.splitlines(True) if _is_text(line)]
        lines = text.splitlines(True)
        equal(len(lines) - 64 < len(kept) <= len(lines), True)
        equal(_in_order(kept, lines), True)
        await close(writer)


def _is_text(line: bytes) -> bool:
    return len(line) == 16 and line[:15].isdigit()


def _in_order(kept: list[bytes], lines: list[bytes]) -> bool:
    """Tell whether the lines kept are among all lines, in their order."""
    rest = iter(lines)
    return all(line in rest for line in kept)


async def proves_who_it_is_after_the_handshake(version: str) -> None:
    context = client_context(version)
    context.post_handshake_auth = True
    context.load_cert_chain(CERTIFICATES.client)
    async with s_server(version, "-CAfile", CERTIFICATES.authority, "-verify", "1") as server:
        streams = await server.connect(context)
        await talk(streams, server, b"before")
        await server.process.obeys(b"c\n")
        await talk(streams, server, b"after")
        await server.process.says(b"depth=0 .*CN ?= ?test client")
        await close(streams[1])


async def hears_a_goodbye(version: str) -> None:
    async with s_server(version) as server:
        reader, writer = await server.connect(client_context(version))
        await talk((reader, writer), server, b"hello")
        await server.process.hears(b"the last words\n")
        equal(await reader.readline(), b"the last words\n")
        await server.process.hears(b"Q\n")
        equal(await reader.read(), b"")
        await close(writer)
        equal(await server.process.end(), 0)


async def outlives_a_server_that_is_killed(version: str) -> None:
    async with s_server(version) as server:
        reader, writer = await server.connect(client_context(version))
        await talk((reader, writer), server, b"hello")
        server.process.kill()
        equal(await reader.read(), b"")
        for _ in range(4):
            # No write after the other end has gone raises; many of them would be logged.
            writer.write(b"is anybody there?\n")
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError):
            await close(writer)
        await server.process.end()


async def sends_no_faster_than_is_read(version: str) -> None:
    text = big_text()
    async with s_server(version) as server:
        reader, writer = await server.connect(client_context(version))
        await talk((reader, writer), server, b"ready")
        server.process.hold()
        before, most, written = memory(), 0, 0

        async def send() -> None:
            nonlocal most, written
            writer.write(b"<begin>")
            for start in range(0, len(text), 65536):
                writer.write(memoryview(text)[start : start + 65536])
                written = start
                most = max(most, writer.transport.get_write_buffer_size())
                await writer.drain()
            writer.write(b"<end>")

        sending = asyncio.create_task(send())
        stopped = await stands_still(lambda: written)
        equal(0 < stopped < BIG // 2, True)
        equal(memory() - before < GROWTH, True)
        server.process.let_go()
        await sending
        # Closing sends what is buffered, however long it takes the other end to read it.
        await close(writer)
        await server.process.says(b"<end>")
        _, _, said = bytes(server.process.output).partition(b"<begin>")
        equal(said.partition(b"<end>")[0] == text, True)
        equal(most < 1024 * 1024, True)


async def takes_no_more_than_it_reads(version: str) -> None:
    text = big_text()
    async with s_server(version) as server:
        reader, writer = await server.connect(client_context(version))
        await talk((reader, writer), server, b"ready")
        before, sent = memory(), 0

        async def feed() -> None:
            nonlocal sent
            for start in range(0, len(text), 65536):
                await server.process.hears(text[start : start + 65536])
                sent = start

        feeding = asyncio.create_task(feed())
        stopped = await stands_still(lambda: sent)
        equal(0 < stopped < BIG // 2, True)
        equal(memory() - before < GROWTH, True)
        received = bytearray()
        while len(received) < len(text):
            received += await reader.read(100_000)
            if len(received) < 200_000:
                await asyncio.sleep(0.01)
        await feeding
        equal(received == text, True)
        await close(writer)


BOTH = (
    exchanges_lines,
    names_the_server_that_it_means,
    shows_its_certificate,
    refuses_a_certificate,
    hears_a_goodbye,
    outlives_a_server_that_is_killed,
    sends_no_faster_than_is_read,
    takes_no_more_than_it_reads,
)
#: What exists in one version only.
ONLY = {
    "1.2": (renegotiates, renegotiates_in_mid_stream),
    "1.3": (updates_keys, updates_keys_in_mid_stream, proves_who_it_is_after_the_handshake),
}
SCENARIOS = {
    version: {one.__name__: one for one in (*BOTH, *only)} for version, only in ONLY.items()
}

if __name__ == "__main__":
    main(SCENARIOS)
