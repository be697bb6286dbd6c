"""TLS between a transport and a protocol.

:class:`SSLProtocol` is the protocol of the transport below, which moves encrypted bytes. To the
application's protocol it shows :class:`_SSLProtocolTransport`, which moves plain ones. What TLS says
at which moment is decided by the machine in ``state``, how much is held on the way in
``flow``; here is a connection's life: handshake, timeouts, and what the application is told when.
"""

from __future__ import annotations

import contextvars
import enum

from asyncio_core import constants, log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.connections.socket_options import unacknowledged
from asyncio_core.exceptions import CancelledError
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names
from asyncio_core.moments import check_moment
from asyncio_core.tls.flow import _PIECE, TLSFlow
from asyncio_core.tls.state import SSLProtocolState, TLSMachine
from asyncio_core.tls.transport import _SSLProtocolTransport
from asyncio_core.tls.transport import add_flowcontrol_defaults as add_flowcontrol_defaults
from asyncio_core.twins import twins

try:
    import ssl

    from asyncio_core.tls.state import SSLAgainErrors as SSLAgainErrors
except ImportError:
    ssl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.scheduling.handles import TimerHandle

_WRAPPED = SSLProtocolState.WRAPPED
_CLOSING = (SSLProtocolState.FLUSHING, SSLProtocolState.SHUTDOWN)

# Seconds between looks at how much a peer that sends without end has taken.
_FLOOD_PAUSE = 0.05


class AppProtocolState(enum.Enum):
    """What the application's protocol has been told; it goes down this list only."""

    STATE_INIT = "STATE_INIT"
    STATE_CON_MADE = "STATE_CON_MADE"
    STATE_EOF = "STATE_EOF"
    STATE_CON_LOST = "STATE_CON_LOST"


def _create_transport_context(server_side: bool, server_hostname: str | None) -> Any:
    """Make the context that ``ssl=True`` stands for; a server has to have one with its key."""
    if server_side:
        raise ValueError("a TLS server needs an SSLContext with its certificate")
    context = ssl.create_default_context()
    if not server_hostname:
        context.check_hostname = False
    return context


def _positive(name: str, seconds: float | None, default: float) -> float:
    if seconds is None:
        return default
    moment = check_moment(seconds, name)
    if not moment > 0:
        raise ValueError(f"{name} should be a positive number, got {seconds}")
    # A decimal, or an int that is more than a float holds, cannot be added to the clock when the timer is set.
    return seconds if type(seconds) is int and seconds == moment else moment


# What functions of C look at before the first connection, and not when they are loaded: most programs have none.
_at_first: list[Callable[[], object]] = []


def _look() -> None:
    looks = _at_first.copy()
    _at_first.clear()
    for look in looks:
        try:
            look()
        except Exception:
            # They go on by the methods of the ssl module.
            continue


