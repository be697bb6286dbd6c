"""Pollers: one shape over every mechanism of the system."""

from __future__ import annotations

import os
import select
import selectors
import socket
import sys
import time
from collections import deque
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.scheduling.handles import Handle
from asyncio_selectors import SelectorEventLoop, poller
from asyncio_selectors.poller_choice import best_poller

if TYPE_CHECKING:
    from asyncio_selectors.poller import Poller

BOTH = EVENT_READ | EVENT_WRITE


@pytest.fixture
def polled(poller_class: type[Poller]) -> Any:
    made = poller_class()
    yield made
    made.close()


def test_a_poller_is_a_selector(polled: Poller) -> None:
    assert isinstance(polled, selectors.BaseSelector)


def test_what_is_ready_is_listed_with_its_key(polled: Poller, pair: Any) -> None:
    left, right = pair
    key = polled.register(left, BOTH, "mine")
    assert polled.select(0) == [(key, EVENT_WRITE)]
    right.send(b"x")
    assert polled.select(5) == [(key, BOTH)]
    assert key == (left, left.fileno(), BOTH, "mine")


def test_only_the_events_asked_for_are_listed(polled: Poller, pair: Any) -> None:
    left, right = pair
    key = polled.register(left, EVENT_READ)
    assert polled.select(0) == []
    right.close()
    assert polled.select(5) == [(key, EVENT_READ)]


def test_modify_changes_events_and_data(polled: Poller, pair: Any) -> None:
    left, _ = pair
    polled.register(left, EVENT_READ, 1)
    key = polled.modify(left, EVENT_WRITE, 2)
    assert polled.select(0) == [(key, EVENT_WRITE)]
    assert polled.get_key(left).data == 2
    polled.modify(left, EVENT_READ, 3)
    assert polled.select(0) == []


def test_unregistered_descriptors_are_forgotten(polled: Poller, pair: Any) -> None:
    left, _ = pair
    key = polled.register(left, EVENT_WRITE)
    assert polled.unregister(left) == key
    assert polled.select(0) == []
    assert left not in polled.get_map()
    with pytest.raises(KeyError):
        polled.unregister(left)
    with pytest.raises(KeyError, match="not registered"):
        polled.get_key(left)


@pytest.mark.parametrize("make", [best_poller, selectors.DefaultSelector])
def test_any_selector_tells_what_it_watches(make: Any, pair: Any) -> None:
    left, right = pair
    with make() as selector:
        key = selector.register(left, EVENT_WRITE, "mine")
        assert poller.key_of(selector, left.fileno()) == key
        assert poller.key_of(selector, right.fileno()) is None


def test_registering_twice_is_an_error(polled: Poller, pair: Any) -> None:
    left, _ = pair
    polled.register(left, EVENT_WRITE)
    with pytest.raises(KeyError, match="already registered"):
        polled.register(left.fileno(), EVENT_READ)


@pytest.mark.parametrize("events", [0, 4, 7])
def test_unknown_events_are_refused(polled: Poller, pair: Any, events: int) -> None:
    with pytest.raises(ValueError, match="Invalid events"):
        polled.register(pair[0], events)


@pytest.mark.parametrize("what", [object(), "text", -1])
def test_what_has_no_descriptor_is_refused(polled: Poller, what: Any) -> None:
    with pytest.raises(ValueError, match="Invalid file"):
        polled.register(what, EVENT_READ)


def test_a_descriptor_closed_too_early_can_still_be_unregistered(polled: Poller) -> None:
    left, right = socket.socketpair()
    with right:
        polled.register(left, EVENT_READ, "gone")
        left.close()
        assert polled.unregister(left).data == "gone"
        assert not polled.get_map()


@pytest.mark.skipif(sys.platform == "win32", reason="a socket's number cannot be chosen there")
def test_a_number_used_again_is_watched_again(polled: Poller) -> None:
    first, peer = socket.socketpair()
    number = first.fileno()
    polled.register(first, EVENT_READ)
    first.close()
    peer.close()
    polled.unregister(number)
    second, peer = socket.socketpair()
    with second, peer:
        os.dup2(second.fileno(), number)
        key = polled.register(number, EVENT_WRITE)
        assert polled.select(5) == [(key, EVENT_WRITE)]
        polled.unregister(number)
        if number not in (second.fileno(), peer.fileno()):
            os.close(number)


def test_the_map_finds_numbers_and_file_objects(polled: Poller, pair: Any) -> None:
    left, right = pair
    key = polled.register(left, EVENT_READ)
    keys = polled.get_map()
    assert keys[left] is keys[left.fileno()] is keys.get(left.fileno()) is key
    assert left in keys and left.fileno() in keys
    assert right not in keys and right.fileno() not in keys
    assert len(keys) == 1


