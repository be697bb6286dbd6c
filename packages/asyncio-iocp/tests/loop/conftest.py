"""Fixtures: a loop over completions on every system.

On Windows the loop is the real one. Elsewhere its pure-Python part runs over a stand-in for the completion
port, which does its operations on real sockets as soon as they are ready; once so that every
operation is done later, and once so that what can be done at once is.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting.futures import Future
from asyncio_iocp.proactor_events import BaseProactorEventLoop
from asyncio_test_support.loops import watched
from asyncio_test_support.sockets import tcp_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOWS = sys.platform == "win32"
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Operation(Future[Any]):
    """Something to be done when a socket is ready; `attempt` raises BlockingIOError where it is not."""

    def __init__(
        self, loop: Any, attempt: Callable[[], Any], forget: Callable[[Any], None]
    ) -> None:
        super().__init__(loop=loop)
        self._attempt = attempt
        self._forget = forget

    def cancel(self, msg: Any = None) -> bool:
        self._forget(self)
        return super().cancel(msg)

    def try_it(self) -> bool:
        try:
            result = self._attempt()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as exc:
            self.set_exception(exc)
        else:
            self.set_result(result)
        return True


class ReadinessProactor:
    """Does what a proactor over completion ports does, with sockets that do not block."""

    def __init__(self, eager: bool) -> None:
        self._eager = eager
        self._selector = selectors.DefaultSelector()
        self._loop: Any = None

    def set_loop(self, loop: Any) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        for key, events in self._selector.select(timeout):
            for event in (READ, WRITE):
                waiting = key.data[event]
                if events & event and waiting and waiting[0].try_it():
                    waiting.popleft()
                    self._watch_what_waits(key.fd, key.data)
        return []

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            for waiting in key.data.values():
                for operation in list(waiting):
                    operation.cancel()
        self._selector.close()

    def _start(self, sock: Any, event: int, attempt: Callable[[], Any]) -> Operation:
        fd = sock if isinstance(sock, int) else sock.fileno()
        if fd < 0:
            raise OSError("the socket is closed")
        operation = Operation(self._loop, attempt, lambda op: self._forget(fd, event, op))
        queues = self._queues(fd)
        if not (self._eager and not queues[event] and operation.try_it()):
            queues[event].append(operation)
        self._watch_what_waits(fd, queues)
        return operation

    def _queues(self, fd: int) -> dict[int, deque[Operation]]:
        key = self._selector.get_map().get(fd)
        if key is not None:
            return key.data  # type: ignore[no-any-return]
        queues: dict[int, deque[Operation]] = {READ: deque(), WRITE: deque()}
        self._selector.register(fd, READ | WRITE, queues)
        return queues

    def _watch_what_waits(self, fd: int, queues: dict[int, deque[Operation]]) -> None:
        events = sum(event for event, waiting in queues.items() if waiting)
        if events:
            self._selector.modify(fd, events, queues)
        else:
            self._selector.unregister(fd)

    def _forget(self, fd: int, event: int, operation: Operation) -> None:
        key = self._selector.get_map().get(fd)
        if key is not None and operation in key.data[event]:
            key.data[event].remove(operation)
            self._watch_what_waits(fd, key.data)

    # Operations.

    def recv(self, sock: Any, nbytes: int, flags: int = 0) -> Any:
        return self._start(sock, READ, lambda: sock.recv(nbytes, flags))

    def recv_into(self, sock: Any, buf: Any, flags: int = 0) -> Any:
        return self._start(sock, READ, lambda: sock.recv_into(buf, 0, flags))

    def recvfrom(self, sock: Any, nbytes: int, flags: int = 0) -> Any:
        return self._start(sock, READ, lambda: sock.recvfrom(nbytes, flags))

    def recvfrom_into(self, sock: Any, buf: Any, flags: int = 0) -> Any:
        return self._start(sock, READ, lambda: sock.recvfrom_into(buf, 0, flags))

    def send(self, sock: Any, buf: Any, flags: int = 0) -> Any:
        rest = memoryview(buf).cast("B") if len(buf) else memoryview(b"")
        total = len(rest)

        def attempt() -> int:
            nonlocal rest
            rest = rest[sock.send(rest, flags) :]
            if rest:
                raise BlockingIOError
            return total

        return self._start(sock, WRITE, attempt)

    def sendto(self, sock: Any, buf: Any, flags: int = 0, addr: Any = None) -> Any:
        return self._start(sock, WRITE, lambda: sock.sendto(buf, flags, addr))

    def accept(self, listener: Any) -> Any:
        def attempt() -> Any:
            connection, address = listener.accept()
            connection.setblocking(False)
            return connection, address

        return self._start(listener, READ, attempt)

    def connect(self, sock: Any, address: Any) -> Any:
        asked = False

        def attempt() -> None:
            nonlocal asked
            if not asked:
                asked = True
                sock.connect(address)
                return
            failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                raise OSError(failure, os.strerror(failure))

        operation = Operation(self._loop, attempt, lambda op: None)
        return operation if operation.try_it() else self._start(sock, WRITE, attempt)

    def sendfile(self, sock: Any, file: Any, offset: int, count: int) -> Any:
        return self._start(
            sock, WRITE, lambda: os.sendfile(sock.fileno(), file.fileno(), offset, count)
        )

    def poll_socket(self, fd: int, events: int) -> Any:
        polled = selectors.SelectSelector()
        polled.register(fd, events)

        def attempt() -> int:
            for _, ready in polled.select(0):
                return ready
            raise BlockingIOError

        return self._start(fd, events, attempt)

    def _stop_serving(self, sock: Any) -> None:
        """Do nothing: the accept was cancelled."""


if WINDOWS:
    from asyncio_iocp.windows_events import ProactorEventLoop

    LOOPS: dict[str, Callable[[], BaseProactorEventLoop]] = {"iocp": ProactorEventLoop}
else:
    LOOPS = {
        "later": lambda: BaseProactorEventLoop(ReadinessProactor(eager=False)),
        "at-once": lambda: BaseProactorEventLoop(ReadinessProactor(eager=True)),
    }


@pytest.fixture(params=sorted(LOOPS))
def new_loop(request: pytest.FixtureRequest) -> Callable[[], BaseProactorEventLoop]:
    return LOOPS[request.param]


@pytest.fixture
def loop(new_loop: Callable[[], BaseProactorEventLoop]) -> Iterator[BaseProactorEventLoop]:
    """A loop that has to end with nothing watched or served, and no error reported."""
    made = new_loop()

    def at_rest() -> None:
        assert not made._watches
        assert not made._accept_futures

    with watched(made, at_rest):
        yield made


@pytest.fixture
def make_pair() -> Callable[[], Any]:
    return tcp_pair
