"""Which sockets the `sock_*` methods take."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop

ADDRESS = ("127.0.0.1", 9)


@pytest.mark.parametrize(
    "call",
    [
        ("sock_recv", 1),
        ("sock_recv_into", bytearray(1)),
        ("sock_recvfrom", 1),
        ("sock_recvfrom_into", bytearray(1)),
        ("sock_sendall", b"x"),
        ("sock_sendto", b"x", ADDRESS),
        ("sock_connect", ADDRESS),
        ("sock_accept",),
    ],
    ids=lambda call: call[0],
)
def test_a_tls_socket_is_refused(loop: SelectorEventLoop, call: tuple[Any, ...]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    method, *arguments = call
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as sock:
        sock.setblocking(False)
        with pytest.raises(TypeError, match="SSLSocket"):
            loop.run_until_complete(getattr(loop, method)(sock, *arguments))


def test_a_class_derived_from_socket_is_taken(loop: SelectorEventLoop) -> None:
    class Derived(socket.socket):
        pass

    plain, other = socket.socketpair()
    with Derived(fileno=plain.detach()) as left, other as right:
        left.setblocking(False)
        right.sendall(b"x")
        assert loop.run_until_complete(loop.sock_recv(left, 1)) == b"x"
