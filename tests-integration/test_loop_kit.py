"""The loop conformance kit, built, installed, and run on our loops, the standard one and uvloop.

The kit expects by name what a loop is known to do otherwise, so it ends well on each of them; on ours, without a
single such name.
"""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from support import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

KIT = ROOT / "tools" / "loop_kit"
#: The Python that the kit runs on unless all are asked for, if it is here.
USUAL = "3.13"
#: Seconds for one run of the kit.
LIMIT = 280

STANDARD = {"ASYNCIO_IMPLEMENTATION": "stdlib"}
OURS = "asyncio_selectors."
POLLERS = """
import asyncio_selectors
from asyncio_selectors.poll_poll import PollPoller
from asyncio_selectors.poll_select import SelectPoller

def over_poll():
    return asyncio_selectors.SelectorEventLoop(PollPoller())

def over_select():
    return asyncio_selectors.SelectorEventLoop(SelectPoller())
"""
#: Loops that break one promise each, and the test that has to see it.
BROKEN = """
import asyncio, os

class LastFirst(asyncio.SelectorEventLoop):
    def call_soon(self, callback, *args, context=None):
        handle = super().call_soon(callback, *args, context=context)
        self._ready.rotate(1)
        return handle

class Early(asyncio.SelectorEventLoop):
    def call_at(self, when, callback, *args, context=None):
        return super().call_at(when - 0.02, callback, *args, context=context)

class Leaking(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__()
        self.leak = os.dup(1)

class Deaf(asyncio.SelectorEventLoop):
    async def sock_recv(self, sock, n):
        data = await super().sock_recv(sock, n)
        return data[:-1] if len(data) > 3 else data
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's wheel, made of a copy: building leaves nothing in the work tree."""
    folder = tmp_path_factory.mktemp("loop_kit")
    copy = folder / "source"
    shutil.copytree(KIT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel"]
    run([*build, "--outdir", folder, copy])
    (wheel,) = folder.glob("*.whl")
    return wheel


def _environment(make: MakeEnvironment, kit: Path, python: Interpreter) -> Environment:
    environment = make("asyncio", python=python)
    environment.pip("install", "--quiet", "--only-binary", ":all:", kit)
    (environment.folder / "pollers.py").write_text(POLLERS, "utf-8")
    (environment.folder / "broken.py").write_text(BROKEN, "utf-8")
    (environment.folder / "this_fails.py").write_text("raise OSError('on two\\nlines')\n", "utf-8")
    return environment


@pytest.fixture(scope="module")
def usual(make_environment: MakeEnvironment, kit: Path, pythons: list[Interpreter]) -> Environment:
    chosen = [here for here in pythons if here.version == USUAL] or pythons[-1:]
    environment = _environment(make_environment, kit, chosen[0])
    environment.pip("install", "--quiet", "--only-binary", ":all:", "uvloop>=0.23,<0.24")
    return environment


def _run_kit(
    environment: Environment, loop: str, *options: str, **variables: str
) -> tuple[str, dict[str, int]]:
    """Run the kit, which must end well; return its output and how many tests passed, were skipped, …"""
    arguments = ["-m", "pytest", "--pyargs", "loop_kit", "--loop", loop, "-p", "no:cacheprovider"]
    variables["PYTHONPATH"] = str(environment.folder)
    done = environment.run(*arguments, *options, env=variables, timeout=LIMIT)
    counts = {
        what: int(count) for count, what in re.findall(r"(\d+) (\w+)", _last_line(done.stdout))
    }
    assert counts.get("passed", 0) > 300
    return done.stdout, counts


def _last_line(text: str) -> str:
    return text.rstrip().splitlines()[-1]


def test_our_loop_keeps_every_promise(usual: Environment) -> None:
    output, counts = _run_kit(usual, "selectors", "--as-of", "3.15")
    assert f"({OURS}" in output
    assert "under the independent asyncio; asyncio_core is " in output
    assert set(counts) <= {"passed", "in"}


def test_pure_form_of_our_loop_keeps_every_promise(usual: Environment) -> None:
    variables = {"ASYNCIO_PURE_PYTHON": "1"}
    output, counts = _run_kit(usual, "selectors", "--as-of", "3.15", **variables)
    assert "asyncio_core is pure" in output
    assert set(counts) <= {"passed", "in"}


@pytest.mark.all_libraries
@pytest.mark.parametrize("loop", ["virtual", "shuffled"])
def test_loops_for_tests_differ_as_listed(usual: Environment, loop: str) -> None:
    output, counts = _run_kit(usual, loop, "--as-of", "3.15", ASYNCIO_SEED="1")
    assert f"(asyncio_core.testing.{loop}." in output
    assert counts["xfailed"] > 0


def test_standard_loop_differs_as_listed(usual: Environment) -> None:
    output, counts = _run_kit(usual, "asyncio:SelectorEventLoop", **STANDARD)
    assert "(asyncio.unix_events." in output
    assert "under the standard asyncio" in output
    assert counts["xfailed"] > 0


def test_uvloop_differs_as_listed(usual: Environment) -> None:
    output, counts = _run_kit(usual, "uvloop:new_event_loop", **STANDARD)
    assert "(uvloop.Loop) under the standard asyncio" in output
    assert counts["xfailed"] > 0


@pytest.mark.all_libraries
def test_uvloop_under_our_asyncio_differs_as_listed(usual: Environment) -> None:
    output, _ = _run_kit(usual, "uvloop:new_event_loop")
    assert "(uvloop.Loop) under the independent asyncio" in output


@pytest.mark.all_libraries
@pytest.mark.parametrize("poller", ["poll", "select"])
def test_our_loop_keeps_every_promise_over_each_poller(usual: Environment, poller: str) -> None:
    _, counts = _run_kit(usual, f"pollers:over_{poller}", "--as-of", "3.15")
    assert set(counts) <= {"passed", "in"}


@pytest.mark.all_libraries
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.14", "3.15"])
def test_loops_on_the_other_pythons(
    make_environment: MakeEnvironment, kit: Path, pythons: list[Interpreter], version: str
) -> None:
    chosen = [here for here in pythons if here.version == version]
    if not chosen:
        pytest.skip(f"no Python {version} here")
    environment = _environment(make_environment, kit, chosen[0])
    _, counts = _run_kit(environment, "selectors", "--as-of", "3.15")
    assert set(counts) <= {"passed", "in"}
    _run_kit(environment, "asyncio:SelectorEventLoop", **STANDARD)


@pytest.mark.parametrize(
    ("loop", "test"),
    [
        ("LastFirst", "test_callbacks_run_in_the_order_of_their_registration"),
        ("Early", "test_timer_is_not_early"),
        ("Leaking", "test_close_gives_back_every_descriptor"),
        ("Deaf", "test_recv_returns_what_is_there"),
    ],
)
def test_broken_loop_is_found_out(usual: Environment, loop: str, test: str) -> None:
    arguments = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--pyargs", "loop_kit", "-k", test]
    variables = {**STANDARD, "PYTHONPATH": str(usual.folder)}
    done = usual.run(*arguments, "--loop", f"broken:{loop}", env=variables, check=False)
    assert done.returncode == 1, done.stdout
    assert re.search(r"\d+ failed", _last_line(done.stdout))
    well = usual.run(*arguments, "--loop", "asyncio:SelectorEventLoop", env=variables)
    assert "passed" in _last_line(well.stdout)


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        ("no.such.module:factory", "No module named 'no'"),
        ("asyncio:no_such_factory", "no_such_factory"),
        ("asyncio:sleep", "making a loop failed"),
        ("builtins:object", "is no event loop"),
        ("no-such-name", "no distributions register a loop of that name"),
        ("this_fails:factory", "on two lines"),
    ],
)
def test_unknown_loop_is_one_line(usual: Environment, loop: str, words: str) -> None:
    arguments = ("-m", "pytest", "--pyargs", "loop_kit", "--loop", loop)
    done = usual.run(*arguments, env={"PYTHONPATH": str(usual.folder)}, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"ERROR: --loop {loop}: ")
    assert words in line


def test_readme_shows_the_differences(usual: Environment) -> None:
    table = usual.run("-m", "pytest", "--list-differences").stdout.strip()
    assert table in (KIT / "README.md").read_text("utf-8")


def test_differences_name_tests_that_there_are(usual: Environment) -> None:
    listed = set(re.findall(r"`(test_\w+)::(test_\w+)", (KIT / "README.md").read_text("utf-8")))
    for module, function in listed:
        source = (KIT / "src" / "loop_kit" / "tests" / f"{module}.py").read_text("utf-8")
        assert f"def {function}(" in source, f"{module}::{function}"
