"""Strings with a null character never reach the system."""

from __future__ import annotations

import pathlib
import socket
import sys

import pytest

from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.interfaces.protocols import DatagramProtocol, Protocol, SubprocessProtocol
from asyncio_core.null_characters import (
    refuse_null,
    refuse_null_in_command,
    refuse_null_in_socket_path,
)


@pytest.mark.parametrize("value", ["a\0b", b"a\0b", bytearray(b"\0"), "\0"])
def test_null_character_is_refused_with_the_value(value):
    with pytest.raises(ValueError, match="embedded null character in host") as caught:
        refuse_null(value, "host")
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["", "a", b"a", "\u0100", None, 0, 5, ("a\0",)])
def test_everything_else_passes(value):
    refuse_null(value, "host")


@pytest.mark.parametrize(
    "value", ["/a\0b", b"/a\0b", "a\0", bytearray(b"/a\0"), memoryview(b"/a\0b")]
)
def test_null_character_in_a_socket_path_is_refused(value):
    with pytest.raises(ValueError, match="embedded null character in path"):
        refuse_null_in_socket_path(value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no abstract names")
@pytest.mark.parametrize("value", ["\0a", b"\0a", "\0a\0b", b"\0a\0\0b", bytearray(b"\0a\0b")])
def test_abstract_names_may_have_them(value):
    refuse_null_in_socket_path(value)


@pytest.mark.parametrize(
    ("command", "options", "what"),
    [
        ("echo a\0b", {}, "argument 'echo a"),
        (b"echo a\0b", {}, "argument b'echo a"),
        (("a\0b",), {}, "argument 'a"),
        (("echo", b"a\0b"), {}, "argument b'a"),
        (("echo", pathlib.PurePath("a\0b")), {}, "argument 'a"),
        (("echo",), {"cwd": "a\0"}, "cwd 'a"),
        (("echo",), {"cwd": pathlib.PurePath("a\0")}, "cwd 'a"),
        (("echo",), {"executable": "/bin/true\0"}, "executable '/bin/true"),
        (("echo",), {"env": {"A\0": "1"}}, "environment variable 'A"),
        (("echo",), {"env": {b"A": b"secret\0"}}, "value of variable b'A'"),
    ],
)
def test_null_character_in_a_command_is_refused(command, options, what):
    with pytest.raises(ValueError, match="embedded null character in") as caught:
        refuse_null_in_command(command, options)
    assert what in str(caught.value)
    assert "secret" not in str(caught.value)


def test_command_without_null_characters_passes():
    refuse_null_in_command(("echo", b"a", 5), {"env": {"A": "b"}, "cwd": "/", "bufsize": 0})
    refuse_null_in_command("echo", {"env": None, "cwd": None})


HOST = "127.0.0.1\0.example.org"
NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


@pytest.mark.parametrize(
    ("method", "args", "options"),
    [
        ("create_connection", (Protocol, HOST, 9), {}),
        ("create_connection", (Protocol, HOST.encode(), 9), {}),
        ("create_connection", (Protocol, "localhost\0", 9), {}),
        ("create_connection", (Protocol, "fe80::1%lo\0", 9), {}),
        ("create_connection", (Protocol, "127.0.0.1", "9\0"), {}),
        ("create_connection", (Protocol, "127.0.0.1", b"9\0"), {}),
        ("create_connection", (Protocol, HOST, 9), {"happy_eyeballs_delay": 1}),
        ("create_connection", (Protocol, "127.0.0.1", 9), {"local_addr": (HOST, 0)}),
        ("create_connection", (Protocol, "h", 9), {"ssl": True, "server_hostname": "h\0"}),
        ("start_tls", (None, None, None), {"server_hostname": "h\0"}),
        ("create_server", (Protocol, HOST, 0), {}),
        ("create_server", (Protocol, ["127.0.0.1", HOST], 0), {}),
        ("create_server", (Protocol, None, "http\0"), {}),
        ("create_datagram_endpoint", (DatagramProtocol, (HOST, 0)), {}),
        ("create_datagram_endpoint", (DatagramProtocol, None, (HOST, 9)), {}),
        ("getaddrinfo", (HOST, 9), {}),
        ("getaddrinfo", (HOST.encode(), 9), {}),
        ("getaddrinfo", ("127.0.0.1", "http\0"), {}),
        ("getnameinfo", ((HOST, 9),), {}),
        ("getnameinfo", ((HOST, 9), NUMERIC), {}),
        ("subprocess_exec", (SubprocessProtocol, "ech\0o"), {}),
        ("subprocess_exec", (SubprocessProtocol, "echo", "\0"), {}),
        ("subprocess_shell", (SubprocessProtocol, "echo \0"), {}),
        ("subprocess_exec", (SubprocessProtocol, "echo"), {"env": {"A": "\0"}}),
    ],
)
def test_no_call_of_a_loop_lets_one_pass(run, monkeypatch, method, args, options):
    def opened(*args, **kwargs):
        pytest.fail(f"opened something: {args} {kwargs}")

    async def main():
        with monkeypatch.context() as patch, pytest.raises(ValueError, match="embedded null ch"):
            patch.setattr(socket, "socket", opened)
            patch.setattr(socket, "getaddrinfo", opened)
            await getattr(get_running_loop(), method)(*args, **options)

    run(main())
