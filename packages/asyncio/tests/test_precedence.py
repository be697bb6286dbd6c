"""The hook: which asyncio `import asyncio` finds, and that it never stands in the way."""

from __future__ import annotations

import py_compile
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import _asyncio_precedence
import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_test_support.fixture_types import RunPython

    Check = Callable[[str], str]

SOURCE = Path(_asyncio_precedence.__file__).parent
CORE = str(Path(asyncio_core.__file__).parents[1])
WHICH = "import asyncio; print(getattr(asyncio, '__implementation__', 'stdlib'))"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a copy of the hook's module and the facade, and none of the pieces."""
    folder = tmp_path / "installed"
    folder.mkdir()
    shutil.copy(SOURCE / "_asyncio_precedence.py", folder)
    shutil.copytree(SOURCE / "asyncio", folder / "asyncio")
    return folder


def install_from(folder: Path, program: str) -> tuple[str, ...]:
    """A command line that runs `program` with the hook of `folder` and nothing of site."""
    start = f"import sys; sys.path.append({str(folder)!r}); import _asyncio_precedence as hook"
    return ("-S", "-c", f"{start}\n{program}")


def test_a_fresh_interpreter_imports_this_asyncio(check: Check) -> None:
    assert check(WHICH) == "independent\n"


def test_the_environment_can_ask_for_the_standard_one(python: RunPython) -> None:
    result = python("-c", WHICH, implementation="stdlib")

    assert (result.stdout, result.stderr) == ("stdlib\n", "")


@pytest.mark.parametrize("value", ["", "independent"])
def test_the_environment_can_ask_for_this_one(python: RunPython, value: str) -> None:
    result = python("-c", WHICH, implementation=value)

    assert (result.stdout, result.stderr) == ("independent\n", "")


def test_a_program_can_choose_before_its_first_import(check: Check) -> None:
    choose = "import os; os.environ['ASYNCIO_IMPLEMENTATION'] = 'stdlib'\n"

    assert check(choose + WHICH) == "stdlib\n"


def test_an_unknown_choice_is_one_warning_and_this_asyncio(python: RunPython) -> None:
    again = "\nimport sys; del sys.modules['asyncio']\n" + WHICH

    result = python("-W", "always", "-c", WHICH + again, implementation="stdlb")

    assert result.stdout == "independent\n" * 2
    assert result.stderr.count("RuntimeWarning") == 1
    assert "ASYNCIO_IMPLEMENTATION='stdlb'" in result.stderr
    # It points at the import, not into the import system.
    assert result.stderr.startswith("<string>:1:")


def test_without_site_the_standard_one_runs(python: RunPython) -> None:
    result = python("-S", "-c", WHICH)

    assert (result.stdout, result.stderr) == ("stdlib\n", "")


def test_isolated_mode_has_site_packages_and_this_asyncio(python: RunPython) -> None:
    result = python("-I", "-c", WHICH)

    assert (result.stdout, result.stderr) == ("independent\n", "")


@pytest.mark.parametrize("implementation", ["stdlib", "independent"])
def test_spawned_children_run_the_same_implementation(
    python: RunPython, tmp_path: Path, implementation: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing\n"
        "def child():\n"
        f"    {WHICH}\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=child)\n"
        "    process.start()\n"
        "    process.join()\n"
    )

    result = python(str(script), implementation=implementation)

    assert (result.stdout, result.stderr) == (f"{implementation}\n", "")


STANDARD = """
import asyncio, sys, importlib
assert not hasattr(asyncio, "__implementation__"), asyncio
assert asyncio.run(asyncio.sleep(0, 5)) == 5
assert asyncio.__spec__.origin == asyncio.__file__ == asyncio.tasks.__file__.replace("tasks", "__init__")
assert asyncio.sleep.__module__ == asyncio.tasks.__name__ == "asyncio.tasks"
assert not any(name.startswith(("asyncio_", "asyncio._")) for name in sys.modules)
before = asyncio
assert importlib.reload(asyncio) is before is sys.modules["asyncio"]
assert not hasattr(asyncio, "__implementation__")
import asyncio.subprocess
print("standard")
"""


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "archive"])
def test_where_only_the_path_leads_here_the_standard_one_runs_too(
    python: RunPython, installed: Path, tmp_path: Path, archive: bool
) -> None:
    where = installed
    if archive:
        where = Path(shutil.make_archive(str(tmp_path / "program"), "zip", installed))
    path = {"PYTHONPATH": str(where)}

    result = python("-S", "-c", STANDARD, implementation="stdlib", environment=path)
    assert (result.stdout, result.stderr) == ("standard\n", "")
    result = python("-S", "-c", WHICH, environment=path)
    assert (result.stdout, result.stderr) == ("independent\n", "")
    command = ("-S", "-m", "asyncio", "--help")
    result = python(*command, implementation="stdlib", environment=path, input="exit()\n")
    assert "loops" not in result.stdout
    assert "loops" in python("-S", "-m", "asyncio", "--help", environment=path).stdout


def test_a_choice_that_comes_too_late_changes_nothing(check: Check) -> None:
    program = (
        "import asyncio, os\n"
        "os.environ['ASYNCIO_IMPLEMENTATION'] = 'stdlib'\n"
        "asyncio.__spec__.loader.exec_module(asyncio)\n"
        "print(asyncio.__implementation__)\n"
    )
    assert check(program) == "independent\n"


def test_an_asyncio_beside_the_script_is_found_as_always(python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "asyncio.py").write_text("__implementation__ = 'my own'")
    (tmp_path / "script.py").write_text(WHICH)

    assert python(str(tmp_path / "script.py")).stdout == "my own\n"


