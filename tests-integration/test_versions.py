"""One version number for all, and the command that changes it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from support import ROOT
from workspace import packages
from workspace.console import Failure
from workspace.paths import PACKAGES, TEST_SUPPORT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packages, and of what their tests share, that may be written to."""
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    for name, folder in (("PACKAGES", PACKAGES), ("TEST_SUPPORT", TEST_SUPPORT)):
        copied = tmp_path / folder.relative_to(ROOT)
        shutil.copytree(folder, copied, ignore=ignored)
        monkeypatch.setattr(packages, name, copied)
    return tmp_path


def test_all_packages_have_one_version_and_pin_each_other_to_it() -> None:
    assert packages.disagreements() == []


def test_new_version_is_written_everywhere(copy: Path) -> None:
    before = packages.load()[0].version
    changed = packages.set_version("1!7.8.9rc1")
    assert {package.version for package in packages.load()} == {"1!7.8.9rc1"}
    assert packages.disagreements() == []
    assert len(changed) == len(set(changed)) > len(packages.load())
    support = copy / "tools" / "test_support" / "pyproject.toml"
    assert support in changed
    assert '"asyncio-core==1!7.8.9rc1"' in support.read_text("utf-8")
    # Back again, and not a byte has changed.
    packages.set_version(before)
    for path in changed:
        original = ROOT / path.relative_to(copy)
        assert path.read_bytes() == original.read_bytes()


def test_forgotten_version_is_noticed(copy: Path) -> None:
    package = packages.load()[-1]
    text = package.version_file.read_text("utf-8")
    package.version_file.write_text(text.replace(package.version, "9.9.9"), "utf-8")
    (problem,) = packages.disagreements()
    assert package.name in problem
    assert "9.9.9" in problem


def test_loosened_pin_is_noticed(copy: Path) -> None:
    path = copy / "packages" / "asyncio-streams" / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("asyncio-core==", "asyncio-core>="), "utf-8")
    (problem,) = packages.disagreements()
    assert "asyncio-streams needs asyncio-core without pinning it exactly" in problem


@pytest.mark.parametrize(
    "text", ["", "1.x", "v1.0", "1.0-beta", "1.0\n", "1!", "!1.0", "1!1!0", "x!1.0"]
)
def test_what_is_no_version_is_refused(copy: Path, text: str) -> None:
    with pytest.raises(Failure, match="not a version number") as caught:
        packages.set_version(text)
    assert caught.value.status == 2


def test_version_that_the_package_index_outranks_is_refused(copy: Path) -> None:
    with pytest.raises(Failure, match=r"9\.9 lacks its epoch: 1!9\.9;") as caught:
        packages.set_version("9.9")
    assert caught.value.status == 2


def test_version_is_newer_than_all_that_the_package_index_can_have_without_an_epoch() -> None:
    here = Version(packages.load()[0].version)
    assert here > Version("4.0.0")
    assert here > Version("9999.9")
    assert f"{here.epoch}!" == packages.EPOCH
