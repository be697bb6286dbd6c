"""`python -m asyncio` with arguments: what it prints, and what it refuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asyncio_test_support.fixture_types import RunPython


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
        # That of selectors has nothing for Windows in it.
        none_here = piece == "selectors" and sys.platform == "win32"
        if find_spec(f"asyncio_{piece}._twins") is not None and not none_here:
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
    assert max(map(len, result.stdout.splitlines())) <= 80


def told_of_choice(python: RunPython, choice: str, **environment: str) -> str:
    """What `loops` says of ASYNCIO_LOOP, in one line."""
    result = python("-m", "asyncio", "loops", environment={"ASYNCIO_LOOP": choice, **environment})
    assert (result.returncode, result.stderr) == (0, "")
    assert "selectors" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    before, found, after = result.stdout.partition(f"ASYNCIO_LOOP={choice}")
    assert before.endswith("\n") and found
    return " ".join(f"{found}{after}".split())


def test_loops_tells_what_the_environment_chooses(python: RunPython) -> None:
    told = told_of_choice(python, "parking")

    kind = "asyncio_core.loops.parking.ParkingEventLoop"
    assert told == f"ASYNCIO_LOOP=parking is set: programs run on {kind}"


def test_loops_lists_in_spite_of_a_choice_that_is_not_there(python: RunPython) -> None:
    told = told_of_choice(python, "nonsense")

    assert told.startswith("ASYNCIO_LOOP=nonsense: there is no event loop named 'nonsense'; known")


def test_loops_tells_that_what_the_environment_chooses_makes_no_loop(
    python: RunPython, tmp_path: Path
) -> None:
    (tmp_path / "plugin.py").write_text("class NoLoop: pass\n")

    told = told_of_choice(python, "plugin:NoLoop", PYTHONPATH=str(tmp_path))

    assert told == "ASYNCIO_LOOP=plugin:NoLoop makes a NoLoop, which is no loop"


def test_loops_shows_what_makes_no_loop_as_unusable_with_the_reason(
    python: RunPython, tmp_path: Path
) -> None:
    (tmp_path / "plugin.py").write_text("class NoLoop: pass\n")
    metadata = tmp_path / "broken_loop-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-loop\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[asyncio.loop_policies]\nbroken=plugin:NoLoop\n")

    result = python("-m", "asyncio", "loops", environment={"PYTHONPATH": str(tmp_path)})

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    (row,) = (line for line in lines if line.startswith("broken "))
    assert row.split() == ["broken", "broken-loop", "1.0", "unusable"]
    reason = "'plugin:NoLoop' of broken-loop 1.0 makes a NoLoop, which is no loop"
    assert lines[lines.index(row) + 1] == f"    {reason}"


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


COMMANDS = ["loops", "stubs", "ps", "pstree", "top", "trace", "--version", "--help"]
TAKES = {
    "ps": " PID",
    "pstree": " PID",
    "top": " PID [--once [--json]] [--interval SECONDS]",
    "trace": " -o FILE [--seconds SECONDS] PID | PROGRAM [ARGUMENTS]",
}


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_of_itself(python: RunPython, command: str, option: str) -> None:
    result = python("-m", "asyncio", command, option)

    assert (result.returncode, result.stderr) == (0, "")
    first, empty, *about = result.stdout.splitlines()
    assert first == f"usage: python -m asyncio {command}{TAKES.get(command, '')}"
    assert empty == ""
    assert about
    assert max(map(len, about)) <= 80


def test_help_lists_all_of_them_in_80_columns(python: RunPython) -> None:
    lines = python("-m", "asyncio", "--help").stdout.splitlines()

    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == COMMANDS
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", ["ps", "pstree"])
def test_process_that_is_not_there_is_told(python: RunPython, command: str) -> None:
    ended = python("-c", "import os; print(os.getpid())").stdout.strip()
    for pid in (ended, "0", "-1", "9" * 30):
        result = python("-m", "asyncio", command, pid)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"python -m asyncio: process {pid}: there is no such process\n"


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


@pytest.mark.skipif(sys.platform == "win32", reason="a process there has an output, or none at all")
@pytest.mark.parametrize("command", ["loops", "pstree 1"])
def test_an_output_that_is_closed_is_one_line(command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m asyncio {command} >&-', sys.executable],
        stderr=subprocess.PIPE,
        text=True,
    )
    told = "python -m asyncio: standard output is closed\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no file here is always full")
@pytest.mark.parametrize("command", ["--help", "loops", "--version"])
def test_output_that_finds_no_room_is_one_line(command: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "asyncio", command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    told = f"python -m asyncio: standard output: {os.strerror(errno.ENOSPC)}\n"
    assert (done.returncode, done.stderr) == (2, told)
