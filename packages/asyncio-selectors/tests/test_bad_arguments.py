"""Bad arguments: the documented exception at the call, what was wrong in its message, and nothing opened.

The types are those that the standard implementation raises too, wherever that raises at the call.
"""

from __future__ import annotations

import gc
import io
import signal
import socket
import ssl
import sys

import pytest

import asyncio_core

if sys.platform == "win32":
    pytest.skip("Unix loops need Unix", allow_module_level=True)

from asyncio_core import DatagramProtocol, Protocol, SubprocessProtocol, Transport
from asyncio_core.exceptions import SendfileNotAvailableError
from asyncio_selectors import SelectorEventLoop

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HERE = ("127.0.0.1", 0)
# An address that is nobody's: an argument that was not checked first would show as an OSError.
NOWHERE = ("127.0.0.1", 1)
BOTH = "host/port and sock can not be specified at the same time: "


async def coroutine_function():
    pass


def nothing(*_):
    pass


def tcp():
    sock = socket.socket()
    sock.setblocking(False)
    return sock


def udp():
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


def unix():
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    return sock


def this_file():
    return open(__file__, "rb")


def text_file():
    return open(__file__, encoding="utf-8")


# What is called, with which arguments, a maker of one more (or None) and its name, and what is to come of it.
CALLS = {}


def call(method, *args, error, match, given=None, **kwargs):
    """Enter one bad call into the table."""
    key, make = given or (None, None)
    # No addresses: each process that runs some of the tests has to find the same names.
    words = [getattr(arg, "__name__", f"{arg!s:.30}".partition(" object at ")[0]) for arg in args]
    words += [
        f"{name}={repr(value).partition(' object at ')[0]:.30}" for name, value in kwargs.items()
    ]
    words += [f"{key}={make.__name__}"] if given else []
    name = f"{method}({', '.join(words)})"
    assert name not in CALLS, name
    CALLS[name] = (method, args, kwargs, key, make, error, match)


def connecting(*args, **rest):
    call("create_connection", Protocol, *args, **rest)


connecting(error=ValueError, match="host and port was not specified")
connecting(given=("sock", tcp), host="h", error=ValueError, match=BOTH + "'h'/None and <socket")
connecting(given=("sock", tcp), port=7, error=ValueError, match=BOTH + "None/7 and <socket")
connecting(given=("sock", udp), error=ValueError, match="A Stream Socket was expected, got <socket")
connecting(given=("sock", tcp), ssl=CONTEXT, error=ValueError, match="must set server_hostname")
connecting(
    *NOWHERE, server_hostname="n", error=ValueError, match="only meaningful with ssl, got 'n'"
)
connecting(*NOWHERE, ssl="yes", error=TypeError, match="SSLContext, a bool or None, got 'yes'")
connecting("127.0.0.1", 70000, error=OverflowError, match="0-65535")
connecting("127.0.0.1", "no-such-service", error=OSError, match="(?i)servname")
connecting(
    *NOWHERE, local_addr=("1.2.3.4", 0), error=OSError, match=r"bind on address \('1\.2\.3\.4', 0\)"
)

SERVING = {"create_server": HERE, "create_unix_server": ("/nonexistent/socket",)}
TIMED = {
    "create_connection": NOWHERE,
    "create_unix_connection": ("/nonexistent/socket",),
    **SERVING,
}
for _method, _where in TIMED.items():
    for _name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
        call(
            _method,
            *(Protocol, *_where),
            **{_name: 7},
            error=ValueError,
            match=f"{_name} is only meaningful with ssl, got 7",
        )
        for _bad in (0, -1.5):
            call(
                _method,
                *(Protocol, *_where),
                ssl=CONTEXT,
                **({"server_hostname": "n"} if "connection" in _method else {}),
                **{_name: _bad},
                error=ValueError,
                match=f"{_name} should be a positive number, got {_bad}",
            )
for _method, _where in SERVING.items():
    call(
        _method, Protocol, *_where, ssl=True, error=TypeError, match="SSLContext or None, got True"
    )
    call(
        _method, Protocol, *_where, ssl="x", error=TypeError, match="SSLContext.* or None, got 'x'"
    )


def serving(*args, **rest):
    call("create_server", Protocol, *args, **rest)


