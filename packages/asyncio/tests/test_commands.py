"""`python -m asyncio` with arguments: what it prints, and what it refuses."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    RunPython = Callable[..., subprocess.CompletedProcess[str]]


def test_version_names_the_implementation_the_python_and_every_piece(python: RunPython) -> None:
    import asyncio

    result = python("-m", "asyncio", "--version")

    assert (result.returncode, result.stderr) == (0, "")
    first, *rows = result.stdout.splitlines()
    version = asyncio.__version__
    assert first.startswith(f"asyncio {version} (independent), ")
    assert sys.version.split()[0] in first
    pieces = {name: piece for name, piece, _ in (row.split(maxsplit=2) for row in rows)}
    names = {"asyncio-core", "asyncio-selectors", "asyncio-streams"}
    names |= {"asyncio-subprocess", "asyncio-sync"}
    if sys.platform == "win32":
        names.add("asyncio-iocp")
    assert set(pieces) == names
    assert set(pieces.values()) == {version}


def forms_told(python: RunPython, **environment: str) -> dict[str, str]:
    """What `--version` says of each piece after its version."""
    result = python("-m", "asyncio", "--version", environment=environment)
    assert (result.returncode, result.stderr) == (0, "")
    rows = [row.split(maxsplit=2) for row in result.stdout.splitlines()[1:]]
    return {name: form for name, _, form in rows}


def test_version_tells_what_runs_compiled(python: RunPython) -> None:
    forms = forms_told(python, ASYNCIO_PURE_PYTHON="")

    for piece in ("core", "selectors", "streams"):
        if find_spec(f"asyncio_{piece}._twins") is not None:
            assert forms[f"asyncio-{piece}"] == "compiled"
        else:
            assert forms[f"asyncio-{piece}"].startswith("pure: ")
    assert forms["asyncio-subprocess"] == "pure: it has no compiled form"


def test_version_tells_that_the_compiled_form_is_left_aside(python: RunPython) -> None:
    forms = forms_told(python, ASYNCIO_PURE_PYTHON="1")

    assert forms["asyncio-core"] == "pure: ASYNCIO_PURE_PYTHON is set"
    assert forms["asyncio-selectors"] == "pure: ASYNCIO_PURE_PYTHON is set"
    assert forms["asyncio-streams"] == "pure: ASYNCIO_PURE_PYTHON is set"


def test_loops_lists_the_registered_loops_and_marks_one_default(python: RunPython) -> None:
    result = python("-m", "asyncio", "loops")

    assert (result.returncode, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["NAME", "DISTRIBUTION", "VERSION", "STATUS"]
    default = "iocp" if sys.platform == "win32" else "selectors"
    assert [row.split()[0] for row in rows if " default " in row] == [default]
    (selectors,) = (row.split() for row in rows if row.startswith("selectors "))
    assert selectors[1] == "asyncio-selectors"
    assert selectors[-1] == "usable"


def test_loops_says_that_the_environment_chooses(python: RunPython) -> None:
    result = python("-m", "asyncio", "loops", environment={"ASYNCIO_LOOP": "parking"})

    assert result.stdout.splitlines()[-1].startswith("ASYNCIO_LOOP=parking is set")


def test_loops_lists_in_spite_of_a_loop_that_is_not_there(python: RunPython) -> None:
    result = python("-m", "asyncio", "loops", environment={"ASYNCIO_LOOP": "nonsense"})

    assert result.returncode == 0
    assert "selectors" in result.stdout


def test_stubs_prints_the_folder_that_shows_this_asyncio_to_type_checkers(
    python: RunPython,
) -> None:
    result = python("-m", "asyncio", "stubs")

    assert (result.returncode, result.stderr) == (0, "")
    stub = Path(result.stdout.rstrip("\n"), "asyncio", "__init__.pyi")
    assert "__implementation__: str" in stub.read_text("utf-8").splitlines()


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_the_commands(python: RunPython, option: str) -> None:
    result = python("-m", "asyncio", option)

    assert (result.returncode, result.stderr) == (0, "")
    assert {"loops", "stubs", "--version"} <= set(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lops"], "unknown command 'lops'"),
        (["--nonsense"], "unknown command '--nonsense'"),
        (["loops", "selectors"], "loops takes no arguments, got 'selectors'"),
        (["stubs", "mypy"], "stubs takes no arguments, got 'mypy'"),
        (["--version", "1", "2"], "--version takes no arguments, got '1 2'"),
        (["ps"], "ps takes the id of a process, got ''"),
        (["pstree", "init"], "pstree takes the id of a process, got 'init'"),
        (["ps", "0x1"], "ps takes the id of a process, got '0x1'"),
        # No number of this process: each that runs some of the tests has to find the same names.
        (["pstree", "PARENT"], "process PARENT: "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(
    python: RunPython, arguments: list[str], message: str
) -> None:
    parent = str(os.getpid())
    result = python("-m", "asyncio", *(word.replace("PARENT", parent) for word in arguments))

    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"python -m asyncio: {message.replace('PARENT', parent)}")


def test_the_shell_refuses_an_unknown_loop_with_one_line(python: RunPython) -> None:
    result = python("-m", "asyncio", environment={"ASYNCIO_LOOP": "nonsense"})

    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "nonsense" in line


def test_a_reader_that_goes_away_is_no_error(python: RunPython) -> None:
    program = (
        "import os, subprocess, sys\n"
        "reader, writer = os.pipe(); os.close(reader)\n"
        "command = [sys.executable, '-m', 'asyncio', 'loops']\n"
        "print(subprocess.run(command, stdout=writer).returncode)"
    )

    result = python("-c", program)

    assert (result.stdout, result.stderr) == ("0\n", "")


def test_importing_the_command_line_runs_nothing(python: RunPython) -> None:
    result = python("-c", "import asyncio.__main__", "loops")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
