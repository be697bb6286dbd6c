"""A small HTTPS server over streams, with `curl` as its client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

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

#: Exit statuses of curl.
TIMED_OUT, WRONG_CERTIFICATE = 28, 60


class Site:
    """Serves a few pages over HTTP/1.1, with connections that are kept."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.sent = 0
        self.port = 0
        self.big = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            try:
                while head := await self._head(reader):
                    self.requests += 1
                    await self._answer(head, reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> list[str]:
        try:
            return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        except asyncio.IncompleteReadError as error:
            equal(error.partial, b"")
            return []

    async def _answer(
        self, head: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, path, _ = head[0].split()
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        if fields.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if method in ("POST", "PUT"):
            body = await self._digest(reader, int(fields["content-length"]))
        elif path == "/pieces":
            await self._pieces(writer)
            return
        elif path == "/big":
            await self._big(writer)
            return
        else:
            body = json.dumps(self._facts(path, fields, writer)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    @staticmethod
    def _facts(path: str, fields: dict[str, str], writer: asyncio.StreamWriter) -> dict[str, Any]:
        tls = writer.get_extra_info("ssl_object")
        certificate = writer.get_extra_info("peercert")
        return {
            "path": path,
            "host": fields["host"].partition(":")[0],
            "version": tls.version(),
            "protocol": tls.selected_alpn_protocol(),
            "client": common_name(certificate),
        }

    @staticmethod
    async def _digest(reader: asyncio.StreamReader, length: int) -> bytes:
        digest = hashlib.sha256()
        while length:
            data = await reader.read(min(length, 1 << 16))
            digest.update(data)
            length -= len(data)
        return digest.hexdigest().encode()

    @staticmethod
    async def _pieces(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for n in range(200):
            piece = b"piece %d\n" % n
            writer.writelines([b"%x\r\n" % len(piece), piece, b"\r\n"])
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def _big(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.big))
        for start in range(0, len(self.big), 65536):
            writer.write(memoryview(self.big)[start : start + 65536])
            await writer.drain()
            self.sent = start


@contextlib.asynccontextmanager
async def site(version: str, context: ssl.SSLContext | None = None) -> Any:
    made = Site()
    context = context or server_context(version)
    context.set_alpn_protocols(["http/1.1"])
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        server.close()
        await server.wait_closed()


def curl(version: str, site: Site, *words: str | Path, host: str = "www.example.test") -> Any:
    """Ask for the pages, which are the words that begin with a slash."""
    options = [
        f"https://{host}:{site.port}{word}" if isinstance(word, str) and word[0] == "/" else word
        for word in words
    ]
    return peer(
        *("curl", "--disable", "--silent", "--show-error", "--max-time", "50", "--noproxy", "*"),
        *("--resolve", f"*:{site.port}:127.0.0.1", "--cacert", CERTIFICATES.authority),
        *(f"--tlsv{version}", "--tls-max", version, *options),
    )


async def gets(client: Peer) -> bytes:
    equal(await client.end(), 0)
    return bytes(client.output)


async def gets_pages_over_one_connection(version: str) -> None:
    async with (
        site(version) as served,
        curl(version, served, *(f"/page/{n}" for n in range(10))) as client,
    ):
        answers = (await gets(client)).replace(b"}{", b"}\n{").splitlines()
        expected = {"host": "www.example.test", "version": f"TLSv{version}"}
        for n, answer in enumerate(answers):
            facts = {"path": f"/page/{n}", **expected, "protocol": "http/1.1", "client": None}
            equal(json.loads(answer), facts)
        equal((len(answers), served.requests, served.connections), (10, 10, 1))


async def gets_a_page_in_pieces(version: str) -> None:
    async with site(version) as served, curl(version, served, "/pieces") as client:
        equal(await gets(client), b"".join(b"piece %d\n" % n for n in range(200)))


async def shows_its_certificate(version: str) -> None:
    context = server_context(version)
    CERTIFICATES.ask_clients(context)
    async with site(version, context) as served:
        async with curl(version, served, "/") as client:
            equal(await client.end() != 0, True)
        async with curl(version, served, "--cert", CERTIFICATES.client, "/") as client:
            equal(json.loads(await gets(client))["client"], CLIENT)


async def leaves_a_server_with_another_name(version: str) -> None:
    async with site(version) as served:
        for host, status in (("example.org", WRONG_CERTIFICATE), ("localhost", 0)):
            async with curl(version, served, "/", host=host) as client:
                equal(await client.end(), status)
        equal(served.requests, 1)


async def uploads_a_big_file(version: str) -> None:
    text = big_text()
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        async with (
            site(version) as served,
            curl(version, served, "--upload-file", Path(file.name), "/upload") as client,
        ):
            before = memory()
            equal(await gets(client), hashlib.sha256(text).hexdigest().encode())
            equal(memory() - before < GROWTH, True)


async def downloads_as_slowly_as_it_likes(version: str) -> None:
    async with site(version) as served:
        served.big = big_text()
        async with curl(version, served, "--no-buffer", "/big") as client:
            client.hold()
            before = memory()
            stopped = await stands_still(lambda: served.sent)
            equal(stopped < BIG // 2, True)
            equal(memory() - before < GROWTH, True)
            equal(await gets(client) == served.big, True)


async def goes_away_in_the_middle(version: str) -> None:
    async with site(version) as served:
        served.big = big_text()
        async with curl(version, served, "--limit-rate", "1M", "--max-time", "1", "/big") as client:
            equal(await client.end(), TIMED_OUT)
        async with curl(version, served, "/still/here") as client:
            equal(json.loads(await gets(client))["path"], "/still/here")


async def comes_with_many_others(version: str) -> None:
    async with site(version) as served:

        async def visit(number: int) -> None:
            async with curl(version, served, f"/{number}") as client:
                equal(json.loads(await gets(client))["path"], f"/{number}")

        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(visit(number))


BOTH = (
    gets_pages_over_one_connection,
    gets_a_page_in_pieces,
    shows_its_certificate,
    leaves_a_server_with_another_name,
    uploads_a_big_file,
    downloads_as_slowly_as_it_likes,
    goes_away_in_the_middle,
    comes_with_many_others,
)
SCENARIOS = {version: {one.__name__: one for one in BOTH} for version in ("1.2", "1.3")}

if __name__ == "__main__":
    main(SCENARIOS)
