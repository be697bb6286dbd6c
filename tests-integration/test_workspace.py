"""`tools/dev.py`: its answers to bad input, and the layout that it counts on."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dev
from support import ROOT, run
from workspace import environments, installing, interpreters, packages, wheels
from workspace.console import Failure

if TYPE_CHECKING:
    from support import MakeEnvironment

DEV = ROOT / "tools" / "dev.py"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "no/such/program.py"], "no/such/program.py: there is no such file"),
        (["run", "."], ".: is a folder"),
        (["run"], "say which program"),
        (["run", "-m"], "-m needs the name of a module"),
        (["test", "--python", "3.7"], "unknown Python: '3.7'"),
        (["demo", "--python", "banana"], "unknown Python: 'banana'"),
        (["version", "one"], "not a version number: 'one'"),
        (["version", "1.0"], "version 1.0 lacks its epoch: 1!1.0;"),
        (["install", "locks"], "there is no piece 'locks' (there are asyncio, asyncio-core, "),
        (
            ["install", "--into", "no/such"],
            "no/such: there is no such environment, and no such Python",
        ),
        (["install", "--into", "."], ". is no environment: "),
        (["install", "--into", "true"], "true is no Python that runs"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words: list[str], message: str) -> None:
    done = run([sys.executable, DEV, *words], check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line


def _options_in(path: str) -> set[str]:
    """The options that a program adds to its parser."""
    text = (ROOT / path).read_text("utf-8")
    return set(re.findall(r"add_?(?:argument|option)\(\s*\"(-[\w-]+)\"", text))


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("conformance", "tools/conformance/__main__.py"),
        ("test", "tests-integration/conftest.py"),
        ("demo", "tools/demo/__main__.py"),
    ],
)
def test_help_names_what_is_handed_on(command: str, path: str) -> None:
    options = _options_in(path)
    assert options
    text = run([sys.executable, DEV, command, "--help"]).stdout
    assert {option for option in options if not re.search(rf"(?<![\w-]){option}\b", text)} == set()


def test_help_says_how_long_a_command_takes_and_how_much_disk() -> None:
    (subparsers,) = (
        action
        for action in dev._parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    # `version` takes no time; these two have a help of their own, which is not asked for here.
    long = set(subparsers.choices) - {"version", "bench", "docs"}
    for name in long:
        text = subparsers.choices[name].format_help()
        assert "\nTakes: " in text, name
        assert max(map(len, text.splitlines()[2:])) <= 100


def test_commands_of_the_readme_are_understood() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"(?:`|^)python3 tools/dev\.py ([^`\n]+)", text, re.MULTILINE)
    assert len(commands) > 20
    for command in commands:
        words = shlex.split(command.replace("…", ""))
        if "COMMAND" not in words:
            assert callable(dev.parse(words).call)


def test_nothing_is_installed_where_no_environment_is_active() -> None:
    # The interpreter below the environment that runs this: an environment's own installs into that.
    python = interpreters.probe(sys.executable)
    assert python is not None
    done = run(
        [python.path, DEV, "install"], env={"VIRTUAL_ENV": "", "CONDA_PREFIX": ""}, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "no environment is active: activate one, or name one with --into" in line


def test_nothing_is_installed_into_what_is_not_there_any_more() -> None:
    python = interpreters.probe(sys.executable)
    assert python is not None
    done = run([python.path, DEV, "install"], env={"VIRTUAL_ENV": "/no/such/place"}, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "/no/such/place: there is no such environment" in done.stderr


def test_pythons_that_belong_to_the_system_and_old_ones_are_left_alone(tmp_path: Path) -> None:
    for facts, message in (
        ({"managed": True, "own": False}, "belongs to the system"),
        ({"number": [3, 10], "version": "3.10.9"}, "is Python 3.10.9: 3.11 or newer is needed"),
    ):
        told = {"number": [3, 13], "version": "3.13.0", "own": True, "managed": False, "pip": True}
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\necho '{json.dumps({**told, **facts})}'\n")
        python.chmod(0o755)
        done = run([sys.executable, DEV, "install", "--into", python], check=False)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert message in line


@pytest.mark.parametrize("word", ["asyncio-sync", "asyncio_sync", "Sync"])
def test_piece_goes_by_several_names(word: str) -> None:
    assert installing._piece(word) == "asyncio-sync"


def test_environment_without_pip_is_filled_by_another_ones(
    make_environment: MakeEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment()
    environment.pip("uninstall", "--yes", "--quiet", "pip")
    monkeypatch.setattr(wheels, "of_work_tree", lambda python: environment.wheelhouse)
    assert installing.install(str(environment.folder), ["sync"]) == 0
    assert (
        environment.evaluate("import asyncio_sync; print(asyncio_sync.__name__)") == "asyncio_sync"
    )


def test_missing_python_that_is_asked_for_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "find", lambda version: None)
    with pytest.raises(Failure, match=r"Python 3\.12 was not found") as caught:
        interpreters.available(["3.12"])
    assert caught.value.status == 2


def test_missing_python_is_reported_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = interpreters.find
    monkeypatch.setattr(interpreters, "find", lambda v: None if v == "3.14" else find(v))
    found = [here.version for here in interpreters.available()]
    assert found
    assert "3.14" not in found
    assert "Python 3.14 is not here and is LEFT OUT" in capsys.readouterr().err


def test_pythons_are_asked_what_they_are(tmp_path: Path) -> None:
    impostor = tmp_path / "python3.11"
    impostor.write_text("#!/bin/sh\necho nonsense\n")
    impostor.chmod(0o755)
    assert interpreters.probe(str(impostor)) is None
    assert interpreters.probe(str(tmp_path / "missing")) is None


def test_environment_that_is_made_anew_is_filled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "hatch" / "env" / ".metadata" / "project" / "virtual"
    memory.mkdir(parents=True)
    (memory / "test.py3.13.json").touch()
    (memory / "test.py3.14.json").touch()
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "run_quietly", lambda *_, **__: "")
    environments._seed("test.py3.13", tmp_path / "test.py3.13", Path(sys.executable))
    assert [path.name for path in memory.iterdir()] == ["test.py3.14.json"]


def test_every_package_has_its_papers() -> None:
    for package in packages.load():
        for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "src", "tests"):
            assert (package.folder / name).exists(), f"{package.name} lacks {name}"
        licence = (package.folder / "LICENSE").read_bytes()
        assert licence == (ROOT / "LICENSE").read_bytes()


def test_no_private_key_lies_in_the_work_tree() -> None:
    # Certificates are made when the tests run (tools/test_support).
    folders = [ROOT / name for name in ("packages", "tools", "tests-integration")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    sources = [path for path in files if "__pycache__" not in path.parts]
    assert sources
    assert [path for path in sources if b" PRIVATE KEY-----\n" in path.read_bytes()] == []


def test_top_level_is_the_agreed_one() -> None:
    shown = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    agreed = {"packages", "tools", "tests-integration", "findings", "pyproject.toml", "hatch.toml"}
    assert shown - {"dist", "build"} == agreed | {"README.md", "LICENSE"}
