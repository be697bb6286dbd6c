"""The runner of the interpreter's suite notices what it has to notice."""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import ROOT

sys.path.append(str(ROOT / "tools" / "conformance"))

import breakages
import exclusions
import processes
import run as suite_run
from processes import Module, Outcome, Proof, WrongImplementation, list_tests, run_tests

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = """
import faulthandler, os, signal, threading, time, unittest

class Sample(unittest.TestCase):
    def test_a_passes(self):
        print("what a test prints is no report")
    def test_b_fails(self):
        self.assertEqual(1, 2, "one is not two")
    def test_c_hangs(self):
        threading.Event().wait()
    def test_d_is_killed(self):
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
    def test_j_crashes(self):
        faulthandler._sigsegv()
    def test_k_leaves_a_thread(self):
        threading.Thread(target=threading.Event().wait, name="the thread left").start()
    def test_l_fails_in_its_clean_up(self):
        self.addCleanup(self.fail, "not clean")
    def test_m_passes_after_all_that(self):
        pass

@unittest.skip("no class")
class SkippedClass(unittest.TestCase):
    def test_one(self):
        pass
    @unittest.skip("no test")
    def test_two(self):
        pass

class NoSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no class")
    def test_never_runs(self):
        pass
    def test_never_runs_either(self):
        pass

class SkippedSetUp(NoSetUp):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no need")

class CrashingSetUp(NoSetUp):
    @classmethod
    def setUpClass(cls):
        os._exit(3)

class HangingSetUp(NoSetUp):
    @classmethod
    def setUpClass(cls):
        time.sleep(1000)

class BadTearDown(NoSetUp):
    @classmethod
    def setUpClass(cls):
        pass
    @classmethod
    def tearDownClass(cls):
        raise RuntimeError("no end")

class HangingTearDown(BadTearDown):
    @classmethod
    def tearDownClass(cls):
        time.sleep(1000)
"""


