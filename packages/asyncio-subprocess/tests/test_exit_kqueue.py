"""The watcher over kqueue, where there is none: on a kernel queue made of a pipe and threads.

Where the system has kernel queues, `test_exit_watching` and all others run on the real ones.
"""

from __future__ import annotations

import errno
import os
import select
import subprocess
import threading
from types import SimpleNamespace

import pytest

from asyncio_subprocess import exit_kqueue, exits

if hasattr(select, "kqueue"):
    pytest.skip("the system has the real thing", allow_module_level=True)


class Queue:
    """Knows one filter, EVFILT_PROC with NOTE_EXIT, and does with it what macOS does."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        self.events = []
        self.threads = []

    def fileno(self):
        return self.read_end

    def control(self, changes, maximum, timeout=None):
        for change in changes or ():
            assert (change.filter, change.fflags) == ("proc", "exit")
            self._add(change.ident)
        events = []
        while self.events and len(events) < maximum:
            os.read(self.read_end, 1)
            events.append(SimpleNamespace(ident=self.events.pop(0)))
        return events

    def _add(self, pid):
        # A process that has ended, reaped or not, is no process any more.
        if pid == 0:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            ended = True
        if ended:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        self.threads.append(threading.Thread(target=self._wait, args=(pid,)))
        self.threads[-1].start()

    def _wait(self, pid):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.events.append(pid)
        os.write(self.write_end, b"x")

    def close(self):
        for thread in self.threads:
            thread.join(30)
        os.close(self.read_end)
        os.close(self.write_end)


@pytest.fixture
def watcher(plain_loop, monkeypatch):
    def event(ident, filter, flags, fflags):
        assert flags == {"add", "oneshot"}
        return SimpleNamespace(ident=ident, filter=filter, fflags=fflags)

    system = SimpleNamespace(
        kqueue=Queue,
        kevent=event,
        KQ_FILTER_PROC="proc",
        KQ_EV_ADD={"add"},
        KQ_EV_ONESHOT={"oneshot"},
        KQ_NOTE_EXIT="exit",
    )
    monkeypatch.setattr(exit_kqueue, "select", system)
    assert exit_kqueue.usable()
    watcher = exit_kqueue._KqueueChildWatcher(plain_loop)
    plain_loop._exit_watcher = watcher
    return watcher


@pytest.fixture
def start(python):
    started = []

    def start(*lines):
        started.append(subprocess.Popen(python(*lines), stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for child in started:
        child.stdin.close()
        child.wait()


def run_until(loop, condition):
    timer = loop.call_later(30, loop.stop)
    while not condition() and timer.when() > loop.time():
        loop.call_soon(loop.stop)
        loop.run_forever()
    timer.cancel()
    assert condition()


def test_an_end_is_told_once_and_the_queue_closed(plain_loop, watcher, start, descriptors):
    child = start("os.read(0, 1)", "sys.exit(3)")
    before = descriptors()
    told = []
    watcher.watch(child.pid, told.append)
    assert watcher._queue is not None
    child.stdin.close()
    run_until(plain_loop, lambda: told)
    assert told == [None]
    assert exits.reap(child.pid) == 3
    child.returncode = 3
    assert watcher._queue is None
    assert descriptors() < before  # without the child's stdin


def test_a_child_that_ended_before_is_told_of_in_the_next_turn(plain_loop, watcher, start):
    child = start()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    told = []
    watcher.watch(child.pid, told.append)
    assert told == []
    run_until(plain_loop, lambda: told)
    assert told == [None]
    assert watcher._queue is None


def test_children_share_a_queue_and_are_told_apart(plain_loop, watcher, start):
    children = [start("os.read(0, 1)") for _ in range(4)]
    told = []
    queues = set()
    for number, child in enumerate(children):
        watcher.watch(child.pid, lambda code, number=number: told.append((number, code)))
        queues.add(watcher._queue)
    assert len(queues) == 1
    for count, number in enumerate((2, 0, 3, 1), 1):
        children[number].stdin.close()
        run_until(plain_loop, lambda count=count: len(told) == count)
        assert told[-1] == (number, None)
    assert watcher._queue is None


def test_a_handler_may_watch_the_next_child(plain_loop, watcher, start):
    first, second = start(), start("os.read(0, 1)")
    told = []

    def next_one(code):
        told.append(code)
        second.stdin.close()
        watcher.watch(second.pid, told.append)

    watcher.watch(first.pid, next_one)
    run_until(plain_loop, lambda: len(told) == 2)
    assert watcher._queue is None


def test_what_cannot_be_watched_leaves_nothing_behind(plain_loop, watcher, descriptors):
    before = descriptors()
    with pytest.raises(OSError, match="memory"):
        watcher.watch(0, print)
    assert descriptors() == before
    assert watcher._watched == {}


def test_closing_forgets_the_children(plain_loop, watcher, start, descriptors):
    child = start("os.read(0, 1)")
    before = descriptors()
    told = []
    watcher.watch(child.pid, told.append)
    child.stdin.close()
    watcher.close()
    watcher.close()
    assert descriptors() < before
    plain_loop.settle()
    assert told == []


def test_a_queue_that_the_loop_cannot_watch_is_closed(
    plain_loop, watcher, start, descriptors, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    child = start("os.read(0, 1)")
    before = descriptors()
    monkeypatch.setattr(plain_loop, "add_reader", refuse)
    told = []
    with pytest.raises(OSError, match="space"):
        watcher.watch(child.pid, told.append)
    assert descriptors() == before
    assert watcher._queue is None
    # A thread does it then.
    exits.watch(plain_loop, child.pid, told.append)
    child.stdin.close()
    run_until(plain_loop, lambda: told)
    assert told == [None]
