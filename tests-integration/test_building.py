"""What the wheels and source distributions hold, and that they build with the ordinary commands."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from support import ROOT, run
from workspace import interpreters, packages

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

VERSION = packages.load()[0].version
NAMES = {package.name for package in packages.load()}


def _wheel(built: Path, distribution: str) -> Path:
    (wheel,) = built.glob(f"{distribution.replace('-', '_')}-{VERSION}-py3-none-any.whl")
    return wheel


def test_every_package_makes_a_pure_wheel_and_a_source_distribution(built: Path) -> None:
    assert len(list(built.glob("*-py3-none-any.whl"))) == len(NAMES)
    assert len(list(built.glob("*.tar.gz"))) == len(NAMES)


def test_wheel_is_pure_typed_and_licensed(built: Path, distribution: str) -> None:
    names = zipfile.ZipFile(_wheel(built, distribution)).namelist()
    module = distribution.replace("-", "_")
    assert f"{module}/py.typed" in names
    assert f"{module}/__init__.py" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [n for n in names if "tests" in n.split("/") or "__pycache__" in n]


def test_source_distribution_holds_the_tests_and_the_papers(built: Path, distribution: str) -> None:
    (archive,) = built.glob(f"{distribution.replace('-', '_')}-{VERSION}.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert any(name.startswith("tests/test_") for name in names)


def _metadata(built: Path, distribution: str) -> Message:
    archive = zipfile.ZipFile(_wheel(built, distribution))
    (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return HeaderParser().parsestr(archive.read(path).decode())


def test_source_distribution_holds_no_private_key(built: Path, distribution: str) -> None:
    # Certificates are made when the tests run.
    (archive,) = built.glob(f"{distribution.replace('-', '_')}-{VERSION}.tar.gz")
    with tarfile.open(archive) as tar:
        files = [member for member in tar.getmembers() if member.isfile()]
        contents = {member.name: tar.extractfile(member) for member in files}
        assert [
            name for name, f in contents.items() if f and b"PRIVATE KEY-----\n" in f.read()
        ] == []


def test_classifiers_name_what_the_tests_run_on(built: Path, distribution: str) -> None:
    named: dict[str, set[str]] = {}
    for classifier in _metadata(built, distribution).get_all("Classifier") or []:
        subject, _, rest = classifier.partition(" :: ")
        named.setdefault(subject, set()).add(rest)
    # Under Wine, for Windows.
    systems = {"Microsoft :: Windows", "POSIX :: Linux"}
    if distribution == "asyncio-iocp":
        systems = {"Microsoft :: Windows"}
    assert named["Operating System"] == systems
    versions = {f"Python :: {version}" for version in interpreters.SUPPORTED}
    implementations = {"Python :: Implementation :: CPython"}
    assert named["Programming Language"] == versions | implementations | {"Python :: 3 :: Only"}


def test_siblings_are_pinned_exactly(built: Path, distribution: str) -> None:
    metadata = _metadata(built, distribution)
    siblings = [
        requirement
        for requirement in map(Requirement, metadata.get_all("Requires-Dist") or [])
        if requirement.name in NAMES
    ]
    assert bool(siblings) == (distribution != "asyncio-core")
    assert {str(requirement.specifier) for requirement in siblings} <= {f"=={VERSION}"}


def test_no_distribution_writes_the_same_file_as_another(built: Path) -> None:
    owners: dict[str, str] = {}
    for wheel in sorted(built.glob("*-py3-none-any.whl")):
        for name in zipfile.ZipFile(wheel).namelist():
            assert owners.setdefault(name, wheel.name) == wheel.name


@pytest.mark.parametrize("name", ["asyncio", "asyncio-core"])
def test_plain_build_in_an_isolated_environment(tmp_path: Path, name: str) -> None:
    folder = ROOT / "packages" / name
    run([sys.executable, "-m", "build", "--outdir", tmp_path, folder])
    assert len(list(tmp_path.iterdir())) == 2
