"""Arguments that do not fit are refused before anything is opened, on any loop."""

from __future__ import annotations

import io
import socket
import ssl
from decimal import Decimal

import pytest

from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.interfaces.protocols import DatagramProtocol, Protocol, SubprocessProtocol


@pytest.fixture
def stream():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        yield sock


@pytest.fixture
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


@pytest.fixture
def tls_stream(stream):
    context = ssl.create_default_context()
    with context.wrap_socket(stream, server_hostname="localhost") as sock:
        yield sock


@pytest.fixture
def refused(run, monkeypatch):
    """Return a function that checks that a call is refused with a certain exception.

    It fails where a socket was made or a name looked up.
    """

    def opened(*args, **kwargs):
        pytest.fail(f"opened something: {args} {kwargs}")

    def refused(exception, message, method, *args, **kwargs):
        async def main():
            loop = get_running_loop()
            loop.getaddrinfo = opened
            with monkeypatch.context() as patch, pytest.raises(exception, match=message):
                patch.setattr(socket, "socket", opened)
                await getattr(loop, method)(*args, **kwargs)

        run(main())

    return refused


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_create_connection_refuses(refused):
    call = "create_connection", Protocol
    there = "localhost", 1
    refused(ValueError, "host and port was not specified and no sock", *call)
    refused(
        ValueError, "server_hostname is only meaningful with ssl", *call, *there, server_hostname=""
    )
    refused(ValueError, "set server_hostname when using ssl without a host", *call, ssl=True)
    refused(ValueError, "set server_hostname when using ssl without a host", *call, "", 1, ssl=True)
    refused(TypeError, "SSLContext, a bool or None, got 'yes'", *call, *there, ssl="yes")
    for name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
        refused(ValueError, f"{name} is only meaningful with ssl", *call, *there, **{name: 1})
        for seconds in (0, -1):
            refused(
                ValueError,
                f"{name} should be a positive number, got {seconds}",
                *call,
                *there,
                ssl=CONTEXT,
                **{name: seconds},
            )


def test_create_connection_refuses_sockets_that_do_not_fit(refused, stream, datagram, tls_stream):
    refused(
        ValueError,
        "can not be specified at the same time",
        "create_connection",
        Protocol,
        "localhost",
        1,
        sock=stream,
    )
    refused(ValueError, "Stream Socket was expected", "create_connection", Protocol, sock=datagram)
    refused(TypeError, "SSLSocket", "create_connection", Protocol, sock=tls_stream)
    refused(ValueError, "set server_hostname", "create_connection", Protocol, sock=stream, ssl=True)


def test_create_server_refuses(refused, stream, datagram, tls_stream):
    call = "create_server", Protocol
    refused(ValueError, "Neither host/port nor sock", *call)
    refused(TypeError, "must be an SSLContext or None", *call, "localhost", 1, ssl=True)
    refused(TypeError, "must be an SSLContext", *call, "localhost", 1, ssl=object())
    refused(ValueError, "only meaningful with ssl", *call, "localhost", ssl_handshake_timeout=1)
    refused(ValueError, "only meaningful with ssl", *call, "localhost", ssl_shutdown_timeout=1)
    refused(ValueError, "at the same time", *call, "localhost", 1, sock=stream)
    refused(ValueError, "Stream Socket was expected", *call, sock=datagram)
    refused(TypeError, "SSLSocket", *call, sock=tls_stream)


def test_connect_accepted_socket_refuses(refused, stream, datagram, tls_stream):
    call = "connect_accepted_socket", Protocol
    refused(ValueError, "Stream Socket was expected", *call, datagram)
    refused(ValueError, "only meaningful with ssl", *call, stream, ssl_handshake_timeout=1)
    refused(TypeError, "SSLSocket", *call, tls_stream)


def test_create_datagram_endpoint_refuses(refused, stream, datagram):
    call = "create_datagram_endpoint", DatagramProtocol
    refused(ValueError, "unexpected address family", *call)
    refused(ValueError, "datagram socket was expected", *call, sock=stream)
    refused(TypeError, "2-tuple", *call, "localhost")
    refused(TypeError, "2-tuple", *call, ("localhost", 1, 2, 3))
    refused(TypeError, "2-tuple", *call, None, ["localhost", 1])
    for option in (
        {"local_addr": ("localhost", 1)},
        {"remote_addr": ("localhost", 1)},
        {"family": socket.AF_INET},
        {"proto": 17},
        {"flags": 1},
        {"reuse_port": True},
        {"allow_broadcast": True},
    ):
        (name,) = option
        refused(ValueError, rf"when sock is specified.*{name}", *call, sock=datagram, **option)


