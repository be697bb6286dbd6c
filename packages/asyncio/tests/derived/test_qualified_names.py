"""Methods are known by the names of the standard loop's classes, whatever part of ours has them."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the loop is the Unix loop")

NAMES = """
import asyncio, inspect, sys
loop = asyncio.SelectorEventLoop
names = dir(loop)
print({name: f.__qualname__ for name in names if inspect.isfunction(f := getattr(loop, name))})
"""

# Where a method is another class's than the standard one's, and may be.
ELSEWHERE = {
    "_make_subprocess_transport",  # the same for all loops that have pipes
    "_run_forever_setup",  # overridden
    "_stop_serving",  # Unix has its own only since Python 3.13
    "_sendfile_native",  # the system's call is Unix's
}


def names(python: Callable[..., Any], implementation: str | None) -> Any:
    result = python("-c", NAMES, implementation=implementation)
    assert (result.returncode, result.stderr) == (0, "")
    return ast.literal_eval(result.stdout)


def test_methods_have_the_standard_qualified_names(python: Callable[..., Any]) -> None:
    ours, theirs = names(python, None), names(python, "stdlib")
    shared = ours.keys() & theirs.keys() - ELSEWHERE
    assert len(shared) > 90
    assert {n: ours[n] for n in shared} == {n: theirs[n] for n in shared}


def test_a_filter_knows_the_coroutine_that_was_never_awaited(check: Callable[[str], str]) -> None:
    program = """
import asyncio, gc, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*BaseEventLoop.shutdown_asyncgens.*", RuntimeWarning)
loop = asyncio.new_event_loop()
loop.close()
try:
    loop.run_until_complete(loop.shutdown_asyncgens())
except RuntimeError as exc:
    print(exc)
gc.collect()
"""
    assert check(program) == "Event loop is closed\n"


def test_methods_can_be_found_by_their_names(check: Callable[[str], str]) -> None:
    program = """
import asyncio, inspect, pickle, sys
loop = asyncio.SelectorEventLoop
for cls in loop.__mro__[:-1]:
    for name, value in vars(cls).items():
        if inspect.isfunction(value) and not name.startswith("__"):
            home = sys.modules[value.__module__]
            for part in value.__qualname__.split("."):
                home = getattr(home, part)
assert pickle.loads(pickle.dumps(loop.create_connection)) is loop.create_connection
print("found")
"""
    assert check(program) == "found\n"
