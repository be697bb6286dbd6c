"""What a forked child does with its copy of a loop is not felt by the parent's."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest

if not hasattr(os, "fork"):
    pytest.skip("the system has no fork()", allow_module_level=True)

import asyncio_core
from asyncio_core.choosing import running_loop
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.programs import printed_by

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from asyncio_selectors.poller import Poller

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def made(poller_class: type[Poller]) -> Iterator[SelectorEventLoop]:
    loop = SelectorEventLoop(poller_class())
    yield loop
    loop.close()


def in_child(function: Callable[[], bool]) -> int:
    """Fork, call `function` in the child, and return the child's status: 0 for True."""
    pid = os.fork()
    if not pid:
        status = 2
        try:
            status = 0 if function() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def works(loop: Any, pair: tuple[socket.socket, socket.socket]) -> bool:
    """Whether threads wake the loop, and its descriptors are watched."""
    woken = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, True))
    thread.start()
    await asyncio_core.wait_for(woken, 10)
    thread.join()
    receiving = loop.create_task(loop.sock_recv(pair[0], 9))
    await asyncio_core.sleep(0)
    pair[1].send(b"x")
    return bool(await asyncio_core.wait_for(receiving, 10) == b"x")


def close(loop: Any) -> bool:
    # The child unwinds run_forever(), as by sys.exit() in a task.
    loop._run_forever_cleanup()
    loop.close()
    return True


def test_a_child_that_closes_the_loop_leaves_the_parents_alone(
    made: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        seen: list[bytes] = []
        made.add_reader(pair[1], lambda: seen.append(pair[1].recv(9)))
        assert in_child(lambda: close(made)) == 0
        assert await works(made, pair)
        pair[0].send(b"still watched")
        while not seen:
            await asyncio_core.sleep(0.001)
        made.remove_reader(pair[1])

    made.run_until_complete(main())


def test_a_child_that_removes_what_it_inherited_leaves_the_parents_alone(
    made: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        seen: list[bytes] = []
        made.add_reader(pair[0], lambda: seen.append(pair[0].recv(9)))
        assert in_child(lambda: made.remove_reader(pair[0])) == 0
        pair[1].send(b"x")
        while not seen:
            await asyncio_core.sleep(0.001)
        made.remove_reader(pair[0])

    made.run_until_complete(main())


def test_the_loop_goes_on_in_the_child_too(
    made: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    """As where a program becomes a daemon after it has made its loop."""

    def go_on() -> bool:
        assert running_loop._get_running_loop() is None
        return bool(made.run_until_complete(works(made, pair)))

    assert in_child(go_on) == 0
    assert made.run_until_complete(works(made, pair))


def test_waking_in_the_child_does_not_wake_the_parent(made: Any) -> None:
    def wake() -> bool:
        made.call_soon_threadsafe(int)
        return True

    assert in_child(wake) == 0
    with pytest.raises(BlockingIOError):
        made._ssock.recv(1)


def test_a_child_that_leaves_a_run_leaves_the_tasks_to_the_parent() -> None:
    """By sys.exit(), say: what they do when they are cancelled, they would do to the parent's connections."""
    here = os.getpid()
    reading, writing = os.pipe()
    children = []

    def fork() -> None:
        pid = os.fork()
        if not pid:
            sys.exit(0)
        children.append(pid)

    async def waits() -> None:
        try:
            await asyncio_core.get_running_loop().create_future()
        finally:
            os.write(writing, b"parent" if os.getpid() == here else b"child")

    async def main() -> None:
        loop = asyncio_core.get_running_loop()
        waiting = loop.create_task(waits())
        loop.call_soon(fork)
        while not children:
            await asyncio_core.sleep(0)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
        waiting.cancel()
        await asyncio_core.wait([waiting])

    try:
        asyncio_core.run(main(), loop_factory=SelectorEventLoop)
    except SystemExit:
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        assert file.read() == b"parent"


def test_a_child_that_left_a_run_can_have_one_of_its_own() -> None:
    program = textwrap.dedent("""
        import asyncio_core, os, sys

        async def works():
            return await asyncio_core.sleep(0, 7)

        async def main():
            if not (pid := os.fork()):
                sys.exit(5)
            return pid

        try:
            child = asyncio_core.run(main())
        except SystemExit as exit:
            # … and its end is as quiet as the parent's.
            sys.exit(exit.code + asyncio_core.run(works()))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert printed_by(program, "-W", "error") == "12"
