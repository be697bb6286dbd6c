"""Build the compiled twins, `src/<package>/_twins.pyx`, into the wheel.

This file is the same in every distribution that has twins. The environment has its say:

ASYNCIO_TWINS      `no`: a wheel without them; `yes`: no wheel rather than one without them;
                   `auto`, which is the default: without them, and a warning that says why, where they can't be built
CC                 the compiler, in place of the one that made this Python
CFLAGS, LDFLAGS    what to tell it besides: these come last
ASYNCIO_TWINS_CC   MinGW, such as x86_64-w64-mingw32-gcc: the wheel is for Windows, for the version of the Python that
                   runs here. ASYNCIO_TWINS_CFLAGS tells where Python.h and a pyconfig.h for Windows are (-I…),
                   ASYNCIO_TWINS_LDFLAGS where the import library is (-L…), libpython313.a for Python 3.13

A wheel with twins is for this Python and this system, one without (py3-none-any) for all. Free-threaded
Pythons get none yet, and no other implementation than CPython.

Installed in place ("editable"), the extension lies beside the sources, one for each Python.
`python hatch_build.py` builds it there again.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
# Where all is made that comes between the .pyx and the extension. Always the same, so that ccache knows the C.
FOLDER = ROOT / "build" / "twins"
MADE_C = FOLDER / "_twins.c"
# What the C is made of.
SOURCES = (".pyx", ".pxi", ".pxd", ".h")
# Speed without debug information, which is many times larger than the code. Nothing but the module's start
# is called by name. Without what Cython 3.3.1 has for vector calls of types: where there is no memory for the names of
# keywords, it lets go of references that it never had, and nothing is slower without.
FLAGS = ("-O2", "-g0", "-fvisibility=hidden", "-DCYTHON_VECTORCALL_TPNEW=0")
CHOICES = ("no", "auto", "yes")
# What the compilers call a processor -> what wheels call it with Windows.
WINDOWS = {"x86_64": "win_amd64", "i686": "win32", "aarch64": "win_arm64"}


class CannotBuild(Exception):
    """Why there are no twins, in words for whoever asked for the wheel."""


class Lacking(CannotBuild):
    """What this machine, or this Python, would need for them."""


class TwinsHook(BuildHookInterface[Any]):
    """Makes C of `_twins.pyx` with Cython, an extension of the C, and puts that into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = find_source()
        name = source.parent.name
        wanted = os.environ.get("ASYNCIO_TWINS") or "auto"
        if wanted not in CHOICES:
            self.app.abort(f"ASYNCIO_TWINS is one of {', '.join(CHOICES)}, not {wanted!r}")
        if wanted == "no":
            return
        try:
            if version == "editable":
                build_in_place(source)
                return
            mingw = shlex.split(os.environ.get("ASYNCIO_TWINS_CC", ""))
            extension, tag = build_for_windows(source, mingw) if mingw else (build(source), "")
        except CannotBuild as error:
            if wanted == "yes":
                self.app.abort(f"{name}: the compiled twins can't be built: {error}")
            self.app.display_warning(f"{name}: built without its compiled twins: {error}")
            return
        build_data["force_include"][str(extension)] = f"{name}/{extension.name}"
        build_data["pure_python"] = False
        if tag:
            build_data["tag"] = tag
        else:
            build_data["infer_tag"] = True


def find_source() -> Path:
    """Return the one `_twins.pyx` of this distribution."""
    (source,) = (ROOT / "src").glob("*/_twins.pyx")
    return source


def extension_name() -> str:
    """Return the file name of the extension that this Python loads, and no other."""
    return f"_twins{sysconfig.get_config_var('EXT_SUFFIX')}"


def build(source: Path) -> Path:
    """Build the extension and return where it is."""
    if platform.python_implementation() != "CPython":
        raise Lacking(f"they are for CPython, and this is {platform.python_implementation()}")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Lacking("they are not for free-threaded Pythons yet")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise Lacking(f"there is no Python.h in {headers} (Debian: the package python3-dev)")
    folder = prepare(source, extension_name())
    if sys.platform == "win32":
        return compile_with_setuptools(source, folder)
    return compile_as_this_python(source, folder)


