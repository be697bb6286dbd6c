"""What type checkers believe of asyncio against what is there: typeshed's stubs, and stubtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import ROOT

if TYPE_CHECKING:
    from support import MakeEnvironment
    from workspace.interpreters import Interpreter

STUBTEST = ROOT / "tools" / "stubtest"


def test_stubs_tell_the_truth_about_this_asyncio(
    make_environment: MakeEnvironment, any_python: Interpreter
) -> None:
    environment = make_environment("asyncio", python=any_python)
    environment.pip("install", "--quiet", "mypy>=1.15")

    done = environment.run(STUBTEST, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 differences " in done.stdout


def test_what_is_wrong_shows(make_environment: MakeEnvironment) -> None:
    environment = make_environment("asyncio")
    environment.pip("install", "--quiet", "mypy>=1.15")
    # The same names with other parameters, less of them, and one that is a module's no longer.
    locks = environment.site_packages / "asyncio_sync" / "locks.py"
    locks.write_text(
        locks.read_text("utf-8") + "\nEvent.wait = lambda: None\ndel Lock.locked\ndel Barrier\n",
        "utf-8",
    )

    done = environment.run(STUBTEST, check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    for name in ("Event.wait", "Lock.locked", "Barrier"):
        assert f"!!!: asyncio.locks.{name} " in done.stdout
