"""HTTPS: an aiohttp server with a certificate, asked by aiohttp and by httpx, which both verify it.

usage: web_https.py [CLIENTS], so many of either
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import sys
from typing import Any

import aiohttp
import httpx
import trustme
from aiohttp import web
from report import Report

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
CLIENT = "test client"
#: A body that goes through the buffers in many pieces.
BIG = bytes(range(256)) * 4096
AUTHORITY = trustme.CA()
VISITOR = AUTHORITY.issue_cert("client@example.org", common_name=CLIENT)


def name_in(certificate: dict[str, Any]) -> str:
    """Return whom a certificate names."""
    return next(str(value) for ((key, value),) in certificate["subject"] if key == "commonName")


async def facts(request: web.Request) -> web.Response:
    """Tell what is known about the connection, and about the client."""
    transport = request.transport
    assert transport is not None
    certificate = transport.get_extra_info("peercert")
    return web.json_response(
        {
            "version": transport.get_extra_info("ssl_object").version(),
            "name": request.host.partition(":")[0],
            "client": name_in(certificate) if certificate else "unknown",
        }
    )


async def echo(request: web.Request) -> web.StreamResponse:
    """Send back what comes, while it comes."""
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(number: int) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 in turn; every third client has a certificate of its own."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    version = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)[number % 2]
    context.minimum_version = context.maximum_version = version
    if number % 3 == 0:
        VISITOR.configure_cert(context)
    return context


def expected_facts(number: int) -> dict[str, str]:
    return {
        "version": ("TLSv1.2", "TLSv1.3")[number % 2],
        "name": "localhost",
        "client": "unknown" if number % 3 else CLIENT,
    }


def body_of(number: int) -> bytes:
    return BIG if number % 10 == 0 else b"client %d " % number * 500


async def visit_with_aiohttp(base: str, number: int, report: Report) -> None:
    connector = aiohttp.TCPConnector(ssl=client_context(number))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{base}/facts") as response:
            report.check(f"aiohttp {number}", await response.json(), expected_facts(number))
        body = body_of(number)
        async with session.post(f"{base}/echo", data=body) as response:
            got = hashlib.sha256(await response.read()).hexdigest()
        report.check(f"aiohttp {number}, echo", got, hashlib.sha256(body).hexdigest())


async def visit_with_httpx(base: str, number: int, report: Report) -> None:
    context = client_context(number)
    async with httpx.AsyncClient(verify=context, base_url=base, timeout=60) as client:
        report.check(f"httpx {number}", (await client.get("/facts")).json(), expected_facts(number))
        body = body_of(number)
        response = await client.post("/echo", content=body)
        got = hashlib.sha256(response.content).hexdigest()
        report.check(f"httpx {number}, echo", got, hashlib.sha256(body).hexdigest())


async def strangers(base: str, port: int, report: Report) -> None:
    """A client that does not trust the certificate, one that wants another name, one without TLS."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{base}/facts") as response:
                report.check("a stranger", response.status, "an error")
        except aiohttp.ClientConnectorCertificateError:
            report.check("a stranger", "an error", "an error")
    try:
        await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context(0), server_hostname="elsewhere.example.org"
        )
        report.check("another name", "connected", "an error")
    except ssl.SSLCertVerificationError as error:
        report.check("another name", "elsewhere.example.org" in str(error), True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /facts HTTP/1.1\r\n\r\n")
    answer = b""
    # A server that closes before it has read all resets the connection.
    with contextlib.suppress(ConnectionResetError):
        answer = await reader.read()
    report.check("without TLS", b"200 OK" in answer, False)
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()


async def main() -> int:
    app = web.Application(client_max_size=2 * len(BIG))
    app.add_routes([web.get("/facts", facts), web.post("/echo", echo)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context()).start()
    port = runner.addresses[0][1]
    base = f"https://localhost:{port}"
    report = Report(4 * CLIENTS + 3)
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(visit_with_aiohttp(base, number, report))
            group.create_task(visit_with_httpx(base, number, report))
        group.create_task(strangers(base, port, report))
    await runner.cleanup()
    report.extra["what"] = (
        f"aiohttp {aiohttp.__version__} and httpx {httpx.__version__}, TLS 1.2 and 1.3, "
        f"{2 * CLIENTS} clients"
    )
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
