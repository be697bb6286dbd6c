"""Annotations can be evaluated, whichever way a name is come by, and whatever was imported first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asyncio_test_support.fixture_types import RunPython


# Looks at all public names of a package and of its modules that the standard asyncio has, in a fresh process.
WALK = """
import inspect, sys
from importlib import import_module

package, typing_comes = sys.argv[1:]
if typing_comes == "before":
    import typing
top = import_module(package)
spaces = [top]
if package == "asyncio":
    spaces += [module for name in dir(top) if inspect.ismodule(module := getattr(top, name))]
things = {}
for space in spaces:
    public = getattr(space, "__all__", ())
    for name in {*public, *(name for name in dir(space) if name[0] != "_")}:
        value = getattr(space, name)
        if not (getattr(value, "__module__", None) or "").startswith("asyncio"):
            continue
        things[f"{space.__name__}.{name}"] = value
        for member in dir(value) if inspect.isclass(value) else ():
            things[f"{space.__name__}.{name}.{member}"] = getattr(value, member)
import typing
for name, thing in things.items():
    if not inspect.isclass(thing) and not inspect.isfunction(getattr(thing, "__func__", thing)):
        continue
    try:
        hints = typing.get_type_hints(thing)
        inspect.get_annotations(thing, eval_str=True)
        if not inspect.isclass(thing):
            inspect.signature(thing, eval_str=True)
    except NameError as error:
        print(name, error)
assert things
"""


@pytest.mark.parametrize("typing_comes", ["before", "after"])
@pytest.mark.parametrize(
    "package",
    [
        "asyncio",
        "asyncio_core",
        "asyncio_selectors",
        "asyncio_streams",
        "asyncio_subprocess",
        "asyncio_sync",
    ],
)
def test_hints_can_be_asked_for(python: RunPython, package: str, typing_comes: str) -> None:
    done = python("-W", "ignore::DeprecationWarning", "-c", WALK, package, typing_comes)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


SIGNATURES = """
import asyncio, inspect
for name in sorted(asyncio.__all__):
    function = getattr(asyncio, name)
    # The newest Python's are here on every Python, and those of a graph name the class of its futures.
    if inspect.isfunction(function) and "graph" not in name:
        shown = inspect.signature(function, eval_str=True)
        told = {key: p.annotation for key, p in shown.parameters.items() if p.annotation is not p.empty}
        print(name, told)
"""


def test_functions_tell_what_the_standards_tell(python: RunPython) -> None:
    """pydantic's validate_call(), beartype and others act on it."""
    ours, standard = (
        dict(line.split(" ", 1) for line in done.stdout.splitlines())
        for done in (
            python("-W", "ignore", "-c", SIGNATURES, implementation=implementation)
            for implementation in (None, "stdlib")
        )
    )
    assert {"sleep", "wait_for", "to_thread", "create_subprocess_exec"} <= standard.keys()
    assert standard["timeout"].replace("typing.Optional[float]", "float | None") == ours["timeout"]
    for name in standard.keys() - {"timeout", "timeout_at"}:
        assert (name, ours.get(name, "{}")) == (name, standard[name])
