"""Accepting, receiving and registering are compiled for plain sockets and our own poller; all else is asked as before.

These run on both forms.
"""

from __future__ import annotations

import contextvars
import errno
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.loops import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KINDS = {
    "IPv4": ("AF_INET", ("127.0.0.1", 0), None),
    "IPv6": ("AF_INET6", ("::1", 0), None),
    "Unix": ("AF_UNIX", "server", None),
    "Unix, client with a name": ("AF_UNIX", "server", "client ä"),
    "Unix, no file": ("AF_UNIX", b"\0server\xff", b"\0client\xff"),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def two_connections(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[int], tuple[socket.socket, list[socket.socket]]]]:
    """Makes a listening socket that does not block, with some connections in its backlog, of each kind there is."""
    name, address, clients_address = request.param
    family = getattr(socket, name, None)
    if family is None:
        pytest.skip(f"this system has no {name}")
    opened = []

    def named(given: Any, suffix: str) -> Any:
        if isinstance(given, str):
            return str(tmp_path / (given + suffix))
        return given + suffix.encode() if isinstance(given, bytes) else given

    def make(count: int) -> tuple[socket.socket, list[socket.socket]]:
        listener = socket.socket(family)
        opened.append(listener)
        try:
            listener.bind(named(address, ""))
        except OSError as exc:
            pytest.skip(f"{address!r}: {exc}")
        listener.listen()
        clients = []
        for number in range(count):
            client = socket.socket(family)
            opened.append(client)
            if clients_address is not None:
                client.bind(named(clients_address, str(number)))
            client.connect(listener.getsockname())
            clients.append(client)
        listener.setblocking(False)
        return listener, clients

    try:
        yield make
    finally:
        for sock in opened:
            sock.close()


