"""What moves through TLS once the handshake is done, and what holds it up.

How much is held, at most, in bytes:

- received: the read buffer's high-water mark and one read on top, then the transport below
  is paused;
- to be sent: what the application writes beyond its own high-water mark although it was
  paused, plus one piece of :data:`_PIECE` and the buffer of the transport below. Nothing is
  encrypted that the transport below would have to keep.
"""

from __future__ import annotations

from asyncio_core import constants, log
from asyncio_core.interfaces.protocols import BufferedProtocol
from asyncio_core.tls.state import SSLProtocolState
from asyncio_core.tls.transport import add_flowcontrol_defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.tls.state import TLSMachine

# Plain bytes encrypted at once: enough to make system calls worth their while. With what TLS adds it
# stays below the 128 KiB from which on malloc asks the system for fresh pages every time.
_PIECE = 120 * 1024

_UNWRAPPED = SSLProtocolState.UNWRAPPED
_WRAPPED = SSLProtocolState.WRAPPED
_CLOSING = (SSLProtocolState.FLUSHING, SSLProtocolState.SHUTDOWN)

# Memory for reading, lent out between get_buffer() and buffer_updated(), and for decrypting. On a
# loop that reads when there is something to read, one is enough for all connections.
_spare_rooms: list[memoryview] = []
_MOST_SPARE_ROOMS = 4


def _borrow_room(size: int) -> memoryview:
    try:
        return _spare_rooms.pop()
    except IndexError:
        return memoryview(bytearray(size))


def _return_room(room: memoryview) -> None:
    if len(_spare_rooms) < _MOST_SPARE_ROOMS:
        _spare_rooms.append(room)


