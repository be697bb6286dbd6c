"""`asyncio.tasks` is `asyncio_core.awaiting.tasks`: one module under two names, for the import system too."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import pickle
import sys
from asyncio._modules import ATTRIBUTES, ELSEWHERE, MODULES
from typing import TYPE_CHECKING
from unittest import mock

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str], str]


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_a_submodule_is_the_module_of_the_piece(name: str) -> None:
    alias = importlib.import_module(f"asyncio.{name}")

    assert alias is importlib.import_module(MODULES[name])
    assert alias is getattr(asyncio, name)
    assert alias is sys.modules[f"asyncio.{name}"]


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_submodule_has_every_name_that_it_lists(name: str) -> None:
    module = importlib.import_module(f"asyncio.{name}")

    assert [listed for listed in dir(module) if not hasattr(module, listed)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import asyncio.tasks as tasks",
        "from asyncio import tasks",
        "import asyncio; tasks = asyncio.tasks",
        "from importlib import import_module; tasks = import_module('asyncio.tasks')",
        "from importlib import import_module; tasks = import_module('.tasks', 'asyncio')",
        "import asyncio_core.awaiting.tasks, asyncio.tasks; tasks = asyncio.tasks",
        "from pkgutil import resolve_name; tasks = resolve_name('asyncio.tasks')",
    ],
)
def test_every_way_to_import_gives_the_one_module(check: Check, statement: str) -> None:
    program = f"{statement}\nimport asyncio_core.awaiting.tasks; print(tasks is asyncio_core.awaiting.tasks)"

    assert check(program) == "True\n"


def test_an_alias_leaves_the_modules_own_specification(check: Check) -> None:
    program = (
        "import asyncio.locks as locks, asyncio_sync.locks\n"
        "print(locks.__spec__.name, locks.__name__, locks.__package__, locks.__loader__ is "
        "locks.__spec__.loader, locks.__spec__.origin == locks.__file__)"
    )

    assert check(program) == "asyncio_sync.locks asyncio_sync.locks asyncio_sync True True\n"


def test_a_submodule_reloads_in_place(check: Check) -> None:
    program = (
        "import asyncio.constants as constants, importlib, sys\n"
        "again = importlib.reload(constants)\n"
        "print(again is constants is sys.modules['asyncio.constants'])"
    )

    assert check(program) == "True\n"


def test_a_submodule_can_be_looked_for_without_loading_it(check: Check) -> None:
    program = (
        "import importlib.util, sys\n"
        "spec = importlib.util.find_spec('asyncio.locks')\n"
        "again = importlib.util.find_spec('asyncio.locks')\n"
        "print(spec.name, again.name, 'asyncio_sync.waiting' in sys.modules)"
    )

    assert check(program) == "asyncio.locks asyncio_sync.locks False\n"


def test_a_patch_through_one_name_is_seen_through_the_other() -> None:
    import asyncio_core.loops.base_events

    with mock.patch("asyncio.base_events.logger") as logger:
        assert asyncio_core.loops.base_events.logger is logger
    assert asyncio_core.loops.base_events.logger is not logger


def test_what_submodules_show_of_each_other_is_where_the_aliases_lead() -> None:
    from asyncio._names import MODULES

    from asyncio_core.lent_names import OURS

    modules = {name: home for name, home in OURS.items() if ":" not in home}
    assert modules == {name: MODULES[name] for name in modules}


def test_objects_pickled_under_the_standard_name_are_found() -> None:
    by_standard_name = b"casyncio.exceptions\nCancelledError\n."

    assert pickle.loads(by_standard_name) is asyncio.CancelledError
    assert pickle.loads(pickle.dumps(asyncio.CancelledError)) is asyncio.CancelledError


def test_threads_that_import_at_once_get_the_same_module(check: Check) -> None:
    program = (
        "import importlib, threading\n"
        "modules, barrier = [], threading.Barrier(8)\n"
        "def load():\n"
        "    barrier.wait()\n"
        "    module = importlib.import_module('asyncio.streams')\n"
        "    modules.append((module, module.StreamReader))\n"
        "threads = [threading.Thread(target=load) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(len(modules), len(set(modules)))"
    )

    assert check(program) == "8 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio comes with asyncio-iocp on Windows")
def test_base_of_the_proactor_loop_is_there_without_its_distribution_too(check: Check) -> None:
    program = (
        "from asyncio.proactor_events import BaseProactorEventLoop as it; print(it.__module__)"
    )

    without = f"import sys; sys.meta_path.insert(0, Hide())\n{program}"
    hide = (
        "class Hide:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.partition('.')[0] == 'asyncio_iocp':\n"
        "            raise ModuleNotFoundError(name, name='asyncio_iocp')\n"
    )
    assert check(hide + without) == "asyncio._no_proactor\n"
    if importlib.util.find_spec("asyncio_iocp") is not None:
        assert check(program) == "asyncio.proactor_events\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the proactor loop runs on Windows")
def test_off_windows_no_loop_is_a_proactors() -> None:
    proactor_events = importlib.import_module("asyncio.proactor_events")
    loop = asyncio.new_event_loop()
    loop.close()

    assert not isinstance(loop, proactor_events.BaseProactorEventLoop)
    with pytest.raises(NotImplementedError, match="asyncio-iocp runs on Windows only"):
        importlib.import_module("asyncio._no_proactor").BaseProactorEventLoop(None)


def test_an_unknown_submodule_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'asyncio\.nonsense'"):
        importlib.import_module("asyncio.nonsense")


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_a_submodule_of_another_platform_says_so(name: str) -> None:
    with pytest.raises(ImportError, match=f"asyncio.{name} exists on {ELSEWHERE[name]} only"):
        importlib.import_module(f"asyncio.{name}")
    assert not hasattr(asyncio, name)


@pytest.mark.parametrize(
    ("package", "statement"),
    [
        ("asyncio_sync", "asyncio.Lock"),
        ("asyncio_sync", "from asyncio import Lock"),
        ("asyncio_streams", "from asyncio.streams import StreamReader"),
        ("asyncio_streams", "import asyncio.streams; asyncio.streams.StreamReader"),
        ("asyncio_subprocess", "asyncio.subprocess.PIPE"),
    ],
)
def test_a_missing_piece_is_named(check: Check, package: str, statement: str) -> None:
    program = (
        "import sys, asyncio\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        f"hide = lambda name, *rest: None if name == {package!r} else find(name, *rest)\n"
        "PathFinder.find_spec = staticmethod(hide)\n"
        "for attempt in 1, 2:\n"
        f"    try: {statement}\n"
        "    except ImportError as error: print(error)\n"
        "names = ['asyncio.locks', 'asyncio.streams', 'asyncio.subprocess']\n"
        "print([name for name in names if name not in sys.modules])"
    )

    first, second, missing = check(program).splitlines()
    distribution = package.replace("_", "-")
    assert f"needs the distribution {distribution}, which is not installed" in first
    assert f"needs the distribution {distribution}, which is not installed" in second
    # Who goes through the modules does not come upon it again.
    name = {"sync": "locks"}.get(package.removeprefix("asyncio_"), package.removeprefix("asyncio_"))
    assert missing == f"['asyncio.{name}']"


def test_an_error_inside_a_piece_comes_through_unchanged(check: Check) -> None:
    program = (
        "import sys, asyncio\n"
        "sys.modules['asyncio_core.exceptions'] = None\n"
        "try: asyncio.Lock\n"
        "except ImportError as error: print(error)"
    )

    assert "halted; None in sys.modules" in check(program)