class SSLProtocol(TLSFlow):
    """The protocol below TLS: joins a transport of encrypted bytes to an application protocol.

    *waiter*, a future or None, is done when the handshake is complete or has failed. With
    *call_connection_made* false the application's protocol knows of the connection already.
    Timeouts are in seconds. Raises :exc:`ValueError` for timeouts that are not positive, and
    where the context is to check a name and none is given.
    """

    __slots__ = (
        "_waiter",
        "_sslcontext",
        "_server_side",
        "_server_hostname",
        "_app_state",
        "_ssl_handshake_timeout",
        "_ssl_shutdown_timeout",
        "_timer",
        "_handshake_began",
        "_facts",
        "_cut_off_by",
        "_held_loss",
        "__weakref__",
    )

    def __init__(
        self,
        loop: Any,
        app_protocol: BaseProtocol,
        sslcontext: Any,
        waiter: Future[Any] | None,
        server_side: bool = False,
        server_hostname: str | None = None,
        call_connection_made: bool = True,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        if ssl is None:
            raise RuntimeError("TLS needs the ssl module, which this Python was built without")
        self._ssl_handshake_timeout = _positive(
            "ssl_handshake_timeout", ssl_handshake_timeout, constants.SSL_HANDSHAKE_TIMEOUT
        )
        self._ssl_shutdown_timeout = _positive(
            "ssl_shutdown_timeout", ssl_shutdown_timeout, constants.SSL_SHUTDOWN_TIMEOUT
        )
        if not sslcontext:
            sslcontext = _create_transport_context(server_side, server_hostname)
        # Names are checked by clients. An empty one would be no name, and checks nothing.
        self._server_hostname = None if server_side else server_hostname or None
        if not server_side and sslcontext.check_hostname and self._server_hostname is None:
            raise ValueError("check_hostname requires server_hostname")
        self._server_side = server_side
        self._sslcontext = sslcontext
        if _at_first:
            _look()
        machine = TLSMachine(
            sslcontext, server_side=server_side, server_hostname=self._server_hostname
        )
        super().__init__(loop, machine, app_protocol)
        # Facts about the connection that somebody has asked for, and that outlive it.
        self._facts: dict[str, Any] = {}
        # What connection_lost() tells a protocol that wants to know of a missing close_notify.
        self._cut_off_by: BaseException | None = None
        # The end of the connection below, while the application has still to read what came before.
        self._held_loss: BaseException | None = None

        self._context = contextvars.copy_context()
        self._waiter = waiter
        self._app_transport = _SSLProtocolTransport(loop, self)
        self._app_state = (
            AppProtocolState.STATE_INIT if call_connection_made else AppProtocolState.STATE_CON_MADE
        )
        # One timer at a time: that of the handshake, later that of the shutdown.
        self._timer: TimerHandle | None = None
        self._handshake_began = 0.0

    # What suites replace, though it lives in the machine.

    @property
    def _sslobj(self) -> Any:
        return None if self._machine is None else self._machine.sslobj

    @_sslobj.setter
    def _sslobj(self, sslobj: Any) -> None:
        assert self._machine is not None
        self._machine.sslobj = sslobj

    @property
    def _outgoing(self) -> Any:
        return None if self._machine is None else self._machine.outgoing

    @_outgoing.setter
    def _outgoing(self, bio: Any) -> None:
        assert self._machine is not None
        self._machine.outgoing = bio

    @property
    def _state(self) -> SSLProtocolState:
        return SSLProtocolState.UNWRAPPED if self._machine is None else self._machine.state

    @property
    def _extra(self) -> dict[str, Any]:
        """All the facts about TLS: servers that upgrade by hand read them here (aiosmtpd)."""
        return {name: self._get_extra_info(name) for name in _FACTS}

    # The application's side.

    def _get_extra_info(self, name: str, default: Any = None) -> Any:
        """Facts about TLS from here, all others from the transport below."""
        ask = _FACTS.get(name)
        if ask is not None:
            if self._machine is not None:
                # Asked for again each time: a client may show its certificate late.
                if name in _REFERENCES:
                    # Not kept: a closed connection holds no context and no SSL object.
                    return ask(self)
                try:
                    self._facts[name] = ask(self)
                except ValueError:
                    # In the middle of another handshake: what was known before holds.
                    pass
            return self._facts.get(name, default)
        if self._transport is None:
            return self._facts.get(name, default)
        return self._transport.get_extra_info(name, default)

    def _wakeup_waiter(self, exc: BaseException | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if exc is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(exc)

    # The transport below comes and goes.

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake over *transport*."""
        if self._app_state is AppProtocolState.STATE_CON_LOST:
            return
        self._transport = transport
        context = getattr(transport, "_context", None)
        if isinstance(context, contextvars.Context):
            # One context for the connection, whichever of its two transports calls back.
            self._context = context
        if self._app_transport._closed:
            self._abort(None)
            return
        if self._loop.get_debug():
            log.logger.debug("%r starts SSL handshake", self)
            self._handshake_began = self._loop.time()
        self._timer = self._loop.call_later(
            self._ssl_handshake_timeout, self._check_handshake_timeout, context=self._context
        )
        self._do_handshake()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the application, and let go of everything."""
        self._set_timer(None)
        below, self._transport = self._transport, None
        if below is not None:
            # Who that was is asked for at the end, too: logs are written then.
            for name in ("peername", "sockname"):
                fact = below.get_extra_info(name)
                if fact is not None:
                    self._facts[name] = fact
        self._room = None
        if exc is None:
            exc = self._cut_off_by
        app_transport = self._app_transport
        if app_transport is None:
            return
        if exc is not None and not app_transport._closed and self._hold_loss(exc):
            return
        self._tell_loss(exc)

    def _hold_loss(self, exc: BaseException) -> bool:
        """Put the end off where the application has not read all before it; tell whether that is so."""
        machine = self._machine
        if machine is None or machine.state is not _WRAPPED:
            return False
        if not (self._app_reading_paused or self._delivery_is_due) or not machine.readable():
            return False
        self._held_loss = exc
        machine.receive_eof()
        machine.drop_queue()
        # Who waits to write more has nothing to wait for.
        self._pause_taken_over = False
        self._app_transport._maybe_resume_protocol()
        return True

    def _end_hold(self) -> bool:
        """Tell of an end that was put off, if one was."""
        exc, self._held_loss = self._held_loss, None
        if exc is None:
            return False
        self._tell_loss(exc)
        return True

    def _tell_loss(self, exc: BaseException | None) -> None:
        app_transport = self._app_transport
        app_transport._closed = True
        if self._machine is not None:
            self._machine.end()
        told = self._app_state
        if exc is None and told is AppProtocolState.STATE_INIT:
            exc_of_waiter: BaseException | None = ConnectionResetError(
                "Connection lost during the handshake"
            )
        else:
            # start_tls() finds the transport closed by this side, and says so.
            exc_of_waiter = exc
        self._wakeup_waiter(exc_of_waiter)
        self._app_state = AppProtocolState.STATE_CON_LOST
        if told in (AppProtocolState.STATE_CON_MADE, AppProtocolState.STATE_EOF):
            self._loop.call_soon(self._tell_connection_lost, exc, context=self._context)
        else:
            self._release()

    def _tell_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._app_protocol.connection_lost(exc)
        finally:
            self._release()

    def _release(self) -> None:
        """Cut the cycles through the application's objects, and free the SSL objects now."""
        if self._machine is not None:
            # A certificate that was asked for may have been shown since.
            for name in self._facts.keys() & _FACTS.keys():
                try:
                    self._facts[name] = _FACTS[name](self)
                except (ValueError, OSError):
                    # Lost in the middle of another handshake: what was known before holds.
                    pass
        self._machine = None
        self._sslcontext = None
        self._app_protocol = None
        self._app_transport = None

    def _is_over(self) -> bool:
        return self._app_state is AppProtocolState.STATE_CON_LOST

    def _set_timer(self, timer: TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def eof_received(self) -> bool | None:
        """Take the end of the connection below, after everything that was received before it."""
        self._give_room_back()
        if self._machine is None:
            return None
        if self._loop.get_debug():
            log.logger.debug("%r received EOF", self)
        # This layer closes the transport when all is said, except that one which is TLS itself
        # closes of its own accord.
        keep_open = not isinstance(self._transport, _SSLProtocolTransport)
        self._machine.receive_eof()
        if self._machine.state is SSLProtocolState.DO_HANDSHAKE:
            self._handshake_failed(ConnectionResetError("EOF during the handshake"))
        else:
            self._advance()
        return keep_open

    def _advance(self) -> None:
        self._delivery_is_due = False
        state = self._state
        if state is _WRAPPED:
            self._deliver()
        elif state is SSLProtocolState.DO_HANDSHAKE:
            self._do_handshake()
        elif state in _CLOSING:
            self._continue_closing()

    # The handshake.

    def _feed_early(self, data: bytes) -> None:
        """Take bytes that were received before this layer was there."""
        assert self._machine is not None
        self._machine.receive(data)

    def _do_handshake(self) -> None:
        assert self._machine is not None
        try:
            complete = self._machine.handshake()
        except Exception as exc:
            self._send()  # the alert, so that the peer knows what it was
            self._handshake_failed(exc)
        else:
            self._send()
            if complete:
                self._handshake_done()

    def _check_handshake_timeout(self) -> None:
        self._timer = None
        if self._state is SSLProtocolState.DO_HANDSHAKE:
            self._fatal_error(
                ConnectionAbortedError(
                    f"SSL handshake is taking longer than {self._ssl_handshake_timeout} "
                    "seconds: aborting the connection"
                )
            )

    def _handshake_failed(self, exc: Exception) -> None:
        self._set_timer(None)
        message = "SSL handshake failed"
        if isinstance(exc, ssl.CertificateError):
            message += " on verifying the certificate"
        self._fatal_error(exc, message)
        self._wakeup_waiter(exc)

    def _handshake_done(self) -> None:
        self._set_timer(None)
        if self._loop.get_debug():
            spent = (self._loop.time() - self._handshake_began) * 1e3
            log.logger.debug("%r: SSL handshake took %.1f ms", self, spent)
        if self._app_state is AppProtocolState.STATE_INIT:
            self._app_state = AppProtocolState.STATE_CON_MADE
            try:
                self._app_protocol.connection_made(self._app_transport)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                self._fatal_error(exc, "Fatal error: protocol.connection_made() call failed.")
                self._wakeup_waiter(exc)
                return
            self._wakeup_waiter()
            self._deliver()
        else:
            # Who awaits start_tls() is to have the new transport, and may have put another
            # protocol on it, before what came with the last handshake bytes is handed out.
            self._wakeup_waiter()
            self._deliver_soon()

    def _peer_has_finished(self) -> None:
        """Tell the application that the peer's data is over; what it has to say still goes out."""
        if self._end_hold():
            return
        machine = self._machine
        if (
            machine is not None
            and machine.cut_off
            and not getattr(self._app_protocol, "suppress_ragged_eofs", True)
        ):
            # No end in good order: connection_lost() tells it, when what was written is sent.
            self._cut_off_by = ssl.SSLEOFError(
                ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol"
            )
        elif self._app_state is AppProtocolState.STATE_CON_MADE:
            self._app_state = AppProtocolState.STATE_EOF
            try:
                keep_open = self._app_protocol.eof_received()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                self._fatal_error(exc, "Fatal error: protocol.eof_received() call failed.")
                return
            if keep_open:
                log.logger.warning(
                    "returning true from eof_received() has no effect when using ssl"
                )
        self._app_transport._closed = True
        self._start_shutdown()

    # The end.

    def _start_shutdown(self) -> None:
        """Close in good order, at this side's wish or as an answer to the peer's."""
        machine = self._machine
        if self._end_hold() or machine is None or self._transport is None:
            return
        if machine.state is not _WRAPPED:
            if machine.state not in _CLOSING:
                # There is nothing to be said to a peer before the handshake.
                self._abort(None)
            return
        machine.begin_closing()
        self._set_timer(
            self._loop.call_later(
                self._ssl_shutdown_timeout, self._check_shutdown_timeout, context=self._context
            )
        )
        # Whatever the application did not want to read must not hide the peer's close_notify.
        self._control_reading()
        self._continue_closing()

    def _check_shutdown_timeout(self) -> None:
        # Runs to the very end, also while the transport below sends its last bytes.
        self._timer = None
        if self._transport is not None:
            self._force_close_below(TimeoutError("SSL shutdown timed out"))

    def _continue_closing(self) -> None:
        machine = self._machine
        assert machine is not None
        try:
            machine.discard()
            if self._is_flooded():
                self._transport.pause_reading()
            self._flush()
            if machine.unsent or machine.state not in _CLOSING:
                return
            done = machine.shut_down()
        except Exception as exc:
            # The peer broke the protocol at the very end: nothing is lost by that any more.
            if self._loop.get_debug():
                log.logger.debug("%r: error while closing", self, exc_info=exc)
            done = True
        self._send()
        if self._transport is None:
            return
        if done:
            self._transport.close()
        elif self._is_flooded():
            self._end_flood()

    def _end_flood(self) -> None:
        """End the connection to a peer that does not stop sending, once it has all from here.

        The system throws away what is on its way where a socket is closed with something unread.
        """
        below = self._transport
        if below is None or self._machine is None:
            return
        if below.get_write_buffer_size() or unacknowledged(below.get_extra_info("socket")):
            self._loop.call_later(_FLOOD_PAUSE, self._end_flood, context=self._context)
            return
        self._force_close_below(
            ConnectionAbortedError(
                f"the peer sent more than {constants.SSL_SHUTDOWN_MOST_DISCARDED} bytes after "
                "close() of the TLS connection"
            )
        )

    def _abort(self, exc: BaseException | None) -> None:
        if self._transport is not None:
            self._force_close_below(exc)
        elif not self._end_hold() and self._machine is not None:
            self._machine.end()

    def _force_close_below(self, exc: BaseException | None) -> None:
        self._set_timer(None)
        if self._machine is not None:
            self._machine.end()
        if self._app_transport is not None:
            self._app_transport._closed = True
        force = getattr(self._transport, "_force_close", None)
        if force is None:
            self._transport.abort()
        else:
            force(exc)

    def _fatal_error(
        self, exc: BaseException | None, message: str = "Fatal error on transport"
    ) -> None:
        """End the connection because of *exc*; report it unless it is the network's or the peer's."""
        below = self._transport
        if below is not None:
            self._force_close_below(exc)
        else:
            self._end_hold()
        if isinstance(exc, CancelledError):
            return
        if isinstance(exc, OSError):
            # TLS errors are of this kind as well: somebody else's mistake, and everyday.
            if self._loop.get_debug():
                log.logger.debug("%r: %s", self, message, exc_info=exc)
            return
        report = {"message": message, "exception": exc, "transport": below, "protocol": self}
        self._loop.call_exception_handler(report)


_PySSLProtocol = SSLProtocol

if not TYPE_CHECKING and twins is not None and ssl is not None:

    class SSLProtocol(_PySSLProtocol):
        """The protocol below TLS, with what each message goes through compiled."""

        __slots__ = ()

    try:
        twins.adopt_tls(
            SSLProtocol,
            TLSMachine,
            _SSLProtocolTransport,
            wrapped=_WRAPPED,
            again=SSLAgainErrors,
            ssl=ssl,
            piece=_PIECE,
        )
    except (AttributeError, TypeError):
        # The ssl module is another than is known here.
        SSLProtocol = _PySSLProtocol
    else:
        _at_first.append(twins.look_at_openssl)


# What get_extra_info() answers from TLS. A certificate is decoded when somebody asks for it.
_FACTS: dict[str, Callable[[SSLProtocol], Any]] = {
    "sslcontext": lambda layer: layer._sslcontext,
    "ssl_object": lambda layer: layer._sslobj,
    "peercert": lambda layer: layer._sslobj.getpeercert(),
    "cipher": lambda layer: layer._sslobj.cipher(),
    "compression": lambda layer: layer._sslobj.compression(),
}
_REFERENCES = frozenset({"sslcontext", "ssl_object"})


make_face(__name__, ("tls.flow", "tls.state", "tls.transport", "tls.upgrade"))


lend_names(
    __name__,
    "collections",
    "exceptions",
    "logger",
    "protocols",
    "ssl",
    "transports",
    "warnings",
)

leave_to_checkers(__name__)
