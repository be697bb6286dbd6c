"""What the standard asyncio has loaded is in `sys.modules`, loads itself on first use, and is then itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import asyncio_core
import asyncio_selectors
import asyncio_streams
import asyncio_subprocess
import asyncio_sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_test_support.fixture_types import RunPython

    Check = Callable[[str], str]

LOADED = "def loaded(name):\n    return type(sys.modules[name]).__name__ != 'LazyModule'\n"

# What a program may find in sys.modules after the standard asyncio and not after this one: what starts
# with Python or comes with nearly every program, and what is of use to the standard library only.
LEFT_OUT = {
    *(
        "ast",
        "atexit",
        "base64",
        "binascii",
        "collections",
        "collections.abc",
        "contextlib",
        "copyreg",
        "importlib",  # loaded with the first loop
        "importlib.machinery",
    ),
    *(
        "dis",
        "enum",
        "errno",
        "fcntl",
        "functools",
        "itertools",
        "keyword",
        "locale",
        "math",
        "opcode",
    ),
    *(
        "operator",
        "re",
        "reprlib",
        "select",
        "string",
        "textwrap",
        "token",
        "tokenize",
        "types",
        "typing",
    ),
    *(
        "warnings",
        "weakref",
        "annotationlib",
        "array",
        "copy",
        "dataclasses",
        "io",
        "grp",
        "math.integer",
    ),
    *("ntpath", "pathlib", "pwd", "typing.io", "typing.re"),
}


@pytest.mark.skipif(
    sys.platform == "win32", reason="there it brings tempfile, and with that much of the library"
)
def test_all_that_the_standard_asyncio_has_loaded_is_there(python: RunPython) -> None:
    program = "import sys, asyncio; print(*(n for n, m in sys.modules.items() if m is not None))"
    standard = set(python("-c", program, implementation="stdlib").stdout.split())
    here = set(python("-c", program).stdout.split())

    missing = {name for name in standard - here if not any(p[0] == "_" for p in name.split("."))}
    missing = {name for name in missing if "._" not in name}
    assert missing <= LEFT_OUT


def test_submodules_are_attributes_that_the_module_has_for_itself(check: Check) -> None:
    program = (
        "import sys, asyncio\n"
        "print(all(vars(asyncio)[name.partition('.')[2]] is module for name, module\n"
        "          in sys.modules.items() if name.startswith('asyncio.') and name[8] != '_'))"
    )

    assert check(program) == "True\n"


def test_both_names_are_one_module_before_and_after_it_is_loaded(check: Check) -> None:
    program = (
        f"import sys, asyncio\n{LOADED}"
        "before = asyncio.tasks\n"
        "print(loaded('asyncio.tasks'), before is sys.modules['asyncio_core.awaiting.tasks'])\n"
        "import asyncio_core.awaiting.tasks\n"
        "print(before is asyncio_core.awaiting.tasks, before is sys.modules['asyncio.tasks'])\n"
        "from asyncio_core.awaiting.tasks import sleep\n"
        "print(loaded('asyncio.tasks'), before is asyncio_core.awaiting.tasks is sys.modules['asyncio.tasks'])\n"
        "print(asyncio.tasks.sleep is sleep is asyncio.sleep, type(asyncio.timeouts.timeout))\n"
        "print(type(asyncio.timeouts))"
    )

    assert check(program).splitlines() == [
        "False True",
        "True True",
        "True True",
        "True <class 'function'>",
        "<class 'module'>",
    ]


@pytest.mark.parametrize(
    "use",
    [
        "asyncio.tasks.sleep",
        "asyncio.tasks.__all__",
        "asyncio.tasks.__doc__",
        "dir(asyncio.tasks)",
        "vars(asyncio.tasks)",
        "asyncio.tasks.mine = 1",
        "from asyncio.tasks import Task",
        "from asyncio.tasks import *",
        "from asyncio import sleep",
        "import inspect; inspect.getmembers(asyncio.tasks)",
        "import asyncio_core.awaiting.tasks; asyncio_core.awaiting.tasks.sleep",
        "import importlib; importlib.reload(asyncio.tasks)",
        "from ctypes import *\nadd = pythonapi.PyImport_AddModule\nadd.restype = py_object\nadd(b'asyncio.tasks').wait",
    ],
)
def test_what_only_its_code_can_give_loads_a_module(check: Check, use: str) -> None:
    program = f"import sys, asyncio\n{LOADED}{use}\nprint(loaded('asyncio.tasks'))"

    assert check(program) == "True\n"


def test_going_through_the_modules_loads_none(check: Check) -> None:
    program = (
        f"import sys, asyncio, importlib.util, warnings\n{LOADED}"
        "lazy = [name for name in sys.modules if not loaded(name)]\n"
        "before = list(sys.modules)\n"
        # Not over a copy: that nothing is imported under way is what counts.
        "for name, module in sys.modules.items():\n"
        "    for attribute in ('__file__', '__spec__', '__loader__', '__path__', '__package__', '__name__',\n"
        "                      '__cached__', '__warningregistry__', '__wrapped__', '__test__', '__unittest'):\n"
        "        getattr(module, attribute, None)\n"
        "    repr(module), isinstance(module, type(sys)), hash(module)\n"
        "with warnings.catch_warnings(): pass\n"
        "print(len(lazy) > 30, before == list(sys.modules), any(map(loaded, lazy)))"
    )

    assert check(program) == "True True False\n"


def test_what_describes_a_module_is_told_as_it_is_afterwards(check: Check) -> None:
    program = (
        f"import sys, asyncio\n{LOADED}"
        "lazy = [sys.modules[name] for name in sys.modules if not loaded(name)]\n"
        "names = ('__file__', '__spec__', '__loader__', '__path__', '__package__', '__name__', '__cached__')\n"
        "def tell():\n"
        "    return [[getattr(module, name, None) for name in names] for module in lazy]\n"
        "before = tell()\n"
        "none = any(map(loaded, (module.__name__ for module in lazy)))\n"
        "for module in lazy: vars(module)\n"
        "print(none, all(type(module).__name__ in ('module', '_Face') for module in lazy))\n"
        "for module, a, b in zip(lazy, before, tell()):\n"
        "    if a != b: print(module, a, b)"
    )

    assert check(program) == "False True\n"


def test_unittest_and_inspect_find_their_way(check: Check) -> None:
    program = (
        f"import sys, asyncio, io, unittest, inspect\n{LOADED}"
        "class Case(unittest.TestCase):\n"
        "    def runTest(self):\n"
        "        import warnings\n"
        "        with self.assertWarns(UserWarning): warnings.warn('here')\n"
        "assert unittest.TextTestRunner(stream=io.StringIO()).run(Case()).wasSuccessful()\n"
        "print(loaded('asyncio.streams'))\n"
        "print(inspect.getmodule(asyncio.sleep) is asyncio.tasks or inspect.getmodule(asyncio.sleep).__name__)\n"
        "print(inspect.getsource(asyncio.streams).partition(chr(10))[0] != '')"
    )

    assert check(program).splitlines()[0] == "False"
    assert check(program).splitlines()[2] == "True"


def test_a_reload_of_one_that_waits_is_in_place(check: Check) -> None:
    program = (
        "import importlib, sys, asyncio\n"
        "before = asyncio.constants\n"
        "print(importlib.reload(before) is before is asyncio.constants is sys.modules['asyncio_core.constants'])\n"
        "print(type(before), before.__loader__ is before.__spec__.loader, type(before.__loader__).__name__)\n"
        "print(importlib.reload(before) is before)"
    )

    assert check(program) == "True\n<class 'module'> True SourceFileLoader\nTrue\n"


def test_who_takes_one_that_waits_out_gets_a_module_of_its_own(check: Check) -> None:
    """As with one that is loaded: eventlet keeps an unpatched copy of threading beside the one that it patches."""
    check(
        LOADED
        + """
