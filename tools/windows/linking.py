"""What MinGW makes for the Windows interpreter: import libraries, python.exe, and two DLLs.

python3.dll is what extensions for the stable ABI are linked with, so that one binary serves every minor version. The
wheel that the interpreter comes from has none, so one is made here that hands everything on to python3XY.dll.
bcryptprimitives.dll is where extensions that were written in Rust get random numbers; Wine 8 has none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from windows.wine import COMPILER
from workspace.console import Failure

#: Python's own header with this system's facts, for Windows on x86-64.
CONFIG = Path(__file__).with_name("pyconfig.h")
_EXPORT = re.compile(r'^"?(?P<name>_?Py\w+)"?(?P<data>\s+DATA)?\s*$', re.MULTILINE)
_MAIN = """
#include <wchar.h>
__declspec(dllimport) int Py_Main(int argc, wchar_t **argv);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
_RANDOM = """
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
"""


def make(folder: Path, dll: str) -> None:
    """Make python.exe, the DLLs and the import libraries for the interpreter in a folder."""
    libraries = folder / "libs"
    libraries.mkdir(exist_ok=True)
    work = folder / "build"
    work.mkdir(exist_ok=True)
    exports = _EXPORT.findall(_run(work, "gendef", "-", folder / dll))
    if not exports:
        raise Failure(f"windows: {dll} exports nothing that looks like Python's C API")
    own = Path(dll).stem
    _import_library(work, libraries, own, exports)
    _import_library(work, libraries, "python3", exports)

    forwarding = "".join(f"{name} = {own}.{name}{data}\n" for name, data in exports)
    (work / "python3.def").write_text(f"LIBRARY python3.dll\nEXPORTS\n{forwarding}")
    gcc = (COMPILER, "-O2")
    nothing_else = ("-shared", "-nostdlib", "-Wl,--entry,0")
    _run(work, *gcc, *nothing_else, "python3.def", "-o", folder / "python3.dll")

    (work / "random.c").write_text(_RANDOM)
    _run(work, *gcc, "-shared", "random.c", "-o", folder / "bcryptprimitives.dll", "-ladvapi32")

    (work / "python.c").write_text(_MAIN)
    program = folder / "python.exe"
    _run(work, *gcc, "-municode", "python.c", "-o", program, libraries / f"lib{own}.a")
    shutil.rmtree(work)


def _import_library(work: Path, libraries: Path, name: str, exports: list[tuple[str, str]]) -> None:
    definition = work / f"{name}-import.def"
    lines = "".join(f"{export}{data}\n" for export, data in exports)
    definition.write_text(f"LIBRARY {name}.dll\nEXPORTS\n{lines}")
    tool = COMPILER.replace("gcc", "dlltool")
    _run(work, tool, "-d", definition, "-D", f"{name}.dll", "-l", libraries / f"lib{name}.a")


def headers(target: Path, source: Path) -> None:
    """Put Python's headers for Windows into a folder: another system's, with a pyconfig.h of its own."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    shutil.copyfile(CONFIG, target / "pyconfig.h")


def _run(work: Path, *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise Failure(f"windows: {Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout
