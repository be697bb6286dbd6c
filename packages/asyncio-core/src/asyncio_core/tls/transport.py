"""The transport that an application has of a TLS connection."""

from __future__ import annotations

import warnings

from asyncio_core import constants
from asyncio_core.interfaces.transports import _FlowControlMixin, _water_marks
from asyncio_core.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextvars import Context
    from typing import Any

    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.tls.protocol import SSLProtocol


def add_flowcontrol_defaults(high: int | None, low: int | None, kb: int) -> tuple[int, int]:
    """Complete a pair of water marks in bytes, *kb* KiB being the high one by default.

    Gives ``(high, low)``; raises :exc:`ValueError` unless ``high >= low >= 0``.
    """
    return _water_marks(high, low, kb * 1024)


class _SSLProtocolTransport(_FlowControlMixin):
    """The application's side of a TLS connection."""

    # `__dict__` is for others.
    __slots__ = ("_ssl_protocol", "_closed", "__dict__", "__weakref__")

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.FALLBACK

    def __init__(self, loop: Any, ssl_protocol: SSLProtocol) -> None:
        super().__init__(loop=loop)
        self._ssl_protocol = ssl_protocol
        self._closed = False
        self._set_write_buffer_limits()

    def __repr__(self) -> str:
        state = "closing" if self.is_closing() else "open"
        return f"<{type(self).__name__} {state} over {self._ssl_protocol._transport!r}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # The transport below closes the descriptor.
        if self._ssl_protocol._transport is not None and not self.is_closing():
            self._closed = True
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)

    @property
    def _protocol(self) -> Any:  # type: ignore[override]
        return self._ssl_protocol._app_protocol

    @property
    def _context(self) -> Context:
        return self._ssl_protocol._context

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._ssl_protocol._get_extra_info(name, default)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._ssl_protocol._set_app_protocol(protocol)

    def get_protocol(self) -> BaseProtocol:
        return self._ssl_protocol._app_protocol  # type: ignore[no-any-return]

    @property
    def _write_error(self) -> BaseException | None:
        """What ended the connection, while what was received before has still to be read."""
        return self._ssl_protocol._held_loss

    # Closing.

    def is_closing(self) -> bool:
        return self._closed or self._ssl_protocol._is_below_closing()

    def close(self) -> None:
        """Send what is buffered and close_notify, wait for the peer's, then close.

        That takes no longer than the shutdown timeout; what is not sent by then is lost.
        """
        if not self._closed:
            self._closed = True
            self._ssl_protocol._start_shutdown()

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, exc: BaseException | None) -> None:
        self._closed = True
        self._ssl_protocol._abort(exc)

    # Reading.

    def is_reading(self) -> bool:
        return not (self._ssl_protocol._app_reading_paused or self.is_closing())

    def pause_reading(self) -> None:
        self._ssl_protocol._app_reading_paused = True

    def resume_reading(self) -> None:
        self._ssl_protocol._resume_app_reading()

    def set_read_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the water marks of the encrypted bytes held while reading is paused.

        Above *high* bytes nothing more is received, down at *low* it is again. Defaults and
        errors are those of :meth:`set_write_buffer_limits`. Added in Python 3.11.
        """
        self._ssl_protocol._set_read_buffer_limits(high, low)

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Give these marks as ``(low, high)``, in bytes. Added in Python 3.11."""
        return self._ssl_protocol._read_low, self._ssl_protocol._read_high

    def get_read_buffer_size(self) -> int:
        """Tell how many encrypted bytes have been received and not read. Added in Python 3.11."""
        machine = self._ssl_protocol._machine
        return 0 if machine is None else machine.incoming.pending

    # Writing.

    def _set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        kib = constants.FLOW_CONTROL_HIGH_WATER_SSL_WRITE
        self._high_water, self._low_water = add_flowcontrol_defaults(high, low, kib)

    def get_write_buffer_size(self) -> int:
        machine = self._ssl_protocol._machine
        return 0 if machine is None else machine.unsent + machine.outgoing.pending

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data: expecting a bytes-like instance, got {type(data).__name__}")
        # From here on the length is that in bytes, and the bytes lie side by side.
        if isinstance(data, memoryview) and not (
            data.itemsize == data.ndim == 1 and data.c_contiguous
        ):
            data = data.cast("B") if data.c_contiguous else data.tobytes()
        if data:
            self._ssl_protocol._write_app_data(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        # Joined, small pieces share records; encrypting copies them in any case.
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Raise :exc:`NotImplementedError`: TLS connections are closed as a whole."""
        raise NotImplementedError

    def can_write_eof(self) -> bool:
        return False

    def _test__append_write_backlog(self, data: bytes) -> None:
        """Buffer *data* without sending it yet. The interpreter's suite looks for this name."""
        machine = self._ssl_protocol._machine
        if machine is not None:
            machine.enqueue(data)


_PySSLProtocolTransport = _SSLProtocolTransport

if not TYPE_CHECKING and twins is not None:

    class _SSLProtocolTransport(_PySSLProtocolTransport):
        """The application's side of a TLS connection, with what each write goes through compiled."""

        __slots__ = ()
