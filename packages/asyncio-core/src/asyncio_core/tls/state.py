"""TLS as a state machine over memory: bytes go in, bytes come out, no socket and no loop.

Two rules hold for whoever drives the machine:

1. It never waits and never calls back. Every method does what can be done with the bytes at
   hand, and its result says whether more of them have to come first.
2. After every method, also one that only reads and one that raised, there may be output:
   session tickets are acknowledged, keys updated, renegotiations answered and alerts raised
   on the way. The caller takes it with :meth:`TLSMachine.output` and sends it.

Encrypted bytes stay in the memory BIOs of the standard :mod:`ssl` module, so how much is held is
for the caller to decide: he stops receiving, or stops encrypting. Plain bytes that cannot be
encrypted yet wait in a queue here.
"""

from __future__ import annotations

import enum

try:
    import ssl
except ImportError:  # a Python that was built without OpenSSL
    ssl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext
    from typing import Any

if ssl is not None:
    # "Again, when more has been received", and what the BIOs make of the same.
    SSLAgainErrors: tuple[type[Exception], ...] = (ssl.SSLWantReadError, ssl.SSLSyscallError)


class SSLProtocolState(enum.Enum):
    """What the machine is doing; the order is that of a connection's life."""

    UNWRAPPED = "UNWRAPPED"  # not begun, or over
    DO_HANDSHAKE = "DO_HANDSHAKE"
    WRAPPED = "WRAPPED"  # application data in both directions
    FLUSHING = "FLUSHING"  # nothing is read any more; the queue is being sent
    SHUTDOWN = "SHUTDOWN"  # close_notify is sent, the peer's is awaited


_UNWRAPPED = SSLProtocolState.UNWRAPPED
_DO_HANDSHAKE = SSLProtocolState.DO_HANDSHAKE
_WRAPPED = SSLProtocolState.WRAPPED
_FLUSHING = SSLProtocolState.FLUSHING
_SHUTDOWN = SSLProtocolState.SHUTDOWN

# Every state may also end at once, which is `end()`.
_NEXT = {
    _UNWRAPPED: _DO_HANDSHAKE,
    _DO_HANDSHAKE: _WRAPPED,
    _WRAPPED: _FLUSHING,
    _FLUSHING: _SHUTDOWN,
}


class TLSMachine:
    """One side of one TLS connection."""

    __slots__ = (
        "state",
        "incoming",
        "outgoing",
        "sslobj",
        "peer_finished",
        "cut_off",
        "_eof",
        "_queue",
        "_failure",
    )

    def __init__(
        self, context: SSLContext, *, server_side: bool, server_hostname: str | None
    ) -> None:
        self.state = _UNWRAPPED
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.sslobj: Any = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_side, server_hostname=server_hostname
        )
        # All that the peer had to say has been read, with a close_notify at the end or without.
        self.peer_finished = False
        # It was without, so what was received may be the half of it.
        self.cut_off = False
        # The connection below has ended; nothing more will be received.
        self._eof = False
        self._queue = bytearray()
        # An error that was found behind data which is to be handed out first.
        self._failure: Exception | None = None

    def _enter(self, state: SSLProtocolState) -> None:
        if _NEXT.get(self.state) is not state:
            raise RuntimeError(f"TLS cannot go from {self.state.value} to {state.value}")
        self.state = state

    def end(self) -> None:
        """Leave every state for good, whatever has not been said."""
        self.state = _UNWRAPPED
        self._queue.clear()

    # What comes from and goes to the connection below.

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take encrypted bytes from the peer."""
        self.incoming.write(data)

    def receive_eof(self) -> None:
        """Learn that the peer has closed the connection below."""
        self._eof = True

    def output(self) -> bytes:
        """Give the encrypted bytes that are to be sent now, possibly none."""
        return self.outgoing.read() if self.outgoing.pending else b""

    # The handshake.

    def handshake(self) -> bool:
        """Begin the handshake or go on with it; True when it is complete.

        Raises :exc:`ssl.SSLError` when it failed, with an alert for the peer in the output.
        """
        if self.state is _UNWRAPPED:
            self._enter(_DO_HANDSHAKE)
        try:
            self.sslobj.do_handshake()
        except SSLAgainErrors:
            return False
        self._enter(_WRAPPED)
        return True

    # Application data.

    def readable(self) -> bool:
        """Tell whether reading may bring something: data, the peer's end, or an error."""
        return bool(self.incoming.pending or self.sslobj.pending() or self._failure or self._eof)

    def read_into(self, room: memoryview) -> int:
        """Fill *room* with decrypted bytes as far as they go; give their number.

        0 means that more has to be received first, or that :attr:`peer_finished` is now set.
        Raises :exc:`ssl.SSLError` where the peer broke the protocol, after everything that was
        in order before it has been handed out.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        size = len(room)
        total = 0
        read, incoming, decrypted = self.sslobj.read, self.incoming, self.sslobj.pending
        while total < size:
            # To ask in vain costs an exception: only the first time, and after EOF.
            if total and not (incoming.pending or decrypted()):
                break
            try:
                count = read(size - total, room[total:] if total else room)
            except SSLAgainErrors:
                # A record that EOF cut off will never be complete.
                self.peer_finished = self.cut_off = self._eof
                break
            except ssl.SSLZeroReturnError:
                count = 0
            except Exception as exc:
                if not total:
                    raise
                self._failure = exc
                break
            if not count:
                self.peer_finished = True
                break
            total += count
        return total

    def discard(self) -> None:
        """Read what is there and drop it: only the peer's close_notify still matters."""
        room = memoryview(bytearray(16 * 1024))
        while not self.peer_finished and self.read_into(room):
            pass

    @property
    def unsent(self) -> int:
        """The number of plain bytes in the queue."""
        return len(self._queue)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Encrypt *data*, or the beginning of it; give the number of bytes taken.

        0 while a renegotiation has to be finished first: then :meth:`enqueue` the same data.
        """
        try:
            taken: int = self.sslobj.write(data)
            return taken
        except SSLAgainErrors:
            return 0

    def enqueue(self, data: bytes | bytearray | memoryview) -> None:
        """Keep a copy of *data* behind what is queued already."""
        self._queue += data

    def encrypt(self, limit: int) -> int:
        """Encrypt up to *limit* bytes of the queue; give the number of bytes taken.

        OpenSSL wants a write that it could not do repeated with the same bytes, or more of
        them: the queue always begins with those.
        """
        with memoryview(self._queue) as queue, queue[:limit] as piece:
            taken = self.write(piece)
        del self._queue[:taken]
        return taken

    def drop_queue(self) -> None:
        """Forget what has not been encrypted: nobody can take it any more."""
        self._queue.clear()

    # The end.

    def begin_closing(self) -> None:
        """Read no more for the application; what is queued is still to be sent."""
        self._enter(_FLUSHING)

    def shut_down(self) -> bool:
        """Send close_notify behind the last data; True when nothing is left to wait for.

        A peer that closed the connection below without a word is not answered: who does that
        does not listen any more.
        """
        if self.state is _FLUSHING:
            self._enter(_SHUTDOWN)
        if self._eof:
            return True
        try:
            self.sslobj.unwrap()
        except SSLAgainErrors:
            return False
        return True
