"""Core imports none of its siblings, and loads nothing that it does not need."""

from __future__ import annotations

import ast
import importlib
import pathlib
import sys

import pytest

import asyncio_core
from asyncio_test_support.programs import printed_by

PACKAGE = pathlib.Path(asyncio_core.__file__).parent


def module_name(path: pathlib.Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
# These say that they need Windows.
WINDOWS = {"asyncio_core.windows.pipes", "asyncio_core.inspecting.windows_pipes"}
ELSEWHERE = set() if sys.platform == "win32" else WINDOWS


def imported_names(tree: ast.AST):
    """Yield the module of each import statement, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_a_sibling(name):
    path = MODULES[name]
    tops = {name.partition(".")[0] for name in imported_names(ast.parse(path.read_text("utf-8")))}
    assert not {top for top in tops if top.startswith("asyncio")} - {"asyncio_core"}


def loaded_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running `code`."""
    program = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    return set(printed_by(program).split())


def test_running_every_module_loads_no_sibling():
    names = MODULES.keys() - ELSEWHERE
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert names <= loaded
    siblings = {name.partition(".")[0] for name in loaded if name.startswith("asyncio_")}
    assert siblings == {"asyncio_core"}
    assert "asyncio" not in loaded


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_module_of_another_system_says_so(name):
    with pytest.raises(ImportError, match="need Windows"):
        importlib.import_module(name)


def test_importing_the_package_loads_no_module_of_it():
    loaded = loaded_after("import asyncio_core")
    assert {name for name in loaded if name.startswith("asyncio_core.")} == set()


def test_making_a_loop_loads_what_a_bad_moment_needs_and_nothing_beyond():
    loaded = loaded_after(
        "import asyncio_core; asyncio_core.ParkingEventLoop().close()\n"
        "asyncio_core.new_event_loop\n"
        "import asyncio_core.choosing.loop_registry; asyncio_core.choosing.loop_registry.default_policy()"
    )
    assert {"asyncio_core.awaiting.taskgroups", "logging", "traceback", "linecache"} <= loaded
    assert {"concurrent.futures.process", "importlib.metadata", "tempfile"} & loaded == set()