def test_a_closed_poller_has_no_keys(poller_class: type[Poller], pair: Any) -> None:
    made = poller_class()
    made.register(pair[0], EVENT_READ)
    made.close()
    assert made.get_map() is None
    with pytest.raises(RuntimeError):
        made.get_key(pair[0])


def test_waiting_ends_with_the_timeout_and_not_before(polled: Poller, pair: Any) -> None:
    polled.register(pair[0], EVENT_READ)
    began = time.perf_counter()
    assert polled.select(0.0201) == []
    assert time.perf_counter() - began >= 0.02


def test_nothing_to_watch_is_nothing_ready(polled: Poller) -> None:
    assert polled.select(0) == []
    assert polled.select(-1 if not hasattr(polled, "_epoll") else 0) == []


def test_handles_of_ready_descriptors_go_to_the_queue(
    polled: Poller, pair: Any, loop: SelectorEventLoop
) -> None:
    left, right = pair
    reader, writer = (Handle(print, (), loop) for _ in range(2))
    ready: deque[Handle] = deque()
    polled.register(left, BOTH, (reader, writer))
    polled.collect(0, ready)
    assert list(ready) == [writer]
    right.send(b"x")
    polled.collect(5, ready)
    assert list(ready) == [writer, reader, writer]


def test_a_hangup_wakes_reader_and_writer(polled: Poller, loop: SelectorEventLoop) -> None:
    left, right = socket.socketpair()
    reader, writer = (Handle(print, (), loop) for _ in range(2))
    ready: deque[Handle] = deque()
    with left:
        polled.register(left, BOTH, (reader, writer))
        right.close()
        polled.collect(5, ready)
        assert set(ready) == {reader, writer}


@pytest.mark.parametrize("events", [EVENT_READ, EVENT_WRITE, BOTH])
def test_cancelled_handles_leave_the_poller(
    polled: Poller, pair: Any, loop: SelectorEventLoop, events: int
) -> None:
    left, right = pair
    reader, writer = (Handle(print, (), loop) for _ in range(2))
    right.send(b"x")
    polled.register(left, BOTH, (reader, writer))
    if events & EVENT_READ:
        reader.cancel()
    if events & EVENT_WRITE:
        writer.cancel()
    ready: deque[Handle] = deque()
    polled.collect(5, ready)
    assert not any(handle.cancelled() for handle in ready)
    left_over = BOTH & ~events
    if left_over:
        assert polled.get_key(left).events == left_over
    else:
        assert left not in polled.get_map()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs Linux")
def test_the_best_poller_of_linux_is_epoll() -> None:
    made = best_poller()
    assert type(made).__name__ == "EpollPoller"
    made.close()


def test_a_mechanism_that_the_kernel_lacks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise OSError(38, "Function not implemented")

    for name in ("epoll", "kqueue"):
        if hasattr(select, name):
            monkeypatch.setattr(select, name, missing)
    made = best_poller()
    assert type(made).__name__ in ("PollPoller", "SelectPoller")
    made.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs Linux")
def test_running_out_of_descriptors_is_no_missing_mechanism(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(select, "epoll", full)
    with pytest.raises(OSError, match="Too many open files"):
        best_poller()


def test_descriptor_of_takes_numbers_and_objects(pair: Any) -> None:
    assert poller.descriptor_of(3) == 3
    assert poller.descriptor_of(pair[0]) == pair[0].fileno()


def test_a_select_that_was_put_in_its_place_is_called(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """As plug-ins do that let time pass at once."""
    left, right = pair
    waits: list[float | None] = []
    usual = loop._selector.select

    def select(timeout: float | None = None) -> Any:
        waits.append(timeout)
        return usual(timeout)

    loop._selector.select = select  # type: ignore[method-assign]
    loop.run_until_complete(loop.sock_sendall(left, b"x"))
    assert loop.run_until_complete(loop.sock_recv(right, 1)) == b"x"
    before = len(waits)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert len(waits) > before > 0
    # Reader and writer of one descriptor, and one that was cancelled from outside.
    seen: list[str] = []
    loop.add_reader(right, seen.append, "reader")
    loop.add_writer(right, seen.append, "writer")
    left.send(b"y")
    loop.stop()
    loop.run_forever()
    assert sorted(seen) == ["reader", "writer"]
    key = loop._selector.get_key(right.fileno())
    key.data[1].cancel()
    loop.stop()
    loop.run_forever()
    assert not loop.remove_writer(right)
    assert loop.remove_reader(right)
