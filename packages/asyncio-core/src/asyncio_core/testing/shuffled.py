"""Another order of things in each run, as far as that is legal, and by a seed.

Over virtual time: timers come when they are due, or a little late, in an order that does not depend on how fast the machine is.
What is ready runs in the order that `order` makes of it. Connections receive and send in pieces. What has been decided is
noted, to be played again: see `decisions`.
"""

from __future__ import annotations

import socket

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.testing.decisions import Decisions, decisions_of_process
from asyncio_core.testing.making import OverlaidPolicy
from asyncio_core.testing.order import ShuffledQueue
from asyncio_core.testing.splitting import SplittingSocket, piece_of, split_socket
from asyncio_core.testing.virtual import VirtualPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator
    from typing import Any, TypeVar

    _T = TypeVar("_T")

__all__ = ("ShuffledEventLoopPolicy", "ShuffledPart")

# How often a timer is late or early, and by how many seconds; early by less than the clock can tell.
_INEXACT = 0.25
_DELAYS = (0.0, 0.0001, 0.001)


class ShuffledPart(VirtualPart):
    """An event loop that takes what is ready in another legal order each time, by a seed.

    Without `decisions` it has those of its process: by ASYNCIO_SEED, else by chance. What leaves its run as an exception has a
    note that says how to repeat it.
    """

    _sockets: type[SplittingSocket] = SplittingSocket

    def __init__(self, decisions: Decisions | None = None) -> None:
        super().__init__()
        try:
            self._prepare(decisions)
        except ValueError:
            # A variable that is not understood.
            self.close()
            raise

    def _prepare(self, decisions: Decisions | None) -> None:
        self._decisions = decisions_of_process() if decisions is None else decisions
        self._queue = ShuffledQueue(self, self._decisions)
        self._ready = self._queue
        kind = type(self)._sockets
        self._socket_class = type(kind.__name__, (kind,), self._socket_attributes())

    def _socket_attributes(self) -> dict[str, Any]:
        """Return the attributes of the class of this loop's sockets."""
        return {"__slots__": (), "decisions": self._decisions}

    # The turn.

    def _poll(self, timeout: float | None) -> None:
        queue = self._queue
        queue.begin_turn()
        queue.polling = True
        try:
            super()._poll(timeout)
        finally:
            queue.polling = False

    def _jump(self, timeout: float) -> None:
        # The last of them stands for a timer that is early.
        inexact = self._decisions.choose(len(_DELAYS) + 1, _INEXACT)
        if inexact < len(_DELAYS):
            timeout += _DELAYS[inexact]
        elif timeout > self._clock_resolution:
            timeout -= self._clock_resolution / 2
        super()._jump(timeout)

    # Sockets.

    def _make_socket_transport(self, sock: socket.socket, *args: Any, **options: Any) -> Any:
        split_socket(sock, self._socket_class)
        return super()._make_socket_transport(sock, *args, **options)

    def _make_transport_below(self, sock: socket.socket, *args: Any) -> Any:
        split_socket(sock, self._socket_class)
        # Of loops with sockets and TLS.
        below: Any = super()
        return below._make_transport_below(sock, *args)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to `n` bytes, now and then less than there are. Source: PEP 3156."""
        if _is_stream(sock):
            n = piece_of(self._decisions, n)
        return await super().sock_recv(sock, n)

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send all of `data`, now and then in pieces. Source: PEP 3156."""
        if type(data) is bytes and _is_stream(sock):
            size = piece_of(self._decisions, len(data))
            if size < len(data):
                await super().sock_sendall(sock, data[:size])
                data = data[size:]
        await super().sock_sendall(sock, data)

    # How to repeat what went wrong.

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until `future` is done, and return its result or raise its exception. Source: PEP 3156."""
        try:
            return super().run_until_complete(future)
        except BaseException as error:
            self._tell_how_to_repeat(error)
            raise

    def run_forever(self) -> None:
        """Run until `stop()` is called. Source: PEP 3156."""
        try:
            super().run_forever()
        except BaseException as error:
            self._tell_how_to_repeat(error)
            raise

    def _tell_how_to_repeat(self, error: BaseException) -> None:
        note = f"{self._decisions.how_to_repeat} repeats this order of things"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error, and how to repeat it. Added in Python 3.4.3."""
        context.setdefault("to_repeat", self._decisions.how_to_repeat)
        super().call_exception_handler(context)


def _is_stream(sock: Any) -> bool:
    return isinstance(sock, socket.socket) and sock.type == socket.SOCK_STREAM


class ShuffledEventLoopPolicy(OverlaidPolicy):
    """The policy under the name `shuffled`: virtual loops that vary the order of things."""

    part = ShuffledPart


leave_to_checkers(__name__)
