"""mypy and pyright, both at their strictest, and what they say of programs line by line."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: What a user has on the path who installed the pieces and not the umbrella.
PIECES = tuple(
    folder
    for folder in sorted((ROOT / "packages").glob("asyncio-*/src"))
    if folder.parent.name != "asyncio-iocp"
)

#: The Python whose asyncio the pieces are, on every Python.
NEWEST = "3.15"

#: The classes of asyncio, wherever they live: in `asyncio.tasks`, `_asyncio` or `asyncio_core`; and those that
#: stubs find elsewhere for an older Python.
_HOME = re.compile(r"\b(?:_?asyncio\w*(?:\.\w+)*|_collections_abc|typing_extensions)\.(?=\w)")
_MYPY_REVEALS = re.compile(r'Revealed type is "(.*)"$', re.DOTALL)
_PYRIGHT_REVEALS = re.compile(r'Type of ".*" is "(.*)"$', re.DOTALL)


@dataclass
class Said:
    """What a checker says of one line: the types that it reveals, and what it finds wrong."""

    reveals: list[str]
    errors: list[str]


#: By the file's path from the folder that was checked, and the line.
Report = dict[tuple[str, int], Said]


def mypy(
    folder: Path,
    path: Sequence[Path] = (),
    *,
    python: str = NEWEST,
    stubs: Path | None = None,
    interpreter: Path | None = None,
) -> Report:
    """Check the Python files in `folder`.

    `path` is where to import from besides, `stubs` a folder that comes before all else; `interpreter` is the
    one whose site-packages to look into. The programs are taken for Python `python`.
    """
    report: Report = {}
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", python]
    # No settings but these: programs are checked as those of a user who has none.
    command += ["--config-file=", "--explicit-package-bases", "--output=json", "--no-error-summary"]
    if interpreter is not None:
        command.append(f"--python-executable={interpreter}")
    first = () if stubs is None else (stubs,)
    done = run(
        [*command, "--cache-dir", ".mypy_cache", *_files(folder)],
        cwd=folder,
        env={"MYPYPATH": os.pathsep.join(map(str, (*first, *path)))},
        check=False,
    )
    if done.returncode not in (0, 1) or done.stderr:
        raise AssertionError(f"mypy did not work:\n{done.stdout}{done.stderr}")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        place = (_name(folder, folder / found["file"]), found["line"])
        if revealed := _MYPY_REVEALS.match(found["message"]):
            _said(report, place).reveals.append(without_homes(revealed[1]))
        elif found["severity"] == "error":
            _said(report, place).errors.append(found["message"])
    return report


def pyright(
    folder: Path,
    path: Sequence[Path] = (),
    *,
    python: str = NEWEST,
    stubs: Path | None = None,
    interpreter: Path | None = None,
) -> Report:
    """Check the Python files in `folder`; the arguments are as for `mypy()`."""
    report: Report = {}
    settings: dict[str, object] = {
        "typeCheckingMode": "strict",
        "pythonVersion": python,
        "include": _files(folder),
        "extraPaths": [str(each) for each in path],
        # What programs here do not do: use what they made.
        "reportUnusedVariable": False,
        "reportUnusedClass": False,
        "reportUnusedExpression": False,
        "reportDeprecated": False,
    }
    if stubs is not None:
        settings["stubPath"] = str(stubs)
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", "."]
    if interpreter is not None:
        command += ["--pythonpath", str(interpreter)]
    done = run(command, cwd=folder, env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}, check=False)
    if done.returncode not in (0, 1):
        raise AssertionError(f"pyright did not work:\n{done.stdout}{done.stderr}")
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        place = (_name(folder, folder / found["file"]), found["range"]["start"]["line"] + 1)
        if revealed := _PYRIGHT_REVEALS.match(found["message"]):
            _said(report, place).reveals.append(without_homes(revealed[1]))
        elif found["severity"] == "error":
            _said(report, place).errors.append(found["message"])
    return report


CHECKERS: dict[str, Callable[..., Report]] = {"mypy": mypy, "pyright": pyright}


def without_homes(text: str) -> str:
    """Return what a checker reveals with classes by their names alone, which ours have in common with asyncio's."""
    return _HOME.sub("", text)


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.py"))]


def _name(folder: Path, file: Path) -> str:
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def _said(report: Report, place: tuple[str, int]) -> Said:
    return report.setdefault(place, Said([], []))
