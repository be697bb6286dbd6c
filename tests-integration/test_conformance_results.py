"""What `dev.py conformance` makes of the runs on several Pythons, and the README's tables of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import ROOT
from workspace import conformance, interpreters, results, twins
from workspace.console import Failure
from workspace.interpreters import Interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = {"passed": 90, "failed": 0, "excluded": 4, "left-out": 3, "skipped": 2, "total": 99}
REPORT: dict[str, Any] = {
    "counts": COUNTS,
    "modules": {"test_one": COUNTS},
    "missing_modules": [],
    "left_out": {"there is no accelerator": 3},
    "problems": [],
    "whole": True,
    "rules": ["accelerator"],
    "rules_used": ["accelerator"],
}
Reports = dict[str, tuple[int, dict[str, Any]]]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reports:
    """Status and report of the runner on each Python, to be changed by the test."""
    reports = {version: (0, dict(REPORT)) for version in interpreters.SUPPORTED}

    def run_suite(python: Interpreter, arguments: Sequence[str], form: str) -> conformance.Suite:
        status, report = reports[python.version]
        problems = list(report.get("problems", ()))
        return conformance.Suite(python, status, 1.0, report, problems, form)

    monkeypatch.setattr(conformance, "best_form", lambda python: twins.COMPILED)
    monkeypatch.setattr(conformance, "run_suite", run_suite)
    monkeypatch.setattr(results, "CONFORMANCE", tmp_path / "results.json")
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        "before\n<!-- table: conformance -->\nold\n<!-- end -->\n<!-- table: libraries -->\nold\n<!-- end -->\n"
        "<!-- table: summary -->\nold\n<!-- end -->\n"
        "<!-- table: speed -->\nold\n<!-- end -->\n"
    )
    return reports


def run(
    versions: Sequence[str] = interpreters.SUPPORTED,
    *,
    write: bool = False,
    form: str | None = None,
) -> int:
    pythons = [Interpreter(v, f"{v}.1", Path(f"/python{v}"), True, True) for v in versions]
    return conformance.run(pythons, [], write_results=write, form=form)


def test_whole_run_without_failure_is_kept_and_shown_in_the_readme(
    runner: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write=True) == 0
    kept = json.loads(results.CONFORMANCE.read_text("utf-8"))["pythons"]
    assert list(kept) == list(interpreters.SUPPORTED)
    assert kept["3.12"]["counts"]["excluded"] == 4
    text = results.README.read_text("utf-8")
    assert text.startswith("before\n<!-- table: conformance -->\n| Python | passed |")
    assert "| 3.13.1 | 90 | 4 | 3 | 2 | 99 | 95.7% |" in text
    assert "90 of the interpreter's own tests of asyncio pass on Python 3.15 (95.7% of" in text
    assert "old" not in text
    assert "3.15.1" in capsys.readouterr().out


def test_the_readme_has_no_column_for_what_nothing_is_left_out_of() -> None:
    counts = COUNTS | {"left-out": 0}
    table = results.conformance_table({"pythons": {"3.13": {"python": "3.13.1", "counts": counts}}})
    assert table.splitlines() == [
        "| Python | passed | excluded | skipped | total | of what ran, passed |",
        "|---|---|---|---|---|---|",
        "| 3.13.1 | 90 | 4 | 2 | 99 | 95.7% |",
    ]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({}, 1, ""),
        ({"problems": ["a problem"]}, 0, "Python 3.14: a problem"),
        ({"whole": False}, 0, ""),
    ],
    ids=["failed", "problem", "part"],
)
def test_results_of_anything_less_are_not_kept(
    runner: Reports,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    status: int,
    message: str,
) -> None:
    runner["3.14"] = (status, REPORT | change)
    with pytest.raises(Failure, match="without a failure only"):
        run(write=True)
    assert not results.CONFORMANCE.exists()
    assert message in capsys.readouterr().err
    assert run() == (0 if "whole" in change else 1)


def test_results_of_the_pure_form_are_not_kept(
    runner: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(form=twins.PURE) == 0
    captured = capsys.readouterr()
    assert "Python 3.14, pure" in captured.err
    assert captured.out.count("pure") == len(interpreters.SUPPORTED)
    with pytest.raises(Failure, match=r"compiled, without a failure only"):
        run(write=True, form=twins.PURE)


def test_results_of_some_pythons_are_not_kept(runner: Reports) -> None:
    assert run(["3.11", "3.15"]) == 0
    with pytest.raises(Failure, match="without a failure only"):
        run(["3.11", "3.15"], write=True)


def test_module_is_missing_only_where_no_python_has_it(
    runner: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    runner["3.11"] = (5, REPORT | {"missing_modules": ["test_graph"], "whole": False})
    assert run() == 0
    assert run(["3.11"]) == 1
    assert "no Python of this run has the module test_graph" in capsys.readouterr().err


def test_choosing_no_test_at_all_is_a_failure(
    runner: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in interpreters.SUPPORTED:
        runner[version] = (5, REPORT | {"whole": False})
    assert run() == 1
    assert "no test was chosen" in capsys.readouterr().err


def test_rule_that_explains_no_skip_anywhere_is_a_failure(
    runner: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in interpreters.SUPPORTED:
        runner[version] = (0, REPORT | {"rules_used": []})
    assert run() == 1
    assert "explains no skip on any Python: 'accelerator'" in capsys.readouterr().err


def test_runner_that_leaves_no_report_is_a_failure(runner: Reports) -> None:
    runner["3.12"] = (1, {})
    assert run() == 1


def test_readme_has_the_tables_of_the_kept_results() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert results.with_tables(text) == text


def test_table_of_speed_has_the_mean_and_the_range_of_what_others_take() -> None:
    figures = {
        "switch": {
            "ours": {"value": 10},
            "standard": {"value": 20},
            "uvloop": {"missing": "hangs"},
        },
        "wake": {"ours": {"value": 10}, "standard": {"value": 80}, "C": {"value": 1}},
    }
    sides: dict[str, Any] = dict.fromkeys(("ours", "standard", "uvloop", "C"))
    made = results.speed_table([{"what": "scheduling", "sides": sides, "figures": figures}])
    head, _, row = made.splitlines()
    assert head == "| times what ours takes | standard | uvloop |"
    assert row.endswith("(2 measurements) | 4.00 (2.00 to 8.00) | none |")


def test_a_later_measurement_of_few_cases_takes_their_place_only() -> None:
    sides: dict[str, Any] = dict.fromkeys(("ours", "uvloop"))
    former = {"sides": sides, "cases": {"a": 1, "b": 1}, "figures": {"a": {}, "b": {}}, "made": 1}
    later = {"sides": sides, "cases": {"b": 2}, "figures": {"b": {"ours": 3}}, "made": 2}
    merged = results.with_later(former, later)
    assert merged["cases"] == {"a": 1, "b": 2}
    assert merged["figures"] == {"a": {}, "b": {"ours": 3}}
    assert merged["made"] == 2
    # Beside other sides nothing can be compared with the former ones.
    assert results.with_later(former, {**later, "sides": {"ours": None}})["cases"] == {"b": 2}


def test_kept_results_add_up() -> None:
    for result in json.loads(results.CONFORMANCE.read_text("utf-8"))["pythons"].values():
        counts = result["counts"]
        words = ("passed", "excluded", "left-out", "skipped")
        assert sum(counts[word] for word in words) == counts["total"]
        for word in (*words, "total"):
            assert sum(module.get(word, 0) for module in result["modules"].values()) == counts[word]
        assert sum(result["left_out"].values()) == counts["left-out"]


#: They patch and read private parts of the standard implementation all along.
WHITE_BOX = (
    "test_base_events",
    "test_proactor_events",
    "test_selector_events",
    "test_sslproto",
    "test_unix_events",
)


def test_kept_results_are_as_good_as_is_claimed() -> None:
    for version, result in json.loads(results.CONFORMANCE.read_text("utf-8"))["pythons"].items():
        assert results.share(result["counts"]) > 0.95, version
        for module in WHITE_BOX:
            assert results.share(result["modules"][module]) >= 0.75, (version, module)


def test_libraries_of_the_table_are_those_that_are_tried_out() -> None:
    pinned = (ROOT / "tests-integration" / "libraries" / "requirements.txt").read_text("utf-8")
    kept = json.loads(results.LIBRARIES.read_text("utf-8"))
    for name, version in {**kept["libraries"], **kept["loops"]}.items():
        assert f"{name}=={version}\n" in pinned