serving(error=ValueError, match="Neither host/port nor sock were specified")
serving("h", given=("sock", tcp), error=ValueError, match=BOTH + "'h'/None and <socket")
serving(given=("sock", udp), error=ValueError, match="A Stream Socket was expected, got <socket")
serving("127.0.0.1", 70000, error=OverflowError, match="0-65535")
serving("1.2.3.4", 0, error=OSError, match=r"\('1\.2\.3\.4', 0\)")
serving(*HERE, backlog="many", error=TypeError, match="'str'")


def datagrams(**rest):
    call("create_datagram_endpoint", DatagramProtocol, **rest)


datagrams(error=ValueError, match="unexpected address family")
datagrams(given=("sock", tcp), error=ValueError, match="datagram socket was expected, got <socket")
for _name, _value in {
    "local_addr": HERE,
    "remote_addr": NOWHERE,
    "family": 2,
    "proto": 17,
    "flags": 1,
    "reuse_port": True,
    "allow_broadcast": True,
}.items():
    datagrams(
        given=("sock", udp), **{_name: _value}, error=ValueError, match=f"specified.*{_name}="
    )
datagrams(local_addr="text", error=TypeError, match="2-tuple.*'text'")
datagrams(remote_addr=("h", 1, 2), error=TypeError, match=r"2-tuple.*\('h', 1, 2\)")
datagrams(local_addr=HERE, remote_addr=("::1", 1), error=ValueError, match=r"can not get.*")
datagrams(local_addr=5, family=socket.AF_UNIX, error=TypeError, match="string, got 5")
datagrams(local_addr=("127.0.0.1", 70000), error=OverflowError, match="0-65535")
datagrams(local_addr=("1.2.3.4", 0), error=OSError, match="assign requested address")

# A name that stops being an address behind a null character must not stand for that address.
NULL = "embedded null character in "
WITH_NULL = ("127.0.0.1\0.example.org", 1)
connecting(*WITH_NULL, error=ValueError, match=NULL + "host")
serving(*WITH_NULL, error=ValueError, match=NULL + "host")
datagrams(local_addr=WITH_NULL, error=ValueError, match=NULL + "host")
datagrams(remote_addr=WITH_NULL, error=ValueError, match=NULL + "host")
datagrams(local_addr="/a\0b", family=socket.AF_UNIX, error=ValueError, match=NULL + "path")
datagrams(remote_addr=b"/a\0b", family=socket.AF_UNIX, error=ValueError, match=NULL + "path")
call("sock_connect", "socket", WITH_NULL, error=ValueError, match=NULL + "host")
call("sock_sendto", "udp", b"x", WITH_NULL, error=ValueError, match=NULL + "host")
call("sock_connect", "unix", "/a\0b", error=ValueError, match=NULL + "path")
call("sock_sendto", "unix", b"x", b"/a\0b", error=ValueError, match=NULL + "path")
for _method in ("create_unix_connection", "create_unix_server"):
    call(_method, Protocol, "/a\0b", error=ValueError, match=NULL + "path")
    call(_method, Protocol, b"/a\0b", error=ValueError, match=NULL + "path")
call(
    *("create_unix_connection", Protocol, "/p"),
    ssl=CONTEXT,
    server_hostname="a\0b",
    error=ValueError,
    match=NULL + "server_hostname",
)
for _method in ("sock_connect", "sock_sendto"):
    for _host in ("a..b", "x" * 64 + ".example.test"):
        _more = (b"x",) if _method == "sock_sendto" else ()
        call(_method, "udp", *_more, (_host, 1), error=socket.gaierror, match="no name of a host")

PATH_AND_SOCK = "path and sock can not be specified at the same time: '/p' and <socket"
for _method in ("create_unix_connection", "create_unix_server"):
    call(_method, Protocol, error=ValueError, match="path.* sock")
    call(_method, Protocol, "/p", given=("sock", unix), error=ValueError, match=PATH_AND_SOCK)
    call(_method, Protocol, given=("sock", tcp), error=ValueError, match="UNIX Domain.*got <socket")
    call(_method, Protocol, 5, error=TypeError, match="not int")
    call(_method, Protocol, "/nonexistent/socket", error=OSError, match="No such file")
call(
    *("create_unix_connection", Protocol, "/p"),
    server_hostname="n",
    error=ValueError,
    match="only meaningful with ssl, got 'n'",
)
call(
    "create_unix_connection", Protocol, "/p", ssl=CONTEXT, error=ValueError, match="server_hostname"
)
call("create_unix_server", Protocol, __file__, error=OSError, match="already in use")


