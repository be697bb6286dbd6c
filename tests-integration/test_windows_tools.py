"""`dev.py windows`: what it makes of outcomes, and what it says where it cannot work. What runs under Wine, it runs itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("Wine runs on Unix", allow_module_level=True)

from support import ROOT

sys.path.append(str(ROOT / "tools" / "conformance"))

import exclusions
from processes import Outcome

from windows import command, own_tests, suite, wine
from windows.interpreter import WindowsPython
from workspace.console import Failure

if TYPE_CHECKING:
    from pathlib import Path

EXCLUDED = exclusions.Exclusion("m.C.t", "deliberate", "is otherwise on purpose here")
RULES = exclusions.Rules({"m.C.t": EXCLUDED}, [(re.compile("accelerator"), "there is none")], {})
NONE = exclusions.Rules({}, [], {})


@pytest.mark.parametrize(
    ("ours", "standard", "rules", "verdict"),
    [
        ("passed", "passed", (NONE, NONE), "passed"),
        ("passed", "failed", (NONE, NONE), "passed"),
        ("failed", "passed", (NONE, NONE), "FAILED"),
        ("failed", "failed", (NONE, NONE), "fails in both"),
        ("failed", "passed", (RULES, NONE), "excluded"),
        ("failed", "passed", (NONE, RULES), "excluded"),
        ("passed", "passed", (RULES, NONE), "passed"),  # excluded on another system
        ("passed", "passed", (NONE, RULES), "EXCLUDED, BUT PASSES"),
        ("missing", "passed", (NONE, NONE), "MISSING"),
        ("skipped", "skipped", (NONE, NONE), "skipped"),
        ("failed", "skipped", (NONE, NONE), "failed here"),
    ],
)
def test_verdicts(
    ours: str, standard: str, rules: tuple[exclusions.Rules, ...], verdict: str
) -> None:
    both = suite.Comparison("m.C.t", Outcome("m.C.t", ours), Outcome("m.C.t", standard))
    assert suite.judge(both, rules).verdict == verdict


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [("needs the accelerator", "left out"), ("no idea", "SKIPPED HERE ONLY")],
)
def test_a_skip_that_the_standard_one_does_not_make_needs_a_reason(
    reason: str, verdict: str
) -> None:
    ours = Outcome("m.C.u", "skipped", reason)
    both = suite.Comparison("m.C.u", ours, Outcome("m.C.u", "passed"))
    assert suite.judge(both, (RULES, NONE)).verdict == verdict


def test_the_exclusions_for_windows_can_be_read() -> None:
    for version in ("3.11", "3.12", "3.13", "3.14"):
        exclusions.load(suite.EXCLUSIONS, version)


def test_a_test_that_ends_the_process_is_told_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    report.write_text(
        '{"event": "start", "test": "a"}\n'
        '{"event": "end", "test": "a", "outcome": "passed", "detail": ""}\n'
        '{"event": "start", "test": "b"}\n'
    )
    tests = own_tests.Tests(
        WindowsPython("3.12", tmp_path), wine.Wine(tmp_path), "asyncio-core", []
    )
    assert tests._read(report) == ("b", False)
    assert tests.outcomes == {"a": ("passed", "")}
    with report.open("a") as file:
        file.write('{"event": "done", "status": 0}\n')
    assert tests._read(report) == ("", True)


def test_output_is_read_to_the_end_of_the_process_and_not_of_its_children() -> None:
    code = "import subprocess; print('said', flush=True); subprocess.Popen(['sleep', '30'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )
    began = time.monotonic()
    assert b"".join(wine.until_end(process, 25)) == b"said\n"
    assert time.monotonic() - began < 25
    assert process.wait() == 0
    os.killpg(process.pid, 9)


@pytest.mark.parametrize("refused", [1, 2])
def test_what_wine_could_not_start_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    # A stand-in for Wine: it can't reach its server the first times, and a command runs as it stands.
    count = tmp_path / "count"
    stand_in = tmp_path / "wine"
    stand_in.write_text(f"""#!/bin/sh
echo >> {count}
if [ $(wc -l < {count}) -le {refused} ]; then
  echo 'wine client error:0: recvmsg: Connection reset by peer' >&2
  exit 1
fi
exec "$@"
""")
    stand_in.chmod(0o755)
    server = tmp_path / "server"
    server.write_text(f"#!/bin/sh\necho $1 >> {tmp_path / 'served'}\n")
    server.chmod(0o755)
    monkeypatch.setattr(wine, "WINE", stand_in)
    monkeypatch.setattr(wine, "SERVER", server)
    status, output = wine.Wine(tmp_path).run(["echo", "said"], cwd=tmp_path, limit=60)
    assert (tmp_path / "served").read_text() == "-p\n"
    if refused == 1:
        assert (status, output) == (0, b"said\n")
    else:
        assert status == 1
        assert output.startswith(b"wine client error")


def test_a_program_that_fails_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wine, "WINE", "/usr/bin/env")
    ran = tmp_path / "ran"
    command = ["sh", "-c", f"echo ran >> {ran}; echo failed; exit 3"]
    status, output = wine.Wine(tmp_path).run(command, cwd=tmp_path, limit=60)
    assert (status, output) == (3, b"failed\n")
    assert ran.read_text() == "ran\n"


def test_a_windows_python_that_cannot_be_had_is_said() -> None:
    with pytest.raises(Failure, match=r"no Windows Python 3\.9 can be had") as caught:
        command.test(command.Wanted(["3.9"]))
    assert caught.value.status == 2


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wine, "NEEDED", (("no-such-program", "some-package"),))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match=r"missing here: some-package .*apt-get") as caught:
        wine.ensure_installed()
    assert caught.value.status == 2


def test_paths_are_written_as_windows_sees_them() -> None:
    assert wine.windows_path(ROOT).startswith("Z:\\")
    assert "/" not in wine.windows_path(ROOT)
