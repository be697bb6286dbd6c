"""Makes a loop for each test, runs tests that are coroutines on it, and looks at what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import socket
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit import capabilities, loops, plugin
from loop_kit.certificates import Authority
from loop_kit.descriptors import descriptors_left, open_descriptors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from loop_kit.loops import LoopChoice

#: Seconds for one test; most take a few milliseconds.
LIMIT = 30
#: Seconds for a test that is a coroutine: a traceback from there says more than one of the whole process.
COROUTINE_LIMIT = 10
#: The same for one that is expected to fail.
FAILURE_LIMIT = 1
#: Seconds for the tasks that a failed test left behind.
ENDING_LIMIT = 2

#: Whether the test before this one failed, or this one has not ended yet.
_failed: pytest.StashKey[bool] = pytest.StashKey()

_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "choice" in metafunc.fixturenames:
        choices = plugin.chosen_loops(metafunc.config)
        metafunc.parametrize("choice", choices, ids=[choice.text for choice in choices])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LIMIT))
            item.add_marker(pytest.mark.filterwarnings("error"))
            _expect(config, item)


def _expect(config: pytest.Config, item: pytest.Function) -> None:
    """Mark a test that the documentation asks only of newer Pythons, or that its loop is known to fail."""
    promised = plugin.promised_until(config)
    for mark in item.iter_markers("since"):
        if promised < mark.args:
            version = ".".join(map(str, mark.args))
            item.add_marker(pytest.mark.skip(reason=f"documented from Python {version} on"))
            return
    choice: Any = item.callspec.params["choice"]
    known = plugin.known_differences(config)
    variant = item.callspec.id.removeprefix(choice.text).removeprefix("-")
    found = known.find(
        f"{item.path.stem}::{item.originalname}",
        variant,
        known.name_of(choice.made),
        sys.version_info[:2],
        loops.implementation(),
    )
    if found is not None:
        reason = f"{found.right}: {found.because}"
        strict = not found.sometimes
        item.add_marker(pytest.mark.xfail(reason=reason, strict=strict, run=found.run))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Run a test, on its loop if it is a coroutine, and then end the loop and count what is left."""
    arguments = {
        name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters
    }
    loop: Any = pyfuncitem.funcargs["loop"]
    reports: Any = pyfuncitem.funcargs["reports"]
    _forget_failures(pyfuncitem.config)
    before = open_descriptors()
    pyfuncitem.config.stash[_failed] = True
    expected_to_fail = pyfuncitem.get_closest_marker("xfail") is not None
    try:
        if inspect.iscoroutinefunction(pyfuncitem.obj):
            limit = FAILURE_LIMIT if expected_to_fail else COROUTINE_LIMIT
            loop.run_until_complete(_limited(pyfuncitem.obj(**arguments), limit))
        else:
            pyfuncitem.obj(**arguments)
        _end(loop)
    except Exception as error:
        if expected_to_fail:
            _clear_frames(error)
        raise
    # A frame that still holds what the test made must not keep its finalizers from running.
    arguments.clear()
    gc.collect()
    assert reports == [], "the exception handler was called, and the test did not expect it"
    assert descriptors_left(before) == set(), "descriptors that were opened and not closed"
    pyfuncitem.config.stash[_failed] = False
    return True


def _clear_frames(error: BaseException | None) -> None:
    """Drop what the frames of a failure hold, while what that warns about is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        gc.collect()


def _forget_failures(config: pytest.Config) -> None:
    """Clear away what a failed test left: it must not be found, and warned about, in the next one."""
    if config.stash.get(_failed, False):
        # Where an interpreter, and pytest too, keeps the last traceback, and so the frames of the test.
        for name in ("last_exc", "last_value", "last_traceback"):
            if hasattr(sys, name):
                delattr(sys, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()


async def _limited(test: Awaitable[None], limit: float) -> None:
    async with asyncio.timeout(limit):
        await test


@pytest.fixture(scope="session", autouse=True)
def quick_collections() -> Iterator[None]:
    """Keep what was there before the tests out of the collections of garbage, one of which follows each test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def loop(
    request: pytest.FixtureRequest, choice: LoopChoice, reports: list[dict[str, Any]]
) -> Iterator[asyncio.AbstractEventLoop]:
    """A fresh loop, whose exception handler collects what it is told in `reports`."""
    made = choice.make()
    try:
        for mark in request.node.iter_markers("needs"):
            for name in mark.args:
                if reason := capabilities.missing(name, made):
                    pytest.skip(reason)
        made.set_exception_handler(lambda _, context: reports.append(context))
        yield made
    finally:
        # Closed by now, unless the test failed: what that left behind needs no warning.
        if not (made.is_closed() or made.is_running()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made.set_task_factory(None)
                _end(made)
                gc.collect()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop as asyncio.run() does."""
    if loop.is_closed():
        return
    try:
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=ENDING_LIMIT))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


@pytest.fixture
def reports() -> list[dict[str, Any]]:
    """What the loop told its exception handler. A test that expects something takes it out of the list."""
    return []


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A path for a Unix socket: those of pytest's folders may be too long."""
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        yield Path(folder) / "s"


@pytest.fixture(scope="session")
def authority() -> Authority:
    pytest.importorskip("trustme", reason="no trustme here to make certificates with")
    return Authority()
