"""What policies and the loop know of child watchers where nothing watches children."""

from __future__ import annotations

import sys
import warnings

import pytest

if sys.platform == "win32":
    pytest.skip("there are child watchers on Unix only", allow_module_level=True)

from asyncio_core.choosing import subprocess_support
from asyncio_selectors import SelectorEventLoop, unix_events
from asyncio_selectors.policy import SelectorEventLoopPolicy

OFFERED = pytest.mark.skipif(sys.version_info >= (3, 14), reason="child watchers are gone")


@pytest.fixture(autouse=True)
def without_subprocesses(monkeypatch):
    monkeypatch.setattr(subprocess_support, "child_watchers", lambda: None)


@OFFERED
def test_who_asks_for_a_watcher_is_told_what_to_install():
    policy = SelectorEventLoopPolicy()
    assert policy._watcher is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(NotImplementedError, match="asyncio-subprocess"):
            policy.get_child_watcher()
        with pytest.raises(NotImplementedError, match="asyncio-subprocess"):
            policy.set_child_watcher(object())
        # None needs nobody.
        policy.set_child_watcher(None)
    assert policy._watcher is None


@OFFERED
def test_the_names_of_the_classes_say_what_to_install():
    with pytest.raises(AttributeError, match=r"ThreadedChildWatcher: .* asyncio-subprocess"):
        unix_events.ThreadedChildWatcher
    assert not hasattr(unix_events, "waitstatus_to_exitcode")


def test_a_star_brings_what_is_there():
    brought = {}
    exec("from asyncio_selectors.unix_events import *", brought)

    assert {"EventLoop", "SelectorEventLoop"} <= set(brought)
    assert not any("Watcher" in name for name in brought)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="child watchers are still there")
def test_the_names_of_the_classes_are_gone():
    assert not hasattr(unix_events, "ThreadedChildWatcher")
    assert not hasattr(SelectorEventLoopPolicy, "get_child_watcher")


def test_the_loops_watcher_says_what_to_install():
    loop = SelectorEventLoop()
    with pytest.raises(NotImplementedError, match="asyncio-subprocess"):
        loop._watcher
    loop.close()


def test_a_loop_closes_its_watcher_while_its_poller_is_there():
    class Watcher:
        def close(self):
            self.poller = loop._selector

    loop = SelectorEventLoop()
    poller = loop._selector
    watcher = loop._exit_watcher = Watcher()
    loop.close()
    assert watcher.poller is poller
    assert loop._exit_watcher is None
    loop.close()
