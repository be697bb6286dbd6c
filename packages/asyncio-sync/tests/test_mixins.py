from __future__ import annotations

import itertools
import sys
import threading

import pytest

import asyncio_core
import asyncio_sync
from asyncio_sync.mixins import _LoopBoundMixin


def wait_in_vain(instance):
    """Make `instance` wait in the running loop, then give up; this binds it."""

    async def main():
        task = asyncio_core.create_task(instance.wait())
        await asyncio_core.sleep(0)
        task.cancel()
        await asyncio_core.wait([task])
        if not task.cancelled():
            await task

    return main()


def test_an_object_belongs_to_the_loop_it_first_waited_in():
    event = asyncio_sync.Event()
    asyncio_core.run(wait_in_vain(event))
    with pytest.raises(RuntimeError, match=r"Event object .* is bound to a different event loop"):
        asyncio_core.run(wait_in_vain(event))


def test_an_object_nobody_waited_for_may_change_loops():
    lock = asyncio_sync.Lock()
    queue = asyncio_sync.Queue()

    async def main():
        async with lock:
            pass
        await queue.put(1)
        assert await queue.get() == 1

    asyncio_core.run(main())
    asyncio_core.run(main())


def test_without_a_running_loop_there_is_nothing_to_bind_to():
    with pytest.raises(RuntimeError, match="no running event loop"):
        _LoopBoundMixin()._get_loop()


def test_of_two_loops_that_come_at_once_one_gets_the_object():
    shared = _LoopBoundMixin()
    together = threading.Barrier(2)
    outcomes = []

    async def main():
        together.wait()
        try:
            outcomes.append(shared._get_loop() is asyncio_core.get_running_loop())
        except RuntimeError:
            outcomes.append(False)

    threads = [threading.Thread(target=lambda: asyncio_core.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True]


@pytest.mark.parametrize(
    "make",
    [
        asyncio_sync.Lock,
        asyncio_sync.Event,
        asyncio_sync.Condition,
        asyncio_sync.Semaphore,
        asyncio_sync.BoundedSemaphore,
        asyncio_sync.Queue,
    ],
)
def test_a_loop_argument_is_refused(make):
    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected keyword argument 'loop'"):
        make(loop=None)


class InterruptedAt:
    """A trace function that does at an instruction of a function, by its number, what Ctrl-C does there."""

    def __init__(self, function, number):
        self.code, self.left = function.__code__, number
        self.reached = False

    def __call__(self, frame, event, argument):
        if frame.f_code is self.code:
            frame.f_trace_opcodes = True
            if event == "opcode":
                self.left -= 1
                if not self.left:
                    self.reached = True
                    raise KeyboardInterrupt
        return self


def test_ctrl_c_while_an_object_is_bound_keeps_nobody_waiting():
    def bind_another():
        asyncio_core.run(wait_in_vain(asyncio_sync.Event()))

    async def bind(interrupted):
        before = sys.gettrace()
        # Python 3.12 tells of instructions where some frame wanted that before.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(interrupted)
        try:
            _LoopBoundMixin()._get_loop()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)

    for number in itertools.count(1):
        interrupted = InterruptedAt(_LoopBoundMixin._bind, number)
        asyncio_core.run(bind(interrupted))
        if not interrupted.reached:
            break
        thread = threading.Thread(target=bind_another, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert number > 3
