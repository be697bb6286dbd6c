"""The stream transport: TCP and Unix-socket connections over readiness.

Reading asks for as much as the connection has shown to deliver. A `recv()` of 256 KiB makes the
allocator map and unmap pages for each message, however short, which costs several times the
system call; up to 64 KiB the memory comes from the heap for nothing. So reads begin there,
and only a connection that fills its reads is asked for more.

Writing goes to the socket at once where nothing waits; the compiled form puts small pieces off until the callbacks that
are ready have run, and `_send_held()` comes before all that is not writing. What is left over is kept as a queue of pieces,
never joined: bytes stay what they are, anything the caller could still change is copied.
"""

from __future__ import annotations

import errno
import os
import socket
from itertools import islice

from asyncio_core import constants, log
from asyncio_core.connections.failures import PROTOCOL_RAISED, tell_eof
from asyncio_core.connections.serving import Server
from asyncio_core.connections.socket_options import _set_nodelay
from asyncio_core.connections.transport_table import TransportTable
from asyncio_core.connections.trsock import facts_with, socket_addresses
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.interfaces.protocols import BufferedProtocol
from asyncio_core.interfaces.transports import USUAL_WATER_MARKS, BaseTransport
from asyncio_selectors.error_queue import take_errors
from asyncio_selectors.transport_base import _SelectorTransport
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Sequence
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_SelectorSocketTransport",)

_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")

# How many pieces one sendmsg() takes; POSIX promises 16, everybody has 1024.
_MOST_PIECES = 16
if _HAS_SENDMSG:
    try:
        _MOST_PIECES = os.sysconf("SC_IOV_MAX")
    except (OSError, ValueError):
        pass

# Where pieces have to be sent one by one, they are joined up to so many bytes, or a little more.
_JOINED = 64 * 1024

# The first and smallest size of a read, in bytes.
_USUAL_READ = 64 * 1024

_WRITE_FAILED = "Fatal write error on socket transport"
_READ_FAILED = "Fatal read error on socket transport"
_BYTES_LIKE = (bytes, bytearray, memoryview)


# Where a transport keeps what it knows of itself: a dictionary, or here the addresses of both ends.
_KNOWN: Any = vars(BaseTransport)["_extra"]


def _as_bytes_view(data: Any) -> Any:
    """Check the type of what is to be written; give something whose len() counts bytes."""
    if not isinstance(data, _BYTES_LIKE):
        try:
            raise TypeError(
                f"data argument must be a bytes-like object, not {type(data).__name__!r}"
            )
        except TypeError as error:
            drop_own_frame(error)
            raise
    if isinstance(data, memoryview) and not (data.contiguous and data.itemsize == data.ndim == 1):
        return data.cast("B") if data.c_contiguous else data.tobytes()
    return data


def _keep(data: Any, start: int) -> Any:
    """Return `data` from `start` on as something that nobody changes while it waits."""
    if isinstance(data, memoryview):
        return data[start:] if type(data.obj) is bytes else bytes(data[start:])
    if isinstance(data, bytearray):
        return bytes(memoryview(data)[start:])
    return memoryview(data)[start:] if start else data


def _join_first(chunks: deque[Any]) -> None:
    """Make one of the first pieces, so that many small ones do not take a turn of the loop each."""
    if len(chunks[0]) >= _JOINED:
        return
    pieces = []
    size = 0
    while chunks and size < _JOINED:
        piece = chunks.popleft()
        pieces.append(piece)
        size += len(piece)
    chunks.appendleft(b"".join(pieces))


