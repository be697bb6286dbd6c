"""Readers, writers, and waking the loop up."""

from __future__ import annotations

import contextvars
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.programs import printed_by

if TYPE_CHECKING:
    from asyncio_selectors.poller import Poller


class ForeignSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """A selector that is none of ours."""


def run_turns(loop: Any, until: Any) -> None:
    while not until():
        loop.call_soon(loop.stop)
        loop.run_forever()


@pytest.fixture(params=["ours", "foreign"])
def any_loop(request: pytest.FixtureRequest) -> Any:
    made = SelectorEventLoop(None if request.param == "ours" else ForeignSelector())
    yield made
    made.close()


def test_every_poller_drives_a_loop(poller_class: type[Poller], pair: Any) -> None:
    left, right = pair
    made = SelectorEventLoop(poller_class())
    try:

        async def main() -> bytes:
            sending = made.create_task(made.sock_sendall(left, b"hello"))
            received = await made.sock_recv(right, 10)
            await sending
            await asyncio_core.sleep(0.001)
            return received

        assert made.run_until_complete(main()) == b"hello"
    finally:
        made.close()


def test_a_reader_runs_whenever_there_is_something_to_read(any_loop: Any, pair: Any) -> None:
    left, right = pair
    got: list[bytes] = []
    any_loop.add_reader(left, lambda size: got.append(left.recv(size)), 2)
    right.send(b"abcd")
    run_turns(any_loop, lambda: len(got) == 2)
    assert got == [b"ab", b"cd"]
    assert any_loop.remove_reader(left) is True
    assert any_loop.remove_reader(left.fileno()) is False


def test_a_second_reader_takes_the_place_of_the_first(any_loop: Any, pair: Any) -> None:
    left, right = pair
    calls: list[str] = []
    any_loop.add_reader(left, calls.append, "first")
    any_loop.add_reader(left, calls.append, "second")
    right.send(b"x")
    run_turns(any_loop, lambda: calls)
    assert set(calls) == {"second"}
    any_loop.remove_reader(left)


def test_reader_and_writer_of_one_descriptor_are_independent(any_loop: Any, pair: Any) -> None:
    left, right = pair
    calls: list[str] = []
    any_loop.add_reader(left, calls.append, "read")
    any_loop.add_writer(left, calls.append, "write")
    run_turns(any_loop, lambda: calls)
    assert set(calls) == {"write"}
    assert any_loop.remove_writer(left) is True
    assert any_loop.remove_writer(left) is False
    calls.clear()
    right.send(b"x")
    run_turns(any_loop, lambda: calls)
    assert set(calls) == {"read"}
    assert any_loop.remove_reader(left) is True
    assert left.fileno() not in any_loop._selector.get_map()


def test_a_reader_removed_in_the_same_turn_does_not_run(any_loop: Any, pair: Any) -> None:
    left, right = pair
    calls: list[str] = []

    def first(me: Any, other: Any, name: str) -> None:
        calls.append(name)
        any_loop.remove_reader(me)
        any_loop.remove_reader(other)

    any_loop.add_reader(left, first, left, right, "left")
    any_loop.add_reader(right, first, right, left, "right")
    left.send(b"x")
    right.send(b"x")
    run_turns(any_loop, lambda: calls)
    run_turns(any_loop, lambda: True)
    assert len(calls) == 1


def test_readers_run_in_the_context_they_were_added_in(any_loop: Any, pair: Any) -> None:
    left, right = pair
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    def add() -> None:
        variable.set("set")
        any_loop.add_reader(left, lambda: seen.append(variable.get()))

    contextvars.copy_context().run(add)
    right.send(b"x")
    run_turns(any_loop, lambda: seen)
    assert seen[0] == "set"
    any_loop.remove_reader(left)


def test_a_descriptor_of_a_transport_is_nobody_elses(loop: SelectorEventLoop, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        fd = protocol.transport.get_extra_info("socket").fileno()
        for call in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError, match="is used by transport"):
                call(fd, print)
        for remove in (loop.remove_reader, loop.remove_writer):
            with pytest.raises(RuntimeError, match="is used by transport"):
                remove(fd)
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_an_object_that_was_closed_first_can_still_be_removed(
    any_loop: Any, pair: Any, kind: str
) -> None:
    add, remove = getattr(any_loop, f"add_{kind}"), getattr(any_loop, f"remove_{kind}")
    sock = pair[0]
    add(sock, print)
    add(sock, print)
    sock.close()
    assert remove(sock) is True
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        remove(sock)
    any_loop.close()
    assert remove(sock) is False


