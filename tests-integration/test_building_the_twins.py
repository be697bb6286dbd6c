"""The compiled twins: what the build hook makes, what it says where it can't, and that the result runs."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from support import ROOT, run
from workspace import packages

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from support import MakeEnvironment
    from workspace.interpreters import Interpreter

CORE = ROOT / "packages" / "asyncio-core"
#: The distributions that have twins.
FOLDERS = [
    package.folder
    for package in packages.load()
    if list((package.folder / "src").glob("*/_twins.pyx"))
]
EXTENSION = f"_twins{sysconfig.get_config_var('EXT_SUFFIX')}"
#: A twin that takes no time to compile.
SMALL = "# cython: language_level=3\nANSWER = 42\n"
#: What development leaves behind, and what must get into no distribution.
LEFT = ("_twins.c", "_twins.cpython-399-x.so", "other.pyd")

needs_a_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler here")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of asyncio-core with a small twin, and with what development leaves behind."""
    folder = tmp_path / "asyncio-core"
    shutil.copytree(CORE, folder, ignore=shutil.ignore_patterns("build", "__pycache__", "*.so"))
    package = folder / "src" / "asyncio_core"
    (package / "_twins.pyx").write_text(SMALL, "utf-8")
    for name in LEFT:
        (package / name).write_bytes(b"old")
    return folder


def build(
    folder: Path, out: Path, *arguments: str, env: Mapping[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out]
    return run([*command, *arguments, folder], env=env, check=check)


def test_headers_of_one_name_are_the_same_in_all_distributions() -> None:
    contents: dict[str, list[bytes]] = {}
    for folder in FOLDERS:
        for header in folder.glob("src/*/native/*.h"):
            contents.setdefault(header.name, []).append(header.read_bytes())
    shared = {name for name, copies in contents.items() if len(copies) > 1}
    assert shared >= {"interface.h", "exceptions.h", "methods.h"}
    assert not [name for name in shared if len(set(contents[name])) > 1]


def test_the_hook_is_the_same_in_all_distributions_that_have_twins() -> None:
    assert CORE in FOLDERS
    hook = (CORE / "hatch_build.py").read_bytes()
    settings = tomllib.loads((CORE / "pyproject.toml").read_text("utf-8"))
    for folder in FOLDERS:
        assert (folder / "hatch_build.py").read_bytes() == hook
        mine = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        assert mine["build-system"] == settings["build-system"]
        wheel, expected = (
            s["tool"]["hatch"]["build"]["targets"]["wheel"] for s in (mine, settings)
        )
        assert (wheel["exclude"], wheel["hooks"]) == (expected["exclude"], expected["hooks"])


@needs_a_compiler
def test_wheel_is_for_this_python_and_differs_from_the_pure_one_by_the_extension(
    built: Path,
) -> None:
    for folder in FOLDERS:
        name = folder.name.replace("-", "_")
        (compiled,) = set(built.glob(f"{name}-*.whl")) - set(built.glob("*-py3-none-any.whl"))
        tags = parse_wheel_filename(compiled.name)[3]
        assert tags <= set(sys_tags())
        assert {tag.abi for tag in tags} == {"cp{}{}".format(*sys.version_info)}
        (pure,) = built.glob(f"{name}-*-py3-none-any.whl")
        files = set(zipfile.ZipFile(compiled).namelist())
        assert files ^ set(zipfile.ZipFile(pure).namelist()) == {f"{name}/{EXTENSION}"}


def test_source_distribution_holds_all_that_the_twins_are_made_of(built: Path) -> None:
    for folder in FOLDERS:
        (archive,) = built.glob(f"{folder.name.replace('-', '_')}-*.tar.gz")
        with tarfile.open(archive) as tar:
            names = {name.partition("/")[2] for name in tar.getnames()}
        suffixes = (".pyx", ".pxi", ".pxd", ".h")
        sources = [path for path in (folder / "src").rglob("*") if path.suffix in suffixes]
        assert {path.relative_to(folder).as_posix() for path in sources} <= names


@needs_a_compiler
def test_wheel_made_from_the_source_distribution_is_the_one_made_from_the_tree(
    copy: Path, tmp_path: Path
) -> None:
    from_source, from_tree = tmp_path / "source", tmp_path / "tree"
    build(copy, from_source, env={"ASYNCIO_TWINS": "yes"})
    build(copy, from_tree, "--wheel", env={"ASYNCIO_TWINS": "yes"})
    (wheel,) = from_tree.iterdir()
    assert (from_source / wheel.name).read_bytes() == wheel.read_bytes()
    files = zipfile.ZipFile(wheel).namelist()
    assert [f for f in files if not f.endswith((".py", "/py.typed")) and "-info/" not in f] == [
        f"asyncio_core/{EXTENSION}"
    ]
    (archive,) = from_source.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"hatch_build.py", "src/asyncio_core/_twins.pyx"} <= names
    assert not [name for name in names if name.endswith((".c", ".so", ".pyd", ".o"))]


