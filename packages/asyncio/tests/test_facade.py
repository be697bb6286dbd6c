"""What `asyncio` offers, and when it loads it."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_test_support.fixture_types import RunPython

    Check = Callable[[str], str]

# New since Python 3.11, and offered on every Python.
LATER = {
    "3.12": {"TaskGroup", "eager_task_factory", "create_eager_task_factory"},
    "3.13": {"EventLoop", "QueueShutDown"},
    "3.14": {
        "FrameCallGraphEntry",
        "FutureCallGraph",
        "capture_call_graph",
        "format_call_graph",
        "print_call_graph",
        "future_add_to_awaited_by",
        "future_discard_from_awaited_by",
    },
}
STANDARD_MODULES = """
import asyncio, importlib, pkgutil, warnings
warnings.simplefilter("ignore")
print(" ".join(asyncio.__all__))
for module in pkgutil.iter_modules(asyncio.__path__):
    if module.name != "__main__":
        try:
            print(module.name, *getattr(importlib.import_module(f"asyncio.{module.name}"), "__all__", ()))
        except ImportError:
            pass
"""


def test_the_accelerator_of_the_standard_library_is_out_of_reach(check: Check) -> None:
    look = "import asyncio, importlib.util; print(importlib.util.find_spec('_asyncio'))"

    assert check(look) == "None\n"


def test_an_accelerator_that_was_there_first_stays(check: Check) -> None:
    early = "import _asyncio, asyncio, sys; print(sys.modules['_asyncio'] is _asyncio)"

    assert check(early) == "True\n"


def test_every_name_of_all_is_there() -> None:
    for name in asyncio.__all__:
        assert getattr(asyncio, name) is not None


def test_the_old_decorator_is_there_for_who_asks_for_it_by_name() -> None:
    assert asyncio.coroutine is importlib.import_module("asyncio.coroutines").coroutine
    assert "coroutine" in dir(asyncio)
    assert "coroutine" not in asyncio.__all__


def test_every_name_that_dir_lists_is_there() -> None:
    for name in dir(asyncio):
        getattr(asyncio, name)


def test_dir_lists_names_and_submodules_and_not_the_facade_itself() -> None:
    names = dir(asyncio)

    assert {*asyncio.__all__, "tasks", "locks", "__implementation__"} <= set(names)
    assert not {"_names", "_aliases", "HOMES", "load_home", "annotations"} & set(names)


@pytest.mark.parametrize("version", LATER)
def test_newer_names_are_offered_on_every_python(version: str) -> None:
    assert LATER[version] <= set(asyncio.__all__)


def test_everything_public_in_the_standard_one_is_here(python: RunPython) -> None:
    standard = python("-c", STANDARD_MODULES, implementation="stdlib").stdout.splitlines()
    top = standard[0].split()
    assert set(top) <= set(asyncio.__all__)

    missing = []
    for line in standard[1:]:
        module_name, *names = line.split()
        module = importlib.import_module(f"asyncio.{module_name}")
        missing += [f"{module_name}.{name}" for name in names if not hasattr(module, name)]
    assert missing == []


def test_importing_loads_none_of_the_pieces(check: Check) -> None:
    program = (
        "import sys; before = set(sys.modules); import asyncio\n"
        "from asyncio._lazy import LazyModule\n"
        "after = {name for name, module in sys.modules.items()\n"
        "         if module is not None and type(module) is not LazyModule}\n"
        "print(*sorted({name.partition('.')[0] for name in after - before}))"
    )

    loaded = set(check(program).split())

    # importlib and warnings come with importlib.machinery.
    assert loaded <= {"asyncio", "importlib", "warnings"}


def test_the_running_loop_can_be_asked_for_in_the_middle_of_an_import(check: Check) -> None:
    program = (
        "import sys, asyncio\n"
        "class Watcher:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        asked.append(asyncio._get_running_loop() is loop)\n"
        "asked, loop = [], None\n"
        "async def main():\n"
        "    global loop\n"
        "    from asyncio_core.choosing.running_loop import get_running_loop\n"
        "    loop = get_running_loop()\n"
        "    sys.meta_path.insert(0, Watcher())\n"
        "    import tempfile, concurrent.futures.process\n"
        "    sys.meta_path.pop(0)\n"
        "sys.meta_path.insert(0, Watcher())\n"
        "asyncio.StreamReader, asyncio.get_event_loop, asyncio.create_subprocess_exec\n"
        "sys.meta_path.pop(0)\n"
        "before = len(asked)\n"
        "asyncio.run(main())\n"
        "print(before > 3, len(asked) - before > 3, set(asked))\n"
    )

    assert check(program) == "True True {True}\n"


def test_running_a_coroutine_loads_nothing_for_which_there_is_time(check: Check) -> None:
    program = (
        "import sys, asyncio\n"
        "async def main(): await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
        "heavy = {'concurrent.futures.process', 'importlib.metadata', 'tempfile', 'asyncio.tools'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )

    assert check(program) == "\n"


def test_star_import_brings_every_public_name(check: Check) -> None:
    program = "from asyncio import *; import asyncio; print(set(asyncio.__all__) - set(globals()))"

    assert check(program) == "set()\n"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'asyncio' has no attribute 'nonsense'"):
        asyncio.nonsense
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        from asyncio import nonsense  # noqa: F401


def test_a_name_set_by_the_program_stays(check: Check) -> None:
    program = (
        "import asyncio; asyncio.Task = 'mine'\n"
        "asyncio.create_task; from asyncio import Task; print(Task, asyncio.tasks.Task)"
    )

    assert check(program).startswith("mine <class ")


def test_patching_a_submodule_does_not_reach_the_package(check: Check) -> None:
    program = (
        "import asyncio\n"
        "from unittest import mock\n"
        "with mock.patch('asyncio.tasks.sleep', 'patched'):\n"
        "    print(asyncio.tasks.sleep, asyncio.sleep == 'patched')\n"
        "print(asyncio.sleep is asyncio.tasks.sleep)"
    )

    assert check(program) == "patched False\nTrue\n"


def test_patching_the_package_is_undone_completely(check: Check) -> None:
    program = (
        "import asyncio\n"
        "from unittest import mock\n"
        "with mock.patch('asyncio.sleep', 'patched'):\n"
        "    print(asyncio.sleep)\n"
        "print(asyncio.sleep is asyncio.tasks.sleep)"
    )

    assert check(program) == "patched\nTrue\n"


def test_reloading_the_package_keeps_its_names_and_one_alias_finder(check: Check) -> None:
    program = (
        "import asyncio, importlib, sys\n"
        "sleep = asyncio.sleep; finders = len(sys.meta_path)\n"
        "print(importlib.reload(asyncio) is asyncio, asyncio.sleep is sleep,\n"
        "      len(sys.meta_path) - finders)"
    )

    assert check(program) == "True True 0\n"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="deprecated since Python 3.14")
@pytest.mark.parametrize("name", ["AbstractEventLoopPolicy", "DefaultEventLoopPolicy"])
def test_each_use_of_a_policy_class_warns(name: str) -> None:
    assert name not in asyncio.__all__
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=f"'asyncio.{name}' is deprecated") as caught:
            getattr(asyncio, name)
        assert caught[0].filename == __file__


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="deprecated since Python 3.14")
@pytest.mark.parametrize("name", ["AbstractEventLoopPolicy", "DefaultEventLoopPolicy"])
def test_policy_classes_are_public_while_the_running_python_has_them_so(name: str) -> None:
    assert name in asyncio.__all__


@pytest.mark.skipif(sys.platform == "win32", reason="child watchers are Unix's")
def test_child_watchers_are_offered_where_the_running_python_has_them() -> None:
    offered = {"get_child_watcher", "ThreadedChildWatcher"} & set(asyncio.__all__)

    assert bool(offered) == (sys.version_info < (3, 14))


def test_the_names_of_windows_have_their_homes_there(check: Check) -> None:
    program = (
        "import sys; sys.platform = 'win32'\n"
        "from asyncio import _modules, _names\n"
        "for name in ('EventLoop', 'IocpProactor', 'ProactorEventLoop', 'SelectorEventLoop'):\n"
        "    print(_names.HOMES[name])\n"
        "print('unix_events' in _modules.ATTRIBUTES, 'open_unix_connection' in _names.HOMES)"
    )

    iocp, selectors = "asyncio_iocp.windows_events", "asyncio_selectors.windows"
    assert check(program).splitlines() == [iocp, iocp, iocp, selectors, "False False"]
