"""Build the C extension into the wheel, on Windows or for Windows.

On Windows the wheel needs a C compiler: Microsoft's, found by setuptools. Elsewhere the
wheel is pure Python, without the extension, and says when a loop is asked for that it needs Windows.
A wheel for Windows can be built on any system with MinGW, told by the environment:

ASYNCIO_IOCP_CC       the compiler, such as x86_64-w64-mingw32-gcc (Windows 64-bit on Intel's processors)
ASYNCIO_IOCP_CFLAGS   where Python.h and a pyconfig.h for Windows are: -I…
ASYNCIO_IOCP_LDFLAGS  where the import library of python3.dll (libpython3.a) is: -L…

One binary serves CPython 3.11 and every later one (the limited API). Free-threaded builds have no
limited API: built on Windows by one of those, the wheel is for that version alone.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "asyncio_iocp._overlapped"
LIBRARIES = ["ws2_32", "winmm"]
LIMITED_API = ("cp311", "0x030b0000")
# What the compilers call a processor -> what wheels call it with Windows.
PLATFORMS = {"x86_64": "win_amd64", "i686": "win32", "aarch64": "win_arm64"}


class CannotBuild(Exception):
    """Why there is no extension, in words for whoever asked for the wheel."""


class ExtensionHook(BuildHookInterface[Any]):
    """Compiles `native/*.c` and puts the result into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compiler = os.environ.get("ASYNCIO_IOCP_CC", "")
        editable = version == "editable"
        if sys.platform != "win32" and (editable or not compiler):
            return
        if not compiler and platform.python_implementation() != "CPython":
            self.app.display_warning("the extension needs CPython: the wheel is built without it")
            return
        sources = sorted(str(path) for path in (Path(self.root) / "native").glob("*.c"))
        self._folder = tempfile.mkdtemp(prefix="asyncio-iocp-")
        try:
            if compiler:
                extension, tag = cross_compile(shlex.split(compiler), sources, self._folder)
            else:
                extension, tag = compile_here(sources, self._folder)
        except CannotBuild as error:
            self._remove_folder()
            self.app.abort(f"asyncio-iocp: the extension cannot be built: {error}")
        if editable:
            # The package is imported from where it stands, so the extension goes there too.
            shutil.copy(extension, Path(self.root, "src", "asyncio_iocp", extension.name))
        else:
            build_data["force_include"][str(extension)] = f"asyncio_iocp/{extension.name}"
        build_data["pure_python"] = False
        build_data["tag"] = tag

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._remove_folder()

    def _remove_folder(self) -> None:
        folder = getattr(self, "_folder", None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def cross_compile(compiler: list[str], sources: list[str], folder: str) -> tuple[Path, str]:
    """Compile with a compiler like gcc; return the extension and the wheel's tag."""
    target = run([*compiler, "-dumpmachine"]).strip()
    tag = PLATFORMS.get(target.split("-")[0])
    if tag is None or "mingw" not in target:
        raise CannotBuild(f"{compiler[0]} compiles for {target}, not for Windows")
    result = Path(folder, "_overlapped.pyd")
    run(
        [
            *compiler,
            *("-shared", "-O2", "-s", "-Wall", "-Wextra"),
            f"-DPy_LIMITED_API={LIMITED_API[1]}",
            *shlex.split(os.environ.get("ASYNCIO_IOCP_CFLAGS", "")),
            *sources,
            *("-o", str(result), "-static-libgcc", "-Wl,--no-insert-timestamp"),
            *shlex.split(os.environ.get("ASYNCIO_IOCP_LDFLAGS", "")),
            *("-lpython3", *(f"-l{name}" for name in LIBRARIES)),
        ]
    )
    return result, f"{LIMITED_API[0]}-abi3-{tag}"


def run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise CannotBuild(f"{command[0]} does not run: {error}") from None
    if done.returncode:
        raise CannotBuild(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def compile_here(sources: list[str], folder: str) -> tuple[Path, str]:
    """Compile with the compiler of this system's Python; return the extension and the wheel's tag."""
    from setuptools import Distribution, Extension
    from setuptools.errors import BaseError

    threaded = not sysconfig.get_config_var("Py_GIL_DISABLED")
    extension = Extension(
        MODULE,
        sources,
        define_macros=[("Py_LIMITED_API", LIMITED_API[1])] if threaded else [],
        libraries=LIBRARIES,
        py_limited_api=threaded,
    )
    command = Distribution({"name": "asyncio-iocp", "ext_modules": [extension]}).get_command_obj(
        "build_ext"
    )
    command.build_lib = folder
    command.build_temp = os.path.join(folder, "objects")
    command.ensure_finalized()
    try:
        command.run()
    except BaseError as error:
        raise CannotBuild(
            f"{error}. It takes the C++ build tools of Visual Studio "
            "(https://visualstudio.microsoft.com/visual-cpp-build-tools/), or a released wheel, "
            "which needs no compiler"
        ) from error
    (result,) = command.get_outputs()
    system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if threaded:
        return Path(result), f"{LIMITED_API[0]}-abi3-{system}"
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return Path(result), f"{version}-{version}t-{system}"
