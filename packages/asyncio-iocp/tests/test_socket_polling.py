"""The thread that polls sockets where the driver of sockets cannot be asked. It runs everywhere."""

from __future__ import annotations

import queue
import threading
from selectors import EVENT_READ, EVENT_WRITE

import pytest

from asyncio_iocp.socket_polling import MEANING, MOST_WAITS, SelectThread, events_of_interest

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

BOTH = EVENT_READ | EVENT_WRITE


class Reports(queue.Queue[tuple[int, int]]):
    def __call__(self, address: int, ready: int) -> None:
        self.put((address, ready))

    def next(self) -> tuple[int, int]:
        return self.get(timeout=30)


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def thread(reports: Reports) -> Iterator[SelectThread]:
    thread = SelectThread(reports)
    yield thread
    thread.close()
    assert "asyncio-select" not in {running.name for running in threading.enumerate()}


def test_driver_s_events_for_a_mask_and_back() -> None:
    for mask in (EVENT_READ, EVENT_WRITE, BOTH):
        events = events_of_interest(mask)
        heard = 0
        for event, meaning in MEANING:
            assert bool(events & event) == bool(meaning & mask)
            if events & event:
                heard |= meaning
        assert heard & mask == mask


@pytest.mark.parametrize("mask", [0, 4, -1])
def test_other_masks_are_refused(mask: int) -> None:
    with pytest.raises(ValueError, match="EVENT_READ, EVENT_WRITE or both"):
        events_of_interest(mask)


def test_ready_sockets_are_reported_once(
    thread: SelectThread, reports: Reports, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets
    thread.wait(1, left.fileno(), BOTH)
    assert reports.next() == (1, EVENT_WRITE)
    thread.wait(2, left.fileno(), EVENT_READ)
    thread.wait(3, left.fileno(), EVENT_WRITE)
    assert reports.next() == (3, EVENT_WRITE)
    right.send(b"x")
    assert reports.next() == (2, EVENT_READ)
    thread.wait(4, left.fileno(), BOTH)
    assert reports.next() == (4, BOTH)
    assert reports.empty()


def test_cancelled_wait_is_reported_with_nothing(
    thread: SelectThread, reports: Reports, sockets: tuple[socket.socket, socket.socket]
) -> None:
    thread.wait(1, sockets[0].fileno(), EVENT_READ)
    thread.cancel(1)
    assert reports.next() == (1, 0)
    thread.cancel(1)  # known no more
    sockets[1].send(b"x")
    thread.wait(2, sockets[0].fileno(), EVENT_READ)
    assert reports.next() == (2, EVENT_READ)


def test_socket_that_was_closed_is_reported(
    thread: SelectThread, reports: Reports, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets
    thread.wait(1, left.fileno(), EVENT_READ)
    thread.wait(2, right.fileno(), EVENT_WRITE)
    assert reports.next() == (2, EVENT_WRITE)
    left.close()
    thread.wait(3, right.fileno(), EVENT_WRITE)
    assert {reports.next(), reports.next()} == {(1, EVENT_READ), (3, EVENT_WRITE)}


def test_more_sockets_than_select_takes_are_refused(
    thread: SelectThread, reports: Reports, sockets: tuple[socket.socket, socket.socket]
) -> None:
    for address in range(MOST_WAITS):
        thread.wait(address, sockets[0].fileno(), EVENT_READ)
    with pytest.raises(OSError, match="more than 511 sockets"):
        thread.wait(MOST_WAITS, sockets[0].fileno(), EVENT_READ)
    sockets[1].send(b"x")
    assert {reports.next()[0] for _ in range(MOST_WAITS)} == set(range(MOST_WAITS))


def test_closing_ends_the_thread_and_reports_nothing(
    reports: Reports, sockets: tuple[socket.socket, socket.socket]
) -> None:
    thread = SelectThread(reports)
    thread.close()
    thread.wait(1, sockets[0].fileno(), EVENT_READ)
    thread.close()
    thread.close()
    sockets[1].send(b"x")
    assert reports.empty()
