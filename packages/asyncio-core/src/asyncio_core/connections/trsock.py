"""The view of a transport's socket that ``get_extra_info("socket")`` gives."""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.lent_names import lend_names
from asyncio_core.scheduling.putting_off import do_what_is_put_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from typing import Any, NoReturn

__all__ = ()


class TransportSocket:
    """A socket without the methods that would steal it from its transport.

    Options, addresses and ``shutdown()`` are passed on; receiving, sending, connecting and
    closing are not there, because a second reader or an early close would break the
    transport that owns the descriptor. Added in Python 3.8.
    """

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    @property
    def family(self) -> int:
        """The address family, a :class:`socket.AddressFamily`."""
        return self._sock.family

    @property
    def type(self) -> int:
        """The kind of socket, a :class:`socket.SocketKind`."""
        return self._sock.type

    @property
    def proto(self) -> int:
        """The protocol number within the family."""
        return self._sock.proto

    def __repr__(self) -> str:
        number = self._sock.fileno()
        facts = [f"fd={number}"]
        facts += (f"{name}={getattr(self, name)!s}" for name in ("family", "type", "proto"))
        if number != -1:
            facts += self._end_points()
        return f"<asyncio.TransportSocket {', '.join(facts)}>"

    def _end_points(self) -> list[str]:
        """The local and remote address, each only where the socket has one to tell."""
        found = []
        for label, ask in (("laddr", self.getsockname), ("raddr", self.getpeername)):
            try:
                address = ask()
            except OSError:
                continue
            if address:
                found.append(f"{label}={address}")
        return found

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")

    def fileno(self) -> int:
        """Give the descriptor's number, -1 after the transport closed it."""
        do_what_is_put_off()
        return self._sock.fileno()

    def dup(self) -> socket.socket:
        """Give a socket of the caller's own over the same connection."""
        do_what_is_put_off()
        return self._sock.dup()

    def get_inheritable(self) -> bool:
        """Tell whether child processes inherit the descriptor."""
        return self._sock.get_inheritable()

    def shutdown(self, how: int) -> None:
        """Shut down one or both halves, as :meth:`socket.socket.shutdown` does.

        asyncio does not do it by itself, but leaves it open to the application.
        """
        do_what_is_put_off()
        self._sock.shutdown(how)

    def getsockopt(self, level: int, optname: int, *buflen: int) -> Any:
        """Read a socket option; arguments as for :meth:`socket.socket.getsockopt`.

        Gives an int, or bytes where *buflen*, a number of bytes, is given.
        """
        return self._sock.getsockopt(level, optname, *buflen)

    def setsockopt(self, *args: Any) -> None:
        """Set a socket option; arguments as for :meth:`socket.socket.setsockopt`."""
        do_what_is_put_off()
        self._sock.setsockopt(*args)

    def getpeername(self) -> Any:
        """Give the remote address; raises :exc:`OSError` where there is none."""
        return self._sock.getpeername()

    def getsockname(self) -> Any:
        """Give the local address."""
        return self._sock.getsockname()

    def getsockbyname(self) -> Any:
        """Pass on to a method that no socket has; kept because the standard class has it."""
        sock: Any = self._sock
        return sock.getsockbyname()

    def settimeout(self, value: float | None) -> None:
        """Accept 0 seconds, which is what a transport's socket is set to.

        Raises :exc:`ValueError` for anything else.
        """
        if value != 0:
            raise ValueError(f"a transport's socket does not block, timeout {value!r} refused")

    def gettimeout(self) -> float | None:
        """Give 0 seconds: the socket never blocks."""
        return 0

    def setblocking(self, flag: bool) -> None:
        """Accept ``False``; raises :exc:`ValueError` for a true *flag*."""
        if flag:
            raise ValueError("a transport's socket cannot be made blocking")


# What the last socket was bound to: those of one server's connections are all bound to the same.
_last_name: Any = None


def socket_facts(sock: socket.socket, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """What get_extra_info() answers: the caller's facts, and the socket's own."""
    facts: dict[str, Any] = {} if extra is None else dict(extra)
    facts.update(facts_with(sock, socket_addresses(sock, extra)))
    return facts


def facts_with(sock: socket.socket, addresses: tuple[Any, Any]) -> dict[str, Any]:
    """The socket's own facts, where its addresses are known."""
    sockname, peername = addresses
    return {"socket": TransportSocket(sock), "sockname": sockname, "peername": peername}


def socket_addresses(sock: socket.socket, extra: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """The addresses of the socket and of its peer, None for each that it has not."""
    global _last_name
    try:
        name = sock.getsockname()
    except OSError:
        name = None
    if type(name) is type(_last_name) and name == _last_name:
        name = _last_name
    else:
        _last_name = name
    if extra is not None and "peername" in extra:
        return name, extra["peername"]
    try:
        return name, sock.getpeername()
    except OSError:
        # Not connected, or reset before we came to it.
        return name, None


lend_names(
    __name__,
    "socket",
)

leave_to_checkers(__name__)
