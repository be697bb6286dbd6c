"""In an isolated subinterpreter there are threads, but no daemons."""

from __future__ import annotations

import sys

import pytest

from asyncio_test_support.programs import run_isolated

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13),
    reason="isolated subinterpreters of Python 3.12 crash at their end, those of 3.11 have no threads",
)


def test_names_are_resolved():
    run_isolated("""
        import socket
        from asyncio_core import get_running_loop, run
        from asyncio_core.loops.parking import ParkingEventLoop

        asked = socket.getaddrinfo
        socket.getaddrinfo = lambda host, port, *args: asked("127.0.0.1", port, *args)

        async def main():
            loop = get_running_loop()
            assert await loop.getaddrinfo("example.test", 80)
            assert loop._lookups is not None

        run(main(), loop_factory=ParkingEventLoop)
    """)


def test_a_loop_that_is_never_closed_does_not_keep_the_interpreter():
    run_isolated("""
        import socket, warnings
        from asyncio_core.loops.parking import ParkingEventLoop

        socket.getaddrinfo = lambda host, *args: []
        warnings.simplefilter("ignore", ResourceWarning)
        loop = ParkingEventLoop()
        loop.run_until_complete(loop.getaddrinfo("example.test", 80))
    """)


def test_functions_run_in_threads_and_the_executor_is_shut_down():
    run_isolated("""
        from asyncio_core import run, to_thread
        from asyncio_core.loops.parking import ParkingEventLoop

        async def main():
            assert await to_thread(sum, [1, 2]) == 3

        run(main(), loop_factory=ParkingEventLoop)
    """)
