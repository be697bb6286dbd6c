"""Compiled twins that don't load are no error: the pure form runs, and says why."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from os import environ

import pytest

from asyncio_test_support.programs import printed_by, run_isolated

built = find_spec("asyncio_core._twins") is not None
needs_twins = pytest.mark.skipif(not built, reason="no compiled module for this Python is here")

SLEEPS = """
from asyncio_core import run, sleep, twins
from asyncio_core.loops.parking import ParkingEventLoop

run(sleep(0), loop_factory=ParkingEventLoop)
"""
TELLS = f"{SLEEPS}\nprint(twins.twins is not None, twins.why_pure)\n"


def told(*first: str, pure: str = "") -> str:
    """What a fresh interpreter tells of its form, after some first lines."""
    return printed_by("\n".join([*first, TELLS]), env={**environ, "ASYNCIO_PURE_PYTHON": pure})


@needs_twins
@pytest.mark.parametrize("value", ["", "0"])
def test_compiled_form_runs_where_it_is_there(value):
    assert told(pure=value) == "True None"


@pytest.mark.parametrize("value", ["1", "yes"])
def test_compiled_form_is_left_aside_where_that_is_asked_for(value):
    assert told(pure=value) == "False ASYNCIO_PURE_PYTHON is set"


def test_pure_form_runs_where_there_is_no_compiled_one():
    hidden = "import sys; sys.modules['asyncio_core._twins'] = None"
    assert told(hidden) == "False no compiled module for this Python is installed"


def test_pure_form_runs_where_the_compiled_one_does_not_load(tmp_path):
    suffix = "import importlib.machinery; suffix = importlib.machinery.EXTENSION_SUFFIXES[0]"
    broken = f"pathlib.Path({str(tmp_path)!r}, '_twins' + suffix).write_bytes(b'no library')"
    first = f"import asyncio_core; asyncio_core.__path__.insert(0, {str(tmp_path)!r})"
    lines = ("import pathlib", suffix, broken, first)
    forget = "import sys; [sys.modules.pop(n) for n in list(sys.modules) if n.startswith('asyncio_core.')]"
    assert told(*lines, forget).startswith("False the compiled module does not load: ")


@pytest.mark.skipif(
    sys.version_info < (3, 13),
    reason="isolated subinterpreters of Python 3.12 crash at their end, those of 3.11 have no threads",
)
def test_isolated_subinterpreters_run_the_pure_form():
    run_isolated(f"{SLEEPS}\nassert twins.why_pure is not None\n")


OTHERS = """
try:
    import _interpreters as interpreters
    other = interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
failed = interpreters.run_string(other, SLEEPS)
assert failed is None, failed
interpreters.destroy(other)
"""


@needs_twins
@pytest.mark.parametrize(("first", "form"), [("", "True None"), (OTHERS, "False ")])
def test_of_interpreters_that_share_a_lock_one_runs_the_compiled_form(first, form):
    share = f"SLEEPS = {SLEEPS!r}\n{first}"
    program = f"{share}\n{TELLS}\n{OTHERS}\nprint('both ran')"
    printed = printed_by(program, env={**environ, "ASYNCIO_PURE_PYTHON": ""})
    line, last = printed.splitlines()
    assert line.startswith(form)
    assert last == "both ran"
