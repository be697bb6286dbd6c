"""Beside what the package index has under the name asyncio: that neither updates nor requirements take that for ours."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from workspace import packages

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment

VERSION = packages.load()[0].version
#: The line of README.md that tells which asyncio runs.
WHICH = "import asyncio; print(getattr(asyncio, '__implementation__', 'standard'))"
#: What the package index has: a stub without code, and a package of Python 3.3's days.
STUB, OLD = "4.0.0", "3.4.3"
DEMANDING = "some-library"


def make_wheel(folder: Path, name: str, version: str, *requires: str, code: str = "") -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        if code:
            wheel.writestr(f"{name}/__init__.py", code)
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", metadata)
        tags = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the package index has, and a library that requires asyncio as some do."""
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "asyncio", STUB)
    make_wheel(folder, "asyncio", OLD, code="raise SyntaxError('async = 1')\n")
    make_wheel(folder, DEMANDING, "1.0", f"asyncio>={OLD}")
    return folder


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment("asyncio")


def installed_version(environment: Environment) -> str:
    code = "from importlib.metadata import version; print(version('asyncio'))"
    return environment.evaluate(code)


@pytest.mark.parametrize("offers", [True, False], ids=["ours too", "only the index's"])
@pytest.mark.parametrize(
    "wanted", [("--upgrade", "asyncio"), (f"asyncio>={OLD}",), ("--upgrade", DEMANDING)]
)
def test_neither_an_upgrade_nor_a_requirement_replaces_it(
    environment: Environment, index: Path, wanted: tuple[str, ...], offers: bool
) -> None:
    links: list[str | Path] = ["--find-links", index]
    if offers:
        links += ["--find-links", environment.wheelhouse]
    environment.pip("install", "--quiet", "--no-index", *links, *wanted)
    assert (environment.evaluate(WHICH), installed_version(environment)) == ("independent", VERSION)
    environment.pip("check")


def test_what_is_installed_by_name_is_this_one(
    make_environment: MakeEnvironment, index: Path
) -> None:
    environment = make_environment()
    environment.install("--find-links", index, DEMANDING)
    assert (environment.evaluate(WHICH), installed_version(environment)) == ("independent", VERSION)


def test_the_package_index_itself_has_nothing_newer(environment: Environment) -> None:
    # All that tests need was fetched from there: it can be reached.
    links = ("--find-links", environment.wheelhouse)
    report = environment.pip("install", "--dry-run", "--upgrade", *links, "asyncio").stdout
    assert "Would install" not in report
    listed = environment.pip("index", "versions", "asyncio").stdout
    assert STUB in listed
    assert f"INSTALLED: {VERSION}" in " ".join(listed.split())


def test_requirement_that_leaves_it_out_replaces_it_and_installing_it_again_brings_it_back(
    make_environment: MakeEnvironment, index: Path
) -> None:
    environment = make_environment("asyncio")
    for version in (STUB, OLD):
        environment.pip(
            *("install", "--quiet", "--no-index", "--find-links", index, f"asyncio=={version}")
        )
        assert environment.evaluate(WHICH) == "standard"
        environment.install("--force-reinstall", "asyncio")
        assert environment.evaluate(WHICH) == "independent"
