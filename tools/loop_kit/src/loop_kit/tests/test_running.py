"""asyncio.Runner and asyncio.run() over the loop's factory, as programs use them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loop_kit.loops import loop_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from loop_kit.loops import LoopChoice


def test_runner_uses_the_factory(choice: LoopChoice) -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        return loop_name(type(loop))

    with asyncio.Runner(loop_factory=choice.make) as runner:
        assert runner.run(main()) == choice.made
        loop = runner.get_loop()
    assert loop.is_closed()


def test_runner_runs_several_coroutines_on_one_loop(choice: LoopChoice) -> None:
    async def main() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    with asyncio.Runner(loop_factory=choice.make) as runner:
        assert runner.run(main()) is runner.run(main())


def test_runner_cancels_what_is_left(choice: LoopChoice) -> None:
    seen: list[str] = []

    async def left() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            seen.append("task")

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            seen.append("generator")

    kept: list[object] = []

    async def main() -> None:
        kept.append(asyncio.create_task(left()))
        generator = numbers()
        kept.append(generator)
        await anext(generator)

    with asyncio.Runner(loop_factory=choice.make) as runner:
        runner.run(main())
    assert sorted(seen) == ["generator", "task"]


def test_runner_sets_debug_mode(choice: LoopChoice) -> None:
    with asyncio.Runner(loop_factory=choice.make, debug=True) as runner:
        assert runner.get_loop().get_debug()


@pytest.mark.needs("signals")
def test_interrupt_cancels_the_main_task(choice: LoopChoice) -> None:
    seen: list[str] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    before = signal.getsignal(signal.SIGINT)
    with asyncio.Runner(loop_factory=choice.make) as runner, pytest.raises(KeyboardInterrupt):
        runner.run(main())
    assert seen == ["cancelled"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.needs("posix")
def test_loop_can_be_made_after_a_fork(choice: LoopChoice) -> None:
    # In a program of its own: pytest has threads, and a fork is no place for these.
    module, colon, attributes = choice.text.partition(":")
    if not colon:
        module, attributes = "asyncio", "new_event_loop"
    program = f"""
import asyncio, importlib, os
make = importlib.import_module({module!r})
for name in {attributes!r}.split("."):
    make = getattr(make, name)
make = getattr(make(), "new_event_loop", make) if isinstance(make, type) else make
async def main():
    left, right = __import__("socket").socketpair()
    with left, right:
        right.setblocking(False)
        asyncio.get_running_loop().call_later(0.001, left.send, b"x")
        return await asyncio.get_running_loop().sock_recv(right, 1)
with asyncio.Runner(loop_factory=make) as runner:
    runner.run(main())
    child = os.fork()
    if not child:
        asyncio.events._set_running_loop(None)
        with asyncio.Runner(loop_factory=make) as inner:
            os._exit(0 if inner.run(main()) == b"x" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert runner.run(main()) == b"x"
print("well")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20
    )
    assert done.stdout.strip() == "well", done.stderr
