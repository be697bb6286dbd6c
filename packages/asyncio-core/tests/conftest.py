"""What the tests of several modules share."""

from __future__ import annotations

import pathlib

import pytest

from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.loops.runners import Runner


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


def _run(main, *, loop_factory, debug=None):
    reports = []

    async def supervised():
        import asyncio_core.choosing.running_loop as running_loop

        loop = running_loop.get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context))
        return await main

    with Runner(loop_factory=loop_factory, debug=debug) as runner:
        result = runner.run(supervised())
    assert not reports, reports
    return result


@pytest.fixture
def run():
    """Return a function that runs a coroutine on a loop whose clock skips the waiting.

    It fails where anything was reported to the loop's exception handler; a test that wants reports
    sets a handler of its own.
    """

    def run(main, *, debug=None):
        return _run(main, loop_factory=SkippingEventLoop, debug=debug)

    return run


@pytest.fixture
def run_in_real_time():
    """Return a function like `run`, with a clock that other threads agree with."""

    def run(main, *, debug=None):
        return _run(main, loop_factory=ParkingEventLoop, debug=debug)

    return run


@pytest.fixture
def loop():
    """Return a loop that does not run; its clock skips the waiting. It is closed after the test."""
    loop = SkippingEventLoop()
    yield loop
    loop.close()


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def tls_contexts(request):
    """Return the contexts (client's, server's) for a pair that trusts one another, per version."""
    import ssl

    folder = pathlib.Path(__file__).parent / "certificates"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    client = ssl.create_default_context(cafile=folder / "ca.pem")
    version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[request.param]
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
    return client, server