import asyncio, sys
there = sys.modules["subprocess"]
assert not loaded("subprocess")
del sys.modules["subprocess"]
import subprocess as copy
assert copy is not there and sys.modules["subprocess"] is copy
sys.modules["subprocess"] = there
copy.PIPE = "patched"
assert there.PIPE == -1
assert sys.modules["subprocess"] is there and loaded("subprocess")
assert there is not copy and copy.PIPE == "patched"
"""
    )


def test_a_patch_is_seen_and_taken_back_where_the_module_waited(check: Check) -> None:
    program = (
        f"import sys, asyncio\nfrom unittest import mock\n{LOADED}"
        "waited = not loaded('asyncio.events')\n"
        "with mock.patch('asyncio.constants.THREAD_JOIN_TIMEOUT', 5), mock.patch.object(asyncio.log, 'logger', 1):\n"
        "    from asyncio_core.constants import THREAD_JOIN_TIMEOUT\n"
        "    print(THREAD_JOIN_TIMEOUT, asyncio.log.logger)\n"
        "print(asyncio.constants.THREAD_JOIN_TIMEOUT, asyncio.log.logger)\n"
        "asyncio.mixins.mine = 1; print(asyncio.mixins.mine)\n"
        "del asyncio.mixins.mine; print(hasattr(asyncio.mixins, 'mine'), waited)"
    )

    assert check(program) == "5 1\n300 <Logger asyncio (WARNING)>\n1\nFalse True\n"


def test_a_name_patched_before_it_is_used_leaves_the_facades(check: Check) -> None:
    program = (
        "import asyncio_core.awaiting.tasks, asyncio\n"
        "sleep = asyncio_core.awaiting.tasks.sleep\n"
        "asyncio_core.awaiting.tasks.sleep = None\n"
        "asyncio.locks.Lock = None\n"
        "print(asyncio.sleep is sleep, asyncio.Lock is not None)"
    )

    assert check(program) == "True True\n"


def test_threads_that_use_it_at_once_get_a_whole_module(check: Check) -> None:
    program = (
        "import sys, threading, asyncio\n"
        "sys.setswitchinterval(1e-6)\n"
        "uses = [lambda: asyncio.streams.open_connection, lambda: asyncio.subprocess.create_subprocess_shell,\n"
        "        lambda: asyncio.base_events.BaseEventLoop, lambda: asyncio.unix_events.SelectorEventLoop,\n"
        "        lambda: asyncio.runners.run, lambda: asyncio.tasks.wait_for, lambda: asyncio.run,\n"
        "        lambda: __import__('ssl').create_default_context, lambda: __import__('logging').getLogger]\n"
        "if sys.platform == 'win32': del uses[3]\n"
        "barrier, failures = threading.Barrier(3 * len(uses)), []\n"
        "def work(use):\n"
        "    barrier.wait()\n"
        "    try: use()\n"
        "    except BaseException as error: failures.append(error)\n"
        "threads = [threading.Thread(target=work, args=(use,)) for use in uses * 3]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(failures)"
    )

    assert check(program) == "[]\n"


def test_a_finder_that_was_asked_for_no_more_than_an_answer_spoils_nothing(check: Check) -> None:
    program = (
        "import sys, asyncio, asyncio_core\n"
        "for finder in sys.meta_path:\n"
        "    if finder.find_spec('asyncio_core.awaiting.tasks', asyncio_core.__path__): break\n"
        "print(asyncio.tasks.sleep is asyncio.sleep, type(asyncio.timeouts.timeout))"
    )

    assert check(program) == "True <class 'function'>\n"


def test_one_that_fails_fails_again_and_loads_when_it_can(check: Check) -> None:
    program = (
        "import sys, asyncio\n"
        "exceptions = sys.modules['asyncio_core.exceptions']\n"
        "sys.modules['asyncio_sync.waiting'] = None\n"
        "waits = asyncio.locks\n"
        "for attempt in 1, 2:\n"
        "    try: waits.Lock\n"
        "    except ImportError as error: print(error)\n"
        "del sys.modules['asyncio_sync.waiting']\n"
        "import asyncio_sync.locks\n"
        "print(waits.Lock is asyncio_sync.locks.Lock is asyncio.Lock, waits is asyncio_sync.locks)"
    )

    *halted, last = check(program).splitlines()
    assert ["halted; None in sys.modules" in line for line in halted] == [True, True]
    assert last == "True True"


def test_a_loader_that_makes_its_own_modules_makes_these(check: Check) -> None:
    program = (
        "import sys, types, asyncio\n"
        "from importlib.machinery import PathFinder\n"
        "class Module(types.ModuleType): pass\n"
        "class Loader:\n"
        "    def __init__(self, loader): self.loader = loader\n"
        "    def create_module(self, spec): return Module(spec.name)\n"
        "    def exec_module(self, module): self.loader.exec_module(module)\n"
        "find = PathFinder.find_spec\n"
        "def find_spec(name, *rest):\n"
        "    spec = find(name, *rest)\n"
        # Extensions are made by their own loader, and run by no other.
        "    if spec is not None and name[:8] == 'asyncio_' and spec.origin[-3:] == '.py':\n"
        "        spec.loader = Loader(spec.loader)\n"
        "    return spec\n"
        "before = asyncio.locks\n"
        "PathFinder.find_spec = staticmethod(find_spec)\n"
        "print(before.Lock is asyncio.Lock, asyncio.locks is not before)\n"
        "import asyncio_sync.locks\n"
        "print(asyncio.locks is asyncio_sync.locks, before.Lock is asyncio_sync.locks.Lock)\n"
        "before.mine = 1\n"
        "print(asyncio.locks.mine, asyncio.run(asyncio.sleep(0, 'runs')))"
    )

    assert check(program) == "True True\nTrue True\n1 runs\n"


def test_what_describes_a_module_is_told_to_who_asked_just_before_it_began_to_load(
    check: Check,
) -> None:
    program = (
        "import sys, asyncio\n"
        "from importlib.machinery import PathFinder\n"
        "class Loader:\n"
        "    def __init__(self, loader): self.loader = loader\n"
        "    def create_module(self, spec): pass\n"
        "    def exec_module(self, module):\n"
        # What another thread calls that has not found it in the module, and goes on now.
        "        if (ask := getattr(type(module), '__getattr__', None)) is not None:\n"
        "            told.append(ask(module, '__spec__').name)\n"
        "        self.loader.exec_module(module)\n"
        "find, told = PathFinder.find_spec, []\n"
        "def find_spec(name, *rest):\n"
        "    spec = find(name, *rest)\n"
        "    if spec is not None and name[:8] == 'asyncio_' and spec.origin[-3:] == '.py':\n"
        "        spec.loader = Loader(spec.loader)\n"
        "    return spec\n"
        "PathFinder.find_spec = staticmethod(find_spec)\n"
        "print(asyncio.locks.Lock is asyncio.Lock, 'asyncio_sync.locks' in told)"
    )

    assert check(program) == "True True\n"


def test_pickling_by_name_and_by_module(check: Check) -> None:
    program = (
        "import pickle, asyncio\n"
        "print(pickle.loads(b'casyncio.streams\\nStreamReader\\n.').__name__)\n"
        "print(pickle.loads(pickle.dumps(asyncio.queues)) is asyncio.queues)"
    )

    assert check(program) == "StreamReader\nTrue\n"


@pytest.mark.parametrize(
    "use",
    [
        "import concurrent; concurrent.futures.Future()",
        "import concurrent.futures.thread; concurrent.futures.ThreadPoolExecutor",
        "sys.modules['subprocess'].Popen",
        "sys.modules['ssl'].SSLContext",
        "import ssl, socket; isinstance(0, (ssl.SSLSocket, socket.socket))",
        "import logging.handlers; logging.getLogger().handlers",
        "import threading; threading.Thread(target=print, args=('from', 'a thread')).start()",
        "import signal; signal.getsignal(signal.SIGINT)",
        "import importlib, socket; importlib.reload(socket)",
    ],
)
def test_standard_modules_that_come_along_can_be_used(python: RunPython, use: str) -> None:
    result = python("-W", "error", "-c", f"import sys, asyncio\n{use}")

    assert (result.returncode, result.stderr) == (0, "")


def test_an_interpreter_that_ends_does_not_load_threading(python: RunPython) -> None:
    result = python("-X", "importtime", "-c", "import asyncio")

    assert "asyncio" in result.stderr
    assert "threading" not in result.stderr


def test_where_ssl_cannot_work_it_is_not_there(check: Check) -> None:
    program = (
        "import sys\n"
        "sys.modules['_ssl'] = None\n"
        "import asyncio\n"
        "try: import ssl\n"
        "except ImportError: print('without', asyncio.run(asyncio.sleep(0, 'runs')))"
    )

    assert check(program) == "without runs\n"


# --- What is loaded when a loop is made ------------------------------------------------------------


# Imported inside a function and yet not needed where nothing can be loaded, with the reason.
NOT_LAID_IN = {
    "asyncio_core.loops.parking": "another loop",
    "importlib.metadata": "for loops that are asked for by name, before they run",
    "asyncio_selectors.windows": "Windows",
    "asyncio_selectors.poll_kqueue": "another system's, or not chosen",
    "asyncio_selectors.poll_poll": "another system's, or not chosen",
    "asyncio_selectors.poll_select": "another system's, or not chosen",
    "asyncio_selectors.poll_epoll": "another system's, or not chosen",
    "asyncio_subprocess.windows_spawning": "Windows",
    "asyncio_subprocess.windows_utils": "Windows",
    "asyncio_core.awaiting.asking": "for reports, which do without where nothing can be loaded",
    "asyncio_core.awaiting.graph": "heavy, and for those who look into a program",
    "asyncio_core.choosing.mixing": "for processes with the standard asyncio beside this one",
    "asyncio_core.inspecting.attending": "loaded when somebody asks for figures, or for a trace",
    "asyncio_core.inspecting.by_injection": "loaded when somebody asks, or the environment does",
    "asyncio_core.inspecting.inspector": "loaded then where the environment asks for it",
    "asyncio_core.inspecting.measuring": "loaded when somebody asks for figures",
    "asyncio_core.inspecting.recording": "loaded when somebody asks for a trace",
    "asyncio_core.inspecting.watchdog": "loaded then where the environment asks for it",
    "asyncio_core.siblings": "for the message about a name that core has not",
}


def _imported_late(package: Path) -> set[str]:
    """The modules that the functions of a package import."""
    found = set()
    for file in package.glob("**/*.py"):
        if "windows" in file.stem:
            continue
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module is not None:
                    found.add(node.module)
                    submodules = {f"{node.module}.{alias.name}" for alias in node.names}
                    folder = package.parent / node.module.replace(".", "/")
                    found |= {
                        n
                        for n in submodules
                        if (folder / n.rpartition(".")[2]).with_suffix(".py").is_file()
                    }
    return found


@pytest.mark.skipif(
    sys.platform == "win32", reason="what the loop over completion ports loads is its own"
)
def test_what_functions_import_is_loaded_before_a_loop_runs(check: Check) -> None:
    packages = (asyncio_core, asyncio_selectors, asyncio_streams, asyncio_subprocess, asyncio_sync)
    late: set[str] = set()
    for package in packages:
        assert package.__file__ is not None
        late |= _imported_late(Path(package.__file__).parent)
    program = (
        f"import sys, asyncio\n{LOADED}"
        "asyncio.new_event_loop().close()\n"
        f"print(*(name for name in {sorted(late)} if name not in sys.modules or not loaded(name)))"
    )

    assert len(late) > 20
    assert set(check(program).split()) <= set(NOT_LAID_IN)


def test_nothing_waits_any_more_where_a_loop_was_made(check: Check) -> None:
    program = (
        f"import sys, asyncio\n{LOADED}"
        "asyncio.new_event_loop().close()\n"
        "print(*(name for name in sys.modules if not loaded(name)))"
    )

    assert set(check(program).split()) <= {"asyncio.graph", "asyncio_core.awaiting.graph"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_at_the_limit_of_descriptors_all_that_needs_none_works(check: Check) -> None:
    program = (
        "import asyncio, os, resource, sys\n"
        "def use_up():\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "    held = []\n"
        "    try:\n"
        "        while True: held.append(os.open(os.devnull, os.O_RDONLY))\n"
        "    except OSError: return held\n"
        "async def main():\n"
        "    held = use_up()\n"
        "    async with asyncio.TaskGroup() as group: group.create_task(asyncio.sleep(0))\n"
        "    async with asyncio.Lock(), asyncio.Semaphore(), asyncio.Condition(), asyncio.timeout(5): pass\n"
        "    asyncio.Queue().put_nowait(1), asyncio.Event().set(), asyncio.StreamReader().feed_eof()\n"
        "    await asyncio.wait_for(asyncio.gather(asyncio.sleep(0)), 5)\n"
        "    asyncio.current_task().print_stack(file=sys.stdout)\n"
        "    assert await asyncio.to_thread(int) == 0\n"
        "    for attempt in (asyncio.open_connection('127.0.0.1', 9), asyncio.create_subprocess_exec('true'),\n"
        "                    asyncio.start_server(print, '127.0.0.1', 0)):\n"
        # Starting a child takes none on some systems.
        "        try: print(await (await attempt).wait() == 0)\n"
        "        except OSError as error: print(not isinstance(error, ImportError))\n"
        "    asyncio.get_running_loop().call_exception_handler(\n"
        "        {'message': 'reported', 'exception': ValueError('with its cause')})\n"
        "    for number in held: os.close(number)\n"
        "import logging; logging.lastResort = None\n"
        "class Handler(logging.Handler):\n"
        "    def emit(self, record): print(self.format(record))\n"
        "logging.getLogger('asyncio').addHandler(Handler())\n"
        "asyncio.run(main())"
    )

    printed = check(program)
    assert printed.count("True\n") == 3
    assert "reported" in printed
    assert "ValueError: with its cause" in printed


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(__import__("os"), "geteuid", lambda: 1)() != 0,
    reason="needs root",
)
def test_in_another_root_folder_nothing_is_missed(check: Check, tmp_path: Path) -> None:
    program = (
        "import asyncio, os\n"
        "async def main():\n"
        f"    os.chroot({str(tmp_path)!r}); os.chdir('/')\n"
        "    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)\n"
        "    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
        "    assert await reader.read() == b''\n"
        "    writer.close(); server.close()\n"
        "    try: await asyncio.create_subprocess_exec('true')\n"
        "    except FileNotFoundError: print('no such program')\n"
        "    import ssl; ssl.create_default_context(); asyncio.get_running_loop().call_later(0, print)\n"
        "    async with asyncio.TaskGroup() as group, asyncio.Lock(): group.create_task(asyncio.sleep(0))\n"
        "asyncio.run(main())"
    )

    assert check(program).strip() == "no such program"
