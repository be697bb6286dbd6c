"""Classes and functions say that they are asyncio's, as the standard ones do: in reprs, filters, snapshots and pickles."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("shown_names.py")

# What the standard asyncio has in C (`_asyncio`, which this one keeps out), by the submodule it is shown in here:
# the one that the standard asyncio itself shows it in where it runs without C.
IN_C = "_asyncio"


def shown(python, implementation=None):
    result = python(str(PROGRAM), implementation=implementation)
    assert (result.returncode, result.stderr) == (0, "")
    return {
        name: (module, qualified)
        for name, module, qualified in map(str.split, result.stdout.splitlines())
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the table is that of Unix")
def test_modules_and_qualified_names_are_the_standards(python):
    ours, standard = shown(python), shown(python, "stdlib")
    differing = {
        name: (ours[name], told)
        for name, told in standard.items()
        if ours.get(name) != told and told[0] != IN_C
    }
    assert differing == {}
    for name, (module, qualified) in standard.items():
        if module == IN_C:
            assert ours[name][0] in ("asyncio.events", "asyncio.futures", "asyncio.tasks")
            assert ours[name][1] == qualified
    assert not [
        name
        for name, (module, _) in ours.items()
        if not module.startswith(("asyncio.", "builtins"))
    ]


def test_what_users_see(check):
    assert check(
        "import asyncio\n"
        "print(asyncio.Queue, asyncio.StreamReader, asyncio.Task, asyncio.QueueFull)\n"
        "loop = asyncio.new_event_loop()\n"
        "print(type(loop).__module__.startswith('asyncio.'))\n"
        "closing = loop.shutdown_asyncgens()\n"
        "print(closing.__qualname__)\n"
        "closing.close()\n"
        "loop.close()\n"
    ).splitlines() == [
        " ".join(
            f"<class 'asyncio.{name}'>"
            for name in ("queues.Queue", "streams.StreamReader", "tasks.Task", "queues.QueueFull")
        ),
        "True",
        "BaseEventLoop.shutdown_asyncgens",
    ]


def test_the_pieces_alone_keep_their_names(python):
    result = python(
        "-c",
        "import asyncio, asyncio_core, asyncio_sync\n"
        "print(asyncio_core.Future.__module__, asyncio_sync.Queue.__module__, asyncio_core.run.__module__)",
        implementation="stdlib",
    )
    assert result.stdout.split() == [
        *("asyncio_core.awaiting.futures", "asyncio_sync.queues", "asyncio_core.loops.runners")
    ]


PICKLES = """
import asyncio, pickle, sys

def made():
    yield asyncio.BrokenBarrierError("b")
    yield asyncio.CancelledError("why")
    yield asyncio.IncompleteReadError(b"ab", 5)
    yield asyncio.IncompleteReadError(b"ab", None)
    yield asyncio.InvalidStateError("i")
    yield asyncio.LimitOverrunError("l", 7)
    yield asyncio.SendfileNotAvailableError("s")
    yield asyncio.TimeoutError("t")
    yield asyncio.QueueEmpty()
    yield asyncio.QueueFull()
    if sys.version_info >= (3, 13):
        yield asyncio.QueueShutDown("q")
    yield ExceptionGroup("several", [asyncio.InvalidStateError("i")])
"""
DUMP = (
    PICKLES
    + "print(pickle.dumps([*made(), asyncio.sleep, asyncio.Queue, asyncio.constants._SendfileMode.FALLBACK]).hex())\n"
)
LOAD = (
    PICKLES
    + """
*errors, sleep, queue, mode = pickle.loads(bytes.fromhex(sys.stdin.read()))
for error, expected in zip(errors, made(), strict=True):
    assert type(error) is type(expected), error
    assert (str(error), vars(error)) == (str(expected), vars(expected)) or isinstance(error, ExceptionGroup)
