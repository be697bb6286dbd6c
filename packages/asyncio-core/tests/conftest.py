"""What the tests of several modules share."""

from __future__ import annotations

import os

import pytest

from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.running import run_watched


class SkippingEventLoop(ParkingEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it.

    An hour's sleep takes no time, and the order of timers is always the same. Where no timer is
    set it waits for other threads, as any loop does.
    """

    def __init__(self):
        self._now = 1000.0
        super().__init__()

    def time(self):
        return self._now

    def _poll(self, timeout):
        if timeout is None:
            super()._poll(None)
        else:
            self._now += timeout
            super()._poll(0)


@pytest.fixture
def run():
    """Return a function that runs a coroutine on a loop whose clock skips the waiting.

    It fails where anything was reported to the loop's exception handler; a test that wants reports
    sets a handler of its own.
    """

    # With another loop for tests, such as the shuffled one, where that is asked for.
    factory = None if os.environ.get("ASYNCIO_LOOP") else SkippingEventLoop

    def run(main, *, debug=None):
        return run_watched(main, loop_factory=factory, debug=debug)

    return run


@pytest.fixture
def run_in_real_time():
    """Return a function like `run`, with a clock that other threads agree with."""

    def run(main, *, debug=None):
        return run_watched(main, loop_factory=ParkingEventLoop, debug=debug)

    return run


@pytest.fixture
def loop():
    """Return a loop that does not run; its clock skips the waiting. It is closed after the test."""
    loop = SkippingEventLoop()
    yield loop
    loop.close()


@pytest.fixture
def tls_contexts(client_context, server_context, tls_version):
    """Return the contexts (client's, server's) for a pair that trusts one another, per version."""
    from asyncio_test_support.certificates import only

    return only(client_context, tls_version), only(server_context, tls_version)
