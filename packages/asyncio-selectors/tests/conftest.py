"""Fixtures: loops over every poller, protocols that remember, and a watch on descriptors."""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_selectors.poll_select import SelectPoller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asyncio_selectors.poller import Poller


def available_pollers() -> dict[str, type[Poller]]:
    found: dict[str, type[Poller]] = {"select": SelectPoller}
    if hasattr(select, "poll"):
        from asyncio_selectors.poll_poll import PollPoller

        found["poll"] = PollPoller
    if hasattr(select, "epoll"):
        from asyncio_selectors.poll_epoll import EpollPoller

        found["epoll"] = EpollPoller
    if hasattr(select, "kqueue"):
        from asyncio_selectors.poll_kqueue import KqueuePoller

        found["kqueue"] = KqueuePoller
    return found


@pytest.fixture(params=sorted(available_pollers()))
def poller_class(request: pytest.FixtureRequest) -> type[Poller]:
    return available_pollers()[request.param]


@pytest.fixture
def loop() -> Iterator[SelectorEventLoop]:
    """A loop that has to end as it began: only its own descriptor registered, no error reported."""
    made = SelectorEventLoop()
    reported: list[dict[str, Any]] = []
    made.set_exception_handler(lambda _, context: reported.append(context))
    made.reported = reported  # type: ignore[attr-defined]
    try:
        yield made
        if not made.is_closed():
            # connection_lost() and the like
            made.call_soon(made.stop)
            made.run_forever()
            assert list(made._selector.get_map()) == [made._ssock.fileno()]
        assert reported == []
    finally:
        made.close()
        gc.collect()


def open_descriptors() -> set[int]:
    gc.collect()
    if sys.platform == "win32":
        import ctypes

        # A socket's number is the number of its handle; handles are numbered by fours. The type of what
        # is no file, pipe or socket is 0.
        type_of = ctypes.WinDLL("kernel32").GetFileType
        return {number for number in range(4, 1 << 12, 4) if type_of(number)}
    return {int(name) for name in os.listdir("/dev/fd") if _is_open(int(name))}


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.fixture
def descriptors() -> Callable[[], set[int]]:
    """The set of open descriptors, for comparing before and after."""
    return open_descriptors


@pytest.fixture(scope="session")
def under_wine() -> bool:
    """Whether this is no Windows but Wine, which leaves a few things untold."""
    if sys.platform != "win32":
        return False
    import ctypes

    return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


@pytest.fixture
def unix_path() -> Iterator[Path]:
    """A path short enough for a Unix socket on every system that has them."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("the system has no Unix sockets")
    with tempfile.TemporaryDirectory(prefix="a") as folder:
        yield Path(folder) / "s"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


class Recorder(asyncio_core.Protocol):
    """Remembers what it is told; `lost` is done when the connection is."""

    transport: Any
    # What eof_received() answers.
    keep_open = False

    def __init__(self) -> None:
        self.loop = asyncio_core.get_running_loop()
        self.lost = self.loop.create_future()
        self.data = bytearray()
        self.sizes: list[int] = []
        self.eof = 0
        self.pauses: list[str] = []
        self._wanted: list[tuple[Callable[[], bool], Any]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._check()

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.data += data
        self.sizes.append(len(data))
        self._check()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.data_received(data)
        self.sender = addr

    def error_received(self, exc: Exception) -> None:
        self.error = exc
        self._check()

    def eof_received(self) -> bool:
        self.eof += 1
        self._check()
        return self.keep_open

    def pause_writing(self) -> None:
        self.pauses.append("pause")
        self._check()

    def resume_writing(self) -> None:
        self.pauses.append("resume")
        self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        # A second call would fail here.
        self.lost.set_result(exc)
        self._check()

    def _check(self) -> None:
        for condition, waiter in self._wanted:
            if not waiter.done() and condition():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after each event."""
        if not condition():
            waiter = self.loop.create_future()
            self._wanted.append((condition, waiter))
            await asyncio_core.wait_for(waiter, 20)


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def connect(loop: SelectorEventLoop) -> Iterator[Any]:
    """`await connect(factory)` gives protocol, and the raw peer socket, of a fresh connection."""
    peers: list[socket.socket] = []

    async def make(factory: Callable[[], Any] = Recorder) -> tuple[Any, socket.socket]:
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        peers.append(peer)
        _, protocol = await loop.create_connection(factory, sock=ours)
        return protocol, peer

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def in_thread(loop: SelectorEventLoop) -> Callable[..., Any]:
    """Run blocking code in a thread; give a future for its result."""
    return lambda function, *args: loop.run_in_executor(None, function, *args)