def test_datagram_addresses_of_different_families_do_not_go_together(refused):
    refused(
        ValueError,
        "can not get address information",
        "create_datagram_endpoint",
        DatagramProtocol,
        ("::1", 0),
        ("127.0.0.1", 1),
    )


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the system has no Unix sockets")
def test_unix_datagram_address_is_a_path(refused):
    refused(
        TypeError,
        "has to be a string, got 42",
        "create_datagram_endpoint",
        DatagramProtocol,
        42,
        family=socket.AF_UNIX,
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"universal_newlines": True}, "universal_newlines must be False"),
        ({"bufsize": 4096}, "bufsize must be 0"),
        ({"text": True}, "text must be False"),
        ({"encoding": "utf-8"}, "encoding must be None"),
        ({"encoding": ""}, "encoding must be None"),
        ({"errors": "strict"}, "errors must be None"),
    ],
)
def test_subprocess_calls_refuse_pipes_that_are_not_raw(refused, option, message):
    refused(ValueError, message, "subprocess_exec", SubprocessProtocol, "true", **option)
    refused(ValueError, message, "subprocess_shell", SubprocessProtocol, "true", **option)


def test_subprocess_calls_know_what_a_shell_is(refused):
    refused(
        ValueError, "shell must be False", "subprocess_exec", SubprocessProtocol, "x", shell=True
    )
    refused(
        ValueError, "shell must be True", "subprocess_shell", SubprocessProtocol, "x", shell=False
    )
    refused(ValueError, "cmd must be a string", "subprocess_shell", SubprocessProtocol, ["x"])


@pytest.mark.parametrize(
    ("exception", "message", "args"),
    [
        (TypeError, "count must be a positive integer", (0, "all")),
        (ValueError, "count must be a positive integer", (0, -1)),
        (ValueError, "count must be a positive integer", (0, 0)),
        (TypeError, "offset must be a non-negative integer", ("start",)),
        (ValueError, "offset must be a non-negative integer", (-1,)),
    ],
)
def test_sock_sendfile_refuses_what_is_no_range(refused, stream, exception, message, args):
    stream.setblocking(False)
    refused(exception, message, "sock_sendfile", stream, io.BytesIO(b"data"), *args)


def test_sock_sendfile_refuses_files_and_sockets_that_do_not_fit(
    refused, stream, datagram, tls_stream, tmp_path
):
    path = tmp_path / "text"
    path.write_text("data")
    with path.open() as text:
        refused(ValueError, "binary mode", "sock_sendfile", stream, text)
    refused(ValueError, "only SOCK_STREAM", "sock_sendfile", datagram, io.BytesIO())
    refused(TypeError, "SSLSocket", "sock_sendfile", tls_stream, io.BytesIO())


def test_sock_sendfile_refuses_a_blocking_socket_in_debug_mode(run, stream):
    async def main():
        with pytest.raises(ValueError, match="must be non-blocking"):
            await get_running_loop().sock_sendfile(stream, io.BytesIO(b"data"))

    run(main(), debug=True)


def test_calls_that_need_sockets_say_what_to_install(run, stream):
    async def main():
        loop = get_running_loop()
        for call in (
            loop.create_connection(Protocol, "127.0.0.1", 9),
            loop.create_server(Protocol, "127.0.0.1", 0),
            loop.create_datagram_endpoint(DatagramProtocol, ("127.0.0.1", 0)),
            loop.connect_read_pipe(Protocol, io.BytesIO()),
            loop.connect_write_pipe(Protocol, io.BytesIO()),
            loop.subprocess_exec(SubprocessProtocol, "true"),
            loop.subprocess_shell(SubprocessProtocol, "true"),
        ):
            with pytest.raises(NotImplementedError, match="asyncio-selectors"):
                await call

    run(main())


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN")], ids=repr)
@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
def test_a_time_limit_that_is_nan_is_refused(refused, stream, name, value):
    options = {"ssl": CONTEXT, name: value}
    message = f"{name} must not be NaN, got {value!r}".replace("(", r"\(").replace(")", r"\)")
    refused(ValueError, message, "create_connection", Protocol, "host", 1, **options)
    refused(ValueError, message, "create_server", Protocol, "host", 1, **options)
    refused(ValueError, message, "connect_accepted_socket", Protocol, stream, **options)
    if name == "ssl_handshake_timeout":
        delay = {"happy_eyeballs_delay": value}
        refused(ValueError, "happy_eyeballs_delay", "create_connection", Protocol, "h", 1, **delay)
