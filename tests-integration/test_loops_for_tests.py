"""The loops for tests, by name, under the test runners that people use: with programs that know nothing of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment

#: A test that takes a day, for each runner.
SUITE = """
import asyncio
import unittest

import anyio
import pytest

DAY = 24 * 3600


async def a_day():
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.sleep(DAY)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(DAY):
            await loop.create_future()
    return loop.time() - begun


async def echo(reader, writer):
    await asyncio.sleep(DAY)
    writer.write(await reader.readline())
    writer.close()


async def ask():
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\\n")
        answer = await reader.readline()
        writer.close()
    return answer


class TestWithUnittest(unittest.IsolatedAsyncioTestCase):
    async def test_day(self):
        self.assertAlmostEqual(await a_day(), 2 * DAY, places=1)

    async def test_server(self):
        self.assertEqual(await ask(), b"hello\\n")


@pytest.mark.asyncio
async def test_with_pytest_asyncio():
    assert await a_day() == pytest.approx(2 * DAY)
    assert await ask() == b"hello\\n"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_with_anyio():
    with anyio.move_on_after(DAY) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert await a_day() == pytest.approx(2 * DAY)
    assert await anyio.to_thread.run_sync(lambda: 1) == 1
    assert await ask() == b"hello\\n"


def test_with_run():
    assert asyncio.run(a_day()) == pytest.approx(2 * DAY)
"""

HANGING = """
import asyncio


async def consume(queue):
    await queue.get()


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(consume(asyncio.Queue()), name="consumer")


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    """The umbrella, and the runners of tests."""
    made = make_environment("asyncio")
    made.pip("install", "--quiet", "pytest>=8", "pytest-asyncio>=1.2", "anyio>=4.9")
    return made


def run_suite(environment: Environment, tmp_path: Path, loop: str, **variables: str) -> str:
    suite = tmp_path / "test_days.py"
    suite.write_text(SUITE, "utf-8")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)]
    done = environment.run(*command, env={"ASYNCIO_LOOP": loop, **variables}, timeout=120)
    return done.stdout.rstrip().splitlines()[-1]


def test_virtual_runs_days_under_every_runner(environment: Environment, tmp_path: Path) -> None:
    assert run_suite(environment, tmp_path, "virtual").startswith("5 passed")


def test_shuffled_runs_under_every_runner(environment: Environment, tmp_path: Path) -> None:
    for seed in range(5):
        told = run_suite(environment, tmp_path, "shuffled", ASYNCIO_SEED=str(seed))
        assert told.startswith("5 passed")


def test_chaos_runs_under_every_runner(environment: Environment, tmp_path: Path) -> None:
    # Calls that are interrupted, and peers that are slow, are nothing that a program has to know of.
    chaos = "all=0,eintr=0.2,slow=0.2"
    told = run_suite(environment, tmp_path, "chaos", ASYNCIO_SEED="1", ASYNCIO_CHAOS=chaos)
    assert told.startswith("5 passed")


def test_virtual_ends_a_program_that_hangs(environment: Environment) -> None:
    done = environment.run("-c", HANGING, env={"ASYNCIO_LOOP": "virtual"}, check=False)
    assert done.returncode == 1
    assert "DeadlockError: deadlock: nothing is ready" in done.stderr
    assert "* Task(name='consumer'" in done.stderr
    assert "in async consume()" in done.stderr
