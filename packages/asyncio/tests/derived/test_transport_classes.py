"""The standard's private transport classes are there, and are called as derived loops call them."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the classes are of Unix")

CLASSES = """
import asyncio.base_subprocess, asyncio.selector_events, asyncio.unix_events, inspect, types
found = {}
for module, names in (
    (asyncio.selector_events, "_SelectorTransport _SelectorSocketTransport _SelectorDatagramTransport"),
    (asyncio.unix_events, "_UnixReadPipeTransport _UnixWritePipeTransport _UnixSubprocessTransport"),
    (asyncio.base_subprocess, "BaseSubprocessTransport ReadSubprocessPipeProto"),
):
    for name in names.split():
        cls = getattr(module, name)
        assert cls.__name__ == name
        for method in dir(cls):
            function = inspect.getattr_static(cls, method)
            compiled = isinstance(function, types.MethodDescriptorType) and method[:2] != "__"
            if compiled or inspect.isfunction(function):
                _, *parameters = inspect.signature(function).parameters.values()
                found[f"{name}.{method}"] = [
                    (each.name, int(each.kind), each.default is not each.empty) for each in parameters
                ]
print(found)
"""


def classes(python: Callable[..., Any], implementation: str | None) -> Any:
    result = python("-c", CLASSES, implementation=implementation)
    assert (result.returncode, result.stderr) == (0, "")
    return ast.literal_eval(result.stdout)


def test_methods_take_what_the_standard_ones_take(python: Callable[..., Any]) -> None:
    ours, theirs = classes(python, None), classes(python, "stdlib")
    different = {}
    for name in theirs.keys() & ours.keys():
        wanted, taken = theirs[name], ours[name]
        # More may be taken, behind that, where it need not be given.
        more = taken[len(wanted) :]
        if taken[: len(wanted)] != wanted or not all(optional for _, _, optional in more):
            different[name] = (wanted, taken)
    assert different == {}


def test_all_constructors_and_hooks_are_there(python: Callable[..., Any]) -> None:
    ours, theirs = classes(python, None), classes(python, "stdlib")
    # Steps of what is one method here.
    steps = ("._read_ready__", "._get_sendmsg_buffer", "._adjust_leftover_buffer")
    missing = theirs.keys() - ours.keys()
    assert {name for name in missing if not any(step in name for step in steps)} == set()
