"""The child watchers of Python 3.11 to 3.13, with real children."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import warnings

import pytest

if sys.version_info >= (3, 14):
    pytest.skip("child watchers are gone", allow_module_level=True)

import asyncio_core
from asyncio_core.choosing import policies
from asyncio_selectors import SelectorEventLoop, unix_events
from asyncio_selectors.policy import SelectorEventLoopPolicy
from asyncio_subprocess import PIPE, child_watchers, create_subprocess_exec
from asyncio_subprocess.child_watchers import (
    AbstractChildWatcher,
    BaseChildWatcher,
    FastChildWatcher,
    MultiLoopChildWatcher,
    PidfdChildWatcher,
    SafeChildWatcher,
    ThreadedChildWatcher,
)

WARNS = pytest.mark.skipif(sys.version_info < (3, 12), reason="not deprecated yet")
SIGNALLED = [FastChildWatcher, MultiLoopChildWatcher, SafeChildWatcher]
UNSIGNALLED = [ThreadedChildWatcher]
if child_watchers.can_use_pidfd():
    UNSIGNALLED.append(PidfdChildWatcher)


def make(watcher_class):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return watcher_class()


@pytest.fixture(params=[*SIGNALLED, *UNSIGNALLED])
def watcher(request, plain_loop):
    """Each kind of watcher, attached to `plain_loop`."""
    handler = signal.getsignal(signal.SIGCHLD)
    watcher = make(request.param)
    watcher.attach_loop(plain_loop)
    yield watcher
    watcher.close()
    assert signal.getsignal(signal.SIGCHLD) == handler


@pytest.fixture
def safe(plain_loop):
    watcher = make(SafeChildWatcher)
    watcher.attach_loop(plain_loop)
    yield watcher
    watcher.close()


@pytest.fixture
def fast(plain_loop):
    watcher = make(FastChildWatcher)
    watcher.attach_loop(plain_loop)
    yield watcher
    watcher.close()


@pytest.fixture
def policy():
    """The policy of the process, for one test."""
    before = policies._event_loop_policy
    policy = SelectorEventLoopPolicy()
    policies._set_event_loop_policy(policy)
    yield policy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy.set_child_watcher(None)
    policies._set_event_loop_policy(before)


def set_watcher(policy, watcher):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy.set_child_watcher(watcher)


class Told:
    """A handler; `await told.wait()` gives what it was called with."""

    def __init__(self):
        self.loop = asyncio_core.get_running_loop()
        self.calls = []
        self.called = asyncio_core.get_running_loop().create_future()

    def __call__(self, *args):
        self.calls.append(args)
        self.loop.call_soon_threadsafe(self._wake)

    def _wake(self):
        if not self.called.done():
            self.called.set_result(None)

    async def wait(self):
        await self.called
        return self.calls


def start(python, *lines, **options):
    return os.posix_spawn(sys.executable, python(*lines), os.environ, **options)


# Each of them.


def test_an_end_is_told_with_the_return_code_and_the_arguments(watcher, run_plain, python):
    async def main():
        told = Told()
        assert watcher.is_active()
        with watcher as entered:
            assert entered is watcher
            pid = start(python, "sys.exit(6)")
            watcher.add_child_handler(pid, told, "spam", 2)
        assert await told.wait() == [(pid, 6, "spam", 2)]
        assert watcher.remove_child_handler(pid) is False

    run_plain(main())


def test_a_child_that_ended_before_its_handler_came_is_told_of(watcher, run_plain, python):
    async def main():
        told = Told()
        with watcher:
            pid = start(python, "os.kill(os.getpid(), signal.SIGTERM)")
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            watcher.add_child_handler(pid, told)
        assert await told.wait() == [(pid, -signal.SIGTERM)]

    run_plain(main())


def test_a_later_handler_replaces_the_earlier_one(watcher, run_plain, python):
    async def main():
        first, second = Told(), Told()
        read_end, write_end = os.pipe()
        os.set_inheritable(read_end, True)
        with watcher:
            pid = start(python, f"os.read({read_end}, 1)")
            watcher.add_child_handler(pid, first)
            watcher.add_child_handler(pid, second)
        os.write(write_end, b"x")
        assert await second.wait() == [(pid, 0)]
        assert first.calls == []
        os.close(read_end)
        os.close(write_end)

    run_plain(main())


def test_several_children_are_told_apart(watcher, run_plain, python):
    async def main():
        tellers = [Told() for _ in range(6)]
        pids = []
        for code, told in enumerate(tellers):
            with watcher:
                pids.append(start(python, f"sys.exit({code})"))
                watcher.add_child_handler(pids[-1], told)
        for code, (pid, told) in enumerate(zip(pids, tellers, strict=True)):
            assert await told.wait() == [(pid, code)]

    run_plain(main())


def test_a_removed_handler_is_not_called(watcher, run_plain, python):
    async def main():
        removed, told = Told(), Told()
        read_end, write_end = os.pipe()
        os.set_inheritable(read_end, True)
        with watcher:
            pid = start(python, f"os.read({read_end}, 1)")
            watcher.add_child_handler(pid, removed)
            assert watcher.remove_child_handler(pid) is True
            assert watcher.remove_child_handler(pid) is False
            # The next child ends after the first.
            os.write(write_end, b"x")
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            other = start(python)
            watcher.add_child_handler(other, told)
        assert await told.wait() == [(other, 0)]
        assert removed.calls == []
        os.close(read_end)
        os.close(write_end)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            # It takes every child that ends.
            assert isinstance(watcher, FastChildWatcher)

    run_plain(main())


@pytest.mark.parametrize("kind", [SafeChildWatcher, ThreadedChildWatcher, MultiLoopChildWatcher])
def test_a_child_that_is_none_has_the_code_255(kind, plain_loop, run_plain, caplog):
    async def main():
        watcher = make(kind)
        watcher.attach_loop(plain_loop)
        told = Told()
        watcher.add_child_handler(os.getppid(), told)
        assert await told.wait() == [(os.getppid(), 255)]
        watcher.close()

    run_plain(main())
    assert "its return code is taken for 255" in caplog.text


def test_processes_are_started_with_the_watcher_that_was_set(
    watcher, policy, plain_loop, run_plain, cat
):
    set_watcher(policy, watcher)
    added = []
    add = watcher.add_child_handler

    def noting(pid, callback, *args):
        added.append(pid)
        add(pid, callback, *args)

    watcher.add_child_handler = noting

    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"data") == (b"data", None)
        assert process.returncode == 0
        assert added == [process.pid]
        assert plain_loop._exit_watcher is None

    run_plain(main())


def test_starting_with_a_watcher_can_be_cancelled_at_every_step(
    watcher, policy, run_plain, cat, cancel_at_every_step
):
    set_watcher(policy, watcher)

    async def main():
        process, _ = await cancel_at_every_step(lambda: create_subprocess_exec(*cat, stdin=PIPE))
        process.stdin.close()
        assert await process.wait() == 0

    run_plain(main())


def test_what_popen_knows_is_not_lost_to_a_watcher(watcher, policy, run_plain, python):
    set_watcher(policy, watcher)

    async def main():
        process = await create_subprocess_exec(*python("sys.exit(3)"))
        assert process._transport.get_extra_info("subprocess").wait() == 3
        if isinstance(watcher, FastChildWatcher):
            # It waits for whatever ends, and is not told of what it did not get.
            process._transport._exited(None)
        assert await process.wait() == 3

    run_plain(main())


def test_a_watcher_whose_loop_is_not_the_childs_tells_it_nevertheless(
    watcher, policy, run_plain, plain_loop, python
):
    set_watcher(policy, watcher)

    def in_thread():
        loop = SelectorEventLoop()
        try:
            process = loop.run_until_complete(create_subprocess_exec(*python("sys.exit(3)")))
            return loop.run_until_complete(process.wait())
        finally:
            loop.close()

    async def main():
        assert await plain_loop.run_in_executor(None, in_thread) == 3

    run_plain(main())


def test_an_end_after_the_loop_was_closed_is_logged(policy, safe, plain_loop, cat, caplog):
    set_watcher(policy, safe)

    def in_thread():
        loop = SelectorEventLoop()
        process = loop.run_until_complete(create_subprocess_exec(*cat, stdin=PIPE))
        loop.close()
        popen = process._transport.get_extra_info("subprocess")
        popen.stdin.close()
        return popen, process

    async def main():
        popen, _process = await plain_loop.run_in_executor(None, in_thread)
        while "after its loop" not in caplog.text:
            await asyncio_core.sleep(0.01)
        assert popen.wait() is not None

    with pytest.warns(ResourceWarning) as warned:
        plain_loop.run_until_complete(main())
        gc.collect()
    assert any("unclosed transport <_Unix" in str(warning.message) for warning in warned)


# Those that live on SIGCHLD.


def test_an_inactive_watcher_starts_no_process(policy, run_plain, python, children):
    set_watcher(policy, make(SafeChildWatcher))

    async def main():
        with pytest.raises(RuntimeError, match="not active"):
            await create_subprocess_exec(*python())
        assert not children()

    run_plain(main())


@pytest.mark.parametrize("kind", [FastChildWatcher, SafeChildWatcher])
def test_they_are_active_while_their_loop_runs(kind, plain_loop, run_plain):
    watcher = make(kind)
    assert not watcher.is_active()
    watcher.attach_loop(plain_loop)
    assert not watcher.is_active()

    async def main():
        assert watcher.is_active()

    run_plain(main())
    watcher.close()
    assert watcher._loop is None


def test_only_loops_can_be_attached(safe, plain_loop):
    with pytest.raises(TypeError, match="event loop or None, not 'str'"):
        safe.attach_loop("loop")
    assert safe._loop is plain_loop


def test_a_loop_in_another_thread_cannot_be_attached(plain_loop):
    watcher = make(SafeChildWatcher)
    caught = []

    def attach():
        try:
            watcher.attach_loop(plain_loop)
        except RuntimeError as exc:
            caught.append(exc)

    thread = threading.Thread(target=attach)
    thread.start()
    thread.join()
    assert caught
    assert watcher._loop is None


def test_detaching_the_loop_from_pending_handlers_warns(safe, run_plain, plain_loop, python):
    async def main():
        told = Told()
        pid = start(python)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        safe._callbacks[pid] = (told, ())
        with pytest.warns(RuntimeWarning, match="A loop is being detached"):
            safe.attach_loop(None)
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
        assert told.calls == []
        # What was missed is made up for.
        safe.attach_loop(plain_loop)
        assert told.calls == [(pid, 0)]

    run_plain(main())


def test_a_watcher_moves_with_its_loop(safe, python, plain_loop, run_plain):
    other = SelectorEventLoop()
    safe.attach_loop(other)
    assert not plain_loop._signal_handlers
    assert signal.SIGCHLD in other._signal_handlers
    safe.attach_loop(plain_loop)
    other.close()

    async def main():
        told = Told()
        pid = start(python, "sys.exit(2)")
        safe.add_child_handler(pid, told)
        assert await told.wait() == [(pid, 2)]

    run_plain(main())


def test_a_handler_that_raises_does_not_keep_others_from_hearing(fast, plain_loop, python):
    async def main():
        told = Told()
        with fast:
            first = start(python)
            os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
            fast._callbacks[first] = (lambda *_: 1 / 0, ())
            second = start(python)
            fast.add_child_handler(second, told)
            os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        assert await told.wait() == [(second, 0)]

    plain_loop.run_until_complete(main())
    (context,) = plain_loop.reported
    assert isinstance(context["exception"], ZeroDivisionError)
    plain_loop.reported.clear()


def test_a_safe_watcher_leaves_others_children_alone(safe, run_plain, python):
    async def main():
        told = Told()
        with subprocess.Popen(python("sys.exit(9)")) as others:
            pid = start(python)
            safe.add_child_handler(pid, told)
            await told.wait()
            assert others.wait() == 9

    run_plain(main())


def test_a_fast_watcher_takes_others_children(fast, run_plain, python, caplog):
    async def main():
        told = Told()
        stranger = start(python)
        os.waitid(os.P_PID, stranger, os.WEXITED | os.WNOWAIT)
        with fast:
            pid = start(python)
            fast.add_child_handler(pid, told)
        await told.wait()
        with pytest.raises(ChildProcessError):
            os.waitpid(stranger, 0)

    run_plain(main())
    assert "which nobody asks for" in caplog.text


def test_a_fast_watcher_says_which_ends_it_kept_in_vain(fast, run_plain, python, caplog):
    async def main():
        with fast, fast:
            pid = start(python, "sys.exit(3)")
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            fast._sig_chld()
            assert fast._zombies == {pid: 3}
        assert fast._zombies == {}
        assert f"{{{pid}: 3}}" in caplog.text

    run_plain(main())


def test_a_fast_watcher_has_to_be_entered(fast):
    with pytest.raises(RuntimeError, match="must be entered"):
        fast.add_child_handler(1, print)


def test_a_watcher_for_many_loops_serves_threads(plain_loop, run_plain, python):
    watcher = make(MultiLoopChildWatcher)
    assert not watcher.is_active()
    watcher.attach_loop(None)
    results = []

    async def one(number):
        told = Told()
        with watcher:
            pid = start(python, f"sys.exit({number})")
            watcher.add_child_handler(pid, told)
        ((ended, code),) = await told.wait()
        return ended == pid and code

    async def several(first):
        return await asyncio_core.gather(*map(one, range(first, first + 4)))

    def in_thread(first):
        loop = SelectorEventLoop()
        try:
            results.extend(loop.run_until_complete(several(first)))
        finally:
            loop.close()

    threads = [threading.Thread(target=in_thread, args=(first,)) for first in (10, 20)]
    for thread in threads:
        thread.start()

    async def main():
        results.extend(await several(30))
        for thread in threads:
            await plain_loop.run_in_executor(None, thread.join)

    run_plain(main())
    assert sorted(results) == [*range(10, 14), *range(20, 24), *range(30, 34)]
    watcher.close()
    assert not watcher.is_active()


def test_a_signal_while_a_child_is_reaped_takes_nothing_away(
    plain_loop, run_plain, python, monkeypatch, caplog
):
    watcher = make(MultiLoopChildWatcher)
    watcher.attach_loop(None)
    waitpid = os.waitpid

    def interrupted(pid, options):
        ended = waitpid(pid, options)
        if ended[0]:
            # Its handler runs before the caller sees what the system said.
            signal.raise_signal(signal.SIGCHLD)
        return ended

    async def main():
        told = Told()
        pid = start(python, "sys.exit(5)")
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        monkeypatch.setattr(os, "waitpid", interrupted)
        watcher.add_child_handler(pid, told)
        assert await told.wait() == [(pid, 5)]

    try:
        run_plain(main())
    finally:
        watcher.close()
    assert caplog.records == []


def test_a_watcher_for_many_loops_puts_the_handler_back(plain_loop, caplog):
    def handler(signum, frame):
        pass

    former = signal.signal(signal.SIGCHLD, handler)
    try:
        watcher = make(MultiLoopChildWatcher)
        watcher.attach_loop(None)
        assert signal.getsignal(signal.SIGCHLD) == watcher._sig_chld
        watcher.close()
        assert signal.getsignal(signal.SIGCHLD) is handler
        watcher.attach_loop(plain_loop)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        watcher.close()
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
        assert "another handler" in caplog.text
    finally:
        signal.signal(signal.SIGCHLD, former)


def test_a_missed_signal_is_made_up_for(plain_loop, run_plain, python, monkeypatch):
    from asyncio_subprocess import signal_watchers

    monkeypatch.setattr(signal_watchers, "_RECHECK_INTERVAL", 0.01)
    watcher = make(MultiLoopChildWatcher)

    async def main():
        told = Told()
        # It never hears of any signal.
        pid = start(python, "sys.exit(3)")
        watcher.add_child_handler(pid, told)
        assert await told.wait() == [(pid, 3)]
        while watcher._rechecked:
            await asyncio_core.sleep(0.01)

    run_plain(main())


# Those that leave it to the loop.


@pytest.mark.parametrize("kind", UNSIGNALLED)
def test_they_are_always_active_and_need_no_loop(kind, plain_loop):
    watcher = make(kind)
    assert watcher.is_active()
    watcher.attach_loop(None)
    watcher.close()
    assert watcher.is_active()
    with pytest.raises(RuntimeError, match="no running event loop"):
        watcher.add_child_handler(1, print)


@pytest.mark.parametrize("kind", UNSIGNALLED)
def test_they_serve_loops_in_any_thread(kind, python):
    watcher = make(kind)
    results = []

    async def main(number):
        told = Told()
        pid = start(python, f"sys.exit({number})")
        watcher.add_child_handler(pid, told)
        ((ended, code),) = await told.wait()
        results.append(ended == pid and code)

    def in_thread(number):
        loop = SelectorEventLoop()
        try:
            loop.run_until_complete(main(number))
        finally:
            loop.close()

    threads = [threading.Thread(target=in_thread, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [1, 2, 3]


@pytest.mark.parametrize("kind", UNSIGNALLED)
def test_a_handler_moves_to_the_loop_that_added_it_last(kind, plain_loop, run_plain, python):
    watcher = make(kind)
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    pid = start(python, f"os.read({read_end}, 1)", "sys.exit(4)")
    other = SelectorEventLoop()

    async def add():
        told = Told()
        watcher.add_child_handler(pid, told)
        return told

    first = other.run_until_complete(add())

    async def main():
        second = await add()
        os.write(write_end, b"x")
        assert await second.wait() == [(pid, 4)]

    run_plain(main())
    other.call_soon(other.stop)
    other.run_forever()
    assert first.calls == []
    other.close()
    os.close(read_end)
    os.close(write_end)


def test_the_threads_that_wait_can_be_joined(plain_loop, run_plain, python):
    watcher = make(ThreadedChildWatcher)

    async def main():
        told = Told()
        read_end, write_end = os.pipe()
        os.set_inheritable(read_end, True)
        pid = start(python, f"os.read({read_end}, 1)")
        watcher.add_child_handler(pid, told)
        (thread,) = watcher._threads.values()
        assert thread.is_alive()
        os.write(write_end, b"x")
        thread.join(30)
        assert await told.wait() == [(pid, 0)]
        assert watcher._threads == {}
        os.close(read_end)
        os.close(write_end)

    run_plain(main())


# What the interface and the policies promise.


def test_the_interface_does_nothing():
    watcher = AbstractChildWatcher()
    for call in (
        lambda: watcher.add_child_handler(1, print),
        lambda: watcher.remove_child_handler(1),
        lambda: watcher.attach_loop(None),
        lambda: watcher.__enter__(),
        lambda: watcher.__exit__(None, None, None),
        watcher.close,
        watcher.is_active,
        lambda: BaseChildWatcher()._do_waitpid(1),
    ):
        with pytest.raises(NotImplementedError):
            call()


@WARNS
@pytest.mark.parametrize("kind", SIGNALLED)
def test_making_one_warns_at_the_caller(kind):
    with pytest.warns(DeprecationWarning, match=f"'{kind.__name__}' is deprecated") as caught:
        kind()
    assert caught[0].filename == __file__


@pytest.mark.parametrize("kind", UNSIGNALLED)
def test_making_the_usual_ones_does_not_warn(kind):
    kind()


@WARNS
def test_deriving_from_one_warns_at_the_class():
    for base in (AbstractChildWatcher, ThreadedChildWatcher):
        with pytest.warns(DeprecationWarning, match="'AbstractChildWatcher' is dep") as caught:
            type("Derived", (base,), {"__module__": __name__})
        assert caught[0].filename == __file__


def test_the_policys_watcher_is_made_when_it_is_asked_for(policy, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert policy._watcher is None
        monkeypatch.setattr(unix_events, "can_use_pidfd", lambda: False)
        watcher = policy.get_child_watcher()
        assert type(watcher) is ThreadedChildWatcher
        assert policy.get_child_watcher() is policy._watcher is watcher
        monkeypatch.setattr(unix_events, "can_use_pidfd", lambda: True)
        policy.set_child_watcher(None)
        expected = PidfdChildWatcher if sys.version_info >= (3, 12) else ThreadedChildWatcher
        assert type(policies.get_child_watcher()) is expected


@WARNS
def test_asking_the_policy_for_its_watcher_warns_at_the_caller(policy):
    with pytest.warns(DeprecationWarning, match=r"'get_child_watcher' .* 3\.14\.$") as caught:
        policy.get_child_watcher()
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"'set_child_watcher' .* 3\.14\.$") as caught:
        policy.set_child_watcher(None)
    assert caught[0].filename == __file__


def test_the_policy_takes_watchers_only_and_closes_the_one_before(policy, safe):
    set_watcher(policy, safe)
    assert policy._watcher is safe
    with pytest.raises(TypeError, match="child watcher or None"):
        set_watcher(policy, "spam")
    assert policy._watcher is safe
    set_watcher(policy, None)
    assert policy._watcher is None
    assert safe._loop is None


def test_the_policys_watcher_follows_the_main_threads_loop(policy, safe, plain_loop):
    set_watcher(policy, safe)
    other = SelectorEventLoop()
    policy.set_event_loop(other)
    assert safe._loop is other

    def in_thread():
        loop = SelectorEventLoop()
        policy.set_event_loop(loop)
        policy.set_event_loop(None)
        loop.close()

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert safe._loop is other
    policy.set_event_loop(None)
    assert safe._loop is None
    other.close()


def test_the_unix_loops_module_has_the_names(policy):
    for name in child_watchers.__all__:
        if name.endswith("ChildWatcher"):
            assert getattr(unix_events, name) is getattr(child_watchers, name)


def test_a_star_of_unix_events_brings_the_classes():
    brought = {}
    exec("from asyncio_selectors.unix_events import *", brought)

    listed = [name for name in child_watchers.__all__ if name.endswith("ChildWatcher")]
    for name in {*listed} - {"BaseChildWatcher"}:
        assert brought[name] is getattr(child_watchers, name)
    assert brought["DefaultEventLoopPolicy"] is unix_events.DefaultEventLoopPolicy
