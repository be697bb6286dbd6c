"""TLS with programs of others at the other end: `openssl s_client` and `s_server`, and `curl`.

What happens is written in `peers/`, one coroutine to a scenario; each runs in a process of its own, with the built distributions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from asyncio_test_support import certificates
from peers import curl_clients, openssl_clients, openssl_servers
from support import ROOT
from workspace.paths import TEST_SUPPORT

if TYPE_CHECKING:
    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

PROGRAMS = {
    "openssl_clients": ("openssl", openssl_clients.SCENARIOS),
    "openssl_servers": ("openssl", openssl_servers.SCENARIOS),
    "curl_clients": ("curl", curl_clients.SCENARIOS),
}
CASES = [
    pytest.param(program, version, name, id=f"{program}-{version}-{name}")
    for program, (_, scenarios) in PROGRAMS.items()
    for version, names in scenarios.items()
    for name in names
]


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment, any_python: Interpreter) -> Environment:
    return make_environment("asyncio", python=any_python)


@pytest.fixture(scope="module")
def missing() -> dict[str, str]:
    """Why a program cannot be the other end, by its name."""
    found = {}
    for name in ("openssl", "curl"):
        if shutil.which(name) is None:
            found[name] = f"the program {name} is not installed"
            continue
        option = "version" if name == "openssl" else "--version"
        said = subprocess.run([name, option], capture_output=True, text=True, timeout=60).stdout
        if "OpenSSL" not in said:
            found[name] = f"{name} is not OpenSSL's, or not made with it: {said.splitlines()[:1]}"
    return found


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where a program finds what it imports, and the certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder)
    path = os.pathsep.join(map(str, (ROOT / "tests-integration", TEST_SUPPORT / "src")))
    return {"PYTHONPATH": path, "CERTIFICATES": str(folder)}


@pytest.mark.parametrize(("program", "version", "name"), CASES)
def test_scenario(
    environment: Environment,
    variables: dict[str, str],
    missing: dict[str, str],
    program: str,
    version: str,
    name: str,
) -> None:
    needed, _ = PROGRAMS[program]
    if needed in missing:
        pytest.skip(missing[needed])
    done = environment.run(
        *("-W", "error", "-m", f"peers.{program}", version, name),
        env=variables,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1:] == ["independent"]
    assert done.stderr == ""
