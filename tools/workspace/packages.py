"""The distributions of the workspace, their version, and the wheels made of them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workspace.console import Failure
from workspace.paths import PACKAGES, ROOT, TEST_SUPPORT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION_LINE = re.compile(r'^__version__(?:\s*:\s*\w+)?\s*=\s*"([^"]*)"', re.MULTILINE)
_VERSION = re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?")
#: What all versions begin with (PEP 440). The package index holds two things under the name asyncio, of 2013 to 2015 and
#: a stub of 2025, up to 4.0.0. Whatever has an epoch is newer than all that has none, so that neither `pip install -U`
#: nor a requirement such as asyncio>=3.4.3 takes one of those for an update.
EPOCH = "1!"
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<extras>\[[^\]]*\])?==(?P<version>[^\s;,\"']+)"
)


@dataclass(frozen=True)
class Package:
    """One folder under packages/, or what their tests share."""

    name: str
    folder: Path
    version_file: Path

    @property
    def version(self) -> str:
        match = _VERSION_LINE.search(self.version_file.read_text("utf-8"))
        if match is None:
            raise Failure(f'{self.version_file}: no line __version__ = "…"')
        return match[1]

    @property
    def metadata(self) -> Path:
        return self.folder / "pyproject.toml"

    def pins(self, siblings: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (name, version) for each exact pin of a sibling, and (name, "") for one that is not pinned."""
        project = tomllib.loads(self.metadata.read_text("utf-8"))["project"]
        requirements = list(project.get("dependencies", ()))
        for extra in project.get("optional-dependencies", {}).values():
            requirements += extra
        for requirement in requirements:
            name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            if name in siblings:
                match = _PIN.match(requirement)
                yield name, match["version"] if match else ""


def load() -> list[Package]:
    """Return the distributions in the order of their names, the umbrella first."""
    return [_read(metadata.parent) for metadata in sorted(PACKAGES.glob("*/pyproject.toml"))]


def _with_test_support() -> list[Package]:
    """Return the distributions, and last the one that only their tests need."""
    return [*load(), _read(TEST_SUPPORT)]


def _read(folder: Path) -> Package:
    config = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    version_file = folder / config["tool"]["hatch"]["version"]["path"]
    return Package(config["project"]["name"], folder, version_file)


def fingerprint(*more: Path) -> str:
    """Return a digest of all that goes into the wheels of the workspace and of more such folders."""
    digest = hashlib.sha256()
    for folder in (*(package.folder for package in load()), *more):
        for path in _files(folder):
            content = path.read_bytes()
            digest.update(f"{folder.name}/{path.relative_to(folder)} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def editable_fingerprint() -> str:
    """Return a digest of what an installation in place holds copies of: metadata, versions, start-up hooks."""
    digest = hashlib.sha256((ROOT / "hatch.toml").read_bytes())
    for package in _with_test_support():
        digest.update(f"{package.name} {package.version} {package.folder}\n".encode())
        digest.update(package.metadata.read_bytes())
        for hook in sorted((package.folder / "src").glob("*.*")):
            digest.update(hook.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield what goes into a wheel, and nothing that running the package leaves behind."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if parts[0] in ("tests", "docs", "dist", "build") or path.suffix in (".so", ".pyd"):
            continue
        if any(p[0] == "." or p == "__pycache__" for p in parts):
            continue
        if path.is_file():
            yield path


def disagreements() -> list[str]:
    """Say where the one version number is not the same everywhere; nothing to say is as it should be."""
    packages = _with_test_support()
    names = {package.name for package in packages}
    expected = packages[0].version
    found = []
    for package in packages:
        if package.version != expected:
            found.append(f"{package.name} is {package.version}, {packages[0].name} is {expected}")
        for sibling, version in package.pins(names):
            if not version:
                found.append(f"{package.name} needs {sibling} without pinning it exactly")
            elif version != expected:
                found.append(f"{package.name} needs {sibling}=={version}, not {expected}")
    return found


def set_version(version: str) -> list[Path]:
    """Write a version number everywhere and return the files that changed."""
    if not _VERSION.fullmatch(version):
        raise Failure(
            f"not a version number: {version!r} (1!0.2.0, 1!0.2.0rc1, 1!0.2.0.dev0)", status=2
        )
    if not version.startswith(EPOCH):
        release = version.rpartition("!")[2]
        why = "else the asyncio of the package index counts as newer"
        raise Failure(f"version {version} lacks its epoch: {EPOCH}{release}; {why}", status=2)
    packages = _with_test_support()
    names = {package.name for package in packages}
    changed = []

    def write(path: Path, text: str) -> None:
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)

    def repin(match: re.Match[str]) -> str:
        if match["name"] not in names:
            return match[0]
        return f"{match['name']}{match['extras'] or ''}=={version}"

    for package in packages:
        source = package.version_file.read_text("utf-8")
        line = _VERSION_LINE.search(source)
        if line is None:
            raise Failure(f'{package.version_file}: no line __version__ = "…"')
        write(package.version_file, source[: line.start(1)] + version + source[line.end(1) :])
        write(package.metadata, _PIN.sub(repin, package.metadata.read_text("utf-8")))
    return changed
