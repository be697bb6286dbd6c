"""Each distribution by itself, in a fresh environment that holds what it declares and nothing else."""

from __future__ import annotations

import json
import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from support import ROOT
from workspace import packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

NAMES = {package.name for package in packages.load()}
#: Seconds that a package's own tests may take.
LIMIT = 900


def _closure(distribution: str) -> set[str]:
    """Return the siblings that a distribution declares, itself, and what those declare."""
    (package,) = (package for package in packages.load() if package.name == distribution)
    project = tomllib.loads(package.metadata.read_text("utf-8"))["project"]
    found = {distribution}
    for requirement in map(Requirement, project["dependencies"]):
        if requirement.marker is None or requirement.marker.evaluate():
            found |= _closure(requirement.name)
    return found


def test_distribution_imports(
    distribution: str, any_python: Interpreter, make_environment: MakeEnvironment
) -> None:
    environment = make_environment(distribution, python=any_python)
    environment.evaluate(f"import {distribution.replace('-', '_')}")
    environment.pip("check")


def _last_line_of_own_tests(environment: Environment, distribution: str) -> str:
    # The settings are the workspace's; the tests are the package's; what they import is what was installed.
    tests = environment.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"),
        *("--rootdir", ROOT / "packages" / distribution),
        ROOT / "packages" / distribution / "tests",
        timeout=LIMIT,
    )
    return tests.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def own_tests(make_environment: MakeEnvironment) -> Iterator[dict[str, Future[str]]]:
    """The own tests of all distributions, which run in as many processes as there are cores.

    On the newest Python: on the others `dev.py test` runs them with all distributions there.
    """
    environments = {name: make_environment(f"{name}[test]") for name in sorted(NAMES)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            name: pool.submit(_last_line_of_own_tests, environment, name)
            for name, environment in environments.items()
        }


# For the first that is waited for there are environments to be made, too, and others run beside it.
@pytest.mark.timeout(2 * LIMIT)
def test_distribution_passes_its_own_tests(
    distribution: str, own_tests: dict[str, Future[str]]
) -> None:
    last_line = own_tests[distribution].result()
    assert " passed" in last_line
    print(last_line)


def test_distribution_brings_only_what_it_declares(
    distribution: str, make_environment: MakeEnvironment
) -> None:
    environment = make_environment(distribution)
    listing = environment.pip("list", "--format", "json").stdout
    installed = {entry["name"] for entry in json.loads(listing)} & NAMES
    assert installed == _closure(distribution)


def test_pieces_leave_the_standard_asyncio_alone(make_environment: MakeEnvironment) -> None:
    environment = make_environment(*sorted(NAMES - {"asyncio"}))
    code = (
        "import asyncio, sys, sysconfig;"
        "import asyncio_core, asyncio_selectors, asyncio_sync, asyncio_streams, asyncio_subprocess;"
        "print(asyncio.__file__.startswith(sysconfig.get_path('stdlib')),"
        " hasattr(asyncio, '__implementation__'), asyncio.Lock is asyncio_sync.Lock)"
    )
    assert environment.evaluate(code) == "True False False"


def test_core_alone_runs_tasks_timers_and_threads(make_environment: MakeEnvironment) -> None:
    environment = make_environment("asyncio-core")
    code = """
import asyncio_core, threading

async def main():
    async with asyncio_core.TaskGroup() as group:
        naps = [group.create_task(asyncio_core.sleep(0.01 * n, n)) for n in range(3)]
    other = await asyncio_core.to_thread(threading.get_ident)
    assert other != threading.get_ident()
    return [nap.result() for nap in naps]

print(asyncio_core.run(main()))
"""
    assert environment.evaluate(code) == "[0, 1, 2]"


def test_missing_piece_is_named_by_the_call_that_needs_it(
    make_environment: MakeEnvironment,
) -> None:
    environment = make_environment("asyncio-core")
    code = """
import asyncio_core

async def main():
    loop = asyncio_core.get_running_loop()
    for call in (
        lambda: loop.create_connection(asyncio_core.Protocol, "127.0.0.1", 9),
        lambda: loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0),
        lambda: loop.subprocess_exec(asyncio_core.SubprocessProtocol, "true"),
    ):
        try:
            await call()
        except NotImplementedError as error:
            print(error)

asyncio_core.run(main())
"""
    lines = environment.evaluate(code).splitlines()
    assert len(lines) == 3
    assert all("asyncio-selectors" in line for line in lines[:2])
    assert "asyncio-subprocess" in lines[2]


def test_subprocesses_work_once_their_piece_is_installed(
    make_environment: MakeEnvironment,
) -> None:
    code = """
import asyncio_core, sys

class Exit(asyncio_core.SubprocessProtocol):
    def __init__(self):
        self.status = asyncio_core.get_running_loop().create_future()
    def process_exited(self):
        self.status.set_result(transport.get_returncode())

async def main():
    global transport
    loop = asyncio_core.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            Exit, sys.executable, "-c", "raise SystemExit(7)"
        )
    except NotImplementedError as error:
        return error
    status = await protocol.status
    transport.close()
    return status

print(asyncio_core.run(main()))
"""
    environment = make_environment("asyncio-selectors")
    assert "asyncio-subprocess" in environment.evaluate(code)
    environment.install("asyncio-subprocess")
    assert environment.evaluate(code) == "7"