class TLSFlow(BufferedProtocol):
    """The half of :class:`~asyncio_core.tls.protocol.SSLProtocol` that moves data."""

    max_size = 256 * 1024  # bytes asked for in one read

    __slots__ = (
        "_loop",
        "_context",
        "_machine",
        "_transport",
        "_app_transport",
        "_app_protocol",
        "_app_protocol_is_buffer",
        "_app_reading_paused",
        "_delivery_is_due",
        "_read_high",
        "_read_low",
        "_ssl_reading_paused",
        "_ssl_writing_paused",
        "_pause_taken_over",
        "_room",
        "_lost_writes",
        "_discarded",
    )

    _loop: Any
    _context: Context
    # None after the end.
    _machine: TLSMachine | None
    # The transport below; None before connection_made() and after connection_lost().
    _transport: Any
    _app_transport: Any
    _app_protocol: Any

    def __init__(self, loop: Any, machine: TLSMachine, app_protocol: BaseProtocol) -> None:
        self._loop = loop
        self._machine = machine
        self._transport = None
        self._set_app_protocol(app_protocol)
        self._app_reading_paused = False
        # Reading goes on in a turn to come, with what was received before.
        self._delivery_is_due = False
        self._set_read_buffer_limits()
        self._ssl_reading_paused = False
        self._ssl_writing_paused = False
        # The application was paused before this layer was there, and is until all that is sent.
        self._pause_taken_over = False
        # Memory that is lent to the transport below at present.
        self._room: memoryview | None = None
        self._lost_writes = 0
        # Encrypted bytes that were received after close().
        self._discarded = 0

    if TYPE_CHECKING:
        # The other half.

        def _advance(self) -> None: ...
        def _peer_has_finished(self) -> None: ...
        def _continue_closing(self) -> None: ...
        def _end_hold(self) -> bool: ...
        def _fatal_error(self, exc: BaseException | None, message: str = ...) -> None: ...

    def _set_app_protocol(self, app_protocol: BaseProtocol) -> None:
        self._app_protocol = app_protocol
        self._app_protocol_is_buffer = isinstance(app_protocol, BufferedProtocol)

    def _is_below_closing(self) -> bool:
        return self._transport is not None and self._transport.is_closing()

    # Receiving.

    def get_buffer(self, n: int) -> memoryview:
        """Lend memory for one read."""
        room = self._room
        if room is None:
            room = self._room = _borrow_room(self.max_size)
        return room

    def buffer_updated(self, nbytes: int) -> None:
        """Take the *nbytes* bytes that were read, and do what they allow."""
        room = self._room
        if room is None or self._machine is None:
            return
        self._machine.receive(room[:nbytes])
        self._give_room_back()
        if self._machine.state in _CLOSING:
            self._discarded += nbytes
        self._advance()

    def _give_room_back(self) -> None:
        """Let others have the memory; only where no read into it can still be on its way."""
        room, self._room = self._room, None
        if room is not None:
            _return_room(room)

    def _resume_app_reading(self) -> None:
        if self._app_reading_paused:
            self._app_reading_paused = False
            self._deliver_soon()

    def _deliver_soon(self) -> None:
        self._delivery_is_due = True
        self._loop.call_soon(self._advance, context=self._context)

    def _deliver(self) -> None:
        """Hand decrypted data to the application until there is none, or it wants no more."""
        machine = self._machine
        assert machine is not None
        try:
            while (
                machine.state is _WRAPPED
                and not self._app_reading_paused
                and not machine.peer_finished
                and machine.readable()
            ):
                if self._app_protocol_is_buffer:
                    count = self._deliver_into_buffer(machine)
                else:
                    count = self._deliver_bytes(machine)
                if not count:
                    break
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._delivery_failed(exc)
            return
        self._after_delivery(machine)

    def _delivery_failed(self, exc: BaseException) -> None:
        self._send()
        method = "buffer_updated" if self._app_protocol_is_buffer else "data_received"
        self._fatal_error(exc, f"Fatal error: protocol.{method}() call failed.")

    def _after_delivery(self, machine: TLSMachine) -> None:
        """Send what is to be sent now, and see how it goes on."""
        self._flush()
        if machine.peer_finished and machine.state is _WRAPPED:
            self._peer_has_finished()
        elif self._transport is not None:
            self._control_reading()

    def _deliver_bytes(self, machine: TLSMachine) -> int:
        room = _borrow_room(self.max_size)
        try:
            count = machine.read_into(room)
            data = bytes(room[:count])
        finally:
            _return_room(room)
        if data:
            self._app_protocol.data_received(data)
        return count

    def _deliver_into_buffer(self, machine: TLSMachine) -> int:
        protocol = self._app_protocol
        room = protocol.get_buffer(machine.incoming.pending or -1)
        count = self._fill(machine, room)
        if count:
            protocol.buffer_updated(count)
        return count

    def _fill(self, machine: TLSMachine, room: Any) -> int:
        """Decrypt into what get_buffer() has given; give the number of bytes."""
        if not len(room):
            raise RuntimeError("get_buffer() returned an empty buffer")
        with memoryview(room) as view:
            return machine.read_into(view.cast("B") if view.format != "B" else view)

    def _control_reading(self) -> None:
        """Let the transport below read as long as what it read finds takers."""
        machine = self._machine
        if machine is None or self._transport is None or self._is_flooded():
            return
        held = machine.incoming.pending
        if self._ssl_reading_paused:
            if held <= self._read_low or machine.state in _CLOSING:
                self._ssl_reading_paused = False
                self._transport.resume_reading()
        elif held >= self._read_high and machine.state not in _CLOSING:
            self._ssl_reading_paused = True
            self._transport.pause_reading()

    def _is_flooded(self) -> bool:
        """Tell whether the peer has sent more than can be thrown away after close()."""
        return self._discarded > constants.SSL_SHUTDOWN_MOST_DISCARDED

    def _set_read_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        kib = constants.FLOW_CONTROL_HIGH_WATER_SSL_READ
        self._read_high, self._read_low = add_flowcontrol_defaults(high, low, kib)
        if self._transport is not None:
            self._control_reading()

    # Sending.

    def _send(self) -> None:
        """Hand what is encrypted to the transport below."""
        machine = self._machine
        if machine is not None and self._transport is not None:
            data = machine.output()
            if data:
                self._transport.write(data)

    def pause_writing(self) -> None:
        """Encrypt no more: the transport below has enough to send."""
        self._ssl_writing_paused = True

    def _take_over_pause(self, told: bool) -> None:
        """Begin above a transport that is paused; *told* if the application knows that."""
        self._ssl_writing_paused = True
        self._pause_taken_over = self._app_transport._protocol_paused = told

    def resume_writing(self) -> None:
        """Encrypt and send what has been waiting."""
        self._ssl_writing_paused = False
        if self._pause_taken_over:
            self._pause_taken_over = False
            if self._app_transport is not None:
                self._app_transport._maybe_resume_protocol()
        state = _UNWRAPPED if self._machine is None else self._machine.state
        if state is _WRAPPED:
            self._flush()
        elif state in _CLOSING:
            self._continue_closing()

    def _write_app_data(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send *data*, whose length is that in bytes, or keep it for later."""
        machine = self._machine
        if machine is None or self._transport is None or self._app_transport.is_closing():
            # Who reads nothing and goes on writing is to learn what happened.
            self._end_hold()
            in_order = machine is not None and machine.peer_finished and not machine.cut_off
            if in_order and not self._lost_writes:
                # Usual for whoever writes when the peer has said that it is done; but the program
                # does not see it from what write() returns.
                log.logger.warning(
                    "%r: the peer has closed the TLS connection, %d bytes are not sent",
                    self._app_transport,
                    len(data),
                )
            elif self._lost_writes >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                log.logger.warning("SSL connection is closed")
            self._lost_writes += 1
            return
        size = len(data)
        sent = 0
        if machine.state is _WRAPPED and not (self._ssl_writing_paused or machine.unsent):
            try:
                if size <= _PIECE:
                    sent = machine.write(data)
                    self._send()
                else:
                    with memoryview(data) as view:
                        sent = self._write_pieces(machine, view)
            except Exception as exc:
                self._encrypting_failed(exc)
                return
        if sent < size:
            self._keep_rest(machine, data, sent)

    def _encrypting_failed(self, exc: Exception) -> None:
        machine = self._machine
        if machine is not None and machine._failure is not None:
            # What the peer sent was in order up to here. Behind it, nothing can be encrypted any more, and this is why.
            exc = machine._failure
        self._fatal_error(exc, "Fatal error: encrypting data failed")

    def _keep_rest(
        self, machine: TLSMachine, data: bytes | bytearray | memoryview, sent: int
    ) -> None:
        """Keep what is left of *data* in the queue."""
        # The copy leaves the caller free to change what he gave.
        with memoryview(data) as view:
            machine.enqueue(view[sent:])
        self._app_transport._maybe_pause_protocol()

    def _write_pieces(self, machine: TLSMachine, view: memoryview) -> int:
        """Encrypt and send as much of *view* as the transport below takes."""
        sent, size = 0, len(view)
        while sent < size and not self._ssl_writing_paused:
            taken = machine.write(view[sent : sent + _PIECE])
            self._send()
            if not taken:
                break
            sent += taken
        return sent

    def _flush(self) -> None:
        """Send what is queued, as far as the transport below takes it."""
        machine = self._machine
        if machine is None or machine.state is _UNWRAPPED or self._transport is None:
            return
        if machine.unsent and self._is_below_closing():
            # Cut off; connection_lost() is on its way.
            return
        try:
            while machine.unsent and not self._ssl_writing_paused:
                taken = machine.encrypt(_PIECE)
                self._send()
                if not taken:
                    break
        except Exception as exc:
            self._encrypting_failed(exc)
            return
        self._send()
        app_transport = self._app_transport
        if (
            app_transport is not None
            and app_transport._protocol_paused
            and not self._pause_taken_over
        ):
            app_transport._maybe_resume_protocol()
