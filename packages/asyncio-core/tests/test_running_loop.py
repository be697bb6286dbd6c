from __future__ import annotations

import os
import threading

import pytest

from asyncio_core.choosing import running_loop
from asyncio_core.loops.parking import ParkingEventLoop


@pytest.fixture
def declared():
    """A loop that is declared to run in this thread."""
    loop = ParkingEventLoop()
    running_loop._set_running_loop(loop)
    yield loop
    running_loop._set_running_loop(None)
    loop.close()


def test_no_loop_runs_at_first():
    assert running_loop._get_running_loop() is None
    with pytest.raises(RuntimeError, match="no running event loop"):
        running_loop.get_running_loop()


def test_the_declared_loop_is_found(declared):
    assert running_loop.get_running_loop() is declared
    assert running_loop._get_running_loop() is declared


def test_threads_do_not_see_each_others_loop(declared):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(running_loop._get_running_loop()))
    thread.start()
    thread.join()
    assert seen == [None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork()")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_runs_no_loop(declared):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if running_loop._get_running_loop() is None else 1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert running_loop._get_running_loop() is declared
