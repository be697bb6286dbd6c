"""A server with few descriptors and many clients, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

resource = pytest.importorskip("resource")

CLIENTS = 1000
DESCRIPTORS = 256
REST = 0.2

# Nothing has been reported before the descriptors run out: not even logging is imported then.
SERVER = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
import asyncio_core
from asyncio_core import constants
from asyncio_selectors import SelectorEventLoop

class Echo(asyncio_core.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(data)

async def main():
    constants.ACCEPT_RETRY_DELAY = {REST}
    loop = asyncio_core.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog={CLIENTS})
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

with asyncio_core.Runner(loop_factory=SelectorEventLoop) as runner:
    runner.run(main())
"""


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Enough of them on this side."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CLIENTS + 200
    if limits[1] != resource.RLIM_INFINITY and limits[1] < wanted:
        pytest.skip(f"a process here may have no more than {limits[1]} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], wanted), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[Any]:
    """The address of the server, and the file that its reports go to."""
    reports = tmp_path / "reports"
    with (
        reports.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVER], stdout=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield ("127.0.0.1", int(process.stdout.readline())), reports
            assert process.poll() is None
        finally:
            process.terminate()


def pauses(reports: Path) -> int:
    return reports.read_text().count("socket.accept() out of system resource")


def test_a_crowd_before_a_server_with_few_descriptors_is_served_in_the_end(
    loop: SelectorEventLoop, many_descriptors: None, small_server: Any
) -> None:
    address, reports = small_server
    echoed: set[int] = set()
    begun = time.monotonic()

    async def client(number: int, leaving: Any) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, b"hello")
            assert await loop.sock_recv(sock, 100) == b"hello"
            echoed.add(number)
            # Held on to until the server was seen to do without.
            await asyncio_core.wait([leaving])
            await loop.sock_sendall(sock, b"bye")
            assert await loop.sock_recv(sock, 100) == b"bye"

    async def main() -> None:
        leaving = loop.create_future()
        clients = [loop.create_task(client(number, leaving)) for number in range(CLIENTS)]
        # All but those descriptors that the process needs itself serve somebody.
        while pauses(reports) < 3 or len(echoed) < DESCRIPTORS - 40:
            await asyncio_core.sleep(REST / 10)
            assert time.monotonic() - begun < 30
        assert len(echoed) < DESCRIPTORS
        # Each pause is reported once.
        assert pauses(reports) <= (time.monotonic() - begun) / REST + 1
        leaving.set_result(None)
        async with asyncio_core.timeout(30):
            await asyncio_core.gather(*clients)

    loop.run_until_complete(main())
    assert len(echoed) == CLIENTS
    text = reports.read_text()
    # Nothing else was wrong: what is left without the reports of pauses is empty.
    assert text.count("Traceback") == pauses(reports)
