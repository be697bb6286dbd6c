from __future__ import annotations

import os
import sys
import threading
import warnings

import pytest

from asyncio_core.choosing import policies
from asyncio_core.loops.parking import ParkingEventLoop, ParkingEventLoopPolicy
from asyncio_core.scheduling import events

WARNS = pytest.mark.skipif(sys.version_info < (3, 14), reason="policies are not deprecated yet")
MAKES_LOOPS = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="get_event_loop() makes no loop any more"
)


@pytest.fixture
def policy():
    """A policy that is the process's for the test."""
    before = policies._event_loop_policy
    policy = ParkingEventLoopPolicy()
    policies._set_event_loop_policy(policy)
    yield policy
    loop = policy._local._loop
    if loop is not None:
        loop.close()
    policies._set_event_loop_policy(before)


def test_an_abstract_policy_does_nothing():
    policy = policies.AbstractEventLoopPolicy()
    for call in (policy.get_event_loop, policy.new_event_loop, lambda: policy.set_event_loop(None)):
        with pytest.raises(NotImplementedError):
            call()


def test_a_policy_without_a_factory_says_so():
    with pytest.raises(NotImplementedError, match="names no loop"):
        policies.BaseDefaultEventLoopPolicy().new_event_loop()


def test_a_factory_may_be_a_method():
    class Policy(policies.BaseDefaultEventLoopPolicy):
        def _loop_factory(self):
            return ParkingEventLoop()

    loop = Policy().new_event_loop()
    assert isinstance(loop, ParkingEventLoop)
    loop.close()


def test_new_loops_are_the_policys_and_are_not_set(policy):
    loop = policies.new_event_loop()
    assert type(loop) is ParkingEventLoop
    assert policy._local._loop is None
    loop.close()


def test_a_loop_that_was_set_is_found_in_its_thread_only(policy, loop):
    policies.set_event_loop(loop)
    assert policies.get_event_loop() is loop
    errors = []

    def ask():
        try:
            policies.get_event_loop()
        except RuntimeError as exc:
            errors.append(str(exc))

    thread = threading.Thread(target=ask, name="another")
    thread.start()
    thread.join()
    assert errors == ["There is no current event loop in thread 'another'."]


def test_the_running_loop_comes_first(policy, loop):
    found = []
    other = policies.new_event_loop()
    policies.set_event_loop(other)
    loop.call_soon(lambda: found.append(policies.get_event_loop()))
    loop.stop()
    loop.run_forever()
    assert found == [loop]


def test_after_none_was_set_there_is_no_loop(policy):
    policies.set_event_loop(None)
    with pytest.raises(RuntimeError, match="no current event loop"):
        policies.get_event_loop()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="the main thread gets a loop")
def test_without_a_loop_there_is_none(policy):
    with pytest.raises(RuntimeError, match="no current event loop in thread 'MainThread'"):
        policies.get_event_loop()


@MAKES_LOOPS
def test_the_main_thread_gets_a_loop_and_from_312_on_a_warning(policy):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop = policies.get_event_loop()
        assert policies.get_event_loop() is loop
    if sys.version_info < (3, 12):
        assert caught == []
    else:
        (warning,) = caught
        assert (warning.category, warning.filename) == (DeprecationWarning, __file__)


@pytest.mark.parametrize("value", [object(), "spam", ParkingEventLoop])
def test_what_is_no_loop_is_refused(policy, value):
    with pytest.raises(TypeError, match="AbstractEventLoop"):
        policies.set_event_loop(value)


@pytest.mark.parametrize("value", [object(), "spam", ParkingEventLoopPolicy])
def test_what_is_no_policy_is_refused(policy, value):
    with pytest.raises(TypeError, match="AbstractEventLoopPolicy"):
        policies._set_event_loop_policy(value)
    assert policies._get_event_loop_policy() is policy


def test_without_a_policy_the_registry_is_asked(policy, monkeypatch):
    monkeypatch.setenv("ASYNCIO_LOOP", "asyncio_core.loops.parking:ParkingEventLoopPolicy")
    policies._set_event_loop_policy(None)
    assert events._event_loop_policy is None
    chosen = policies._get_event_loop_policy()
    assert type(chosen) is ParkingEventLoopPolicy
    assert policies._get_event_loop_policy() is chosen
    assert events._event_loop_policy is chosen


def test_the_default_policy_makes_loops_of_the_default_kind(monkeypatch):
    class Loop(ParkingEventLoop):
        pass

    monkeypatch.setattr("asyncio_core.loops.parking.Spam", Loop, raising=False)
    monkeypatch.setenv("ASYNCIO_LOOP", "asyncio_core.loops.parking:Spam")
    loop = policies.DefaultEventLoopPolicy().new_event_loop()
    assert type(loop) is Loop
    loop.close()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="child watchers are gone")
def test_the_default_policy_leaves_child_watchers_to_the_policy_for_its_loops(monkeypatch, loop):
    class Policy(ParkingEventLoopPolicy):
        _watcher = None

        def get_child_watcher(self):
            return self._watcher, self.get_event_loop()

        def set_child_watcher(self, watcher):
            self._watcher = watcher

    monkeypatch.setattr("asyncio_core.loops.parking.Spam", Policy, raising=False)
    monkeypatch.setenv("ASYNCIO_LOOP", "asyncio_core.loops.parking:Spam")
    policy = policies.DefaultEventLoopPolicy()
    assert policy._watcher is None
    policy.set_event_loop(loop)
    policy.set_child_watcher("watcher")
    assert policy._watcher == "watcher"
    assert policy.get_child_watcher() == ("watcher", loop)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork()")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_have_its_parents_loop(policy, loop):
    policies.set_event_loop(loop)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if policy._local._loop is None and not policy._local._set_called else 1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert policies.get_event_loop() is loop


@WARNS
def test_getting_and_setting_policies_warns_at_the_caller(policy):
    with pytest.warns(DeprecationWarning, match=r"'asyncio\.get_event_loop_policy'") as caught:
        assert policies.get_event_loop_policy() is policy
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"'asyncio\.set_event_loop_policy'.*3\.16"):
        policies.set_event_loop_policy(policy)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="child watchers are gone")
def test_child_watchers_name_the_distribution_that_brings_them(policy):
    for call in (policies.get_child_watcher, lambda: policies.set_child_watcher(None)):
        with pytest.raises(NotImplementedError, match="asyncio-subprocess"):
            call()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="child watchers are still there")
def test_child_watchers_are_gone(policy):
    assert not hasattr(policies, "get_child_watcher")
    assert not hasattr(policy, "get_child_watcher")
    assert not hasattr(events, "AbstractEventLoopPolicy")
