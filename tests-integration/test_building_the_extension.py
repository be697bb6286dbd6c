"""asyncio-iocp's extension: built for Windows with MinGW, and what is said where it can't be."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import sysconfig
import zipfile
from typing import TYPE_CHECKING

import pytest

from support import ROOT, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = ROOT / "packages" / "asyncio-iocp"
MINGW = "x86_64-w64-mingw32-"


def build(
    out: Path, environment: Mapping[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--wheel"]
    command += ["--outdir", out, FOLDER]
    return run(command, env=environment, check=check)


@pytest.mark.parametrize(
    ("compiler", "said"),
    [
        ("no-such-compiler --for=windows", "no-such-compiler does not run"),
        ("cc", "not for Windows"),
    ],
)
def test_compiler_that_will_not_do_is_named(tmp_path: Path, compiler: str, said: str) -> None:
    if compiler == "cc" and shutil.which(compiler) is None:
        pytest.skip("no compiler for this system")
    environment = {"ASYNCIO_IOCP_CC": compiler, "TMPDIR": str(tmp_path)}
    done = build(tmp_path, environment, check=False)
    assert done.returncode
    printed = done.stdout + done.stderr
    assert f"asyncio-iocp: the extension cannot be built: {compiler.split()[0]}" in printed
    assert said in printed
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stable_interface() -> set[str]:
    """The functions and data of every Python from the oldest supported one on."""
    tests = pytest.importorskip(
        "test.test_stable_abi_ctypes", reason="this Python comes without its tests"
    )
    return set(re.findall(r"""["'](_?Py\w+)["']""", inspect.getsource(tests)))


def test_wheel_for_windows_needs_the_stable_interface_only(
    tmp_path: Path, stable_interface: set[str]
) -> None:
    if shutil.which(f"{MINGW}gcc") is None:
        pytest.skip("no MinGW (Debian: gcc-mingw-w64-x86-64)")
    headers, libraries = tmp_path / "include", tmp_path / "libs"
    shutil.copytree(sysconfig.get_path("include"), headers)
    shutil.copyfile(ROOT / "tools" / "windows" / "pyconfig.h", headers / "pyconfig.h")
    libraries.mkdir()
    definition = libraries / "python3.def"
    definition.write_text(
        "LIBRARY python3.dll\nEXPORTS\n" + "".join(f"{name}\n" for name in stable_interface)
    )
    run([f"{MINGW}dlltool", "-d", definition, "-l", libraries / "libpython3.a"])

    out = tmp_path / "wheels"
    build(
        out,
        {
            "ASYNCIO_IOCP_CC": f"{MINGW}gcc",
            "ASYNCIO_IOCP_CFLAGS": f"-Werror -I{headers}",
            "ASYNCIO_IOCP_LDFLAGS": f"-L{libraries}",
        },
    )
    (wheel,) = out.iterdir()
    assert wheel.name.endswith("-cp311-abi3-win_amd64.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".c", ".h"))]
        extension = archive.extract("asyncio_iocp/_overlapped.pyd", tmp_path)
    listing = run([f"{MINGW}objdump", "-p", extension]).stdout
    needed = {name.lower() for name in re.findall(r"DLL Name: (\S+)", listing)}
    assert needed == {"kernel32.dll", "msvcrt.dll", "python3.dll", "winmm.dll", "ws2_32.dll"}