class _SelectorSocketTransport(_SelectorTransport):
    """A connection in both directions."""

    __slots__ = ("_buffered", "_empty_waiter", "_file_sending", "_peer_finished", "_read_size")

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE
    # What a write failed with, while the connection is still read to its end.
    _write_error: BaseException | None = None
    # Writes since then, that nobody will get.
    _writes_in_vain = 0
    # The protocol was told that it may write, for it to read to the end.
    _allowed_in_vain = False

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> None:
        # Set while a file is sent around the buffer; done when the buffer is empty.
        self._empty_waiter: Future[None] | None = None
        self._file_sending: Any = None
        self._read_size = _USUAL_READ
        # The peer has sent its EOF and the protocol keeps the connection.
        self._peer_finished = False
        _SelectorTransport.__init__(self, loop, sock, protocol, extra, server, context)
        # Small writes go out when they are written; joining them is the program's choice.
        _set_nodelay(sock)
        loop.call_soon(self._begin, waiter, context=self._context)

    # What most connections are asked are their two addresses. Only those are kept, as a pair, until more is wanted: a
    # dictionary and a view of the socket would take a tenth of an idle connection's memory.

    @staticmethod
    def _facts_about(sock: socket.socket, extra: dict[str, Any] | None) -> Any:
        addresses = socket_addresses(sock, extra)
        if extra and (len(extra) > 1 or "peername" not in extra):
            return {**extra, **facts_with(sock, addresses)}
        return addresses

    @property
    def _extra(self) -> Any:
        known = _KNOWN.__get__(self)
        if type(known) is tuple:
            known = facts_with(self._past_sock if self._sock is None else self._sock, known)
            _KNOWN.__set__(self, known)
        return known

    @_extra.setter
    def _extra(self, facts: Any) -> None:
        _KNOWN.__set__(self, facts)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = _KNOWN.__get__(self)
        if type(known) is tuple:
            if name == "peername":
                return known[1]
            if name == "sockname":
                return known[0]
            if name != "socket":
                return default
            known = self._extra
        return known.get(name, default)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._protocol = protocol
        self._buffered = isinstance(protocol, BufferedProtocol)

    # Reading.

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True
            self._loop._remove_reader(self._sock_fd)
            if self._write_error is not None:
                # Maybe until it may write, which it would never hear of. Not from in here: this may be pause_writing().
                self._loop.call_soon(self._let_read_to_the_end, context=self._context)
            if self._loop.get_debug():
                log.logger.debug("%r pauses reading", self)

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            # After EOF the socket is readable for ever, with nothing to read.
            if not self._peer_finished:
                self._add_reader(self._sock_fd, self._read_ready)
            if self._loop.get_debug():
                log.logger.debug("%r resumes reading", self)

    def _read_ready(self) -> None:
        if self._conn_lost:
            return
        if self._buffered:
            self._read_into_protocol()
            return
        size = self._read_size
        try:
            data = self._sock.recv(size)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._read_failed(exc)
            return
        if not data:
            self._read_eof()
            return
        length = len(data)
        if length == size or size > _USUAL_READ:
            self._fit_read_size(length)
        try:
            self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._protocol_failed(exc, "data_received")

    def _fit_read_size(self, length: int) -> None:
        """Ask for more from now on where a read was filled, and for less again where it was not."""
        size = self._read_size
        if length == size:
            if size < self.max_size:
                self._read_size = size * 2
        elif length < _USUAL_READ // 4:
            # The last piece of something large is seldom as small as that.
            self._read_size = _USUAL_READ

    def _read_failed(self, exc: BaseException) -> None:
        if isinstance(exc, (BlockingIOError, InterruptedError)):
            # Completions of MSG_ZEROCOPY, say, would make it ready for ever.
            take_errors(self._sock)
        else:
            self._fatal_error(exc, _READ_FAILED)

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        self._fatal_error(exc, PROTOCOL_RAISED % method)

    @property
    def _read_ready_cb(self) -> Callable[[], None] | None:
        """What is called when there is something to read, for those who look: None at the end."""
        return None if self._closing else self._read_ready

    def _read_into_protocol(self) -> None:
        """Receive straight into the protocol's own buffer."""
        protocol = self._protocol
        method = "get_buffer"
        try:
            room = protocol.get_buffer(-1)
            if not len(room):
                raise RuntimeError("get_buffer() returned an empty buffer")
            method = ""
            count = self._sock.recv_into(room)
            if count:
                method = "buffer_updated"
                # The protocol may release or resize its buffer now: keep no export of it.
                del room
                protocol.buffer_updated(count)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            if method:
                self._protocol_failed(exc, method)
            else:
                self._read_failed(exc)
            return
        if not count:
            self._read_eof()

    def _read_eof(self) -> None:
        """The peer sends no more; whether this side goes on is up to the protocol."""
        if tell_eof(self):
            # Its socket is readable for ever now.
            self._peer_finished = True
            if not self._conn_lost:
                self._loop._remove_reader(self._sock_fd)

    # Writing.

    def _send_held(self) -> None:
        """Send what was put off, which is nothing here."""

    def get_write_buffer_size(self) -> int:
        self._send_held()
        return self._buffer_size

    def write(self, data: Any) -> None:
        if type(data) is not bytes:
            data = _as_bytes_view(data)
        if self._eof or self._empty_waiter is not None:
            self._refuse_write()
        if not data:
            return
        if self._conn_lost:
            self._lost_write()
            return
        sent = 0
        if not self._chunks:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                pass
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                self._write_failed(exc)
                return
            if sent == len(data):
                return
        self._keep_rest(data, sent)

    def _keep_rest(self, data: Any, sent: int) -> None:
        """Keep what is left of `data`, of which so many bytes have gone out, until there is room."""
        if not self._chunks:
            self._add_writer(self._sock_fd, self._write_ready)
            if self._conn_lost:
                return
        if type(data) is memoryview:
            data = _as_bytes_view(data)
        self._buffer.append(_keep(data, sent))
        self._buffer_size += len(data) - sent
        self._maybe_pause_protocol()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        # All are checked before any goes out.
        pieces = [data for data in map(_as_bytes_view, list_of_data) if data]
        if self._eof or self._empty_waiter is not None:
            self._refuse_write()
        if not pieces:
            return
        if self._conn_lost:
            self._lost_write()
            return
        self._buffer_size += sum(map(len, pieces))
        chunks = self._buffer
        if chunks:
            chunks.extend(_keep(data, 0) for data in pieces)
        else:
            chunks.extend(pieces)
            # What goes out at once needs no copy, only what stays.
            self._write_ready()
            if not chunks or self._conn_lost:
                return
            left = [_keep(data, 0) for data in chunks]
            chunks.clear()
            chunks.extend(left)
            self._add_writer(self._sock_fd, self._write_ready)
            if self._conn_lost:
                return
        self._maybe_pause_protocol()

    def _keep_lines(self, pieces: Sequence[Any], sent: int) -> None:
        """Keep what is left of `pieces`, of which so many bytes have gone out, until there is room."""
        self._add_writer(self._sock_fd, self._write_ready)
        if self._conn_lost:
            return
        chunks = self._buffer
        for data in pieces:
            length = len(data)
            if sent >= length:
                sent -= length
                continue
            chunks.append(_keep(data, sent))
            self._buffer_size += length - sent
            sent = 0
        self._maybe_pause_protocol()

    def _refuse_write(self) -> None:
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        raise RuntimeError("unable to write; sendfile is in progress")

    def _write_sendmsg(self) -> None:
        """Send as many pieces as one call takes."""
        chunks = self._chunks
        assert chunks, "there should be something to write"
        if self._conn_lost:
            return
        try:
            sent = self._sock.sendmsg(islice(chunks, _MOST_PIECES))
        except (BlockingIOError, InterruptedError):
            take_errors(self._sock)
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._write_failed(exc)
            return
        self._buffer_size -= sent
        while sent:
            first = chunks[0]
            length = len(first)
            if sent < length:
                chunks[0] = memoryview(first)[sent:]
                break
            del chunks[0]
            sent -= length
        self._after_sending()

    def _write_send(self) -> None:
        """Send the first piece, on systems without sendmsg(), and join those that come next."""
        chunks = self._chunks
        assert chunks, "there should be something to write"
        if self._conn_lost:
            return
        first = chunks[0]
        try:
            sent = self._sock.send(first)
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._write_failed(exc)
            return
        self._buffer_size -= sent
        if sent == len(first):
            del chunks[0]
            if len(chunks) > 1:
                _join_first(chunks)
        elif sent:
            chunks[0] = memoryview(first)[sent:]
        self._after_sending()

    _write_ready = _write_sendmsg if _HAS_SENDMSG else _write_send

    def _write_failed(self, exc: BaseException) -> None:
        """End the connection, but not before what the peer has sent, an early answer say, is read.

        Whoever writes has to wait until then: he is paused, and learns it by connection_lost().
        """
        self._discard_buffer()
        if self._write_error is not None:
            self._writes_in_vain += 1
            too_many = self._writes_in_vain >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES
            if too_many and not self._allowed_in_vain:
                self._warn_of_lost_write()
            if self._paused:
                # Who reads nothing and goes on writing is to learn what happened.
                self._fatal_error(self._write_error, _WRITE_FAILED)
            return
        self._loop._remove_writer(self._sock_fd)
        waiter = self._empty_waiter
        if waiter is not None and not (waiter.done() or self._closing) and isinstance(exc, OSError):
            # Reading rests for a file that is to be sent; who sends it comes back when it goes on.
            self._write_error = exc
            waiter.set_exception(exc)
            return
        if not self._is_read_to_the_end(exc):
            self._fatal_error(exc, _WRITE_FAILED)
            return
        self._write_error = exc
        if self._loop.get_debug():
            log.logger.debug("%r: %s", self, _WRITE_FAILED, exc_info=exc)
        if self._paused:
            self._let_read_to_the_end()
        elif not self._protocol_paused:
            self._protocol_paused = True
            self._tell_protocol("pause_writing")

    def _let_read_to_the_end(self) -> None:
        """Reading may be for the one to resume who waits to write."""
        if self._paused and not self._conn_lost:
            self._allowed_in_vain = True
            self._maybe_resume_protocol()

    def _is_read_to_the_end(self, exc: BaseException) -> bool:
        """Tell whether more can be received, and is wanted, on a connection that takes no more."""
        if not isinstance(exc, ConnectionError) and getattr(exc, "errno", None) != errno.ENOTCONN:
            return False
        if self._closing or self._peer_finished or self._empty_waiter is not None:
            return False
        if not self._paused:
            return True
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _after_sending(self) -> None:
        # May write more, close or abort: everything is looked at again afterwards.
        self._maybe_resume_protocol()
        if self._chunks or self._conn_lost:
            return
        self._buffer_size = 0
        self._loop._remove_writer(self._sock_fd)
        waiter = self._empty_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self._closing:
            self._conn_lost += 1
            self._call_connection_lost(None)
        elif self._eof:
            self._shut_down_writing()

    # The end of writing.

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._send_held()
        if self._closing or self._eof:
            return
        self._eof = True
        if not self._chunks and self._write_error is None:
            self._shut_down_writing()

    def _shut_down_writing(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as exc:
            # Reset by the peer meanwhile.
            self._write_failed(exc)

    def close(self) -> None:
        self._send_held()
        if self._file_sending is not None:
            self._stop_sending_file()
        if self._write_error is None:
            _SelectorTransport.close(self)
        else:
            self._force_close(self._write_error)

    def _force_close(self, exc: BaseException | None) -> None:
        self._send_held()
        self._stop_sending_file()
        super()._force_close(exc)
        waiter = self._empty_waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(ConnectionError("Connection is closed by peer"))

    def _stop_sending_file(self) -> None:
        # It waits in the poller for this descriptor, which is about to be closed.
        sending = self._file_sending
        if sending is not None:
            self._file_sending = None
            sending.cancel()

    # Sending a file around the buffer.

    def _make_empty_waiter(self) -> Future[None]:
        """Return a future that is done when the buffer is empty; until reset, nobody writes."""
        if self._empty_waiter is not None:
            raise RuntimeError("a file is being sent already")
        self._send_held()
        waiter: Future[None] = self._loop.create_future()
        self._empty_waiter = waiter
        if not self._chunks:
            waiter.set_result(None)
        return waiter

    def _reset_empty_waiter(self) -> None:
        self._empty_waiter = None


_PySelectorSocketTransport = _SelectorSocketTransport

if not TYPE_CHECKING and twins is not None:

    class _SelectorSocketTransport(_PySelectorSocketTransport):
        """A connection in both directions, with what each message goes through compiled."""

        __slots__ = ()

    twins.adopt_stream_transport(_SelectorSocketTransport, _PySelectorSocketTransport, _USUAL_READ)
    twins.adopt_connections(
        *(_SelectorSocketTransport, BaseTransport, Server, TransportTable, BufferedProtocol),
        *(USUAL_WATER_MARKS, _USUAL_READ),
    )
