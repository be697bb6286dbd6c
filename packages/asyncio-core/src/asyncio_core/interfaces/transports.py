"""Transport base classes: the half of a connection that the event loop writes (PEP 3156).

Applications receive transports from ``loop.create_connection()`` and its siblings and never
make one. The classes here say what each kind of transport can do; everything that needs an
operating system raises :exc:`NotImplementedError` until a loop's own class overrides it.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import Address
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = (
    "BaseTransport",
    "ReadTransport",
    "WriteTransport",
    "Transport",
    "DatagramTransport",
    "SubprocessTransport",
)

# Water marks where nobody sets any: 64 KiB high, and low is a quarter of high, so that a
# resumed producer can refill the buffer before the kernel has drained the rest of it.
_HIGH_WATER = 64 * 1024
_HIGH_TO_LOW = 4
#: What every transport begins with: the higher and the lower mark, in bytes.
USUAL_WATER_MARKS = (_HIGH_WATER, _HIGH_WATER // _HIGH_TO_LOW)


class BaseTransport:
    """What all transports have in common.

    *extra* is the mapping that :meth:`get_extra_info` looks into. Source: PEP 3156.
    """

    __slots__ = ("_extra",)

    _extra: Mapping[str, Any]

    def __init__(self, extra: Mapping[str, Any] | None = None) -> None:
        self._extra = {} if extra is None else extra

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell a fact about the underlying resource, such as ``"peername"`` or ``"socket"``.

        Gives *default* for a name that this kind of transport does not know.
        """
        return self._extra.get(name, default)

    def is_closing(self) -> bool:
        """Tell whether the transport is closed or on its way there. Added in Python 3.4.4."""
        raise NotImplementedError

    def close(self) -> None:
        """Send what is buffered, then close; nothing more is received from now on.

        Returns at once. The protocol's ``connection_lost(None)`` is called at the end.
        Closing twice does nothing.
        """
        raise NotImplementedError

    def set_protocol(self, protocol: BaseProtocol) -> None:
        """Hand the connection to another *protocol*. Added in Python 3.5.3.

        ``connection_made()`` is not called on the new one.
        """
        raise NotImplementedError

    def get_protocol(self) -> BaseProtocol:
        """Give the protocol this transport reports to. Added in Python 3.5.3."""
        raise NotImplementedError


class ReadTransport(BaseTransport):
    """A transport that receives a byte stream. Source: PEP 3156."""

    __slots__ = ()

    def is_reading(self) -> bool:
        """Tell whether the transport takes in data at present. Added in Python 3.7."""
        raise NotImplementedError

    def pause_reading(self) -> None:
        """Hand no data to the protocol until :meth:`resume_reading`.

        Pausing twice, or when closing, does nothing (since Python 3.7).
        """
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Hand data to the protocol again.

        Resuming twice, or when closing, does nothing (since Python 3.7).
        """
        raise NotImplementedError


class WriteTransport(BaseTransport):
    """A transport that sends a byte stream. Source: PEP 3156."""

    __slots__ = ()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the water marks of the write buffer, both in bytes.

        Above *high* the protocol's ``pause_writing()`` is called, down at *low* its
        ``resume_writing()``. With only *high*, *low* follows from it; zero for both means
        "no more than what the kernel takes". Raises :exc:`ValueError` unless
        ``high >= low >= 0``.
        """
        raise NotImplementedError

    def get_write_buffer_size(self) -> int:
        """Tell how many bytes wait in the write buffer."""
        raise NotImplementedError

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Give the water marks as ``(low, high)``, in bytes. Added in Python 3.4.2."""
        raise NotImplementedError

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send *data* as soon as the connection takes it.

        Returns at once; what cannot go out now is buffered, and *data* may be changed or
        released as soon as this returns. After the connection was lost the data is dropped
        without an exception.
        """
        raise NotImplementedError

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Send several pieces in order, as one :meth:`write` of them joined would."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Close the sending half after what is buffered has gone out.

        Receiving goes on. Raises :exc:`NotImplementedError` where the kind of connection
        (TLS for one) has no such thing; ask :meth:`can_write_eof`.
        """
        raise NotImplementedError

    def can_write_eof(self) -> bool:
        """Tell whether :meth:`write_eof` works here."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close at once and throw away what is buffered.

        The protocol's ``connection_lost(None)`` is called soon afterwards.
        """
        raise NotImplementedError


class Transport(ReadTransport, WriteTransport):
    """A connection in both directions, as TCP has it. Source: PEP 3156."""

    __slots__ = ()


class DatagramTransport(BaseTransport):
    """A socket that sends and receives datagrams. Source: PEP 3156."""

    __slots__ = ()

    def sendto(self, data: bytes | bytearray | memoryview, addr: Address | None = None) -> None:
        """Send *data* as one datagram, to *addr* or to the address it is connected to.

        Returns at once; a datagram that the socket does not take now, or whose host is a name
        that has to be looked up first, is buffered. An empty one is sent too (since Python 3.13).
        A bad address raises here and costs the endpoint nothing.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Close at once and throw away the datagrams that were not sent yet."""
        raise NotImplementedError


class SubprocessTransport(BaseTransport):
    """A child process together with the pipes to it. Source: PEP 3156."""

    __slots__ = ()

    def get_pid(self) -> int:
        """Give the child's process id."""
        raise NotImplementedError

    def get_returncode(self) -> int | None:
        """Give the child's exit status as :class:`subprocess.Popen` counts it.

        ``None`` while it runs, ``-N`` where signal *N* ended it.
        """
        raise NotImplementedError

    def get_pipe_transport(self, fd: int) -> BaseTransport | None:
        """Give the transport of the pipe at the child's descriptor *fd* (0, 1 or 2).

        ``None`` where that descriptor is not a pipe of ours.
        """
        raise NotImplementedError

    def send_signal(self, signal: int) -> None:
        """Send the signal of that number to the child.

        Raises :exc:`ProcessLookupError` where the child has been waited for already.
        """
        raise NotImplementedError

    def terminate(self) -> None:
        """Ask the child to end: SIGTERM, or ``TerminateProcess()`` on Windows."""
        raise NotImplementedError

    def kill(self) -> None:
        """End the child by force: SIGKILL, or ``TerminateProcess()`` on Windows."""
        raise NotImplementedError