def facts(sock: socket.socket, address: Any) -> tuple[Any, ...]:
    return (
        *(type(sock), sock.family, sock.type, sock.proto, sock.getsockname()),
        *(address, type(address), sock.getpeername() == address, sock.get_inheritable()),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the names of Unix sockets are these elsewhere")
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_an_accepted_socket_is_what_the_socket_module_makes_of_it(
    loop: SelectorEventLoop,
    two_connections: Any,
    monkeypatch: pytest.MonkeyPatch,
    timeout: float | None,
) -> None:
    listener, clients = two_connections(2)
    if timeout is not None:
        socket.setdefaulttimeout(timeout)
    try:
        ours, address = loop.run_until_complete(loop.sock_accept(listener))
        theirs, other = listener.accept()
    finally:
        socket.setdefaulttimeout(None)
    with ours, theirs:
        assert ours.gettimeout() == 0
        assert address == clients[0].getsockname()
        told, expected = facts(ours, address), facts(theirs, other)
        if address and address != other:
            # Each client has an address of its own.
            told, expected = (
                tuple(fact for n, fact in enumerate(all_of_them) if n != 5)
                for all_of_them in (told, expected)
            )
        assert told == expected
        clients[0].sendall(b"question")
        assert loop.run_until_complete(loop.sock_recv(ours, 100)) == b"question"
        makefile = ours.makefile("rb")
        ours.close()
        clients[0].sendall(b"!\n")
        clients[0].close()
        # The file keeps the descriptor, as of any socket.
        assert ours.fileno() != -1
        makefile.close()
        assert ours.fileno() == -1


@pytest.mark.skipif(sys.platform == "win32", reason="that one is accepted otherwise")
def test_an_accepted_socket_raises_what_any_socket_raises(
    loop: SelectorEventLoop, listening: socket.socket
) -> None:
    listening.setblocking(False)
    with socket.create_connection(listening.getsockname()) as client:
        ours, _ = loop.run_until_complete(loop.sock_accept(listening))
        with ours:
            with pytest.raises(BlockingIOError):
                ours.recv(1)
            ours.settimeout(0.001)
            with pytest.raises(TimeoutError):
                ours.recv(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            with pytest.raises(ConnectionResetError):
                ours.recv(1)
            copied = ours.dup()
        with copied:
            assert (copied.family, copied.type, copied.proto) == (
                ours.family,
                ours.type,
                ours.proto,
            )


AUDITED = """
import socket, sys
import asyncio_core, asyncio_selectors

told = []

def hook(event, arguments):
    if event == "socket.__new__" and watching:
        told.append(arguments[1:])
        if len(told) == 1:
            raise PermissionError("no such socket")

watching = False
sys.addaudithook(hook)

async def main():
    global watching
    loop = asyncio_core.get_running_loop()
    loop.set_exception_handler(lambda loop, context: print("reported:", repr(context["exception"])))
    made = loop.create_future()

    class Served(asyncio_core.Protocol):
        def connection_made(self, transport):
            transport.close()
            made.set_result(transport.get_extra_info("socket").type)

    async with await loop.create_server(Served, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        with socket.socket() as first, socket.socket() as second:
            first.setblocking(False)
            second.setblocking(False)
            watching = True
            await loop.sock_connect(first, address)
            await loop.sock_connect(second, address)
            assert await made == socket.SOCK_STREAM
            watching = False
        print(told[1] == (socket.AF_INET, socket.SOCK_STREAM, server.sockets[0].proto))

asyncio_core.run(main(), loop_factory=asyncio_selectors.SelectorEventLoop)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="that one is accepted otherwise")
def test_audit_hooks_are_told_of_accepted_sockets_and_may_refuse_one() -> None:
    child = subprocess.run(
        [sys.executable, "-c", AUDITED], capture_output=True, text=True, timeout=40, check=True
    )
    assert child.stdout.splitlines() == ["reported: PermissionError('no such socket')", "True"]


def test_accept_is_asked_where_it_was_replaced(
    loop: SelectorEventLoop, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = socket.socket.accept
    asked = []

    def noting(sock: socket.socket) -> Any:
        asked.append(sock)
        return accept(sock)

    listening.setblocking(False)
    with socket.create_connection(listening.getsockname()):
        monkeypatch.setattr(socket.socket, "accept", noting)
        connection, _ = loop.run_until_complete(loop.sock_accept(listening))
        connection.close()
    assert asked == [listening]


@pytest.mark.parametrize("call", ["sock_recv", "sock_recv_into", "sock_sendall", "sock_accept"])
def test_a_closed_socket_is_a_bad_descriptor(loop: SelectorEventLoop, call: str) -> None:
    sock = socket.socket()
    sock.close()
    argument: dict[str, Any] = {
        "sock_recv": (1,),
        "sock_recv_into": (bytearray(1),),
        "sock_sendall": (b"a",),
        "sock_accept": (),
    }
    with pytest.raises(OSError) as raised:
        loop.run_until_complete(getattr(loop, call)(sock, *argument[call]))
    assert raised.value.errno == errno.EBADF or sys.platform == "win32"


def test_more_than_one_piece_of_memory_is_received_at_once(
    loop: SelectorEventLoop, pair: Any
) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 400

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendall(theirs, data))
        received = b""
        while len(received) < len(data):
            received += await loop.sock_recv(ours, 1_000_000)
        assert received == data
        await sending

    loop.run_until_complete(main())


@pytest.mark.parametrize("size", [-1, "1", 2.5])
def test_a_wrong_size_raises_what_the_socket_module_raises(
    loop: SelectorEventLoop, pair: Any, size: Any
) -> None:
    ours, _ = pair
    with pytest.raises((TypeError, ValueError)) as expected:
        ours.recv(size)
    with pytest.raises(expected.type, match=str(expected.value)[:20].replace("'", ".")):
        loop.run_until_complete(loop.sock_recv(ours, size))


# Registering.


def test_whoever_replaced_a_method_of_the_poller_is_asked(
    loop: SelectorEventLoop, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poller = loop._selector
    seen: list[str] = []

    def note(name: str, method: Callable[..., Any]) -> None:
        def noting(*args: Any) -> Any:
            seen.append(name)
            return method(*args)

        monkeypatch.setattr(poller, name, noting)

    for name in ("register", "modify", "unregister"):
        note(name, getattr(poller, name))
    fd = pair[0].fileno()
    loop.add_reader(fd, print)
    loop.add_writer(fd, print)
    assert seen == ["register", "modify"]
    assert loop.remove_reader(fd)
    assert loop.remove_writer(fd)
    assert not loop.remove_writer(fd)
    assert seen == ["register", "modify", "modify", "unregister"]


class _Noting(SelectorEventLoop):
    def __init__(self) -> None:
        self.seen: list[Any] = []
        super().__init__()

    def _add_reader(self, fd: Any, callback: Any, *args: Any, **options: Any) -> Any:
        self.seen.append(("read", fd))
        return super()._add_reader(fd, callback, *args, **options)

    def _remove_reader(self, fd: Any) -> bool:
        self.seen.append(("no more", fd))
        return super()._remove_reader(fd)


def test_a_derived_loop_sees_what_its_transports_and_calls_register(
    recorder: Any, stream_pair: Any
) -> None:
    made = _Noting()
    with watched(made, lambda: None):
        ours, theirs = stream_pair
        fd = ours.fileno()

        async def main() -> None:
            transport, protocol = await made.create_connection(recorder, sock=ours)
            transport.pause_reading()
            transport.resume_reading()
            transport.close()
            await protocol.lost
            theirs.setblocking(False)
            receiving = made.create_task(made.sock_recv(theirs, 1))
            await receiving

        made.seen.clear()
        number = theirs.fileno()
        made.run_until_complete(main())
        assert [each for each in made.seen if each[1] == fd] == [
            *(("read", fd), ("no more", fd), ("read", fd), ("no more", fd)),
        ]
        # It is at its end already, or was waited for.
        assert [each for each in made.seen if each[1] == number] in (
            [],
            [("read", number), ("no more", number)],
        )


def test_registrations_are_made_and_changed_as_they_were(
    loop: SelectorEventLoop, pair: Any
) -> None:
    fd = pair[0].fileno()
    came: list[str] = []
    first = loop._add_reader(fd, came.append, "first")
    second = loop._add_reader(fd, came.append, "second")
    assert first.cancelled()
    assert not second.cancelled()
    writer = loop._add_writer(fd, came.append, "room")
    key = loop._selector.get_key(fd)
    assert (key.fileobj, key.fd, key.events, key.data) == (fd, fd, 3, (second, writer))
    assert hash(key) == hash(tuple(key))
    assert type(key)._fields == ("fileobj", "fd", "events", "data")
    pair[1].sendall(b"!")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert came == ["second", "room"]
    assert loop._remove_writer(fd)
    assert writer.cancelled()
    assert loop._selector.get_key(fd).data == (second, None)
    assert not loop._remove_writer(fd)
    assert loop._remove_reader(fd)
    assert not loop._remove_reader(fd)


def test_what_cannot_be_watched_raises_what_the_system_says(
    loop: SelectorEventLoop, poller_class: Any
) -> None:
    if type(loop._selector).__name__ != "EpollPoller":
        pytest.skip("epoll refuses files; others call them ready")
    with open(__file__, "rb") as file, pytest.raises(PermissionError):
        loop.add_reader(file, print)
    with pytest.raises(ValueError, match="-1"):
        loop.add_reader(-1, print)
    with pytest.raises(OSError, match=r"\[Errno 9\]"):
        loop.add_writer(10_000, print)


def test_a_closed_loop_registers_nothing(pair: Any) -> None:
    made = SelectorEventLoop()
    made.close()
    with pytest.raises(RuntimeError, match="closed"):
        made.add_reader(pair[0], print)
    assert not made._remove_reader(pair[0].fileno())


def test_a_handle_keeps_the_context_that_it_was_registered_in(
    loop: SelectorEventLoop, pair: Any
) -> None:
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var")
    found: list[str] = []
    var.set("here")
    loop.add_writer(pair[0], lambda: found.append(var.get()))
    var.set("there")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.remove_writer(pair[0])
    assert found == ["here"]