assert sleep is asyncio.sleep and queue is asyncio.Queue and mode is asyncio.constants._SendfileMode.FALLBACK
"""
)


@pytest.mark.parametrize("load", [None, "stdlib"])
@pytest.mark.parametrize("dump", [None, "stdlib"])
def test_pickles_go_from_one_implementation_to_the_other(python, dump, load):
    dumped = python("-c", DUMP, implementation=dump)
    assert dumped.stderr == ""
    loaded = python("-c", LOAD, implementation=load, input=dumped.stdout)
    assert (loaded.returncode, loaded.stderr) == (0, "")


def test_errors_of_its_own_can_be_loaded_beside_the_standard_asyncio(python):
    names = ["LoopSelectionError", "LoopNotFoundError", "LoopLoadError", "LoopAmbiguousError"]
    dumped = python(
        "-c",
        "import asyncio, asyncio_core, pickle\n"
        f"print(pickle.dumps([getattr(asyncio_core, name)('why') for name in {names}]).hex())",
    )
    assert dumped.stderr == ""
    loaded = python(
        "-c",
        "import pickle, sys\n"
        "for error in pickle.loads(bytes.fromhex(sys.stdin.read())): print(type(error).__name__, error)",
        implementation="stdlib",
        input=dumped.stdout,
    )
    assert (loaded.stderr, loaded.stdout.splitlines()) == ("", [f"{name} why" for name in names])


def test_sources_are_found(check):
    """Of classes too, whose file is not always that of the submodule they are shown in."""
    check(
        "import asyncio, inspect, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "asyncio.new_event_loop().close()\n"
        "files = {name: module.__spec__.origin for name, module in list(vars(asyncio).items())\n"
        "         if inspect.ismodule(module) and module.__name__.startswith('asyncio_')}\n"
        "for name in asyncio.__all__:\n"
        "    made = getattr(asyncio, name)\n"
        "    if not (inspect.isclass(made) or inspect.isfunction(made)) or name == 'TimeoutError':\n"
        "        continue\n"
        "    if inspect.isclass(made) and made.__module__.startswith('asyncio') and not made.__flags__ & 512:\n"
        "        continue  # a compiled one\n"
        "    source, short = inspect.getsource(made), made.__name__\n"
        "    assert f'class {short}' in source or f'def {short}' in source, (name, source[:200])\n"
        "    assert inspect.getsourcefile(made) == inspect.getfile(made)\n"
        "for name, file in files.items():\n"
        "    assert getattr(asyncio, name).__file__ == file, name\n"
    )


def test_tools_go_on_working(check):
    check(
        "import asyncio, copy, doctest, importlib, inspect, pickle, pydoc, typing\n"
        "from unittest import mock\n"
        "asyncio.new_event_loop().close()\n"
        "for name in ('Queue', 'Task', 'StreamReader', 'Lock', 'Runner', 'Handle', 'Server'):\n"
        "    made = getattr(asyncio, name)\n"
        "    assert pickle.loads(pickle.dumps(made)) is made is copy.deepcopy(made)\n"
        "    assert mock.create_autospec(made) is not None\n"
        "    assert pydoc.locate(f'{made.__module__}.{name}') is made\n"
        "    assert name in pydoc.render_doc(made)\n"
        "    typing.get_type_hints(made)\n"
        "class Own(asyncio.Queue):\n"
        "    limit: int = 1\n"
        "assert typing.get_type_hints(Own)['limit'] is int\n"
        "for module in (asyncio.queues, asyncio.tasks, asyncio.streams):\n"
        "    assert doctest.testmod(module).failed == 0\n"
        "    assert importlib.reload(module) is module\n"
        "    assert module.__file__ == module.__spec__.origin\n"
        "assert asyncio.queues.Queue is not asyncio.Queue\n"
    )


@pytest.mark.parametrize("name", ["events.get_running_loop", "base_futures.isfuture"])
def test_what_is_asked_of_its_submodule_first_shows_it(check, name):
    module, _, attribute = name.partition(".")
    program = f"import asyncio; print(asyncio.{module}.{attribute}.__module__)"
    assert check(program) == f"asyncio.{module}\n"
