"""Programs that are made of one program and all its modules run on this asyncio, as they do unfrozen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

pytestmark = pytest.mark.frozen

# What finds its modules by name: a loop, streams, a child process, threads, TLS.
PROGRAM = """
import asyncio, ssl, sys

async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close()
    server.close()
    if sys.platform != "win32":
        child = await asyncio.create_subprocess_exec("/bin/true")
        assert await child.wait() == 0
    async with asyncio.Lock(), asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(int))
    return getattr(asyncio, "__implementation__", "standard")

print(asyncio.run(main()))
if "form" in sys.argv:
    print(sys.modules["asyncio_core.twins"].why_pure or "compiled")
"""
MISSING_LIBRARY = """
import os, sysconfig
library, folder = (sysconfig.get_config_var(name) for name in ("INSTSONAME", "LIBDIR"))
if sysconfig.get_config_var("Py_ENABLE_SHARED") and os.name == "posix":
    if not os.path.exists(os.path.join(folder, library)):
        print(library)
"""
STANDARD = {"ASYNCIO_IMPLEMENTATION": "stdlib"}


def _environment(make: MakeEnvironment, python: Interpreter, *tools: str) -> Environment:
    environment = make("asyncio", python=python)
    done = environment.pip("install", "--quiet", *tools, check=False)
    if done.returncode:
        pytest.skip(f"{tools[0]} does not install here: {done.stderr.strip()[-200:]}")
    return environment


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("frozen") / "app.py"
    file.write_text(PROGRAM)
    return file


@pytest.fixture(scope="module")
def pyinstaller(make_environment: MakeEnvironment, pythons: list[Interpreter]) -> Environment:
    # The newest Python that the tool knows, and that comes with the library which it was built to need.
    known = [python for python in pythons if python.version in ("3.11", "3.12", "3.13", "3.14")]
    whole = [python for python in known if not _said([python.path, "-c", MISSING_LIBRARY])]
    if not whole:
        pytest.skip("no Python here comes with its shared library, which PyInstaller packs")
    return _environment(make_environment, whole[-1], "pyinstaller>=6.22")


def _said(command: Sequence[str | Path], **variables: str) -> str:
    return run(command, env=variables).stdout.strip()


@pytest.mark.parametrize("form", ["--onedir", "--onefile"])
def test_pyinstaller(pyinstaller: Environment, program: Path, tmp_path: Path, form: str) -> None:
    words = ("-m", "PyInstaller", "--log-level", "WARN", form, "--name", "app", program)
    pyinstaller.run(*words, cwd=tmp_path, timeout=600)
    suffix = ".exe" if sys.platform == "win32" else ""
    made = tmp_path / "dist" / ("app/app" if form == "--onedir" else "app")
    made = made.with_suffix(suffix)

    assert _said([made]) == "independent"
    assert _said([made, "form"]) == pyinstaller.run(program, "form").stdout.strip()
    # By its metadata; the default needs none.
    assert _said([made], ASYNCIO_LOOP="selectors") == "independent"
    done = run([made], env=STANDARD)
    assert done.stdout.strip() == "independent"
    assert "there is no standard asyncio here" in done.stderr


@pytest.mark.parametrize("implementation", ["independent", "standard"])
def test_cx_freeze(
    make_environment: MakeEnvironment,
    pythons: list[Interpreter],
    program: Path,
    tmp_path: Path,
    implementation: str,
) -> None:
    known = [python for python in pythons if python.version in ("3.11", "3.12", "3.13", "3.14")]
    cx_freeze = _environment(make_environment, known[-1], "cx_Freeze>=8.6")
    words = ("-m", "cx_Freeze", "--script", program, "--target-dir", tmp_path / "made", "--silent")
    chosen = STANDARD if implementation == "standard" else {}
    cx_freeze.run(*words, cwd=tmp_path, timeout=600, env=chosen)

    assert _said([tmp_path / "made" / "app"]) == implementation
    if implementation == "independent":
        unfrozen = cx_freeze.run(program, "form").stdout.strip()
        assert _said([tmp_path / "made" / "app", "form"]) == unfrozen
    assert _said([tmp_path / "made" / "app"], ASYNCIO_LOOP="selectors") == implementation


def test_pyinstaller_takes_the_standard_one_on_request(
    pyinstaller: Environment, program: Path, tmp_path: Path
) -> None:
    words = ("-m", "PyInstaller", "--log-level", "WARN", "--onedir", "--name", "app", program)
    pyinstaller.run(*words, cwd=tmp_path, timeout=600, env=STANDARD)

    assert _said([tmp_path / "dist" / "app" / "app"]) == "standard"
