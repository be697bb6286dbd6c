"""What is installed in the Windows Python: wheels of third parties, and the wheels of this work tree."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from windows.interpreter import for_windows, pip
from windows.wine import COMPILER, WINDOWS_CACHE
from workspace import environments, interpreters, packages
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
#: How the builds are told to be for Windows, on another system.
_CROSS = ("ASYNCIO_IOCP_CC", "ASYNCIO_IOCP_CFLAGS", "ASYNCIO_IOCP_LDFLAGS", "ASYNCIO_TWINS")


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
        *("--no-index", "--no-deps", *sorted(wheels.glob("*.whl"))),
    )
    stamp.write_text(wanted)


def _wheels(python: WindowsPython) -> Path:
    """Return a folder with the wheels of what is in the work tree, built once for each state of it.

    One wheel of asyncio-iocp serves all versions: its extension keeps to the stable ABI.
    """
    state = packages.fingerprint(TEST_SUPPORT) + hashlib.sha256(repr(_CROSS).encode()).hexdigest()
    folder = WINDOWS_CACHE / "built" / hashlib.sha256(state.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(folder.parent, ignore_errors=True)
    arguments = ("--wheel", "--out", unfinished, "--also", TEST_SUPPORT)
    variables = _cross_building(python)
    if environments.build_packages(interpreters.default(), *arguments, variables=variables):
        raise Failure("windows: the packages do not build")
    if not any(_for_windows(unfinished)):
        raise Failure("windows: the wheel of asyncio-iocp came without its extension")
    unfinished.rename(folder)
    return folder


def _for_windows(folder: Path) -> Iterator[Path]:
    return folder.glob("asyncio_iocp-*win_amd64.whl")


def _cross_building(python: WindowsPython) -> dict[str, str]:
    return {
        "ASYNCIO_IOCP_CC": COMPILER,
        "ASYNCIO_IOCP_CFLAGS": f"-I{python.include}",
        "ASYNCIO_IOCP_LDFLAGS": f"-L{python.libraries}",
        "ASYNCIO_TWINS": "no",
    }