class _FlowControlMixin(Transport):
    """Water marks over a write buffer, for transports to inherit.

    A subclass has ``_protocol`` and ``get_write_buffer_size()``, calls
    :meth:`_maybe_pause_protocol` when its buffer grew and :meth:`_maybe_resume_protocol`
    when it shrank.
    """

    __slots__ = ("_loop", "_protocol_paused", "_high_water", "_low_water")

    _loop: AbstractEventLoop
    _protocol: BaseProtocol | None
    _protocol_paused: bool
    _high_water: int
    _low_water: int

    def __init__(
        self,
        extra: Mapping[str, Any] | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> None:
        assert loop is not None
        # What BaseTransport.__init__() does, and _set_write_buffer_limits() without limits: every connection comes here.
        self._extra = {} if extra is None else extra
        self._loop = loop
        self._protocol_paused = False
        self._high_water, self._low_water = USUAL_WATER_MARKS

    def _maybe_pause_protocol(self) -> None:
        if not self._protocol_paused and self.get_write_buffer_size() > self._high_water:
            self._protocol_paused = True
            self._tell_protocol("pause_writing")

    def _maybe_resume_protocol(self) -> None:
        if self._protocol_paused and self.get_write_buffer_size() <= self._low_water:
            self._protocol_paused = False
            self._tell_protocol("resume_writing")

    def _tell_protocol(self, method: str) -> None:
        # An application's mistake here must not escape into write() or the loop, whose
        # state is half changed at this point; it is reported instead.
        protocol = self._protocol
        try:
            getattr(protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            report = {
                "message": f"protocol.{method}() failed",
                "exception": exc,
                "transport": self,
                "protocol": protocol,
            }
            self._loop.call_exception_handler(report)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low_water, self._high_water

    def _set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high_water, self._low_water = _water_marks(high, low)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._set_write_buffer_limits(high=high, low=low)
        # A buffer that is over the new mark already counts as having crossed it.
        self._maybe_pause_protocol()

    def get_write_buffer_size(self) -> int:
        raise NotImplementedError


def _water_marks(
    high: int | None, low: int | None, default_high: int = _HIGH_WATER
) -> tuple[int, int]:
    """Complete and check a pair of water marks in bytes; gives ``(high, low)``."""
    if high is None:
        high = default_high if low is None else _HIGH_TO_LOW * low
    if low is None:
        low = high // _HIGH_TO_LOW
    if not 0 <= low <= high:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}), and low >= 0")
    return high, low


leave_to_checkers(__name__)
