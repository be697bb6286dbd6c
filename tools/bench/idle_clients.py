"""The clients of `bench idle`: one connection first, and, when told on the input, the number asked for."""

from __future__ import annotations

import json
import resource
import socket
import ssl
import sys

#: Connections to one address: well below the number of ephemeral ports.
PER_ADDRESS = 5_000
#: The server's queue of connections that it has not accepted holds more than so many.
TOGETHER = 100


def connect(port: int, number: int, tls: ssl.SSLContext | None) -> socket.socket:
    address = f"127.0.0.{1 + number // PER_ADDRESS}"
    made = socket.create_connection((address, port), timeout=60)
    return tls.wrap_socket(made) if tls else made


def context() -> ssl.SSLContext:
    """Return what TLS needs: any certificate will do."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def is_served(sock: socket.socket) -> None:
    """Return when the server has accepted this connection, and so all those before it."""
    sock.sendall(b"?")
    assert sock.recv(1) == b"?"


def main(port: int, count: int, over_tls: int) -> None:
    tls = context() if over_tls else None
    first = connect(port, 0, tls)
    is_served(first)
    print(json.dumps({}), flush=True)
    sys.stdin.readline()
    kept = [first]
    for number in range(count):
        kept.append(connect(port, number, tls))
        if number % TOGETHER == 0 or number == count - 1:
            is_served(kept[-1])
    print(json.dumps({"connections": len(kept) - 1}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    main(*map(int, sys.argv[1:]))
