"""pytest-asyncio: a small suite of somebody's, with fixtures and scopes, run by pytest in a process of its own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from traffic import check, gone, run

SUITE = """
import asyncio
import pytest
import pytest_asyncio

seen = []

@pytest_asyncio.fixture
async def server():
    async def echo(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as running:
        yield running.sockets[0].getsockname()

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared():
    loop = asyncio.get_running_loop()
    yield loop
    assert asyncio.get_running_loop() is loop

@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(20))
async def test_echo(server, number):
    reader, writer = await asyncio.open_connection(*server)
    writer.write(b"number %d\\n" % number)
    assert await reader.readline() == b"NUMBER %d\\n" % number
    writer.close()
    await writer.wait_closed()
    seen.append(asyncio.get_running_loop())

@pytest.mark.asyncio
async def test_each_had_a_loop_of_its_own():
    assert len(set(seen)) == 20
    assert all(loop.is_closed() for loop in seen)

@pytest.mark.asyncio(loop_scope="module")
async def test_shared_one(shared):
    assert asyncio.get_running_loop() is shared

@pytest.mark.asyncio(loop_scope="module")
async def test_shared_two(shared):
    assert asyncio.get_running_loop() is shared

@pytest.mark.asyncio
async def test_implementation():
    assert getattr(asyncio, "__implementation__", "standard") == EXPECTED

@pytest.mark.asyncio
@pytest.mark.xfail(raises=TimeoutError, strict=True)
async def test_that_fails():
    async with asyncio.timeout(0.01):
        await asyncio.Event().wait()
"""


async def main() -> None:
    here = getattr(asyncio, "__implementation__", "standard")
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "test_suite.py").write_text(f"EXPECTED = {here!r}\n{SUITE}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(
                "-p",
                "no:anyio",
                "--asyncio-mode=strict",
                "-o",
                "asyncio_default_fixture_loop_scope=function",
                "test_suite.py",
            ),
            cwd=name,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        check("24 passed, 1 xfailed" in output, True)
    await gone()


run(main, "pytest-asyncio", "pytest")
