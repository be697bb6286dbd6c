"""Clients by the hundred, in a process of their own, which `crowds.Crowd` starts by path: `crowd.py KIND ADDRESS COUNT [MORE]`, the address and what is more in JSON.

Written with plain sockets: no loop that is tried out is at this end. A kind says in a line of JSON when all are there, goes on until the input ends, and says then
what it did.
"""

from __future__ import annotations

import json
import queue
import select
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Only for what stands in these folders: nothing else there is to hide a module of the Python's own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from wire import reset

from bench.idle_clients import TOGETHER, connect, context, is_served

del sys.path[:2]

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that the system may keep for a client that reads nothing: the rest waits at the server.
_SMALL = 4096
#: So many come at once, and go at once.
_WAVE = 4000
_ADDRESSES = 250
#: Seconds between two bytes of a client that takes its time.
_STEP = 0.03
#: The beginning of a ClientHello whose record has as many bytes as one may have.
_HELLO = bytes((22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3))
_DATAGRAM = 1024

#: What comes on the input; an empty string is its end.
_heard: queue.SimpleQueue[str] = queue.SimpleQueue()
_over = threading.Event()


def _listen() -> None:
    for line in sys.stdin:
        _heard.put(line.strip())
    _over.set()
    _heard.put("")


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def stay(at: Any, count: int) -> None:
    """Connect, whether or not anybody accepts, and say nothing."""
    held = []
    for _ in range(count):
        held.append(_connecting(at))
    _say(there=count)
    _heard.get()


def _connecting(at: Any) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(tuple(at))
    return sock


def never_read(at: Any, count: int, *, tls: bool = False, again: float = 0.0) -> None:
    """Ask for more than anybody can read, and read nothing. The oldest goes for a new one each `again` seconds, where there are any."""
    made = context() if tls else None

    def one() -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        sock.connect(tuple(at))
        if made:
            sock = made.wrap_socket(sock)
        sock.sendall(b".")
        return sock

    held = [one() for _ in range(count)]
    _say(there=count)
    while again and not _over.wait(again):
        reset(held.pop(0))
        held.append(one())
    _heard.get()


def never_shake_hands(at: Any, count: int, *, again: bool = False) -> None:
    """Begin no handshake, or go on with one byte by byte, half of them each, until sent away. Others come then, with `again`."""
    waiting = select.poll()
    held: dict[int, socket.socket] = {}
    slow: dict[int, int] = {}
    gone = 0

    def one(number: int) -> None:
        sock = socket.create_connection(tuple(at))
        sock.setblocking(False)
        held[sock.fileno()] = sock
        if number % 2:
            slow[sock.fileno()] = 0
        waiting.register(sock, select.POLLIN)

    for number in range(count):
        one(number)
    _say(there=count)
    step = time.monotonic()
    while held and not _over.is_set():
        found = waiting.poll(1000 * max(0.0, step - time.monotonic()))
        for number, _ in found:
            if _has_ended(held[number]):
                waiting.unregister(number)
                held.pop(number).close()
                slow.pop(number, None)
                gone += 1
                if again:
                    one(gone)
        if time.monotonic() >= step:
            step = time.monotonic() + _STEP
            for number, sent in list(slow.items()):
                slow[number] = sent + 1
                try:
                    held[number].send(_HELLO[sent : sent + 1] or b"\0")
                except OSError:
                    pass  # which poll() tells, too
    _say(gone=gone)
    _heard.get()


def _has_ended(sock: socket.socket) -> bool:
    try:
        return not sock.recv(100)
    except ConnectionError:
        return True


def come_and_go(at: Any, count: int) -> None:
    """Connect, so many at once as there are, and go before anybody has said a word: half of them by a reset. And again."""
    came = 0
    _say(there=0)
    while not _over.is_set():
        # To one address after the other: a port is not there for another connection at once.
        where = (f"127.0.0.{1 + came // _WAVE % _ADDRESSES}", at[1])
        wave = [_connecting(where) for _ in range(min(count, _WAVE))]
        came += len(wave)
        for sock in wave[::2]:
            reset(sock)
        for sock in wave[1::2]:
            sock.close()
    _say(came=came)


def say_a_word(at: Any, count: int) -> None:
    """Connect and stay; say one word on each, and have it answered, when told to."""
    held = []
    for number in range(count):
        held.append(connect(at[1], number, None))
        if number % TOGETHER == 0 or number == count - 1:
            is_served(held[-1])
    _say(there=count)
    _heard.get()
    for sock in held:
        is_served(sock)
    _say(answered=count)
    _heard.get()


def send_datagrams(at: Any, count: int) -> None:
    """Send datagrams as fast as that goes, so many of them or more; read nothing."""
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _say(there=0)
        while sent < count or not _over.is_set():
            sock.sendto(sent.to_bytes(8, "big") + bytes(_DATAGRAM - 8), tuple(at))
            sent += 1
    _say(sent=sent)


KINDS: dict[str, Callable[..., None]] = {
    kind.__name__: kind
    for kind in (stay, never_read, never_shake_hands, come_and_go, say_a_word, send_datagrams)
}


def main(kind: str, at: str, count: str, more: str = "{}") -> None:
    threading.Thread(target=_listen, daemon=True).start()
    KINDS[kind](json.loads(at), int(count), **json.loads(more))


if __name__ == "__main__":
    main(*sys.argv[1:])