WITHOUT = {
    "fails": {"CC": "false"},
    "is not there": {"CC": "no-such-compiler"},
    "is nowhere": {"PATH": "/nowhere"},
    "takes no such flag": {"CFLAGS": "--no-such-flag"},
    "links with no such flag": {"LDFLAGS": "--no-such-flag"},
}


@pytest.mark.parametrize("why", WITHOUT)
def test_without_a_compiler_the_wheel_is_pure_and_one_warning_says_so(
    copy: Path, tmp_path: Path, why: str
) -> None:
    out = tmp_path / "out"
    done = build(copy, out, "--wheel", env=WITHOUT[why])
    (wheel,) = out.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [f for f in zipfile.ZipFile(wheel).namelist() if f.endswith((".so", ".pyd", ".c"))]
    printed = done.stdout + done.stderr
    assert printed.count("built without its compiled twins") == 1
    assert (WITHOUT[why].get("CC") or WITHOUT[why].get("CFLAGS") or "") in printed


def test_without_a_compiler_there_is_no_wheel_where_the_twins_are_asked_for(
    copy: Path, tmp_path: Path
) -> None:
    done = build(copy, tmp_path / "out", env={"CC": "false", "ASYNCIO_TWINS": "yes"}, check=False)
    assert done.returncode
    assert "asyncio_core: the compiled twins can't be built: false ended with 1" in done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))


def test_pure_wheel_that_is_asked_for_takes_no_compiler_and_no_word(
    copy: Path, tmp_path: Path
) -> None:
    done = build(copy, tmp_path, "--wheel", env={"CC": "false", "ASYNCIO_TWINS": "no"})
    assert "twins" not in done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")


def test_other_wishes_are_refused(copy: Path, tmp_path: Path) -> None:
    done = build(copy, tmp_path, "--wheel", env={"ASYNCIO_TWINS": "maybe"}, check=False)
    assert done.returncode
    assert "ASYNCIO_TWINS is one of no, auto, yes, not 'maybe'" in done.stderr


@pytest.fixture
def hook(copy: Path) -> ModuleType:
    """The hook of the copy, imported."""
    spec = importlib.util.spec_from_file_location("hook_of_the_copy", copy / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("owner", "name", "answer", "words"),
    [
        (platform, "python_implementation", "PyPy", "this is PyPy"),
        (sysconfig, "get_config_var", 1, "not for free-threaded Pythons yet"),
        (sysconfig, "get_path", "/nowhere", "there is no Python.h in /nowhere"),
    ],
)
def test_what_has_no_twins_is_told(
    hook: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    owner: ModuleType,
    name: str,
    answer: Any,
    words: str,
) -> None:
    source = hook.find_source()
    monkeypatch.setattr(owner, name, lambda *_: answer)
    with pytest.raises(hook.Lacking, match=words):
        hook.build(source)


def run_hook(copy: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, copy / "hatch_build.py"], env=env, check=False)


@needs_a_compiler
def test_extension_lies_beside_the_sources_until_they_no_longer_compile(copy: Path) -> None:
    place = copy / "src" / "asyncio_core" / EXTENSION
    code = "import hatchling.build; hatchling.build.build_editable('.')"
    run([sys.executable, "-c", code], cwd=copy)
    first = place.read_bytes()
    (wheel,) = copy.glob("*.whl")
    assert not [f for f in zipfile.ZipFile(wheel).namelist() if f.endswith(".so")]

    source = place.with_name("_twins.pyx")
    source.write_text(SMALL.replace("42", "43"), "utf-8")
    assert run_hook(copy).returncode == 0
    assert place.read_bytes() != first
    part = place.with_name("native") / "part.pxi"
    part.write_text("PART = 44\n", "utf-8")
    source.write_text(f'{SMALL}include "native/part.pxi"\n', "utf-8")
    assert run_hook(copy).returncode == 0
    second = place.read_bytes()
    part.write_text("PART = 45\n", "utf-8")
    assert run_hook(copy).returncode == 0
    assert place.read_bytes() != second
    part.write_text("no Cython", "utf-8")
    done = run_hook(copy)
    assert done.returncode == 1
    assert "asyncio_core/native/part.pxi:1" in done.stderr
    assert not place.exists()


@pytest.mark.parametrize(("compiler", "status"), [("no-such-compiler", 3), ("false", 1)])
def test_what_is_lacking_is_told_apart_from_what_fails(
    copy: Path, compiler: str, status: int
) -> None:
    done = run_hook(copy, CC=compiler)
    assert done.returncode == status
    assert compiler in done.stderr


