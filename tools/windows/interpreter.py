"""The Windows CPython, put together: DLLs out of a wheel, the standard library of this machine's Python, a python.exe.

The wheel of panda3d carries CPython's own DLLs and extension modules for Windows, for deploying games with it. The Python
files of the standard library serve both systems.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windows import linking
from windows.wine import WINDOWS_CACHE
from workspace import interpreters
from workspace.console import Failure, run_quietly, say, step

if TYPE_CHECKING:
    from windows.wine import Wine
    from workspace.interpreters import Interpreter

#: Which versions a wheel can be had for.
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SOURCE = "panda3d==1.10.16"
_WITHIN = "deploy_libs/"
#: DLLs that belong beside python.exe; all others go where the extension modules are.
_BESIDE = ("vcruntime140.dll", "vcruntime140_1.dll")
#: Wine brings the first itself, and ends a process that asks through `_wmi`, which `platform` can do without.
_LEFT_OUT = ("api-ms-", "_wmi.")
#: What no program there needs of the standard library, or what is about the system that it comes from.
_NOT_COPIED = (
    "__pycache__",
    "site-packages",
    "lib-dynload",
    "config-*",
    "idlelib",
    "lib2to3",
    "sitecustomize.py",
)
_ASK = "import json, sysconfig; print(json.dumps([sysconfig.get_path(p) for p in ('stdlib', 'include')]))"
#: Run at each start there: what Wine 8 has no code for ends the process that calls it, and the library can do without.
_LACKING = """
import _winapi
if hasattr(_winapi, "CopyFile2"):  # 3.12 and newer
    del _winapi.CopyFile2
"""
_CHECK = """
import sys, _asyncio, _ctypes, _overlapped, _socket, _ssl, _winapi, select
print(sys.version.split()[0])
"""


@dataclass(frozen=True)
class WindowsPython:
    """A Windows CPython in a folder of its own."""

    version: str  #: "3.12"
    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "python.exe"

    @property
    def site_packages(self) -> Path:
        return self.folder / "Lib" / "site-packages"

    @property
    def include(self) -> Path:
        return self.folder / "include"

    @property
    def libraries(self) -> Path:
        return self.folder / "libs"


def can_be_built(version: str) -> bool:
    """Tell whether this machine has a Python of that version, with its tests, to take the library from."""
    here = interpreters.find(version)
    return here is not None and here.has_suite


def build(version: str, wine: Wine) -> WindowsPython:
    """Return the Windows CPython of a version, and put it together unless it is there."""
    linux = interpreters.available([version])[0]
    stdlib, include = _paths(linux)
    made = WindowsPython(version, WINDOWS_CACHE / version)
    recipe = hashlib.sha256(f"{SOURCE} {linux.full} {stdlib} {include}".encode())
    for source in sorted(Path(__file__).parent.glob("[il]*.py")):
        recipe.update(source.read_bytes())
    recipe.update(linking.CONFIG.read_bytes())
    stamp = made.folder / "made-of.txt"
    if stamp.is_file() and stamp.read_text() == recipe.hexdigest():
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    wheel = _wheel(version)
    with step(f"putting a Windows Python {version} together"):
        _unpack(wheel, made.folder)
        library = made.folder / "Lib"
        shutil.copytree(stdlib, library, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        made.site_packages.mkdir()
        (library / "sitecustomize.py").write_text(_LACKING, "utf-8")
        linking.headers(made.include, include)
        linking.make(made.folder, f"python{version.replace('.', '')}.dll")
    status, output = wine.run([made.program, "-c", _CHECK], cwd=made.folder, limit=120)
    text = output.decode("utf-8", "replace").strip()
    if status:
        raise Failure(f"windows: the Windows Python {version} does not start:\n{text}")
    say(f"    Windows CPython {text} under Wine, with the standard library of {linux.full}")
    stamp.write_text(recipe.hexdigest())
    return made


def _paths(linux: Interpreter) -> tuple[Path, Path]:
    """Return a standard library that has the tests of asyncio, and headers of the same version or another."""
    if not linux.has_suite:
        raise Failure(
            f"windows: {linux.path} comes without the interpreter's own tests "
            f"(Debian: the package libpython{linux.version}-testsuite)"
        )
    stdlib, include = _ask(linux)
    for other in (linux.version, *VERSIONS):
        # Extensions here keep to the stable ABI: for them the headers of any version will do.
        if (include / "Python.h").is_file():
            return stdlib, include
        if (here := interpreters.find(other)) is not None:
            include = _ask(here)[1]
    if (include / "Python.h").is_file():
        return stdlib, include
    raise Failure("windows: no Python.h on this machine (Debian: the package python3-dev)")


def _ask(python: Interpreter) -> tuple[Path, Path]:
    done = subprocess.run([python.path, "-I", "-c", _ASK], capture_output=True, check=True)
    stdlib, include = json.loads(done.stdout)
    return Path(stdlib), Path(include)


def _wheel(version: str) -> Path:
    """Return the wheel that the DLLs come from, downloaded once."""
    folder = WINDOWS_CACHE / "wheels"
    pattern = f"panda3d-*-cp{version.replace('.', '')}-*-win_amd64.whl"
    if not (found := sorted(folder.glob(pattern))):
        command = ["download", "--dest", folder, "--no-deps", *for_windows(version), SOURCE]
        pip(f"downloading the DLLs of Python {version} (65 MB)", version, *command)
        found = sorted(folder.glob(pattern))
    return found[-1]


def _unpack(wheel: Path, folder: Path) -> None:
    extensions = folder / "DLLs"
    extensions.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = member.removeprefix(_WITHIN)
            if name == member or not name.endswith((".dll", ".pyd")) or name.startswith(_LEFT_OUT):
                continue
            beside = name.lower() in _BESIDE or name.startswith("python3")
            with archive.open(member) as source:
                target = (folder if beside else extensions) / name
                target.write_bytes(source.read())


def for_windows(version: str) -> tuple[str, ...]:
    """Options that make pip choose files for the Windows CPython."""
    only = ("--only-binary=:all:", "--platform", "win_amd64", "--implementation", "cp")
    return (*only, "--python-version", version)


def pip(title: str, version: str, *arguments: object) -> None:
    """Run a pip of this machine as a step; one of the same version where there is one, for its markers' sake."""
    here = interpreters.find(version)
    python = here.path if here is not None and here.has_pip else Path(sys.executable)
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run_quietly(title, command, env=env)
