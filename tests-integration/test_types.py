"""What type checkers see of the pieces: what they see of asyncio in typeshed, or more.

The programs in `typed/` use every public name in the ways that its documentation shows, and in some that it
does not allow. mypy and pyright read them twice: as they stand, where `asyncio` is typeshed's, and with the
names of the pieces, or with the stubs that the umbrella brings. They have to reveal the same types, and to refuse
the same lines: those that end in "# wrong". `typed/more_exact.toml` says where the pieces are more exact.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import test_readmes
from checkers import CHECKERS, NEWEST, PIECES, Said
from support import ROOT, run

if TYPE_CHECKING:
    from checkers import Report
    from support import MakeEnvironment

TYPED = ROOT / "tests-integration" / "typed"
PROGRAMS = sorted(TYPED.glob("*.py"))
STUBS = ROOT / "packages" / "asyncio" / "stubs"
OLDEST = "3.11"

_NAME = re.compile(r"\basyncio\.([A-Za-z_]\w*)")
_WRONG = re.compile(r"# wrong(?: \((mypy|pyright)\))?$")

# Deprecated on Python 3.14 and newer, and so in no `__all__`, but there.
_POLICIES = {"AbstractEventLoopPolicy", "DefaultEventLoopPolicy"}

_PUBLIC = """
import asyncio, inspect, json

names = {}
for name in asyncio.__all__:
    if "child_watcher" in name or "ChildWatcher" in name:
        continue  # gone in Python 3.14
    value = getattr(asyncio, name)
    common = set(dir(OSError)) if inspect.isclass(value) else set()
    members = dir(value) if inspect.isclass(value) else ()
    names[name] = [each for each in members if not each.startswith("_")]
    names[name] = [each for each in names[name] if each not in common and "child_watcher" not in each]
print(json.dumps(names))
"""


_EVERYWHERE = """
import asyncio, json, sys, warnings

warnings.simplefilter("ignore")
names = {"asyncio": ["__implementation__", "__version__", "coroutine", *asyncio.__all__]}
for name in dir(asyncio):
    module = sys.modules.get(f"asyncio.{name}")
    if module is not None:
        names["asyncio"].append(name)
        names[f"asyncio.{name}"] = list(getattr(module, "__all__", ()))
print(json.dumps(names))
"""

# What typeshed does not know, of this asyncio or of asyncio on an older Python.
_NEWER = """
import asyncio


async def main() -> None:
    reveal_type(asyncio.__implementation__)
    async with asyncio.TaskGroup() as group:
        reveal_type(await group.create_task(asyncio.sleep(0, 1), eager_start=True))
        group.cancel()
    reveal_type(asyncio.format_call_graph())
"""


def run_umbrella(program: str) -> dict[str, list[str]]:
    """Run a program on the umbrella in the work tree; return what it prints, lists of names."""
    path = os.pathsep.join(map(str, (ROOT / "packages").glob("*/src")))
    done = run([sys.executable, "-c", program], env={"PYTHONPATH": path})
    names: dict[str, list[str]] = json.loads(done.stdout)
    return names


def source(path: Path) -> dict[int, str]:
    return dict(enumerate(path.read_text("utf-8").splitlines(), 1))


def names_of_the_pieces() -> dict[str, str]:
    """Return which piece a type checker finds each name in."""
    homes: dict[str, str] = {}
    for folder in PIECES:
        for path in folder.glob("*/__init__.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = []
                if isinstance(node, ast.ImportFrom):
                    names = [alias.asname or alias.name for alias in node.names]
                elif isinstance(node, ast.Assign):
                    names = [each.id for each in node.targets if isinstance(each, ast.Name)]
                for name in names:
                    homes.setdefault(name, path.parent.name)
    # A module, which the standard asyncio has as an attribute.
    homes["subprocess"] = "asyncio_subprocess"
    return homes


def write(folder: Path, *, pieces: bool) -> None:
    """Write the programs to check, for typeshed's asyncio or for the pieces."""
    used: set[str] = set()
    (folder / "typed").mkdir(parents=True)
    for path in PROGRAMS:
        text = path.read_text("utf-8")
        assert text.count("import asyncio\n") == 1, path
        used.update(_NAME.findall(text))
        if pieces:
            text = text.replace("import asyncio\n", "import pieces as asyncio\n")
        (folder / "typed" / path.name).write_text(text, "utf-8")
    if pieces:
        homes = names_of_the_pieces()
        lines = []
        for name in sorted(used):
            mark = "  # pyright: ignore[reportPrivateUsage]" if name.startswith("_") else ""
            lines.append(f"from {homes[name]} import {name} as {name}{mark}\n")
        (folder / "pieces.py").write_text("".join(lines), "utf-8")


