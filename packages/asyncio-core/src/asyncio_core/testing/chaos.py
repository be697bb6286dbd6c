"""A shuffled loop on which things fail: tasks are cancelled, descriptors run out, connections break, names do not resolve.

What fails is decided as the order of things is, and played again with it: see `decisions`. How often: see `faults`.
"""

from __future__ import annotations

import errno
import socket
from inspect import CORO_CREATED, getcoroutinestate, iscoroutine

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.testing.breaking import (
    BreakingDatagramSocket,
    BreakingSocket,
    failure,
    reset,
)
from asyncio_core.testing.faults import Faults, faults_of_process
from asyncio_core.testing.making import OverlaidPolicy
from asyncio_core.testing.shuffled import ShuffledPart
from asyncio_core.testing.splitting import split_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from typing import Any, TypeVar

    from asyncio_core.testing.decisions import Decisions

    _T = TypeVar("_T")

__all__ = ("ChaosEventLoopPolicy", "ChaosPart")

# Seconds that a name server may take.
_SLOW_ANSWERS = (0.1, 5.0, 30.0)


class ChaosPart(ShuffledPart):
    """An event loop that shuffles, and on which things fail now and then.

    Without `faults` it has those that ASYNCIO_CHAOS says. What its run is for, `run_until_complete()`'s own task, is not cancelled.
    """

    _sockets = BreakingSocket
    # What the present run is for.
    _main: Any = None

    def __init__(self, decisions: Decisions | None = None, faults: Faults | None = None) -> None:
        self._given = faults
        super().__init__(decisions)

    def _prepare(self, decisions: Decisions | None) -> None:
        self._faults = faults_of_process() if self._given is None else self._given
        super()._prepare(decisions)
        body = {"__slots__": (), "decisions": self._decisions, "faults": self._faults}
        self._datagram_class = type("BreakingDatagramSocket", (BreakingDatagramSocket,), body)
        self._await_points = 0
        self._queue.before_running = self._perhaps_cancel_woken
        self._queue.after_running = self._perhaps_cancel_waiting

    def _socket_attributes(self) -> dict[str, Any]:
        return {**super()._socket_attributes(), "faults": self._faults}

    def _fails(self, share: float) -> bool:
        return self._decisions.happens(share)

    # Cancelling.

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until `future` is done, and return its result or raise its exception. Source: PEP 3156."""
        former, self._main = self._main, future
        try:
            return super().run_until_complete(future)
        finally:
            self._main = former

    def _perhaps_cancel_woken(self, task: Any) -> None:
        """Cancel a task that is about to go on, perhaps: what it has waited for is done, and it is told otherwise."""
        if not self._faults.cancel_at and self._may_be_cancelled(task):
            self._perhaps_cancel(task)

    def _perhaps_cancel_waiting(self, task: Any) -> None:
        """Cancel a task that has begun to wait, perhaps."""
        if not self._may_be_cancelled(task):
            return
        self._await_points += 1
        if self._faults.cancel_at:
            if self._faults.cancel_at == self._await_points:
                task.cancel(f"chaos: cancelled at await point {self._await_points}")
        else:
            self._perhaps_cancel(task)

    def _perhaps_cancel(self, task: Any) -> None:
        if self._fails(self._faults.cancel):
            task.cancel(f"chaos: cancelled after {self._await_points} await points")

    def _may_be_cancelled(self, task: Any) -> bool:
        coroutine = task.get_coro()
        if task.done() or task is self._main or coroutine is self._main:
            return False
        if iscoroutine(coroutine) and getcoroutinestate(coroutine) == CORO_CREATED:
            # It has not come to a point yet at which it awaits.
            return False
        return self._faults.concerns(task)

    # Descriptors.

    def _take_descriptor(self) -> None:
        if self._fails(self._faults.emfile):
            raise failure(errno.EMFILE)

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, if there is a descriptor. Source: PEP 3156."""
        self._take_descriptor()
        return await super().create_connection(*args, **options)

    async def create_unix_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, if there is a descriptor. Source: PEP 3156."""
        self._take_descriptor()
        return await super().create_unix_connection(*args, **options)

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        """Make an endpoint, if there is a descriptor. Source: PEP 3156."""
        self._take_descriptor()
        return await super().create_datagram_endpoint(*args, **options)

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Start a child, if there are descriptors. Source: PEP 3156."""
        self._take_descriptor()
        return await super().subprocess_exec(*args, **options)

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """Start a child, if there are descriptors. Source: PEP 3156."""
        self._take_descriptor()
        return await super().subprocess_shell(*args, **options)

    # Sockets.

    def _start_serving(
        self, protocol_factory: Callable[[], Any], sock: socket.socket, *args: Any, **options: Any
    ) -> Any:
        split_socket(sock, self._socket_class)
        return super()._start_serving(protocol_factory, sock, *args, **options)

    def _make_datagram_transport(self, sock: socket.socket, *args: Any, **options: Any) -> Any:
        if type(sock) is socket.socket:
            sock.__class__ = self._datagram_class
        return super()._make_datagram_transport(sock, *args, **options)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to `n` bytes, unless the connection breaks. Source: PEP 3156."""
        self._perhaps_reset(sock)
        return await super().sock_recv(sock, n)

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send all of `data`, unless the connection breaks. Source: PEP 3156."""
        self._perhaps_reset(sock)
        await super().sock_sendall(sock, data)

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept a connection, if there is a descriptor. Source: PEP 3156."""
        self._take_descriptor()
        return await super().sock_accept(sock)

    def _perhaps_reset(self, sock: socket.socket) -> None:
        if self._fails(self._faults.econnreset):
            raise reset(sock)

    # Names.

    async def _look_up(self, func: Callable[..., Any], *args: Any) -> Any:
        if self._fails(self._faults.dns):
            from asyncio_core.awaiting.tasks import sleep

            slow = self._decisions.choose(len(_SLOW_ANSWERS) + 1)
            if slow == 0:
                raise socket.gaierror(
                    socket.EAI_AGAIN, "the name server fails for now (made up by the loop `chaos`)"
                )
            await sleep(_SLOW_ANSWERS[slow - 1])
        return await super()._look_up(func, *args)


class ChaosEventLoopPolicy(OverlaidPolicy):
    """The policy under the name `chaos`: shuffled loops on which things fail."""

    part = ChaosPart


leave_to_checkers(__name__)
