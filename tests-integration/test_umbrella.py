"""The name `asyncio`: taken while the umbrella is installed, given back when it is not wanted or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

WHICH = "import asyncio; print(getattr(asyncio, '__implementation__', 'standard'))"
STANDARD = {"ASYNCIO_IMPLEMENTATION": "stdlib"}


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment, any_python: Interpreter) -> Environment:
    return make_environment("asyncio", python=any_python)


def _files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def test_name_is_taken_and_given_back(environment: Environment) -> None:
    assert environment.evaluate(WHICH) == "independent"
    assert environment.evaluate(WHICH, env=STANDARD) == "standard"
    environment.pip("check")


def test_choice_reaches_child_processes(environment: Environment) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WHICH!r}], check=True)"
    assert environment.evaluate(code) == "independent"
    assert environment.evaluate(code, env=STANDARD) == "standard"


def test_removal_leaves_nothing_behind(
    make_environment: MakeEnvironment, any_python: Interpreter
) -> None:
    environment = make_environment(python=any_python)
    site_packages = environment.site_packages
    before = _files(site_packages)
    assert environment.evaluate(WHICH) == "standard"
    environment.install("asyncio")
    assert environment.evaluate(WHICH) == "independent"
    installed = environment.pip("list", "--format", "freeze").stdout.split()
    ours = [name.partition("==")[0] for name in installed if name.startswith("asyncio")]
    environment.pip("uninstall", "--yes", "--quiet", *ours)
    assert _files(site_packages) == before
    left = [path for path in site_packages.rglob("*asyncio*") if path.is_file()]
    # What pip's own vendored packages have of that name was there before.
    assert [path for path in left if str(path.relative_to(site_packages)) not in before] == []
    assert environment.evaluate(WHICH) == "standard"
    assert environment.run("-c", "pass").stderr == ""


def test_removing_only_the_umbrella_keeps_the_pieces_usable(
    make_environment: MakeEnvironment,
) -> None:
    environment = make_environment("asyncio")
    environment.pip("uninstall", "--yes", "--quiet", "asyncio")
    assert environment.evaluate(WHICH) == "standard"
    code = "import asyncio_core; print(asyncio_core.run(asyncio_core.sleep(0, 'runs')))"
    assert environment.evaluate(code) == "runs"


def test_editable_installation_takes_the_name_too(
    make_environment: MakeEnvironment, wheelhouse: Path, editable_tools: Path
) -> None:
    environment = make_environment("asyncio")
    environment.pip("uninstall", "--yes", "--quiet", "asyncio")
    environment.pip(
        *("install", "--quiet", "--no-index", "--find-links", wheelhouse),
        *("--find-links", editable_tools, "--editable", ROOT / "packages" / "asyncio"),
    )
    assert environment.evaluate(WHICH) == "independent"
    environment.pip("uninstall", "--yes", "--quiet", "asyncio")
    assert environment.evaluate(WHICH) == "standard"
    assert environment.run("-c", "pass").stderr == ""


def test_version_command_tells_what_runs(environment: Environment) -> None:
    text = environment.run("-m", "asyncio", "--version").stdout
    for name in ("asyncio-core", "asyncio-selectors", "asyncio-sync", "asyncio-streams"):
        assert name in text
    assert "independent" in text
    assert "  pure: it has no compiled form" in text


def test_isolated_interpreter_is_not_harmed(environment: Environment) -> None:
    done = environment.run("-I", "-S", "-c", WHICH)
    assert (done.stdout.strip(), done.stderr) == ("standard", "")
