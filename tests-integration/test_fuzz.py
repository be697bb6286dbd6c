"""The random programs of `dev.py fuzz`: that they go the same way each time, and that what is wrong is found and shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support import ROOT

if TYPE_CHECKING:
    from support import Environment, MakeEnvironment

FUZZ = ROOT / "tools" / "fuzz"

CRASHING = """
import sys
sys.path.insert(0, sys.argv[1])
from sides import Crash, Side
from tree import Op, Program
from programs import make_program

def program(text):
    return Program(3, make_program(0).options, [Op(text)])

side = Side("pure", limit=float(sys.argv[2]))
try:
    side.logs(program(sys.argv[3]), 1)
except Crash as crash:
    print(crash.seed, crash.how)
print(side.logs(program("'still here'"), 1)[0][1])
side.close()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the twins are not built there")


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment("asyncio", "asyncio-test-support")


def test_programs_go_the_same_way_each_time(environment: Environment) -> None:
    done = environment.run(FUZZ, "--forms", "pure,pure", "--count", "100")

    assert "100 programs on pure and pure: 0 differ" in done.stdout


def test_a_difference_is_found_and_made_small(environment: Environment) -> None:
    # The standard asyncio has other words for many errors.
    arguments = ("--forms", "pure,standard", "--count", "50", "--most", "1")
    done = environment.run(FUZZ, *arguments, check=False)
    whole = environment.run(FUZZ, *arguments, "--whole", check=False)

    assert done.returncode == whole.returncode == 1
    program, _, difference = done.stdout.partition("--- pure\n+++ standard\n")
    assert "async def main():" in program
    assert len(program.splitlines()) < len(whole.stdout.partition("--- pure\n")[0].splitlines()) / 2
    assert "\n-" in difference
    assert "\n+" in difference


@pytest.mark.parametrize(
    ("how", "operation", "limit"),
    [
        ("signal SIGSEGV", "__import__('ctypes').string_at(0)", "60"),
        ("hangs", "__import__('threading').Event().wait()", "2"),
        ("status 7", "__import__('os')._exit(7)", "60"),
    ],
)
def test_a_process_that_ends_is_told_of_and_replaced(
    environment: Environment, how: str, operation: str, limit: str
) -> None:
    done = environment.run("-c", CRASHING, FUZZ, limit, operation)

    assert done.stdout.splitlines() == [f"3 {how}", "main.1 'still here'"]


def test_a_form_that_is_not_there_is_no_success(environment: Environment) -> None:
    # Not compiled: the process that was to be compiled says that it is pure.
    env = {"ASYNCIO_PURE_PYTHON": "1"}
    code = "import sys; sys.path.insert(0, sys.argv[1]); from asyncio_test_support import workers; "
    code += "workers.FORMS['compiled'] = workers.FORMS['pure']; "
    code += "import runpy; sys.argv[1:] = ['--count', '1']; runpy.run_path(sys.path[0], run_name='__main__')"
    done = environment.run("-c", code, FUZZ, env=env, check=False)

    assert done.returncode == 2
    assert "asked for the compiled form, and it is the pure one that runs" in done.stderr