def sample(name: str) -> Module:
    limits = {f"{name}.Sample.test_c_hangs": 0.5}
    return Module(name, limit=60.0, implementation="stdlib", stand_ins={}, limits=limits)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    (tmp_path / "sample_suite.py").write_text(SAMPLE, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return sample("sample_suite")


def outcomes_of(suite: Module, group: str, proof: Proof | None = None) -> list[Outcome]:
    """Run the tests of a class."""
    proof = proof or Proof(expect_ours=False)
    listing = list_tests([suite], proof)[suite.name]
    assert not listing.skipped
    assert not listing.failed
    outcomes: list[Outcome] = []
    wanted = [test for test in listing.tests if f".{group}." in test]
    run_tests(suite, wanted, proof, outcomes.append)
    return outcomes


def test_every_outcome_is_told_apart(suite: Module) -> None:
    proof = Proof(expect_ours=False)
    outcomes = outcomes_of(suite, "Sample", proof)
    got = {re.sub(r".*test_(\w)_.*", r"\1", o.test): o.outcome for o in outcomes}
    assert len(got) == len(outcomes), "each is reported once"
    good = dict.fromkeys("ahkm", "passed") | {"f": "skipped"}
    assert got == dict.fromkeys("bcdegijl", "failed") | good
    details = {o.test.rpartition(".")[2]: o.detail for o in outcomes}
    assert "one is not two" in details["test_b_fails"]
    assert "in test_c_hangs" in details["test_c_hangs"], "the stack of a hanging test is shown"
    assert "hung for 0.5 s" in details["test_c_hangs"], "a test may have a limit of its own"
    assert "signal 9" in details["test_d_is_killed"]
    assert "exit status 0" in details["test_e_leaves"]
    assert "n=1" in details["test_g_has_a_failing_part"]
    assert details["test_f_is_skipped"] == "for a reason"
    assert "unexpected success" in details["test_i_passes_unexpectedly"]
    assert "signal 11" in details["test_j_crashes"]
    assert "in test_j_crashes" in details["test_j_crashes"], "the stack of a crash is shown"
    assert "not clean" in details["test_l_fails_in_its_clean_up"]
    threads = {o.test.rpartition(".")[2]: o.threads for o in outcomes if o.threads}
    assert threads == {"test_k_leaves_a_thread": ("the thread left",)}
    # One process for the start, and one more after each that was lost.
    assert proof.processes == 5


@pytest.mark.parametrize(
    ("group", "outcome", "detail"),
    [
        ("NoSetUp", "failed", "no class"),
        ("SkippedSetUp", "skipped", "no need"),
        ("CrashingSetUp", "failed", "before the first test, the process ended: exit status 3"),
        ("HangingSetUp", "failed", "in setUpClass"),
    ],
)
def test_fate_of_a_class_is_that_of_its_tests(
    suite: Module, group: str, outcome: str, detail: str
) -> None:
    if group == "HangingSetUp":
        suite = replace(suite, limit=2.0)
    outcomes = outcomes_of(suite, group)
    assert len(outcomes) == 2
    for one in outcomes:
        assert f".{group}.test_never_runs" in one.test
        assert one.outcome == outcome
        assert detail in one.detail


def test_skip_by_a_decorator_is_reported_once(suite: Module) -> None:
    outcomes = outcomes_of(suite, "SkippedClass")
    assert [(o.outcome, o.detail) for o in outcomes] == [("skipped", "no class")] * 2


def test_test_that_is_reported_twice_is_a_failure(
    suite: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = processes.WORKER.read_text("utf-8")
    line = '        run_tests(module, set(order["tests"]), reporter)\n'
    assert line in source
    twice = tmp_path / "worker.py"
    twice.write_text(source.replace(line, line * 2), "utf-8")
    monkeypatch.setattr(processes, "WORKER", twice)
    outcomes: list[Outcome] = []
    tests = ["sample_suite.Sample.test_a_passes"]
    run_tests(suite, tests, Proof(expect_ours=False), outcomes.append)
    assert [o.outcome for o in outcomes] == ["passed", "failed"]
    assert "reported twice" in outcomes[1].detail


@pytest.mark.parametrize(
    ("group", "detail"), [("BadTearDown", "no end"), ("HangingTearDown", "in tearDownClass")]
)
def test_what_goes_wrong_after_the_last_test_is_a_failure_too(
    suite: Module, group: str, detail: str
) -> None:
    outcomes = outcomes_of(replace(suite, limit=2.0), group)
    assert [o.outcome for o in outcomes] == ["passed", "passed", "failed"]
    assert detail in outcomes[-1].detail


def test_modules_that_cannot_be_listed_leave_the_others_alone(
    suite: Module, tmp_path: Path
) -> None:
    (tmp_path / "bad_suite.py").write_text("1 / 0\n", "utf-8")
    (tmp_path / "skipped_suite.py").write_text(
        "import unittest\nraise unittest.SkipTest('not here')\n", "utf-8"
    )
    (tmp_path / "crashing_suite.py").write_text("import os\nos._exit(4)\n", "utf-8")
    names = ("bad_suite", "missing_suite", "skipped_suite", "crashing_suite", "sample_suite")
    found = list_tests([sample(name) for name in names], Proof(expect_ours=False))
    assert "ZeroDivisionError" in found["bad_suite"].failed
    assert "ModuleNotFoundError" in found["missing_suite"].failed
    assert found["skipped_suite"].skipped == "not here"
    assert "exit status 4" in found["crashing_suite"].failed
    assert len(found["sample_suite"].tests) == 27


def test_wrong_implementation_is_found_out(suite: Module) -> None:
    with pytest.raises(WrongImplementation, match="the standard one"):
        list_tests([suite], Proof(expect_ours=True))


def test_process_that_proves_nothing_is_not_believed(
    suite: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = tmp_path / "liar.py"
    liar.write_text("""print('{"event": "done"}')\n""", "utf-8")
    monkeypatch.setattr(processes, "WORKER", liar)
    with pytest.raises(WrongImplementation, match="did not say"):
        run_tests(suite, ["sample_suite.Sample.test_a_passes"], Proof(expect_ours=False), print)


#: Stands in for this implementation, since the standard one is all that there is where these tests run.
NOT_STANDARD = """
import os, sys, types
if os.environ.get("ASYNCIO_IMPLEMENTATION") != "stdlib":
    sys.modules["asyncio"] = types.ModuleType("asyncio")
    sys.modules["asyncio"].__implementation__ = "a sample"
    sys.modules["asyncio"].__file__ = "somewhere"
"""
COMPARED = """
import os, threading, unittest
ours = os.environ.get("ASYNCIO_IMPLEMENTATION") != "stdlib"

class Case(unittest.TestCase):
    def test_both_skip(self):
        self.skipTest("no such machine")
    @unittest.skipIf(ours, "not with ours")
    def test_ours_skips(self):
        pass
    @unittest.skipIf(ours, "the accelerator")
    def test_ours_skips_and_says_why(self):
        pass
    def test_both_fail(self):
        self.fail()
    def test_ours_fails(self):
        self.assertFalse(ours)
    def test_ours_leaves_a_thread(self):
        if ours:
            threading.Thread(target=threading.Event().wait).start()
    def test_both_leave_a_thread(self):
        threading.Thread(target=threading.Event().wait).start()
    if not ours:
        def test_of_the_standard_one(self):
            pass
        def test_of_the_standard_one_that_is_known(self):
            pass
"""
RULES = """
    [[exclusion]]
    tests = ["samples.test_one.Case.test_both_fail", "samples.test_one.Case.test_ours_fails"]
    pythons = "all"
    kind = "interpreter"
    reason = "said to fail with both"

    [[exclusion]]
    tests = [
      "samples.test_one.Case.test_of_the_standard_one_that_is_known",
      "samples.test_one.Case.test_misspelt",
      "samples.test_none.Case.test_misspelt",
    ]
    pythons = "all"
    kind = "accelerator"
    reason = "known to be there alone"

    [[skip]]
    pattern = "accelerator"
    reason = "there is none"
"""


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite `samples`, which knows two implementations."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "__init__.py").touch()
    (tmp_path / "samples" / "test_one.py").write_text(COMPARED, "utf-8")
    (tmp_path / "sitecustomize.py").write_text(NOT_STANDARD, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(suite_run, "SUITE", "samples")
    monkeypatch.delitem(sys.modules, "samples", raising=False)
    return tmp_path


def test_verdicts_hang_on_what_the_standard_implementation_does(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = suite_run.Run(suite_run.Options(suite_run.modules_here()), read(samples, RULES))
    run.run()
    got = {o.test.removeprefix("samples.test_one.Case.test_"): o for o in run.outcomes["test_one"]}
    assert {name: o.outcome for name, o in got.items()} == {
        "both_skip": "skipped",
        "ours_skips": "unexplained-skip",
        "ours_skips_and_says_why": "left-out",
        "both_fail": "excluded",
        "ours_fails": "not-the-interpreter",
        "ours_leaves_a_thread": "left-a-thread",
        "both_leave_a_thread": "passed",
        "of_the_standard_one": "missing",
        "of_the_standard_one_that_is_known": "excluded",
    }
    assert "with the standard asyncio: passed" in got["ours_skips"].detail
    assert sorted(run.problems) == [
        "excluded, but this Python has no such test: samples.test_none.Case.test_misspelt",
        "excluded, but this Python has no such test: samples.test_one.Case.test_misspelt",
    ]
    assert not run.good
    assert run.counts() == {
        "passed": 1,
        "failed": 4,
        "excluded": 2,
        "left-out": 1,
        "skipped": 1,
        "total": 9,
    }
    assert run.proof.seen == {"a sample"}
    shown = capsys.readouterr().out
    assert "UNEXPLAINED-SKIP samples.test_one.Case.test_ours_skips" in shown


def test_excluded_test_that_passes_is_a_failure(samples: Path) -> None:
    (samples / "samples" / "test_one.py").write_text(
        "import unittest\nclass Case(unittest.TestCase):\n    def test(self): pass\n", "utf-8"
    )
    rules = read(samples, ENTRY.format(**GOOD | {"tests": "samples.test_one.Case.test"}))
    run = suite_run.Run(suite_run.Options(["test_one"]), rules)
    run.run()
    assert [o.outcome for o in run.outcomes["test_one"]] == ["passes-excluded"]


def test_module_that_only_ours_skips_is_a_failure(samples: Path) -> None:
    text = "import os, unittest\nif 'ASYNCIO_IMPLEMENTATION' not in os.environ:\n    raise unittest.SkipTest('not today')\n"
    (samples / "samples" / "test_one.py").write_text(text, "utf-8")
    (samples / "samples" / "test_two.py").write_text(
        "import unittest\nraise unittest.SkipTest('never')\n"
    )
    run = suite_run.Run(suite_run.Options(["test_one", "test_two"]), read(samples, ""))
    run.run()
    assert [o.outcome for o in run.outcomes["test_one"]] == ["unexplained-skip"]
    assert [o.outcome for o in run.outcomes["test_two"]] == ["skipped"]


def test_only_what_is_chosen_runs(samples: Path) -> None:
    options = suite_run.Options(["test_one"], patterns=["both_f", "*.test_both_sk*"])
    run = suite_run.Run(options, read(samples, ""))
    run.run()
    assert {o.test.rpartition("_")[2] for o in run.outcomes["test_one"]} == {"fail", "skip"}


def read(tmp_path: Path, text: str, version: str = "3.12") -> exclusions.Rules:
    path = tmp_path / "exclusions.toml"
    path.write_text(textwrap.dedent(text), "utf-8")
    return exclusions.load(path, version)


ENTRY = """
    [[exclusion]]
    tests = ["{tests}"]
    pythons = {pythons}
    kind = "{kind}"
    reason = "{reason}"
"""
GOOD = {
    "tests": "suite.Case.test",
    "pythons": '["3.11", "3.12"]',
    "kind": "deliberate",
    "reason": "four words at least",
}


def test_exclusion_holds_on_the_pythons_that_it_names(tmp_path: Path) -> None:
    text = ENTRY.format(**GOOD)
    assert set(read(tmp_path, text).exclusions) == {"suite.Case.test"}
    assert read(tmp_path, text, version="3.13").exclusions == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "laziness"}, "unknown kind 'laziness'"),
        ({"reason": "flaky"}, "a reason is a sentence"),
        ({"kind": "older-behaviour"}, "says no Python that changed it"),
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
    assert rules.explained("requires Windows") == "about Windows"
    assert rules.used == {"Windows"}
    assert rules.explained("no idea") == ""


def test_own_exclusions_are_in_order_for_every_python() -> None:
    for version in ("3.11", "3.12", "3.13", "3.14", "3.15"):
        exclusions.load(version=version)


def test_every_breakage_finds_what_it_breaks(tmp_path: Path) -> None:
    found = breakages.load()
    assert len({one.name for one in found}) == len(found) >= 10
    for one in found:
        (source,) = ROOT.glob(f"packages/*/src/{one.file}")
        copy = tmp_path / one.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text("utf-8"), "utf-8")
        one.apply(tmp_path)
        compile(copy.read_text("utf-8"), one.file, "exec")


def test_breakage_of_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("here\nhere\n", "utf-8")
    for text in ("here", "there"):
        one = breakages.Breakage("a name", "code.py", text, "", [], "")
        with pytest.raises(LookupError, match=r"has \d times"):
            one.apply(tmp_path)


def test_readme_tells_what_is_seen_of_the_breakages() -> None:
    text = (ROOT / "tools" / "conformance" / "README.md").read_text("utf-8")
    assert f"-->\n{breakages.table(breakages.load())}\n<!-- end -->" in text


def test_pure_form_reaches_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCIO_PURE_PYTHON", "1")
    monkeypatch.setenv("ASYNCIO_LOOP", "parking")
    variables = processes._environment("ours")
    assert {n: v for n, v in variables.items() if n.startswith("ASYNCIO_")} == {
        "ASYNCIO_PURE_PYTHON": "1"
    }


def test_processes_of_different_forms_end_the_run() -> None:
    proof = Proof(expect_ours=True)
    said: dict[str, object] = {
        "implementation": "independent",
        "file": "asyncio/__init__.py",
        "standard_modules": [],
        "accelerator": False,
    }
    proof.check({**said, "forms": {"asyncio_core": "compiled"}})
    proof.check({**said, "forms": {}})
    assert proof.forms == {"asyncio_core": "compiled"}
    with pytest.raises(WrongImplementation, match="compiled in one process, pure: why in another"):
        proof.check({**said, "forms": {"asyncio_core": "pure: why"}})
