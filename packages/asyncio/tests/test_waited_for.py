"""What a snapshot tells of the things that tasks wait for, of all distributions."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

from asyncio_core import inspecting
from asyncio_core.inspecting.waits import address_text

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def wait_on(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def told(*awaitables: Awaitable[Any]) -> list[dict[str, Any]]:
    """Let a task wait for each, and return what a snapshot tells that it waits for."""
    tasks = [asyncio.create_task(wait_on(each)) for each in awaitables]
    taken: dict[int, dict[str, Any]] = {}
    while not all(taken.get(id(task), {}).get("state") == "waiting" for task in tasks):
        await asyncio.sleep(0)
        taken = {each["id"]: each for each in inspecting.snapshot()["tasks"]}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    json.dumps(list(taken.values()))
    return [taken[id(task)]["waits_for"] for task in tasks]


def chosen(facts: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(facts[name] for name in names)


def test_what_synchronises_tells_what_it_is() -> None:
    async def main() -> None:
        lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue[int](1)
        full = asyncio.Queue[int](1)
        full.put_nowait(1)
        semaphore, barrier = asyncio.Semaphore(0), asyncio.Barrier(3)
        condition = asyncio.Condition()
        await lock.acquire()

        async def with_lock() -> None:
            async with lock:
                pass

        async def in_condition() -> None:
            async with condition:
                await condition.wait_for(lambda: False)

        found = await told(
            lock.acquire(),
            with_lock(),
            event.wait(),
            queue.get(),
            full.put(2),
            full.join(),
            semaphore.acquire(),
            barrier.wait(),
            in_condition(),
        )
        assert [chosen(each, "kind", "in") for each in found] == [
            ("lock", "Lock.acquire"),
            ("lock", "Lock.__aenter__"),
            ("event", "Event.wait"),
            ("queue", "Queue.get"),
            ("queue", "Queue.put"),
            ("queue", "Queue.join"),
            ("semaphore", "Semaphore.acquire"),
            ("barrier", "Barrier.wait"),
            ("condition", "Condition.wait_for"),
        ]
        assert found[0]["id"] == found[1]["id"] == id(lock)
        assert chosen(found[0], "locked", "waiters") == (True, 2)
        assert chosen(found[3], "size", "maxsize") == (0, 1)
        assert chosen(found[4], "size", "maxsize") == (1, 1)
        assert found[7]["parties"] == 3

    asyncio.run(main())


def test_streams_and_servers_tell_their_addresses() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        # The other side reads nothing, and stays.
        listener = socket.create_server(("127.0.0.1", 0))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        accepted, _ = listener.accept()
        writer.transport.set_write_buffer_limits(0)
        writer.write(bytes(2**24))
        found = await told(reader.readline(), writer.drain(), server.serve_forever())
        here = "{}:{}".format(*writer.get_extra_info("sockname"))
        there = "{}:{}".format(*listener.getsockname())
        for each, method in zip(found, ("readline", "drain"), strict=False):
            assert chosen(each, "kind", "local", "peer") == ("stream", here, there)
            assert each["in"].endswith(method)
        assert found[2]["kind"] == "server"
        writer.transport.abort()
        accepted.close()
        listener.close()

    asyncio.run(main())


def test_a_socket_that_is_waited_for_tells_its_addresses() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            address = listener.getsockname()
            with socket.create_connection(address) as client:
                client.setblocking(False)
                accepted, _ = listener.accept()
                loop = asyncio.get_running_loop()
                with accepted:
                    accepting, receiving = await told(
                        loop.sock_accept(listener), loop.sock_recv(client, 1)
                    )
                    local = address_text(client.getsockname())
                    number = client.fileno()
            assert chosen(accepting, "kind", "local") == ("socket", address_text(address))
            assert "peer" not in accepting
            assert accepting["in"].endswith("sock_accept")
            assert receiving["in"].endswith("sock_recv")
            assert chosen(receiving, "kind", "fd", "local") == ("socket", number, local)
            assert receiving["peer"] == address_text(address)

    asyncio.run(main())


def test_a_child_process_that_is_waited_for_tells_its_id() -> None:
    async def main() -> None:
        program = "import sys; sys.stdin.read()"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE
        )
        (waiting,) = await told(child.wait())
        assert chosen(waiting, "kind", "pid") == ("process", child.pid)
        await child.communicate()

    asyncio.run(main())


def test_addresses_are_written_as_people_write_them() -> None:
    assert address_text(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert address_text(("::1", 80, 0, 0)) == "[::1]:80"
    assert address_text("/run/x.sock") == "/run/x.sock"
    assert address_text(b"\0abstract") == "@abstract"
    assert address_text(7) == "7"
