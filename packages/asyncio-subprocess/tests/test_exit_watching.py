"""Learning that a child has ended: pidfd, kqueue, threads, and the choice among them."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import textwrap
import threading
from unittest import mock

import pytest

from asyncio_core.choosing import subprocess_support
from asyncio_selectors import SelectorEventLoop
from asyncio_subprocess import create_subprocess_exec, exit_kqueue, exit_pidfd, exit_thread, exits
from asyncio_test_support.programs import printed_by


@pytest.fixture
def start(python):
    """Start a child that is nobody's but the test's; give its Popen object."""
    started = []

    def start(*lines, **options):
        child = subprocess.Popen(python(*lines), **options)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.returncode is None:
            child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


class Told:
    """A callback for `watch()`; `run()` runs the loop until it was called."""

    def __init__(self, loop):
        self.loop = loop
        self.codes = []
        self.threads = set()

    def __call__(self, code):
        self.codes.append(code)
        self.threads.add(threading.get_ident())
        self.loop.stop()

    def run(self):
        if not self.codes:
            timer = self.loop.call_later(30, self.loop.stop)
            self.loop.run_forever()
            timer.cancel()
        return self.codes


def ended(child):
    """Wait until `child` is dead, and leave it unreaped."""
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_an_end_is_told_once_and_in_the_loops_thread(loop, way, start):
    watcher = way(loop)
    child = start("sys.exit(6)")
    told = Told(loop)
    watcher.watch(child.pid, told)
    assert told.run() == [None]
    assert told.threads == {threading.get_ident()}
    loop.settle()
    assert told.codes == [None]
    assert exits.reap(child.pid) == 6
    child.returncode = 6
    watcher.close()


def test_a_child_that_ended_before_is_told_of_too(loop, way, start):
    watcher = way(loop)
    child = start()
    ended(child)
    told = Told(loop)
    watcher.watch(child.pid, told)
    assert told.codes == []
    assert told.run() == [None]
    watcher.close()


def test_the_child_keeps_its_number_until_it_is_reaped(loop, way, start):
    watcher = way(loop)
    child = start("sys.exit(2)")
    told = Told(loop)
    watcher.watch(child.pid, told)
    told.run()
    os.kill(child.pid, 0)  # raises for a number that nobody has
    assert child.wait() == 2
    watcher.close()


def test_many_children_are_told_apart(loop, way, start):
    watcher = way(loop)
    children = [start("os.read(0, 1)", stdin=subprocess.PIPE) for _ in range(6)]
    tellers = [Told(loop) for _ in children]
    for child, told in zip(children, tellers, strict=True):
        watcher.watch(child.pid, told)
    for number in (3, 0, 5, 1, 4, 2):
        children[number].stdin.close()
        assert tellers[number].run() == [None]
        assert children[number].wait() == 0
    loop.settle()
    assert [told.codes for told in tellers] == [[None]] * 6
    watcher.close()


def test_nobody_is_told_after_closing(loop, way, start, descriptors):
    if way is exit_thread._ThreadedChildWatcher:
        pytest.skip("threads go on until their child ends")
    watcher = way(loop)
    child = start("os.read(0, 1)", stdin=subprocess.PIPE)
    before = descriptors()
    told = Told(loop)
    watcher.watch(child.pid, told)
    assert descriptors() > before
    watcher.close()
    assert descriptors() <= before
    child.stdin.close()
    assert child.wait() == 0
    loop.settle()
    assert told.codes == []


def test_descriptors_are_closed_when_the_child_has_ended(loop, way, start, descriptors):
    watcher = way(loop)
    child = start("os.read(0, 1)", stdin=subprocess.PIPE)
    before = descriptors()
    told = Told(loop)
    watcher.watch(child.pid, told)
    child.stdin.write(b"x")
    child.stdin.flush()
    told.run()
    assert descriptors() == before


def test_a_child_reaped_elsewhere_is_told_of_as_any_other(loop, way, start, code_of_reaped):
    watcher = way(loop)
    child = start("os.read(0, 1)", stdin=subprocess.PIPE)
    told = Told(loop)
    watcher.watch(child.pid, told)
    child.stdin.close()
    assert child.wait() == 0
    code = code_of_reaped(0)
    assert told.run() == [None if code == 255 else code]
    assert exits.reap(child.pid) is None
    watcher.close()


def test_loops_have_a_watcher_each(plain_loop):
    other = SelectorEventLoop()
    watcher = exits.exit_watcher(plain_loop)
    assert exits.exit_watcher(plain_loop) is watcher
    assert exits.exit_watcher(other) is not watcher
    other.close()


def test_the_best_way_that_the_system_has_is_taken(plain_loop, monkeypatch):
    def chosen():
        return type(exits._new_watcher(plain_loop))

    monkeypatch.setattr(plain_loop, "_can_use_pidfd", lambda: True)
    assert chosen() is exit_pidfd._PidfdChildWatcher
    monkeypatch.setattr(plain_loop, "_can_use_pidfd", lambda: False)
    monkeypatch.setattr(exit_kqueue, "usable", lambda: True)
    assert chosen() is exit_kqueue._KqueueChildWatcher
    monkeypatch.setattr(exit_kqueue, "usable", lambda: False)
    assert chosen() is exit_thread._ThreadedChildWatcher


def test_the_loop_shows_its_watcher(loop, way):
    assert type(loop._watcher) is way
    loop._exit_watcher = None
    assert loop._watcher is exits.exit_watcher(loop)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system has no pidfds")
def test_a_system_may_refuse_pidfds(monkeypatch):
    assert exit_pidfd.usable()

    def refuse(pid, flags=0):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert not exit_pidfd.usable()
    monkeypatch.delattr(os, "pidfd_open")
    assert not exit_pidfd.usable()


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_without_a_descriptor_to_be_had_a_thread_waits(plain_loop, start):
    import resource

    child = start("sys.exit(8)")
    told = Told(plain_loop)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plain_loop._exit_watcher = exit_pidfd._PidfdChildWatcher(plain_loop)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        exits.watch(plain_loop, child.pid, told)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    told.run()
    assert child.wait() == 8


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_a_child_is_started_where_no_thread_can_be(run_plain, python, monkeypatch):
    def no_more(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(subprocess_support, "_subprocess_parts", {})
    monkeypatch.setattr(threading.Thread, "start", no_more)

    async def main():
        child = await create_subprocess_exec(*python("print(1)"), stdout=subprocess.PIPE)
        assert await child.communicate() == (b"1\n", None)
        assert child.returncode == 0

    run_plain(main())


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_a_pidfd_that_the_loop_cannot_watch_is_closed(start, descriptors):
    child = start()
    loop = SelectorEventLoop()
    watcher = exit_pidfd._PidfdChildWatcher(loop)
    loop.close()
    before = descriptors()
    with pytest.raises(RuntimeError, match="closed"):
        watcher.watch(child.pid, print)
    assert descriptors() == before
    assert not watcher._descriptors


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_one_more_descriptor_is_open_for_all_children_and_asked_for_once(
    plain_loop, start, descriptors, monkeypatch
):
    asked = []
    monkeypatch.setattr(plain_loop, "_add_reader", lambda fd, *terms: asked.append(fd))
    before = descriptors()
    watcher = exit_pidfd._PidfdChildWatcher(plain_loop)
    assert descriptors() == before
    for _ in range(3):
        watcher.watch(start().pid, print)
    assert len(asked) == 1
    assert len(opened := descriptors() - before) == 4
    assert set(asked) < opened
    watcher.close()
    assert descriptors() == before


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_nothing_is_left_open_after_the_last_child(plain_loop, descriptors):
    async def main():
        before = descriptors()
        for _ in range(2):
            process = await create_subprocess_exec("true")
            assert await process.wait() == 0
            assert descriptors() == before

    plain_loop.run_until_complete(main())


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_a_fork_watches_its_own_children_and_leaves_the_parents_to_it():
    program = textwrap.dedent("""
        import os
        from asyncio_selectors import SelectorEventLoop
        from asyncio_subprocess import exit_pidfd, exits

        def start(command):
            return os.posix_spawn("/bin/sh", ["sh", "-c", command], {})

        def end_of(pid):
            loop.run_forever()
            return exits.reap(pid)

        loop = SelectorEventLoop()
        watcher = exit_pidfd._PidfdChildWatcher(loop)
        told = []
        reading, writing = os.pipe()
        os.set_inheritable(reading, True)
        child = start(f"read word <&{reading}; exit 6")
        watcher.watch(child, lambda code: (told.append(child), loop.stop()))
        fork = os.fork()
        if not fork:
            own = start("exit 7")
            watcher.watch(own, lambda code: (told.append(own), loop.stop()))
            right = end_of(own) == 7 and told == [own]
            watcher.close()
            os._exit(5 if right else 1)
        assert exits.reap(fork) == 5
        os.write(writing, b"word\\n")
        assert end_of(child) == 6
        assert told == [child]
        watcher.close()
        loop.close()
        print("well")
    """)
    assert printed_by(program) == "well"


def test_a_thread_whose_loop_was_closed_reaps_its_child(start, children):
    loop = SelectorEventLoop()
    watcher = exit_thread._ThreadedChildWatcher(loop)
    child = start("os.read(0, 1)", stdin=subprocess.PIPE)
    told = Told(loop)
    watcher.watch(child.pid, told)
    (thread,) = watcher._threads.values()
    loop.close()
    child.stdin.close()
    thread.join(30)
    assert not children()
    assert told.codes == []
    assert watcher._threads == {}


def test_a_thread_without_waitid_reaps_its_child(plain_loop, start, monkeypatch):
    child = start("sys.exit(4)")
    ended(child)
    monkeypatch.delattr(os, "waitid")
    told = Told(plain_loop)
    exit_thread._ThreadedChildWatcher(plain_loop).watch(child.pid, told)
    assert told.run() == [4]
    monkeypatch.undo()


def test_return_codes(start):
    child = start("os.kill(os.getpid(), signal.SIGTERM)")
    assert exits.reap(child.pid) == -signal.SIGTERM
    child.returncode = -signal.SIGTERM
    assert exits.reap(child.pid) is None
    # Neither an exit nor a signal: the child of a debugger, stopped.
    assert exits.waitstatus_to_exitcode(0x137F) == 0x137F


@pytest.mark.skipif(not exit_kqueue.usable(), reason="the system has no kernel queues")
def test_a_kernel_queue_is_open_only_while_there_are_children(plain_loop, start, descriptors):
    watcher = exit_kqueue._KqueueChildWatcher(plain_loop)
    before = descriptors()
    child = start()
    told = Told(plain_loop)
    watcher.watch(child.pid, told)
    assert len(descriptors() - before) == 1
    told.run()
    assert descriptors() == before


class _BadlyClosing:
    """A set of descriptors that closes, and says that it could not."""

    def __init__(self):
        self._set = select.epoll()

    def close(self):
        self._set.close()
        raise OSError(errno.EIO, "made up")

    def __getattr__(self, name):
        return getattr(self._set, name)


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_an_end_is_told_though_no_descriptor_can_be_closed_without_an_error(
    loop, start, monkeypatch
):
    close = os.close

    def close_and_fail(fd):
        close(fd)
        raise OSError(errno.EIO, "made up")

    watcher = exit_pidfd._PidfdChildWatcher(loop)
    for _ in range(2):
        child = start("sys.exit(6)")
        told = Told(loop)
        with monkeypatch.context() as patched:
            patched.setattr(
                exit_pidfd, "select", mock.Mock(epoll=_BadlyClosing, EPOLLIN=select.EPOLLIN)
            )
            watcher.watch(child.pid, told)
            patched.setattr(os, "close", close_and_fail)
            assert told.run() == [None]
    watcher.close()


class _Interrupted(_BadlyClosing):
    def close(self):
        self._set.close()
        raise KeyboardInterrupt


@pytest.mark.skipif(not exit_pidfd.usable(), reason="the system has no pidfds")
def test_a_second_ctrl_c_while_the_set_is_closed_leaves_a_loop_that_closes(
    plain_loop, start, monkeypatch, descriptors
):
    before = descriptors()
    watcher = plain_loop._exit_watcher = exit_pidfd._PidfdChildWatcher(plain_loop)
    child = start("sys.exit(6)")
    monkeypatch.setattr(exit_pidfd, "select", mock.Mock(epoll=_Interrupted, EPOLLIN=select.EPOLLIN))
    watcher.watch(child.pid, print)
    ended(child)
    with pytest.raises(KeyboardInterrupt):
        plain_loop.run_forever()
    assert descriptors() == before
    plain_loop.close()
    assert plain_loop.is_closed()
