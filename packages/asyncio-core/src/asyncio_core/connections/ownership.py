"""What transports have in common that are the one owner of a socket, or of one end of a pipe."""

from __future__ import annotations

import warnings

from asyncio_core.connections.failures import end_failed_beginning, tell_waiter
from asyncio_core.exceptions import drop_own_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("Owner", "refuse_second_owner")


def refuse_second_owner(loop: Any, sock: Any) -> None:
    """Raise RuntimeError where a transport has a socket already, before anything is done to it: it is that transport's."""
    transports, fd = getattr(loop, "_transports", None), sock.fileno()
    owner = None if transports is None else transports.get(fd)
    if owner is None or owner.is_closing():
        return
    owned = owner.get_extra_info("socket")
    # Of one that was closed behind its transport's back the number may be another's.
    if owned is not None and owned.fileno() == fd:
        raise RuntimeError(f"File descriptor {fd!r} is used by transport {owner!r}")


class Owner:
    """A transport's beginning, and what becomes of what it owns if nobody ends it."""

    __slots__ = ()

    # Where it is kept. None stands there after the end, and nothing in an object whose __init__ did not get far.
    _owned = "_sock"

    _protocol: Any
    _closing: bool

    def __del__(self, _warn: Any = warnings.warn) -> None:
        owned = getattr(self, self._owned, None)
        if owned is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            setattr(self, self._owned, None)
            owned.close()
            lose = getattr(getattr(self, "_server", None), "_lose", None)
            if lose is not None:
                lose(self)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    def is_closing(self) -> bool:
        return self._closing

    def _begin(self, waiter: Any) -> None:
        """Tell the protocol, then start, then tell `waiter`, who finds everything in place."""
        try:
            self._protocol.connection_made(self)
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            self._go_on_beginning(waiter)

    def _go_on_beginning(self, waiter: Any) -> None:
        failure: BaseException | None = None
        try:
            self._start()
        except BaseException as exc:
            # No more descriptors, something that cannot be watched (epoll refuses /dev/null), or a
            # hook of the loop that raised.
            failure = exc
            end_failed_beginning(self._not_started, exc)
        finally:
            if waiter is not None:
                tell_waiter(waiter, failure)

    def _start(self) -> None:
        """Begin to read, where the transport is one that reads."""

    def _not_started(self, exc: BaseException) -> None:
        """End, as `_start()` has raised."""
        raise NotImplementedError
