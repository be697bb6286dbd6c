"""What a forked child does with its copy of a loop is not felt by the parent's."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

if not hasattr(os, "fork"):
    pytest.skip("the system has no fork()", allow_module_level=True)

import asyncio_core
from asyncio_core.choosing import running_loop
from asyncio_selectors import SelectorEventLoop

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