def test_a_folder_named_asyncio_without_code_hides_nothing(
    python: RunPython, tmp_path: Path
) -> None:
    (tmp_path / "asyncio").mkdir()
    (tmp_path / "script.py").write_text(WHICH)

    assert python(str(tmp_path / "script.py")).stdout == "independent\n"


def test_where_the_standard_one_came_first_it_stays_with_one_warning(python: RunPython) -> None:
    program = "import asyncio; hook.install(); hook.install()\n" + WHICH

    result = python(*install_from(SOURCE, program))

    assert result.stdout == "stdlib\n"
    assert result.stderr.count("RuntimeWarning: asyncio was imported from") == 1


def test_where_the_standard_one_came_first_on_request_nothing_is_said(python: RunPython) -> None:
    program = "import asyncio; hook.install()\n" + WHICH

    result = python(*install_from(SOURCE, program), implementation="stdlib")

    assert (result.stdout, result.stderr) == ("stdlib\n", "")


def test_nuitkas_build_says_that_it_takes_the_standard_one(
    python: RunPython, tmp_path: Path
) -> None:
    (tmp_path / "nuitka").mkdir()
    (tmp_path / "nuitka" / "__main__.py").write_text("print('builds')\n")
    path = {"PYTHONPATH": str(tmp_path)}

    result = python("-m", "nuitka", "program.py", environment=path)
    assert result.stdout == "builds\n"
    assert result.stderr.count("RuntimeWarning") == 1
    assert "Nuitka compiles the standard library's asyncio" in result.stderr
    result = python("-m", "nuitka", environment=path, implementation="stdlib")
    assert (result.stdout, result.stderr) == ("builds\n", "")


def test_installing_twice_is_installing_once(python: RunPython) -> None:
    program = (
        "before = len(sys.meta_path); hook.install(); hook.install(); "
        "print(len(sys.meta_path) - before)"
    )

    assert python(*install_from(SOURCE, program)).stdout == "1\n"


def test_the_finder_answers_for_one_name_only() -> None:
    finder = _asyncio_precedence.AsyncioFinder()

    for name in ("json", "asyncio_core", "asyncio.tasks", "asyncio_", "Asyncio"):
        assert finder.find_spec(name) is None


def test_without_the_core_the_standard_one_runs_with_a_warning(
    python: RunPython, installed: Path
) -> None:
    result = python(*install_from(installed, "hook.install()\n" + WHICH))

    assert result.stdout == "stdlib\n"
    assert "RuntimeWarning: asyncio-core is not installed" in result.stderr


def test_a_facade_that_lost_its_files_leaves_the_standard_one(
    python: RunPython, installed: Path
) -> None:
    (installed / "asyncio" / "__init__.py").unlink()

    result = python(*install_from(installed, "hook.install()\n" + WHICH))

    assert (result.stdout, result.stderr) == ("stdlib\n", "")


OTHER = b"raise SyntaxError('of Python 3.3')\n"


@pytest.mark.parametrize("compiled", [False, True], ids=["source", "compiled"])
def test_another_asyncio_that_was_laid_over_this_one_is_told_and_does_not_run(
    python: RunPython, installed: Path, compiled: bool
) -> None:
    facade = installed / "asyncio" / "__init__.py"
    facade.write_bytes(OTHER)
    if compiled:
        py_compile.compile(str(facade), cfile=f"{facade}c")
        facade.unlink()

    result = python(*install_from(installed, "hook.install()\n" + WHICH))

    assert result.stdout == "stdlib\n"
    assert result.stderr.count("RuntimeWarning") == 1
    assert f"{facade}{'c' if compiled else ''} belongs to another distribution" in result.stderr


def test_facade_without_its_source_is_taken_for_what_it_is(
    python: RunPython, installed: Path
) -> None:
    facade = installed / "asyncio" / "__init__.py"
    py_compile.compile(str(facade), cfile=f"{facade}c")
    facade.unlink()
    finder = "print(hook._FINDER.find_spec('asyncio').origin)"

    result = python(*install_from(installed, f"sys.path.append({CORE!r})\n{finder}"))

    assert (result.stdout, result.stderr) == (f"{facade}c\n", "")


def test_starting_python_costs_one_small_module(python: RunPython) -> None:
    program = (
        f"import sys; sys.path.append({str(SOURCE)!r}); before = set(sys.modules)\n"
        "import _asyncio_precedence as hook; hook.install()\n"
        "print(set(sys.modules) - before)"
    )

    assert python("-S", "-c", program).stdout == "{'_asyncio_precedence'}\n"


@pytest.fixture
def start_files() -> dict[str, str]:
    """The text of the two files that call the hook, where they are installed or in the sources."""
    found: dict[str, str] = {}
    for entry in [str(SOURCE), *sys.path]:
        for suffix in ("pth", "start"):
            file = Path(entry, f"asyncio-precedence.{suffix}")
            if suffix not in found and file.is_file():
                found[suffix] = file.read_text()
    return found


def test_the_pth_line_is_one_import_line_and_installs_the_hook(
    python: RunPython, start_files: dict[str, str]
) -> None:
    (line,) = start_files["pth"].splitlines()
    assert line.startswith("import ")
    program = f"exec({line!r}); print(hook._FINDER in sys.meta_path)"

    assert python(*install_from(SOURCE, program)).stdout == "True\n"


def test_the_pth_line_outlives_the_hook_it_calls(
    python: RunPython, start_files: dict[str, str]
) -> None:
    result = python("-S", "-c", start_files["pth"])

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_start_file_names_the_hook(start_files: dict[str, str]) -> None:
    module, _, function = start_files["start"].strip().partition(":")

    assert module == _asyncio_precedence.__name__
    assert function in _asyncio_precedence.__all__