def accepted(make, **rest):
    call("connect_accepted_socket", Protocol, given=("sock", make), **rest)


accepted(udp, error=ValueError, match="A Stream Socket was expected, got <socket")
accepted(tcp, ssl_handshake_timeout=7, error=ValueError, match="with ssl, got 7")
accepted(tcp, ssl_shutdown_timeout=7, error=ValueError, match="with ssl, got 7")
accepted(tcp, ssl="x", error=TypeError, match="got 'x'")

for _method in ("connect_read_pipe", "connect_write_pipe"):
    call(_method, Protocol, given=("pipe", this_file), error=ValueError, match="only, not for <_io")

RANGES = {
    "count": [(0, ValueError), (-1, ValueError), ("x", TypeError)],
    "offset": [(-1, ValueError), ("x", TypeError), (None, TypeError)],
}
for _method, _first in {"sock_sendfile": "socket", "sendfile": "transport"}.items():
    call(
        _method, _first, given=("file", text_file), error=ValueError, match="binary mode, not <_io"
    )
    for _name, _values in RANGES.items():
        for _bad, _error in _values:
            call(
                *(_method, _first),
                given=("file", this_file),
                **{_name: _bad},
                error=_error,
                match=f"{_name} must be .*{_bad!r}",
            )
    call(
        *(_method, _first),
        given=("file", lambda: io.BytesIO(b"x")),
        fallback=False,
        error=SendfileNotAvailableError,
        match="not a regular file",
    )
call("sock_sendfile", "udp", given=("file", this_file), error=ValueError, match="only SOCK_STREAM")
for _bad in (None, True):
    call(
        *("start_tls", "transport", None, _bad),
        error=TypeError,
        match=f"expected to be an SSLContext, got {_bad}",
    )
for _name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
    call(
        *("start_tls", "transport", None, CONTEXT),
        **{_name: 0},
        error=ValueError,
        match=f"{_name} should be a positive number, got 0",
    )
call("start_tls", Transport(), None, CONTEXT, error=TypeError, match="not supported by start_tls")

for _method, _more in {
    "sock_recv": (5,),
    "sock_recv_into": (bytearray(5),),
    "sock_recvfrom": (5,),
    "sock_recvfrom_into": (bytearray(5),),
    "sock_sendall": (b"x",),
    "sock_sendto": (b"x", NOWHERE),
    "sock_connect": (NOWHERE,),
    "sock_accept": (),
    "sock_sendfile": (io.BytesIO(b"x"),),
}.items():
    call(_method, "blocking", *_more, error=ValueError, match="must be non-blocking, not <socket")
call("sock_recv", "udp", -1, error=ValueError, match="negative buffersize")
call("sock_recv_into", "udp", b"read-only", error=TypeError, match="bytes-like object, not bytes")
call("sock_recvfrom_into", "udp", bytearray(3), 9, error=ValueError, match="nbytes is greater")
call("sock_sendall", "socket", "text", error=TypeError, match="not 'str'")
call("sock_connect", "socket", ("127.0.0.1", 70000), error=OverflowError, match="0-65535")

RAW = {
    "universal_newlines": (True, "False"),
    "bufsize": (5, "0"),
    "text": (True, "False"),
    "encoding": ("utf-8", "None"),
    "errors": ("strict", "None"),
}
for _method, _shell in {"subprocess_exec": False, "subprocess_shell": True}.items():
    for _name, (_bad, _wanted) in {**RAW, "shell": (not _shell, str(_shell))}.items():
        call(
            *(_method, SubprocessProtocol, "true"),
            **{_name: _bad},
            error=ValueError,
            match=f"{_name} must be {_wanted}, got {_bad!r}",
        )
call("subprocess_shell", SubprocessProtocol, ["true"], error=ValueError, match=r"got \['true'\]")

for _what in ("reader", "writer"):
    for _bad in (-1, "x", None):
        call(f"add_{_what}", _bad, nothing, error=ValueError, match=f"Invalid file.*{_bad!r}")
        call(f"remove_{_what}", _bad, error=ValueError, match=f"Invalid file.*{_bad!r}")
    call(f"add_{_what}", 999_999, nothing, error=OSError, match="Bad file descriptor")
    call(f"add_{_what}", "of a transport", nothing, error=RuntimeError, match="used by transport <")

