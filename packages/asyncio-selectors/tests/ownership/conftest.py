"""Whatever is cancelled leaves nothing behind: no descriptor, no registration, no timer, no report.

Each subject of the tests here runs again and again, cancelled a moment later each time, until it comes to
its end before it is cancelled. A moment lies before and after every batch of callbacks that the loop
runs, so that all states are met: before the first step, between the event and the callback that it calls
for, between an outcome and the task that it wakes.
"""

from __future__ import annotations

import contextlib
import gc
import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.loops import collect_reports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

# More moments than any subject here has.
_ENOUGH = 400

# Seconds. Timers beyond that are limits that no subject here reaches.
_LONG = 5


class MomentLoop(SelectorEventLoop):
    """A loop that cancels a task at its n-th moment, and tells when there is nothing left to do."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: list[dict[str, Any]]
        collect_reports(self)
        self.victim: asyncio_core.Task[Any] | None = None
        self.moments_left = 0
        self.insistent = False
        # Called instead of waiting for ever.
        self.stuck: Callable[[], None] | None = None

    def _poll(self, timeout: float | None) -> None:
        if self.stuck is not None and (timeout is None or timeout > _LONG):
            super()._poll(0)
            if not self._ready:
                self.stuck()
        else:
            super()._poll(timeout)
        self._moment()

    def _run_once(self) -> None:
        super()._run_once()
        self._moment()

    def _moment(self) -> None:
        victim = self.victim
        if victim is None:
            return
        self.moments_left -= 1
        if self.moments_left == 0 or (self.insistent and self.moments_left < 0):
            self.strike(victim)

    def strike(self, victim: asyncio_core.Task[Any]) -> None:
        if not victim.cancel() or not self.insistent:
            self.victim = None

    def settle(self) -> None:
        """Run until nothing is ready and no event is waiting."""
        self.victim = None
        self.stuck = self.stop
        self.run_forever()
        self.stuck = None


class Rounds:
    """Runs a subject once for each moment at which it can be cancelled."""

    def __init__(self, loop: MomentLoop, descriptors: Callable[[], set[int]]) -> None:
        self.loop = loop
        self.descriptors = descriptors

    def __call__(
        self,
        subject: Callable[[], Awaitable[Any]],
        *,
        between: Callable[[], None] = lambda: None,
        endless: bool = False,
        at_least: int = 1,
    ) -> None:
        """Cancel `subject()` at every moment, and once more at all later ones as well.

        `between` clears away, after each round, what the other side has of it. An `endless`
        subject waits for what never comes; the last moment is when the loop has nothing to do.
        """
        if not endless:
            # All that is loaded and made at the first use.
            self.loop.run_until_complete(subject())
            between()
        self.loop.settle()
        gc.collect()
        gc.freeze()
        try:
            for insistent in (False, True):
                self.loop.insistent = insistent
                moment = 1
                while self._cancelled_at(moment, subject, between, endless):
                    moment += 1
                    assert moment < _ENOUGH
                assert moment > at_least
        finally:
            gc.unfreeze()

    def _cancelled_at(
        self,
        moment: int,
        subject: Callable[[], Awaitable[Any]],
        between: Callable[[], None],
        endless: bool,
    ) -> bool:
        """Run one round; return whether the moment came before the subject's end."""
        loop = self.loop
        before = self._all_but_the_pair()
        task = asyncio_core.ensure_future(subject(), loop=loop)
        loop.victim = task
        loop.moments_left = moment
        came_to_rest = False

        def rest() -> None:
            nonlocal came_to_rest
            came_to_rest = True
            task.cancel()

        if endless:
            loop.stuck = rest
        try:
            loop.run_until_complete(task)
        except asyncio_core.CancelledError:
            pass  # as it should
        else:
            assert not task.cancelling(), f"swallowed at moment {moment}"
        again = task.cancelled() and not came_to_rest
        loop.stuck = None
        between()
        loop.settle()
        gc.collect()

        where = f"at moment {moment}"
        assert loop.reported == [], where
        assert asyncio_core.all_tasks(loop) == set(), where
        assert list(loop._selector.get_map()) == [loop._ssock.fileno()], where
        assert [timer for timer in loop._scheduled if not timer._cancelled] == [], where
        assert self._all_but_the_pair() == before, where
        loop.run_until_complete(self._numbers_are_good_again())
        return again

    def _all_but_the_pair(self) -> set[int]:
        """Return all descriptors but those that wake the loop: where the system fails at that (Wine), there are new ones."""
        return self.descriptors() - {self.loop._ssock.fileno(), self.loop._csock.fileno()}

    async def _numbers_are_good_again(self) -> None:
        """Sockets that get the numbers that were free a moment ago work, in both directions."""
        loop = self.loop
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                pair = socket.socketpair()
                for end in pair:
                    stack.enter_context(end)
                    end.setblocking(False)
                for one, other in (pair, pair[::-1]):
                    receiving = loop.create_task(loop.sock_recv(one, 10))
                    await asyncio_core.sleep(0)
                    assert one.fileno() in loop._selector.get_map()
                    await loop.sock_sendall(other, b"hello")
                    assert await asyncio_core.wait_for(receiving, 10) == b"hello"


@pytest.fixture
def loop() -> Iterator[MomentLoop]:
    made = MomentLoop()
    yield made
    made.close()
    gc.collect()


@pytest.fixture
def rounds(loop: MomentLoop, descriptors: Callable[[], set[int]]) -> Rounds:
    return Rounds(loop, descriptors)


@pytest.fixture
def listening(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    return listening


@pytest.fixture
def turn_away() -> Callable[[socket.socket], None]:
    """Close the connections to a listening socket that nobody will accept."""

    def turn_away(listening: socket.socket) -> None:
        while True:
            try:
                listening.accept()[0].close()
            except BlockingIOError:
                return

    return turn_away


@pytest.fixture
def full(listening: socket.socket) -> Iterator[Any]:
    """The address of a listener whose backlog is full: a connection to it comes to nothing."""
    listening.listen(0)
    address = listening.getsockname()
    waiting = []
    for _ in range(8):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(address)
        waiting.append(sock)
    yield address
    for sock in waiting:
        sock.close()


@pytest.fixture
def nobodys_address() -> Any:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()


@pytest.fixture
def resolving_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`resolving_to(*addresses)` lets every name stand for these, after a look-up in a thread."""

    def resolving_to(*addresses: Any) -> None:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        answer = [(*kind, address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)

    return resolving_to


class Greeter(asyncio_core.Protocol):
    """Says hello and waits for the other side to go."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")


@pytest.fixture
def greeter() -> type[Greeter]:
    return Greeter