class Standard:
    """What the checkers say of the programs with typeshed's asyncio; each is asked once."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._reports: dict[str, Report] = {}

    def report(self, checker: str) -> Report:
        if checker not in self._reports:
            folder = self._factory.mktemp(f"standard-{checker}")
            write(folder, pieces=False)
            self._reports[checker] = CHECKERS[checker](folder, python=NEWEST)
        return self._reports[checker]


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Standard:
    return Standard(tmp_path_factory)


class MoreExact:
    """The entries of more_exact.toml that concern one checker, and which of them were needed."""

    def __init__(self, checker: str) -> None:
        self._types: dict[tuple[str, str], list[str]] = {}
        self.unused: set[tuple[str, str]] = set()
        text = (TYPED / "more_exact.toml").read_text("utf-8")
        for entry in tomllib.loads(text)["more_exact"]:
            assert len(entry["reason"].split()) >= 4, "a reason is a sentence"
            if checker in entry:
                self._types[entry["program"], entry["line"]] = entry[checker]
        self.unused.update(self._types)

    def types(self, program: str, line: str, usual: list[str]) -> list[str]:
        exact = self._types.get((program, line.strip()))
        if exact is None or exact == usual:
            return usual
        self.unused.discard((program, line.strip()))
        return exact


def compare(checker: str, usual: Report, own: Report) -> None:
    """Fail where `own` is another report than `usual`, is not more exact, or refuses other lines than those marked."""
    usual, own = dict(usual), dict(own)
    more_exact = MoreExact(checker)
    differences = []
    nothing = Said([], [])
    for path in PROGRAMS:
        for number, line in source(path).items():
            place = (f"typed/{path.name}", number)
            there, here = usual.pop(place, nothing), own.pop(place, nothing)
            wanted = more_exact.types(path.stem, line, there.reveals)
            if here.reveals != wanted:
                differences.append(f"{place}: {line}\n  {there.reveals}\n  {here.reveals}")
            mark = _WRONG.search(line)
            wrong = mark is not None and mark[1] in (None, checker)
            for which, said in (("typeshed", there), ("here", here)):
                if bool(said.errors) != wrong:
                    differences.append(f"{place}: {line}\n  {which}: {said.errors}")
    assert not differences, "\n".join(differences)
    assert not more_exact.unused, "more_exact.toml: not, or no longer"
    # Nor is anything wrong in the packages themselves, as far as the checker looked at them.
    assert own == {}


# The pieces are the newest asyncio on every Python.
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("checker", CHECKERS)
def test_pieces_have_the_types_of_typeshed(
    checker: str, version: str, standard: Standard, tmp_path: Path
) -> None:
    write(tmp_path, pieces=True)

    own = CHECKERS[checker](tmp_path, PIECES, python=version)

    compare(checker, standard.report(checker), own)


@pytest.mark.parametrize("checker", CHECKERS)
def test_stubs_of_the_umbrella_have_the_types_of_typeshed(
    checker: str, standard: Standard, tmp_path: Path
) -> None:
    write(tmp_path, pieces=False)

    own = CHECKERS[checker](tmp_path, PIECES, stubs=STUBS, python=OLDEST)

    compare(checker, standard.report(checker), own)


@pytest.mark.parametrize("checker", CHECKERS)
def test_stubs_of_the_umbrella_have_every_name_that_is_there(checker: str, tmp_path: Path) -> None:
    lines = ["# pyright: reportPrivateUsage=false, reportUnusedImport=false"]
    for module, names in run_umbrella(_EVERYWHERE).items():
        lines += [
            f"from {module} import {name} as n{len(lines) + n}" for n, name in enumerate(names)
        ]
    (tmp_path / "names.py").write_text("\n".join(lines) + "\n", "utf-8")
    running = "{}.{}".format(*sys.version_info)

    assert CHECKERS[checker](tmp_path, PIECES, stubs=STUBS, python=running) == {}


@pytest.mark.parametrize("checker", CHECKERS)
def test_installed_umbrella_shows_itself_to_checkers(
    checker: str, make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    environment = make_environment("asyncio")
    stubs = Path(environment.run("-m", "asyncio", "stubs").stdout.rstrip("\n"))
    (tmp_path / "program.py").write_text(_NEWER, "utf-8")

    without = CHECKERS[checker](tmp_path, interpreter=environment.python, python=OLDEST)
    report = CHECKERS[checker](tmp_path, interpreter=environment.python, stubs=stubs, python=OLDEST)

    assert [said.reveals for said in report.values()] == [["str"], ["int"], ["str"]]
    # What has no stubs is typeshed's, with what a Python of that age had.
    assert sum(bool(said.errors) for said in without.values()) == 4


@pytest.mark.parametrize("checker", CHECKERS)
def test_programs_of_the_readmes_are_typed(checker: str, tmp_path: Path) -> None:
    for path in test_readmes.READMES:
        name = re.sub(r"\W", "_", str(path.relative_to(ROOT).with_suffix("")))
        for n, example in enumerate(test_readmes.read(path).examples):
            (tmp_path / f"{name}_{n}.py").write_text(example.program, "utf-8")

    assert CHECKERS[checker](tmp_path, PIECES, stubs=STUBS) == {}


def test_every_public_name_is_in_a_program() -> None:
    programs = "\n".join(path.read_text("utf-8") for path in PROGRAMS)
    used = set(_NAME.findall(programs))
    members = set(re.findall(r"\.(\w+)", programs)) | set(re.findall(r"def (\w+)", programs))
    missing = []
    for name, found in run_umbrella(_PUBLIC).items():
        missing += [name] if name not in used else []
        missing += [f"{name}.{member}" for member in found if member not in members]
    assert not missing
    assert used >= _POLICIES
