"""What is installed in the Windows Python: wheels of third parties, and the wheels of this work tree."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from windows.interpreter import for_windows, pip
from windows.wine import COMPILER, WINDOWS_CACHE
from workspace import environments, interpreters, packages, twins
from workspace.console import Failure
from workspace.paths import TEST_SUPPORT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windows.interpreter import WindowsPython

#: Installed for Windows. pip judges conditions by the system that it runs on, so what is needed on Windows only is named.
LIBRARIES = (
    *("pytest>=8.2", "pytest-timeout>=2.3", "colorama", "mypy>=1.15", "trustme>=1.2"),
    *("aiohttp>=3.11", "httpx>=0.28", "rich>=13", "uvicorn>=0.34", "websockets>=15"),
)


def install(python: WindowsPython) -> None:
    """Bring the Windows Python's site-packages up to date."""
    wheels = _wheels(python)
    wanted = f"{wheels.name} {' '.join(LIBRARIES)}\n"
    stamp = python.folder / "installed.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    libraries = python.folder / "libraries"
    known = libraries / "made-of.txt"
    if not known.is_file() or known.read_text() != " ".join(LIBRARIES):
        shutil.rmtree(libraries, ignore_errors=True)
        title = f"installing libraries for Windows Python {python.version}"
        install_into = ("install", "--target", libraries, *for_windows(python.version))
        pip(title, python.version, *install_into, *LIBRARIES)
        known.write_text(" ".join(LIBRARIES))
    stamp.unlink(missing_ok=True)
    shutil.rmtree(python.site_packages)
    shutil.copytree(libraries, python.site_packages)
    pip(
        f"installing the packages for Windows Python {python.version}",
        python.version,
        *("install", "--target", python.site_packages, *for_windows(python.version)),
        # By name: beside the pure wheel of a package there may be one with its compiled twins.
        *("--no-index", "--no-deps", "--find-links", wheels),
        *sorted({wheel.name.split("-")[0] for wheel in wheels.glob("*.whl")}),
    )
    stamp.write_text(wanted)


def _wheels(python: WindowsPython) -> Path:
    """Return a folder with the wheels of what is in the work tree, built once for each state of it.

    One wheel of asyncio-iocp serves all versions: its extension keeps to the stable ABI. Compiled twins are for one,
    and the Python that builds them is of the same.
    """
    variables = _cross_building(python)
    builder = interpreters.default()
    state = packages.fingerprint(TEST_SUPPORT) + repr(sorted(variables))
    if form() == twins.COMPILED:
        builder = interpreters.available([python.version])[0]
        state += python.version
    folder = WINDOWS_CACHE / "built" / hashlib.sha256(state.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(folder.parent, ignore_errors=True)
    arguments = ("--wheel", "--out", unfinished, "--also", TEST_SUPPORT)
    if environments.build_packages(builder, *arguments, variables=variables):
        raise Failure("windows: the packages do not build")
    if not any(_for_windows(unfinished)):
        raise Failure("windows: the wheel of asyncio-iocp came without its extension")
    unfinished.rename(folder)
    return folder


def _for_windows(folder: Path) -> Iterator[Path]:
    return folder.glob("asyncio_iocp-*win_amd64.whl")


def form() -> str:
    """Return the form of the packages that is installed there: pure, unless ASYNCIO_TWINS=yes asks for the other."""
    return twins.COMPILED if os.environ.get("ASYNCIO_TWINS") == "yes" else twins.PURE


def _cross_building(python: WindowsPython) -> dict[str, str]:
    """Return what tells the builds to be for Windows, on another system."""
    compiled = form() == twins.COMPILED
    variables = {"ASYNCIO_TWINS": "yes" if compiled else "no"}
    for prefix in ("ASYNCIO_IOCP", "ASYNCIO_TWINS") if compiled else ("ASYNCIO_IOCP",):
        variables[f"{prefix}_CC"] = COMPILER
        variables[f"{prefix}_CFLAGS"] = f"-I{python.include}"
        variables[f"{prefix}_LDFLAGS"] = f"-L{python.libraries}"
    return variables
