"""Part of the loop: `add_reader()` and its kin, for sockets.

Completions are what this loop is about, but libraries that drive a socket themselves ask for readiness. The
proactor can tell it, once for each time it is asked, so a registration asks again after each time its
callback ran.
"""

from __future__ import annotations

from selectors import EVENT_READ, EVENT_WRITE

from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.handles import Handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any, TypeVarTuple, Unpack

    from _typeshed import FileDescriptorLike

    _Ts = TypeVarTuple("_Ts")

__all__ = ("Readiness",)


class _Watch:
    """One callback for one socket and one direction."""

    __slots__ = ("_event", "_fd", "_loop", "_polling", "fileobj", "handle")

    def __init__(self, loop: Any, fd: int, fileobj: Any, event: int, handle: Handle) -> None:
        self._loop = loop
        self._fd = fd
        # As it was given: after it was closed, it is known by nothing else.
        self.fileobj = fileobj
        self._event = event
        self.handle = handle
        self._polling: Any = None
        self._ask()

    def _ask(self) -> None:
        self._polling = self._loop._proactor.poll_socket(self._fd, self._event)
        self._polling.add_done_callback(self._told)

    def _told(self, polling: Any) -> None:
        if polling.cancelled() or self.handle._cancelled:
            return
        failure = polling.exception()
        if failure is not None:
            self._give_up(failure)
            return
        # First, for the callback may raise KeyboardInterrupt.
        self._loop.call_soon(self._ask_again)
        if self._loop.get_debug():
            # As a callback of its own it is watched for how long it takes.
            self._loop._add_callback(self.handle)
        else:
            # In the turn in which the system told, as stop() promises.
            self.handle._run()

    def _ask_again(self) -> None:
        if not self.handle._cancelled:
            try:
                self._ask()
            except OSError as exc:
                self._give_up(exc)

    def _give_up(self, exc: BaseException) -> None:
        """The socket was closed by somebody who did not say so: nobody will hear of it again."""
        watches = self._loop._watches
        if watches.get((self._fd, self._event)) is self:
            del watches[self._fd, self._event]
        handle, self._polling = self.handle, None
        self._loop.call_exception_handler(
            {
                "message": f"socket {self._fd} can not be watched any longer",
                "exception": exc,
                "handle": handle,
            }
        )
        handle.cancel()

    def stop(self) -> None:
        """Forget the callback; the system forgets the question."""
        self.handle.cancel()
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()


def _number_of(fd: Any) -> int:
    """Return the socket's number; raise ValueError where it has none."""
    number = fd if isinstance(fd, int) else None
    if number is None:
        try:
            number = int(fd.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fd!r}") from None
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return number


class Readiness(BaseEventLoop):
    """Readers and writers. The numbers are those of sockets; nothing else can be watched."""

    _proactor: Any
    _transports: MutableMapping[int, Any]
    _watches: dict[tuple[int, int], _Watch]

    def _ensure_fd_no_transport(self, fd: Any) -> int:
        """Return the number of `fd`; raise RuntimeError where a transport owns it."""
        number = _number_of(fd)
        transport = self._transports.get(number)
        if transport is not None and not transport.is_closing():
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")
        return number

    def _watch(self, fd: Any, event: int, callback: Callable[..., object], args: Any) -> None:
        self._check_closed()
        number = self._ensure_fd_no_transport(fd)
        former = self._watches.pop((number, event), None)
        if former is not None:
            former.stop()
        watch = _Watch(self, number, fd, event, Handle(callback, args, self, None))
        self._watches[number, event] = watch

    def _unwatch(self, fd: Any, event: int) -> bool:
        if self._closed:
            return False
        watch = self._watches.pop((self._watched_number(fd), event), None)
        if watch is None:
            return False
        watch.stop()
        return True

    def _watched_number(self, fd: Any) -> int:
        """Return the number of `fd` as `_ensure_fd_no_transport()` does, also where it is closed already."""
        try:
            return self._ensure_fd_no_transport(fd)
        except ValueError:
            for (number, _), watch in self._watches.items():
                if watch.fileobj is fd:
                    return number
            raise

    def _stop_watching(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()

    def add_reader(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever the socket `fd`, an object or its number, can be read.

        It takes the place of an earlier reader of `fd`. Raises ValueError where `fd` has no number,
        OSError where it is no socket, RuntimeError where a transport owns it or the loop is
        closed. See PEP 3156.
        """
        self._watch(fd, EVENT_READ, callback, args)

    def remove_reader(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for reading; return whether it was watched.

        An object that was closed meanwhile is known by itself. Raises ValueError where it is not
        watched and has no number.
        """
        return self._unwatch(fd, EVENT_READ)

    def add_writer(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever `fd` can be written to; else as `add_reader()`."""
        self._watch(fd, EVENT_WRITE, callback, args)

    def remove_writer(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for writing, as `remove_reader()`; return whether it was watched."""
        return self._unwatch(fd, EVENT_WRITE)
