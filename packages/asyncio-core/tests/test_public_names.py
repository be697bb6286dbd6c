"""The table of lazy names, what type checkers are told, and what is there, are the same."""

from __future__ import annotations

import ast
import pathlib
import re
import sys
import warnings

import pytest

import asyncio_core

SOURCE = pathlib.Path(asyncio_core.__file__)


def names_for_type_checkers() -> dict[str, str]:
    """Return name -> module from the imports under TYPE_CHECKING, for the running Python."""
    found = {}

    def collect(body):
        for node in body:
            if isinstance(node, ast.ImportFrom) and node.module.startswith("asyncio_core."):
                for alias in node.names:
                    assert alias.asname == alias.name, "re-exports are explicit"
                    found[alias.name] = node.module.partition(".")[2]
            elif isinstance(node, ast.If):
                assert ast.unparse(node.test) == "sys.version_info < (3, 14)"
                if sys.version_info < (3, 14):
                    collect(node.body)

    for node in ast.parse(SOURCE.read_text("utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            collect(node.body)
    return found


def test_type_checkers_see_the_names_of_the_table():
    assert set(names_for_type_checkers()) == {*asyncio_core._HOMES, *asyncio_core._POLICIES}


@pytest.mark.parametrize("name", sorted(asyncio_core._HOMES))
def test_each_name_loads_from_its_home(name):
    home = sys.modules.get(f"asyncio_core.{asyncio_core._HOMES[name]}")
    value = getattr(asyncio_core, name)
    home = home or sys.modules[f"asyncio_core.{asyncio_core._HOMES[name]}"]
    assert value is getattr(home, name)
    assert name in dir(asyncio_core)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        asyncio_core.spam


@pytest.mark.parametrize("name", ["AbstractEventLoopPolicy", "DefaultEventLoopPolicy"])
def test_policies_warn_from_python_314_on(name):
    if sys.version_info < (3, 14):
        assert getattr(asyncio_core, name).__name__ == name
        return
    with pytest.warns(DeprecationWarning, match=f"'asyncio.{name}' is deprecated") as caught:
        getattr(asyncio_core, name)
    assert caught[0].filename == __file__
    with warnings.catch_warnings(record=True) as again:
        warnings.simplefilter("always")
        getattr(asyncio_core, name)
    assert len(again) == 1, "it is not bound, so it warns on each use"


def test_star_import_brings_the_public_names_without_warning():
    namespace = {}
    exec("from asyncio_core import *", namespace)
    assert set(asyncio_core.__all__) <= set(namespace)


def test_version_is_one_literal():
    lines = re.findall(r'^__version__ = "(.+)"$', SOURCE.read_text("utf-8"), re.MULTILINE)
    assert lines == [asyncio_core.__version__]
