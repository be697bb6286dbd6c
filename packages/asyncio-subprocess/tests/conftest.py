"""Fixtures: loops that watch children in each way this system has, and children to watch.

Every test has to leave behind as many descriptors as it found, no child, and no reported error.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.descriptors import open_descriptors
from asyncio_test_support.loops import collect_reports, run_a_round

if sys.platform == "win32":
    from asyncio_iocp import ProactorEventLoop as LoopWithChildren
else:
    from asyncio_selectors import SelectorEventLoop as LoopWithChildren
    from asyncio_subprocess import exit_kqueue, exit_pidfd, exit_thread

#: Tests of the ways of Unix; test_windows.py has those of Windows.
UNIX_ONLY = (
    "test_child_watchers.py",
    "test_exit_kqueue.py",
    "test_exit_watching.py",
    "test_starting.py",
    "test_transport.py",
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if sys.platform == "win32" and collection_path.name in UNIX_ONLY else None


def ways_of_watching() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"handle": lambda loop: None}
    ways: dict[str, Any] = {"thread": exit_thread._ThreadedChildWatcher}
    if exit_pidfd.usable():
        ways["pidfd"] = exit_pidfd._PidfdChildWatcher
    if hasattr(select, "kqueue"):
        ways["kqueue"] = exit_kqueue._KqueueChildWatcher
    return ways


@pytest.fixture(params=sorted(ways_of_watching()))
def way(request: pytest.FixtureRequest) -> Any:
    """Each of the classes that watch children."""
    return ways_of_watching()[request.param]


def descriptors_now() -> set[int]:
    if sys.platform == "win32":
        # As many as there are: numbers are given out in any order there.
        return set(range(len(open_descriptors())))
    return open_descriptors()


@pytest.fixture
def descriptors() -> Callable[[], set[int]]:
    """The set of open descriptors, for comparing before and after."""
    return descriptors_now


def have_children() -> bool:
    if sys.platform == "win32":
        return False  # there is no telling; each test waits for its own
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_children() -> None:
    """Kill what a test that failed has left running, for the next one's sake. Linux only."""
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture
def children() -> Callable[[], bool]:
    """Whether this process has children, be they running or dead."""
    return have_children


@pytest.fixture
def cancel_at_every_step() -> Callable[..., Coroutine[Any, Any, tuple[Any, int]]]:
    """Start a child again and again, cancelled one turn later each time, until it comes to its end before that.

    Each time nothing must be left behind. Returns what the last one gave, and how many were cancelled.
    """

    async def cancel(start: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[Any, int]:
        turns = 0
        while True:
            before = descriptors_now()
            starting = asyncio_core.create_task(start())
            for _ in range(turns):
                await asyncio_core.sleep(0)
            if starting.done():
                return starting.result(), turns
            starting.cancel()
            with pytest.raises(asyncio_core.CancelledError):
                await starting
            assert descriptors_now() == before, turns
            assert not have_children(), turns
            turns += 1

    return cancel


class Loop(LoopWithChildren):
    """Collects what is reported to it."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: list[dict[str, Any]]
        collect_reports(self)

    def settle(self) -> None:
        """Let what is scheduled happen."""
        for _ in range(3):
            run_a_round(self)


@pytest.fixture
def loop_with_children() -> type[Any]:
    """The class of the loop that has subprocesses on this system."""
    return LoopWithChildren


@pytest.fixture
def plain_loop() -> Iterator[Loop]:
    """A loop that watches children in the way that it takes to be the best."""
    before = descriptors_now()
    loop = Loop()
    try:
        yield loop
        if not loop.is_closed():
            loop.settle()
    finally:
        loop.close()
    left = have_children()
    if left:
        end_children()
    assert not left
    assert loop.reported == []
    assert descriptors_now() == before


@pytest.fixture
def loop(plain_loop: Loop, way: Any) -> Loop:
    """A loop for each way of watching children."""
    if (watcher := way(plain_loop)) is not None:
        plain_loop._exit_watcher = watcher
    return plain_loop


def tells_code_of_reaped() -> bool:
    """Whether a pidfd of a child that was reaped tells how it ended (Linux 6.15)."""
    if not exit_pidfd.usable():
        return False
    pid = os.posix_spawn("/bin/true", ["true"], {})
    fd = os.pidfd_open(pid)
    try:
        os.waitpid(pid, 0)
        return exit_pidfd._code_of_reaped(fd) == 0
    finally:
        os.close(fd)


@pytest.fixture
def code_of_reaped(way: Any) -> Callable[[int], int]:
    """The return code of a child that somebody else has reaped: its own, or 255 where nobody knows it."""
    known = way is exit_pidfd._PidfdChildWatcher and tells_code_of_reaped()
    return lambda code: code if known else 255


@pytest.fixture
def run(loop: Loop) -> Callable[..., Any]:
    """Run a coroutine, within seconds, in `loop`."""
    return lambda coroutine: run_in(loop, coroutine)


@pytest.fixture
def run_plain(plain_loop: Loop) -> Callable[..., Any]:
    """Run a coroutine, within seconds, in `plain_loop`."""
    return lambda coroutine: run_in(plain_loop, coroutine)


def run_in(loop: Loop, coroutine: Any) -> Any:
    # Not wait_for(): tests are about what a task does when it is cancelled.
    task = loop.create_task(coroutine)
    timer = loop.call_later(30, task.cancel, "the test takes too long")
    try:
        return loop.run_until_complete(task)
    finally:
        timer.cancel()


@pytest.fixture(scope="session")
def python() -> Callable[..., tuple[str, ...]]:
    """The command line of a child that runs the given lines of Python, with `args` in sys.argv."""

    # The same output everywhere.
    always = ("sys.stdout.reconfigure(newline='\\n')",) if sys.platform == "win32" else ()

    def command(*lines: str, args: tuple[str, ...] = ()) -> tuple[str, ...]:
        code = "\n".join(("import os, signal, sys, time", *always, *lines))
        return (sys.executable, "-I", "-S", "-c", code, *args)

    return command


@pytest.fixture(scope="session")
def cat(python: Any) -> tuple[str, ...]:
    """The command line of a child that copies its input to its output."""
    return python(  # type: ignore[no-any-return]
        "while data := os.read(0, 65536):",
        "    while data:",
        "        data = data[os.write(1, data):]",
    )


@pytest.fixture(scope="session")
def blocked(python: Any) -> tuple[str, ...]:
    """The command line of a child that never ends by itself, and says when it is up."""
    return python("os.write(1, b'up')", "while True: time.sleep(3600)")  # type: ignore[no-any-return]
