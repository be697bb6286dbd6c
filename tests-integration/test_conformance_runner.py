"""The runner of the interpreter's suite notices what it has to notice."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from support import ROOT

sys.path.append(str(ROOT / "tools" / "conformance"))

import exclusions
from processes import (
    Module,
    Outcome,
    Proof,
    WrongImplementation,
    list_tests,
    run_tests,
)

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = """
import os, signal, threading, time, unittest

class Sample(unittest.TestCase):
    def test_a_passes(self):
        print("what a test prints is no report")
    def test_b_fails(self):
        self.assertEqual(1, 2, "one is not two")
    def test_c_hangs(self):
        threading.Event().wait()
    def test_d_crashes(self):
        os.kill(os.getpid(), signal.SIGKILL)
    def test_e_leaves(self):
        os._exit(0)
    def test_f_is_skipped(self):
        self.skipTest("for a reason")
    def test_g_has_a_failing_part(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
    @unittest.expectedFailure
    def test_h_fails_as_expected(self):
        self.fail()
    @unittest.expectedFailure
    def test_i_passes_unexpectedly(self):
        pass
    def test_j_passes_after_all_that(self):
        pass

class NoSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no class")
    def test_never_runs(self):
        pass
"""


def sample(name: str) -> Module:
    limits = {f"{name}.Sample.test_c_hangs": 0.5}
    return Module(name, limit=60.0, implementation="stdlib", stand_ins={}, limits=limits)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    (tmp_path / "sample_suite.py").write_text(SAMPLE, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return sample("sample_suite")


def test_every_outcome_is_told_apart(suite: Module) -> None:
    proof = Proof(expect_ours=False)
    tests, skipped = list_tests(suite, proof)
    assert (len(tests), skipped) == (11, "")
    outcomes: list[Outcome] = []
    wanted = [test for test in tests if ".Sample." in test]
    run_tests(suite, wanted, proof, outcomes.append)
    got = {re.sub(r".*test_(\w)_.*", r"\1", o.test): o.outcome for o in outcomes}
    good = {"a": "passed", "f": "skipped", "h": "passed", "j": "passed"}
    assert got == dict.fromkeys("bcdegi", "failed") | good
    details = {o.test.rpartition(".")[2]: o.detail for o in outcomes}
    assert "one is not two" in details["test_b_fails"]
    assert "test_c_hangs" in details["test_c_hangs"], "the stack of a hanging test is shown"
    assert "hung for 0.5 s" in details["test_c_hangs"], "a test may have a limit of its own"
    assert "signal 9" in details["test_d_crashes"]
    assert "n=1" in details["test_g_has_a_failing_part"]
    assert details["test_f_is_skipped"] == "for a reason"
    # One process for the start, and one more after each that was lost.
    assert proof.processes == 4


def test_class_whose_set_up_fails_is_a_failure(suite: Module) -> None:
    outcomes: list[Outcome] = []
    tests = ["sample_suite.NoSetUp.test_never_runs"]
    run_tests(suite, tests, Proof(expect_ours=False), outcomes.append)
    assert [o.outcome for o in outcomes] == ["failed"]
    assert "no class" in outcomes[0].detail


def test_module_that_does_not_import_cannot_be_listed(suite: Module, tmp_path: Path) -> None:
    (tmp_path / "bad_suite.py").write_text("1 / 0\n", "utf-8")
    with pytest.raises(RuntimeError, match=r"(?s)bad_suite cannot be listed.*ZeroDivisionError"):
        list_tests(sample("bad_suite"), Proof(expect_ours=False))


def test_wrong_implementation_is_found_out(suite: Module) -> None:
    with pytest.raises(WrongImplementation, match="the standard one"):
        list_tests(suite, Proof(expect_ours=True))


def read(tmp_path: Path, text: str, version: str = "3.12") -> exclusions.Rules:
    path = tmp_path / "exclusions.toml"
    path.write_text(textwrap.dedent(text), "utf-8")
    return exclusions.load(path, version)


ENTRY = """
    [[exclusion]]
    tests = ["suite.Case.test"]
    pythons = {pythons}
    kind = "{kind}"
    reason = "{reason}"
"""
GOOD = {"pythons": '["3.11", "3.12"]', "kind": "deliberate", "reason": "four words at least"}


def test_exclusion_holds_on_the_pythons_that_it_names(tmp_path: Path) -> None:
    text = ENTRY.format(**GOOD)
    assert set(read(tmp_path, text).exclusions) == {"suite.Case.test"}
    assert read(tmp_path, text, version="3.13").exclusions == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "laziness"}, "unknown kind 'laziness'"),
        ({"reason": "flaky"}, "a reason is a sentence"),
    ],
)
def test_exclusion_without_a_proper_reason_is_refused(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    with pytest.raises(exclusions.BadFile, match=message):
        read(tmp_path, ENTRY.format(**GOOD | change))


def test_exclusion_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(exclusions.BadFile, match="there twice"):
        read(tmp_path, ENTRY.format(**GOOD) * 2)


def test_misspelt_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(exclusions.BadFile, match="unknown tables: exclusions"):
        read(tmp_path, "[[exclusions]]\n")


def test_skip_needs_an_explanation(tmp_path: Path) -> None:
    rules = read(tmp_path, '[[skip]]\npattern = "Windows"\nreason = "about Windows"\n')
    assert rules.explains_skip("requires Windows")
    assert not rules.explains_skip("no idea")


def test_own_exclusions_are_in_order_for_every_python() -> None:
    for version in ("3.11", "3.12", "3.13", "3.14", "3.15"):
        exclusions.load(version=version)
