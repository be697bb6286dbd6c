"""A peer that speaks TLS record by record, so that records can be kept back, cut, exchanged, or changed: over a blocking socket, by `ssl.MemoryBIO`."""

from __future__ import annotations

import socket
import ssl
import struct

_HEADER = 5
#: So long a record may be at most, as TLS 1.2 and 1.3 say, with what is added to it.
_RECORD = 1 << 14


class Wire:
    """One end of a TLS connection; `sock` is its socket, which times out."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server_side else "localhost"
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, name)

    def flight(self) -> bytes:
        """Go on with the handshake as far as it goes; return what is to be sent, and do not send it."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def shake_hands(self) -> None:
        """Do the whole handshake."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._outgoing.read())
                self.take()
            else:
                self.sock.sendall(self._outgoing.read())
                return

    def take(self) -> None:
        """Take in what has come; raises EOFError at the end."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise EOFError
        self._incoming.write(data)

    def records(self, *texts: bytes) -> list[bytes]:
        """Return the records with these texts, one for each of up to 16 KiB."""
        found = []
        for text in texts:
            self._tls.write(text)
            found.append(self._outgoing.read())
        return found

    def closing(self) -> bytes:
        """Return the record that says that no more comes."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def read(self, size: int) -> bytes:
        """Read so many bytes of text."""
        found = bytearray()
        while len(found) < size:
            try:
                found += self._tls.read(size - len(found))
            except ssl.SSLWantReadError:
                self.take()
        return bytes(found)


def oversized(record: bytes) -> bytes:
    """Return a record whose header tells of more than a record may hold, and that holds as much."""
    return record[:3] + struct.pack("!H", _RECORD + 2049) + bytes(_RECORD + 2049)


def changed(record: bytes) -> bytes:
    """Return a record with one bit of its last byte changed."""
    return record[:-1] + bytes((record[-1] ^ 1,))


def cut_in_two(record: bytes) -> tuple[bytes, bytes]:
    """Return a record as two pieces: in the midst of its header."""
    return record[: _HEADER - 2], record[_HEADER - 2 :]


def reset(sock: socket.socket) -> None:
    """Close a TCP socket so that its peer is reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
