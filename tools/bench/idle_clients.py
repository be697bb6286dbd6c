"""The clients of `bench idle`: one connection first, and, when told on the input, the number asked for."""

from __future__ import annotations

import json
import resource
import socket
import sys

#: Connections to one address: well below the number of ephemeral ports.
PER_ADDRESS = 5_000
#: The server's queue of connections that it has not accepted holds more than so many.
TOGETHER = 100


def connect(port: int, number: int) -> socket.socket:
    return socket.create_connection((f"127.0.0.{1 + number // PER_ADDRESS}", port), timeout=60)


def is_served(sock: socket.socket) -> None:
    """Return when the server has accepted this connection, and so all those before it."""
    sock.sendall(b"?")
    assert sock.recv(1) == b"?"


def main(port: int, count: int) -> None:
    first = connect(port, 0)
    is_served(first)
    print(json.dumps({}), flush=True)
    sys.stdin.readline()
    kept = [first]
    for number in range(count):
        kept.append(connect(port, number))
        if number % TOGETHER == 0 or number == count - 1:
            is_served(kept[-1])
    print(json.dumps({"connections": len(kept) - 1}), flush=True)
    sys.stdin.readline()


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
main(*map(int, sys.argv[1:]))