def test_environment_has_the_last_word_on_the_flags(copy: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/words\n')
    compiler.chmod(0o755)
    run_hook(copy, CC=f"{compiler} --first", CFLAGS="-O0 -g3", LDFLAGS="-fsanitize=address")
    compiling, linking = (tmp_path / "words").read_text().splitlines()
    assert compiling.startswith("--first ")
    assert compiling.index("-O2 -g0") < compiling.index("-O0 -g3")
    assert linking.startswith("--first ")
    assert linking.endswith("-fsanitize=address")


@needs_a_compiler
def test_installed_wheel_runs_compiled_and_pure_where_that_is_asked_for(
    make_environment: MakeEnvironment, any_python: Interpreter
) -> None:
    environment = make_environment("asyncio", python=any_python)
    code = "from asyncio_core.twins import twins, why_pure; print(twins is None, why_pure)"
    assert environment.evaluate(code) == "False None"
    pure = environment.evaluate(code, env={"ASYNCIO_PURE_PYTHON": "1"})
    assert pure == "True ASYNCIO_PURE_PYTHON is set"
    (extension,) = environment.site_packages.glob("asyncio_core/_twins*")
    extension.write_bytes(b"no library")
    why = "the compiled module does not load: "
    assert environment.evaluate(code).startswith(f"True {why}")
    assert f"  pure: {why}" in environment.run("-m", "asyncio", "--version").stdout
    extension.unlink()
    assert environment.evaluate(code) == "True no compiled module for this Python is installed"


MINGW = "x86_64-w64-mingw32-"


@pytest.fixture
def for_windows(tmp_path: Path) -> dict[str, str]:
    """What tells a build that it is for this Python on Windows."""
    if shutil.which(f"{MINGW}gcc") is None:
        pytest.skip("no MinGW (Debian: gcc-mingw-w64-x86-64)")
    headers, libraries = tmp_path / "include", tmp_path / "libs"
    shutil.copytree(sysconfig.get_path("include"), headers)
    shutil.copyfile(ROOT / "tools" / "windows" / "pyconfig.h", headers / "pyconfig.h")
    libraries.mkdir()
    number = "{}{}".format(*sys.version_info)
    # All that the headers name: more than the real library has, and as good for linking.
    names = {n for h in headers.rglob("*.h") for n in re.findall(r"\b_?Py\w+", h.read_text())}
    definition = libraries / "python.def"
    definition.write_text(f"LIBRARY python{number}.dll\nEXPORTS\n" + "\n".join(sorted(names)))
    run([f"{MINGW}dlltool", "-d", definition, "-l", libraries / f"libpython{number}.a"])
    return {
        "ASYNCIO_TWINS": "yes",
        "ASYNCIO_TWINS_CC": f"{MINGW}gcc",
        "ASYNCIO_TWINS_CFLAGS": f"-I{headers}",
        "ASYNCIO_TWINS_LDFLAGS": f"-L{libraries}",
    }


def test_wheel_for_windows_is_made_with_mingw(
    copy: Path, tmp_path: Path, for_windows: dict[str, str]
) -> None:
    number = "{}{}".format(*sys.version_info)
    build(copy, tmp_path / "out", "--wheel", env=for_windows)
    (wheel,) = (tmp_path / "out").iterdir()
    assert wheel.name.endswith(f"-cp{number}-cp{number}-win_amd64.whl")
    with zipfile.ZipFile(wheel) as archive:
        extension = archive.extract(f"asyncio_core/_twins.cp{number}-win_amd64.pyd", tmp_path)
    listing = run([f"{MINGW}objdump", "-p", extension]).stdout
    needed = {name.lower() for name in re.findall(r"DLL Name: (\S+)", listing)}
    assert needed == {"kernel32.dll", "msvcrt.dll", f"python{number}.dll"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_twins_compile_for_windows(
    folder: Path, tmp_path: Path, for_windows: dict[str, str]
) -> None:
    copied = tmp_path / folder.name
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("build", "__pycache__", "*.so"))
    # The headers of older Pythons include io.h, which has short names. Nothing is to run here, so no time goes into making it fast.
    for_windows["ASYNCIO_TWINS_CFLAGS"] += " -include io.h -O0"
    build(copied, tmp_path / "out", "--wheel", env=for_windows)
    (wheel,) = (tmp_path / "out").iterdir()
    assert wheel.name.endswith("-win_amd64.whl")


@needs_a_compiler
def test_compiler_for_another_system_than_windows_is_named(copy: Path, tmp_path: Path) -> None:
    env = {"ASYNCIO_TWINS": "yes", "ASYNCIO_TWINS_CC": "cc"}
    done = build(copy, tmp_path, "--wheel", env=env, check=False)
    assert done.returncode
    assert "the compiled twins can't be built: cc compiles for " in done.stderr