call(
    *("add_signal_handler", signal.SIGUSR1, coroutine_function),
    error=TypeError,
    match="coroutines cannot be used with add_signal_handler.*coroutine_function",
)
call("add_signal_handler", signal.SIGKILL, nothing, error=RuntimeError, match="9 cannot be caught")
for _method, _more in {"add_signal_handler": (nothing,), "remove_signal_handler": ()}.items():
    call(_method, 0, *_more, error=ValueError, match="invalid signal number 0")
    call(_method, 999, *_more, error=ValueError, match="invalid signal number 999")
    call(_method, "SIGUSR1", *_more, error=TypeError, match="sig must be an int, not 'SIGUSR1'")

for _method, _before in {
    "call_soon": (),
    "call_soon_threadsafe": (),
    "call_later": (1,),
    "call_at": (1,),
    "run_in_executor": (None,),
}.items():
    call(_method, *_before, 5, error=TypeError, match="needs a callable object, got 5")
    call(
        *(_method, *_before, coroutine_function),
        error=TypeError,
        match="coroutines cannot be used with .*coroutine_function",
    )
call("call_later", None, nothing, error=TypeError, match="delay must not be None")
call("call_later", "1", nothing, error=TypeError, match="delay must be a number, not '1'")
call("call_at", None, nothing, error=TypeError, match="when cannot be None")
call("call_at", "1", nothing, error=TypeError, match="when must be a number, not '1'")
call("set_default_executor", "x", error=TypeError, match="ThreadPoolExecutor instance, got 'x'")
call("set_task_factory", "x", error=TypeError, match="callable or None, got 'x'")
call("set_exception_handler", "x", error=TypeError, match="None is expected, got 'x'")
call("create_task", 5, error=TypeError, match="a coroutine was expected, got 5")
call("getaddrinfo", "127.0.0.1", "no-such-service", error=OSError, match="(?i)servname")
call("getaddrinfo", 5, 1, error=TypeError, match="getaddrinfo")
call("getnameinfo", "x", error=TypeError, match="getnameinfo")


class Bench:
    """A loop, and the things that some of the calls are about."""

    def __init__(self):
        self.reported = []
        self.loop = SelectorEventLoop()
        self.loop.set_exception_handler(lambda _, context: self.reported.append(context))
        # Callbacks, and sockets that block, are looked at in debug mode.
        self.loop.set_debug(True)
        mine, self.peer = socket.socketpair()
        made = self.loop.create_connection(Protocol, sock=mine)
        self.transport, self.protocol = self.loop.run_until_complete(made)
        self.things = {
            "socket": tcp(),
            "udp": udp(),
            "unix": unix(),
            "blocking": socket.socket(),
            "transport": self.transport,
            "of a transport": self.transport.get_extra_info("socket"),
        }

    def close(self):
        self.transport.abort()
        self.loop.run_until_complete(asyncio_core.sleep(0))
        for name in ("socket", "udp", "unix", "blocking"):
            self.things[name].close()
        self.peer.close()
        self.loop.close()

    async def call(self, method, args, kwargs):
        args = [self.things.get(arg, arg) if isinstance(arg, str) else arg for arg in args]
        if method == "start_tls":
            args[1] = self.protocol
        answer = getattr(self.loop, method)(*args, **kwargs)
        return await answer if hasattr(answer, "__await__") else answer


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()
    assert bench.reported == []


@pytest.mark.parametrize("name", CALLS)
def test_bad_call_raises_and_leaves_nothing_open(name, bench, descriptors):
    method, args, kwargs, key, make, error, match = CALLS[name]
    thing = make and make()
    before = descriptors()
    arguments = {**kwargs, key: thing} if key else kwargs
    if key in ("pipe", "file"):
        arguments, args = kwargs, (*args, thing)

    with pytest.raises(error, match=match) as caught:
        bench.loop.run_until_complete(bench.call(method, args, arguments))

    assert type(caught.value) is error or error is OSError
    del caught
    # Garbage that warns (a coroutine that was not awaited, a socket that is open) makes the test fail.
    gc.collect()
    # What was passed in to be taken over is the loop's only if the call succeeds, or closed by it.
    assert descriptors() - before == set()
    if thing is not None:
        thing.close()
    # The loop is of use still.
    bench.loop.run_until_complete(asyncio_core.sleep(0))