def prepare(source: Path, name: str) -> Path:
    """Make the C, and return the folder where the extension of that file name is to be made."""
    folder = FOLDER / name.split(".")[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        cythonize(source)
    except OSError as error:
        raise CannotBuild(str(error)) from error
    return folder


def cythonize(source: Path) -> None:
    """Make the C, which is the same for every Python, unless it is there."""
    try:
        version = importlib.metadata.version("cython")
    except importlib.metadata.PackageNotFoundError:
        raise Lacking("Cython is not installed") from None
    inputs = [path for path in source.parent.rglob("*") if path.suffix in SOURCES]
    newest = max(path.stat().st_mtime for path in (*inputs, Path(__file__)))
    if MADE_C.is_file() and MADE_C.stat().st_mtime > newest:
        with MADE_C.open() as made:
            if f"Cython {version} " in made.readline():
                return
    # Several Pythons may build at the same time.
    fresh = FOLDER / f"{os.getpid()}.c"
    # Named from `src`, as it stands in the C: that has nothing of this machine in it.
    src = source.parents[1]
    run([sys.executable, "-P", "-m", "cython", source.relative_to(src), "-o", fresh], src)
    os.replace(fresh, MADE_C)


def compile_as_this_python(source: Path, folder: Path) -> Path:
    """Compile with the compiler of the Python that runs here, as it was compiled itself."""
    own = configured("CC")
    compiler = shlex.split(os.environ.get("CC", "")) or own
    if shutil.which(compiler[0]) is None and "CC" not in os.environ:
        # The Python was made on another machine, by a compiler of another name.
        compiler = ["cc"]
    linker = configured("LDSHARED")
    linker[: len(own)] = compiler if linker[: len(own)] == own else linker[: len(own)]
    headers = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    flags = [*configured("CFLAGS"), *configured("CCSHARED"), *FLAGS]
    flags += [f"-I{folder}" for folder in (*sorted(headers), source.parent)]
    flags += shlex.split(os.environ.get("CFLAGS", ""))
    result = folder / extension_name()
    unlinked = result.with_suffix(".o").relative_to(FOLDER)
    run([*compiler, *flags, "-c", MADE_C.name, "-o", unlinked], FOLDER)
    link = [*linker, unlinked, "-o", result.relative_to(FOLDER)]
    run([*link, *shlex.split(os.environ.get("LDFLAGS", ""))], FOLDER)
    return result


def configured(name: str) -> list[str]:
    return shlex.split(sysconfig.get_config_var(name) or "")


def compile_with_setuptools(source: Path, folder: Path) -> Path:
    """Compile with Microsoft's compiler, which setuptools knows how to find."""
    from setuptools import Distribution, Extension
    from setuptools.errors import BaseError, PlatformError

    name = source.parent.name
    extension = Extension(f"{name}._twins", [str(MADE_C)], include_dirs=[str(source.parent)])
    distribution = Distribution({"name": name, "ext_modules": [extension]})
    command = distribution.get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    try:
        command.run()
    except PlatformError as error:
        raise Lacking(f"{error}. A released wheel needs no compiler") from error
    except BaseError as error:
        raise CannotBuild(str(error)) from error
    (result,) = command.get_outputs()
    return Path(result)


def build_for_windows(source: Path, compiler: list[str]) -> tuple[Path, str]:
    """Build the extension with MinGW, and return where it is, and the wheel's tag."""
    target = run([*compiler, "-dumpmachine"], ROOT).strip()
    system = WINDOWS.get(target.split("-")[0])
    if system is None or "mingw" not in target:
        raise CannotBuild(f"{compiler[0]} compiles for {target}, not for Windows")
    number = "{}{}".format(*sys.version_info)
    name = f"_twins.cp{number}-{system}.pyd"
    result = prepare(source, name) / name
    command = [*compiler, "-shared", *FLAGS, f"-I{source.parent}"]
    command += shlex.split(os.environ.get("ASYNCIO_TWINS_CFLAGS", ""))
    command += [MADE_C.name, "-o", str(result), "-static-libgcc", "-Wl,--no-insert-timestamp"]
    command += shlex.split(os.environ.get("ASYNCIO_TWINS_LDFLAGS", ""))
    run([*command, f"-lpython{number}"], FOLDER)
    return result, f"cp{number}-cp{number}-{system}"


def run(command: list[Any], folder: Path) -> str:
    """Run a program, which has to end well, and return what it prints."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise Lacking(f"{words[0]} does not run: {error}") from None
    if done.returncode:
        said = f"{shlex.join(words)}\n{done.stdout}".rstrip()
        raise CannotBuild(f"{words[0]} ended with {done.returncode}\n{said}")
    return done.stdout


def build_in_place(source: Path) -> None:
    """Build the extension and lay it beside the sources; without one, take an old one away.

    In one step: the old one may be in use, and must not change under its users.
    """
    place = source.with_name(extension_name())
    fresh = place.with_name(f"{place.name}.new")
    try:
        shutil.copy(build(source), fresh)
    except CannotBuild:
        # It would run beside newer sources.
        place.unlink(missing_ok=True)
        raise
    os.replace(fresh, place)


def main() -> int:
    """Build in place, and return 0; or 3 where something is lacking, and 1 where the building failed."""
    source = find_source()
    try:
        build_in_place(source)
    except CannotBuild as error:
        print(f"{source.parent.name}: the compiled twins can't be built: {error}", file=sys.stderr)
        return 3 if isinstance(error, Lacking) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