@pytest.mark.parametrize("what", [object(), None, "x"])
def test_what_has_no_descriptor_cannot_be_watched(loop: SelectorEventLoop, what: Any) -> None:
    with pytest.raises(ValueError, match="Invalid file object"):
        loop.add_reader(what, print)
    with pytest.raises(ValueError, match="Invalid file object"):
        loop.remove_writer(what)


def test_a_closed_loop_watches_nothing(pair: Any) -> None:
    made = SelectorEventLoop()
    made.add_reader(pair[0], print)
    made.close()
    with pytest.raises(RuntimeError, match="closed"):
        made.add_writer(pair[0], print)
    assert made.remove_reader(pair[0]) is False
    made.close()


def test_closing_a_loop_closes_its_own_descriptors(descriptors: Any) -> None:
    before = descriptors()
    made = SelectorEventLoop()
    assert descriptors() > before
    made.close()
    assert descriptors() == before


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "use",
    ["loop.call_later(1000, print)", "loop.run_until_complete(loop.run_in_executor(None, int))"],
)
def test_a_loop_that_is_never_closed_ends_with_the_interpreter_without_a_word(
    use: str, debug: bool
) -> None:
    make = "from asyncio_selectors import SelectorEventLoop; loop = SelectorEventLoop()"
    assert printed_by(f"{make}; loop.set_debug({debug}); {use}") == ""


def test_a_loop_that_cannot_be_made_leaves_nothing_open(
    descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no more sockets")

    monkeypatch.setattr(socket, "socketpair", refuse)
    before = descriptors()
    with pytest.raises(OSError, match="no more sockets"):
        SelectorEventLoop()
    assert descriptors() == before


def test_a_running_loop_cannot_be_closed(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="running"):
            loop.close()
        # And still works.
        await asyncio_core.sleep(0.001)

    loop.run_until_complete(main())


def test_callbacks_from_many_threads_all_run_and_wake_the_loop(loop: SelectorEventLoop) -> None:
    per_thread, threads = 500, 8
    seen: list[tuple[int, int]] = []

    def produce(number: int) -> None:
        for count in range(per_thread):
            loop.call_soon_threadsafe(record, (number, count))

    def record(item: tuple[int, int]) -> None:
        seen.append(item)
        if len(seen) == per_thread * threads:
            loop.stop()

    producers = [threading.Thread(target=produce, args=(n,)) for n in range(threads)]
    for thread in producers:
        thread.start()
    loop.run_forever()
    for thread in producers:
        thread.join()
    for number in range(threads):
        assert [count for n, count in seen if n == number] == list(range(per_thread))


def test_a_loop_that_waits_without_limit_is_woken_each_time(loop: SelectorEventLoop) -> None:
    rounds = 50
    turn = threading.Semaphore(0)
    count = 0

    def woken() -> None:
        nonlocal count
        count += 1
        turn.release()
        if count == rounds:
            loop.stop()

    def wake() -> None:
        for _ in range(rounds):
            loop.call_soon_threadsafe(woken)
            # Only after the loop has come round; by then it waits again, or is about to.
            turn.acquire()

    thread = threading.Thread(target=wake)
    thread.start()
    loop.run_forever()
    thread.join()
    assert count == rounds


def test_a_selector_put_in_place_of_ours_is_used(loop: SelectorEventLoop, pair: Any) -> None:
    polls = 0

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def select(self, timeout: float | None) -> Any:
            nonlocal polls
            polls += 1
            return self._inner.select(timeout)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    inner = loop._selector
    loop._selector = Counting(inner)
    assert loop.run_until_complete(loop.sock_sendall(pair[0], b"x")) is None
    assert loop.run_until_complete(loop.sock_recv(pair[1], 1)) == b"x"
    assert polls
    loop._selector = inner


def test_a_subclass_may_look_at_events(pair: Any) -> None:
    events: list[Any] = []

    class Watching(SelectorEventLoop):  # type: ignore[misc, valid-type]
        def _process_events(self, event_list: Any) -> None:
            events.extend(event_list)
            super()._process_events(event_list)

    made = Watching()
    pair[1].send(b"x")
    try:

        async def main() -> bytes:
            readable = made.create_future()
            made.add_reader(pair[0], lambda: readable.done() or readable.set_result(None))
            await readable
            made.remove_reader(pair[0])
            return pair[0].recv(1)

        assert made.run_until_complete(main()) == b"x"
    finally:
        made.close()
    assert pair[0].fileno() in [key.fd for key, _ in events]
