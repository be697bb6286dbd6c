"""Both forms of the packages are tested, and what is said where one of them can't be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workspace import environments, testing, twins
from workspace.console import Failure
from workspace.interpreters import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PASSED = '<testsuites><testsuite><testcase classname="m" name="t"/></testsuite></testsuites>'


def python(version: str, path: Path = Path("/nowhere/python")) -> Interpreter:
    return Interpreter(version, f"{version}.1", path, True, True, ".cpython-x.so")


class Hatch:
    """Stands in for hatch: keeps what it was to run, and reports one test that passed."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, list[str], dict[str, str]]] = []

    def run(self, environment: str, *command: Any, variables: Mapping[str, str]) -> int:
        words = [str(word) for word in command]
        (report,) = (word.partition("=")[2] for word in words if word.startswith("--junitxml="))
        assert not Path(report).exists(), "each run has a report of its own"
        Path(report).write_text(PASSED, "utf-8")
        self.runs.append((environment, words, dict(variables)))
        return 0


@pytest.fixture
def hatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hatch:
    hatch = Hatch()
    monkeypatch.setattr(testing, "REPORTS", tmp_path)
    monkeypatch.setattr(environments, "hatch_run", hatch.run)
    monkeypatch.setattr(environments, "prepare", lambda *_: tmp_path)
    monkeypatch.setattr(twins, "refresh", lambda *_: "")
    return hatch


def unit(versions: Sequence[str], *extra: str, forms: Sequence[str] = twins.FORMS) -> int:
    pipeline = testing.Pipeline([python(version) for version in versions], extra, forms)
    return pipeline.run(["unit"])


def test_each_python_runs_both_forms_and_the_table_has_a_row_for_each(
    hatch: Hatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unit(["3.11", "3.15"]) == 0
    pure = {"ASYNCIO_PURE_PYTHON": "1"}
    runs = [(environment, variables) for environment, _, variables in hatch.runs]
    assert runs == [(f"test.py{v}", form) for v in ("3.11", "3.15") for form in ({}, pure)]
    captured = capsys.readouterr()
    rows = [line for line in captured.err.splitlines() if line.endswith(" ok")]
    assert [row.partition("  ")[0] for row in rows] == [
        "tests of the packages, Python 3.11, compiled",
        "tests of the packages, Python 3.11, pure",
        "tests of the packages, Python 3.15, compiled",
        "tests of the packages, Python 3.15, pure",
    ]
    assert "4 passed" in captured.out


def test_the_pure_form_is_tested_on_the_oldest_and_the_newest(
    hatch: Hatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unit(["3.12", "3.13", "3.14"])
    runs = [(environment, bool(variables)) for environment, _, variables in hatch.runs]
    assert runs == [
        *(("test.py3.12", False), ("test.py3.12", True)),
        ("test.py3.13", False),
        *(("test.py3.14", False), ("test.py3.14", True)),
    ]
    assert "tests of the packages, Python 3.13, compiled" in capsys.readouterr().err


def test_tests_that_are_named_are_those_that_run(hatch: Hatch) -> None:
    name = "packages/asyncio-iocp/tests::test_one"
    unit(["3.12", "3.13", "3.14"], name, "-x")
    assert all(words[-2:] == [name, "-x"] for _, words, _ in hatch.runs)
    assert not any("packages/asyncio-core" in words for _, words, _ in hatch.runs)


def test_one_form_may_be_chosen(hatch: Hatch) -> None:
    assert unit(["3.13"], forms=[twins.PURE]) == 0
    assert [variables for _, _, variables in hatch.runs] == [{"ASYNCIO_PURE_PYTHON": "1"}]


def test_form_that_cannot_be_is_left_out_and_said(
    hatch: Hatch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(twins, "refresh", lambda *_: "there is no compiler")
    assert unit(["3.13"]) == 0
    title = "tests of the packages, Python 3.13, compiled"
    shown = capsys.readouterr().err
    assert shown.count(f"--- {title}: LEFT OUT: there is no compiler") == 2
    assert any(line.startswith(title) and line.endswith("LEFT OUT") for line in shown.splitlines())
    assert len(hatch.runs) == 1


def test_twin_that_does_not_compile_is_a_failure(
    hatch: Hatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refresh(*_: object) -> str:
        raise Failure("it does not compile")

    monkeypatch.setattr(twins, "refresh", refresh)
    assert unit(["3.13"]) == 1
    assert len(hatch.runs) == 1, "the pure form runs all the same"


@pytest.mark.parametrize(
    ("value", "form"), [("1", twins.PURE), ("yes", twins.PURE), ("0", None), ("", None)]
)
def test_environment_chooses_the_pure_form(
    monkeypatch: pytest.MonkeyPatch, value: str, form: str | None
) -> None:
    monkeypatch.setenv("ASYNCIO_PURE_PYTHON", value)
    assert twins.chosen_form() == form


@pytest.fixture
def package(tmp_path: Path) -> Callable[[str, int], bool]:
    """A package whose twin was built at 100; changes the time of one file, and tells if the twin is out of date."""
    folder = tmp_path / "src" / "asyncio_sample"
    (folder / "native").mkdir(parents=True)
    names = {"source": "_twins.pyx", "part": "native/more.pxi", "header": "shared.h"}
    files = {key: folder / name for key, name in {**names, "module": "other.py"}.items()}
    files["twin"] = folder / "_twins.cpython-x.so"
    files |= {"hook": tmp_path / "hatch_build.py", "interpreter": tmp_path / "python"}
    for path in files.values():
        path.touch()
        os.utime(path, (50, 50))
    os.utime(files["twin"], (100, 100))
    here = python("3.13", files["interpreter"])

    def is_stale_after(key: str, when: int) -> bool:
        if when:
            os.utime(files[key], (when, when))
        else:
            files[key].unlink()
        return twins._is_stale(files["hook"], files["source"], here)

    return is_stale_after


@pytest.mark.parametrize("key", ["source", "part", "header", "hook", "interpreter"])
def test_twin_is_built_again_after_a_change(package: Callable[[str, int], bool], key: str) -> None:
    assert not package(key, 99)
    assert package(key, 101)


def test_twin_is_built_where_there_is_none_and_not_for_other_files(
    package: Callable[[str, int], bool],
) -> None:
    assert not package("module", 200)
    assert package("twin", 0)
