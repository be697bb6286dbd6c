"""Ctrl-C while a run ends: wherever it comes, the thread and the signal are given back."""

from __future__ import annotations

import itertools
import os
import signal
import sys

import pytest

import asyncio_core
from asyncio_core.choosing.running_loop import _get_running_loop, get_running_loop
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.loops.runners import Runner

FOLDER = os.path.dirname(asyncio_core.__file__)


class CtrlC:
    """Raises KeyboardInterrupt where a function of ours is called: the one of this number, once it is ready."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.ready = False
        self.came = False

    def _trace(self, frame, event, argument):
        code = frame.f_code
        # What is raised in a destructor is raised for nobody.
        ours = code.co_filename.startswith(FOLDER) and code.co_name != "__del__"
        if self.ready and not self.came and ours:
            self.left -= 1
            if not self.left:
                self.came = True
                raise KeyboardInterrupt

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc_info):
        sys.settrace(self._before)


def at_each_call():
    """Yield Ctrl-C at the first call, at the second, and so on until there is none left."""
    for number in itertools.count(1):
        ctrl_c = CtrlC(number)
        yield ctrl_c
        if not ctrl_c.came:
            assert number > 1
            return


def given_back():
    return (
        _get_running_loop(),
        sys.get_asyncgen_hooks(),
        sys.get_coroutine_origin_tracking_depth(),
    )


@pytest.mark.parametrize("debug", [False, True])
def test_a_loop_that_is_interrupted_while_its_run_ends_does_not_run(debug):
    before = given_back()
    for ctrl_c in at_each_call():
        loop = ParkingEventLoop()
        loop.set_debug(debug)

        def end(loop=loop, ctrl_c=ctrl_c):
            loop.stop()
            ctrl_c.ready = True

        loop.call_soon(end)
        try:
            with ctrl_c:
                loop.run_forever()
        except KeyboardInterrupt:
            assert ctrl_c.came
        assert given_back() == before
        assert not loop.is_running()
        # A stop that came too late for its run is for no other one.
        assert not loop._stopping
        loop.close()


def test_ctrl_c_while_a_run_ends_leaves_pythons_handler_of_it():
    for ctrl_c in at_each_call():

        async def main(ctrl_c=ctrl_c):
            ctrl_c.ready = True

        runner = Runner(loop_factory=ParkingEventLoop)
        try:
            with ctrl_c:
                runner.run(main())
        except KeyboardInterrupt:
            assert ctrl_c.came
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

        async def again():
            return get_running_loop()

        assert runner.run(again()) is runner.get_loop()
        runner.close()
