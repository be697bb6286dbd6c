"""The part `peers`: who is at the other end does what no peer should.

The connection ends as documented, nothing is left of it, the memory that it took is given back, and the next one is served.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import functools
import gc
import os
import pty
import shutil
import socket
import ssl
import subprocess
import sys
import tty
from typing import TYPE_CHECKING, Any

from scenarios.peers import Answers, Echo, is_served
from stage import LIMIT, Stage
from wire import Wire, changed, cut_in_two, oversized, reset

from asyncio_test_support import certificates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from parts import Extent
    from stage import Tools
    from worker import Notes

_HOST = "127.0.0.1"
#: A point is done so often where it is looked whether memory grows, and then so often again.
_WARM, _TIMES = 3, 12
#: Blocks of memory that may come to be held meanwhile.
_GROWTH = 400
#: What a connection may end with, beside nothing.
_ENDS = (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)
_REQUEST = b"POST /path HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nthe request"
_KEY_UPDATES = 24


# TLS


def _before_all(wire: Wire, much: bytes) -> None:
    """Nothing is said at all."""


def _no_tls(wire: Wire, much: bytes) -> None:
    wire.sock.sendall(_REQUEST)


def _zeros(wire: Wire, much: bytes) -> None:
    wire.sock.sendall(bytes(1000))


def _alert(wire: Wire, much: bytes) -> None:
    """handshake_failure, as fatal, without any handshake."""
    wire.sock.sendall(bytes((21, 3, 3, 0, 2, 2, 40)))


def _half_a_handshake(wire: Wire, much: bytes) -> None:
    wire.sock.sendall(wire.flight()[:100])


def _handshake_only(wire: Wire, much: bytes) -> None:
    wire.shake_hands()


def _handshake_by_bytes(wire: Wire, much: bytes) -> None:
    """What is said first comes byte by byte: all is well."""
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in wire.flight():
        wire.sock.sendall(bytes((byte,)))
    wire.shake_hands()
    _talk(wire)


def _no_close_notify(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    _talk(wire)


def _close_notify(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    _talk(wire)
    wire.sock.sendall(wire.closing())


def _after_close_notify(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    (late,) = wire.records(b"late")
    wire.sock.sendall(wire.closing() + late)


def _cut_record(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    (record,) = wire.records(b"a word")
    wire.sock.sendall(record[:-3])


def _cut_header(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    wire.sock.sendall(cut_in_two(*wire.records(b"a word"))[0])


def _record_in_two(wire: Wire, much: bytes) -> None:
    """A record in two pieces is one."""
    wire.shake_hands()
    for piece in cut_in_two(*wire.records(b"a word")):
        wire.sock.sendall(piece)
    assert wire.read(6) == b"a word"


def _reordered(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    first, second = wire.records(b"a word", b"another")
    wire.sock.sendall(second + first)


def _repeated(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    (record,) = wire.records(b"a word")
    wire.sock.sendall(record + record)


def _left_out(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    wire.sock.sendall(wire.records(b"a word", b"another")[1])


def _changed(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    wire.sock.sendall(changed(*wire.records(b"a word")))


def _oversized(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    wire.sock.sendall(oversized(*wire.records(b"a word")))


def _empty(wire: Wire, much: bytes) -> None:
    """A record that holds nothing, in plain text, where it has to be encrypted."""
    wire.shake_hands()
    wire.sock.sendall(bytes((23, 3, 3, 0, 0)))


def _much_then_changed(wire: Wire, much: bytes) -> None:
    wire.shake_hands()
    for record in wire.records(*[much[:16000]] * 20):
        wire.sock.sendall(record)
    wire.sock.sendall(changed(*wire.records(b"a word")))


def _talk(wire: Wire) -> None:
    for record in wire.records(b"a word"):
        wire.sock.sendall(record)
    assert wire.read(6) == b"a word"


_FAULTS: dict[str, Callable[[Wire, bytes], None]] = {
    "nothing": _before_all,
    "no TLS": _no_tls,
    "zeros": _zeros,
    "a fatal alert at once": _alert,
    "half a handshake": _half_a_handshake,
    "a handshake and no more": _handshake_only,
    "a handshake by bytes": _handshake_by_bytes,
    "no close_notify": _no_close_notify,
    "close_notify": _close_notify,
    "data behind close_notify": _after_close_notify,
    "a record cut": _cut_record,
    "a header cut": _cut_header,
    "a record in two pieces": _record_in_two,
    "records out of order": _reordered,
    "a record twice": _repeated,
    "a record left out": _left_out,
    "a record changed": _changed,
    "a record too large": _oversized,
    "an empty record in plain text": _empty,
    "much, and then a record changed": _much_then_changed,
}
_LEAVING: dict[str, Callable[[socket.socket], object]] = {
    "closes": socket.socket.close,
    "resets": reset,
}


class _Served(Echo):
    """The side that is tried: it tells how its connection ended."""

    def __init__(self, ended: asyncio.Queue[Any]) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.put_nowait(exc)


async def _tls_server(stage: Stage, version: str, fault: str, leave: str) -> None:
    """A bad client comes, and then a good one."""
    ended: asyncio.Queue[Any] = asyncio.Queue()
    server = await stage.loop.create_server(
        lambda: _Served(ended), _HOST, 0, ssl=stage.server_context
    )
    at = server.sockets[0].getsockname()
    context = _only(stage.client_context, version)

    def misbehave() -> None:
        sock = socket.create_connection(at, LIMIT)
        with sock:
            _do(Wire(sock, context, server_side=False), fault, leave)

    await asyncio.to_thread(misbehave)
    await is_served(stage, at, ssl=stage.client_context, server_hostname="localhost")
    server.close()
    await server.wait_closed()
    while not ended.empty():
        _check_end(stage, ended.get_nowait())


async def _tls_client(stage: Stage, version: str, fault: str, leave: str) -> None:
    """The server is the bad one."""
    context = _only(stage.server_context, version)
    with socket.create_server((_HOST, 0)) as listener:
        listener.settimeout(LIMIT)

        def misbehave() -> None:
            sock, _ = listener.accept()
            sock.settimeout(LIMIT)
            with sock:
                _do(Wire(sock, context, server_side=True), fault, leave)

        peer = asyncio.create_task(asyncio.to_thread(misbehave))
        try:
            reader, writer = await asyncio.open_connection(
                *listener.getsockname(), ssl=stage.client_context, server_hostname="localhost"
            )
            try:
                # It sends back what comes, as the other one does.
                while data := await reader.read(1 << 16):
                    writer.write(data)
                    await writer.drain()
            finally:
                writer.close()
            await writer.wait_closed()
        except Exception as error:
            _check_end(stage, error)
        await peer


def _do(wire: Wire, fault: str, leave: str) -> None:
    wire.sock.settimeout(LIMIT)
    with contextlib.suppress(EOFError, OSError):
        # The other end may have had enough before all is said.
        _FAULTS[fault](wire, _MUCH)
    _LEAVING[leave](wire.sock)


_MUCH = bytes(1 << 16)


@functools.cache
def _limited(server_side: bool, version: str, folder: Any) -> ssl.SSLContext:
    made = certificates.Certificates(folder)
    context = made.server_context() if server_side else made.client_context()
    return certificates.only(context, version)


def _only(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    return _contexts[context.protocol == ssl.PROTOCOL_TLS_SERVER, version]


_contexts: dict[tuple[bool, str], ssl.SSLContext] = {}


async def _key_updates(stage: Stage) -> None:
    """`openssl s_client` changes its keys again and again, and asks for ours."""
    ended: asyncio.Queue[Any] = asyncio.Queue()
    server = await stage.loop.create_server(
        lambda: _Served(ended), _HOST, 0, ssl=stage.server_context
    )
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", f"{_HOST}:{port}", "-tls1_3"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        for number in range(_KEY_UPDATES):
            await asyncio.wait_for(_after_key_update(process, number), LIMIT)
    except TimeoutError:
        stage.wrong.append("there is no answer")
        process.kill()
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
    await is_served(stage, (_HOST, port), ssl=stage.client_context, server_hostname="localhost")
    server.close()
    await server.wait_closed()


async def _after_key_update(process: asyncio.subprocess.Process, number: int) -> None:
    """Have the client change its keys, and have its next word sent back."""
    assert process.stdin is not None
    assert process.stdout is not None
    # A command is one only where it is read alone.
    process.stdin.write(b"K\n" if number % 2 else b"k\n")
    while (await process.stdout.readline()) != b"KEYUPDATE\n":
        pass
    word = b"word %d\n" % number
    process.stdin.write(word)
    while (await process.stdout.readline()) != word:
        pass


# Plain


async def _request(stage: Stage, size: int, leave: str) -> None:
    """A client sends so much of its request, and then it is gone, or waits for nothing but the answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(11)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n%d" % len(head + body))
            await writer.drain()
        except _ENDS:
            pass
        finally:
            writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, _HOST, 0)
    at = server.sockets[0].getsockname()
    answered = b""
    for _ in range(2):
        sock = socket.create_connection(at)
        sock.sendall(_REQUEST[:size])
        if leave == "half-closes":
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
            answered = await stage.loop.sock_recv(sock, 100)
            sock.close()
        else:
            _LEAVING[leave](sock)
    if leave == "half-closes" and bool(answered) != (size == len(_REQUEST)):
        stage.wrong.append(f"{size} bytes are answered with {answered!r}")
    reader, writer = await asyncio.open_connection(*at)
    writer.write(_REQUEST)
    if not (await reader.read()).endswith(b"%d" % len(_REQUEST)):
        stage.wrong.append("the next request has not got its answer")
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


# Descriptors that nobody asked for


@contextlib.contextmanager
def _passed(stage: Stage, sock: socket.socket, data: bytes = b"a word") -> Iterator[None]:
    """Send some descriptors with some data; afterwards nobody may have them any more."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writing] * 5))
    sock.sendmsg([data], [rights])
    os.close(writing)
    try:
        yield
    finally:
        gc.collect()
        with contextlib.suppress(BlockingIOError), open(reading, "rb", 0) as end:
            if end.read(1) is None:
                stage.wrong.append("what was passed is still open somewhere")


async def _to_protocol(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    made = await stage.loop.create_unix_connection(Answers, sock=left)
    with _passed(stage, right):
        await made[1].come(6)
        made[0].close()
        await made[1].lost


class _Buffered(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.came, self.lost = loop.create_future(), loop.create_future()
        self._buffer = bytearray(100)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.came.set_result(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


async def _to_buffered(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    made = await stage.loop.create_unix_connection(_Buffered, sock=left)
    with _passed(stage, right):
        await made[1].came
        made[0].close()
        await made[1].lost


async def _to_paused(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    """It is closed unread."""
    transport, protocol = await stage.loop.create_unix_connection(Answers, sock=left)
    transport.pause_reading()
    with _passed(stage, right):
        await asyncio.sleep(0)
        transport.close()
        await protocol.lost


async def _to_streams(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=left)
    with _passed(stage, right):
        await reader.readexactly(6)
        writer.close()
        await writer.wait_closed()


async def _to_calls(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    left.setblocking(False)
    with _passed(stage, right), left:
        await stage.loop.sock_recv(left, 3)
        await stage.loop.sock_recv_into(left, bytearray(3))


async def _to_pipe(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    made = await stage.loop.connect_read_pipe(Answers, left)
    with _passed(stage, right):
        await made[1].come(6)
        made[0].close()
        await made[1].lost


async def _to_datagrams(stage: Stage, left: socket.socket, right: socket.socket) -> None:
    made = await stage.loop.create_datagram_endpoint(Answers, sock=left)
    with _passed(stage, right):
        await made[1].come(6)
        made[0].close()
        await made[1].lost


_TAKERS: dict[str, Any] = {
    "a protocol": _to_protocol,
    "a buffered protocol": _to_buffered,
    "a transport that reads nothing": _to_paused,
    "streams": _to_streams,
    "sock_recv()": _to_calls,
    "a pipe's transport": _to_pipe,
    "a datagram endpoint": _to_datagrams,
}


async def _descriptors(stage: Stage, taker: str) -> None:
    kind = socket.SOCK_DGRAM if taker == "a datagram endpoint" else socket.SOCK_STREAM
    left, right = socket.socketpair(socket.AF_UNIX, kind)
    with left, right:
        await _TAKERS[taker](stage, left, right)


# Terminals


async def _terminal(stage: Stage, how: str) -> None:
    """Pipes to and from a terminal, whose other end goes."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    ours, other = (master, slave) if "master" in how else (slave, master)
    with open(ours, "r+b", 0, closefd=True) as ours_file, open(other, "r+b", 0) as other_file:
        again = open(os.dup(ours), "r+b", 0)  # noqa: SIM115 - the transport closes it
        reading, answers = await stage.loop.connect_read_pipe(Answers, ours_file)
        writing, _ = await stage.loop.connect_write_pipe(asyncio.BaseProtocol, again)
        other_file.write(b"a word")
        await answers.come(6)
        writing.write(b"another")
        await _readable(stage, other_file)
        if other_file.read(7) != b"another":
            stage.wrong.append("the terminal has not got what was written")
        if "goes" in how:
            other_file.close()
            await asyncio.wait_for(answers.lost, LIMIT)
            writing.write(b"in vain")
        writing.close()
        reading.close()
        await asyncio.wait_for(answers.lost, LIMIT)


async def _readable(stage: Stage, file: Any) -> None:
    came = stage.loop.create_future()
    stage.loop.add_reader(file, lambda: came.done() or came.set_result(None))
    try:
        await asyncio.wait_for(came, LIMIT)
    finally:
        stage.loop.remove_reader(file)


# Points


def units(*, brief: bool) -> list[str]:
    versions = ("TLSv1.3",) if brief else certificates.VERSIONS
    found = [f"{side}, {version}" for side in _SIDES for version in versions]
    if not brief and shutil.which("openssl"):
        found.append("key updates")
    return [*found, "requests", "descriptors", "terminals"]


_SIDES = {"server": _tls_server, "client": _tls_client}


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run what a peer does, in each way."""
    for version in certificates.VERSIONS:
        for context in (tools.server, tools.client):
            server_side = context is tools.server
            _contexts[server_side, version] = _limited(server_side, version, tools.folder.parent)
    for name, play in _points(unit, extent.brief).items():
        if notes.begins(name):
            notes.ends(name, _point(play, tools, grows=not extent.brief))


def _points(unit: str, brief: bool) -> dict[str, Callable[[Stage], Awaitable[None]]]:
    partial = functools.partial
    side, _, version = unit.partition(", ")
    if side in _SIDES:
        return {
            f"{fault}, and {leave}": partial(
                _SIDES[side], version=version, fault=fault, leave=leave
            )
            for fault in _FAULTS
            for leave in _LEAVING
        }
    if unit == "key updates":
        return {f"{_KEY_UPDATES} times": _key_updates}
    if unit == "requests":
        sizes = range(0, len(_REQUEST) + 1, 7 if brief else 1)
        ways = (*_LEAVING, "half-closes")
        return {
            f"{size} bytes, and {leave}": partial(_request, size=size, leave=leave)
            for size in sizes
            for leave in ways
        }
    if unit == "descriptors":
        return {f"to {taker}": partial(_descriptors, taker=taker) for taker in _TAKERS}
    hows = (f"the {end}{more}" for end in ("slave", "master") for more in ("", ", the other goes"))
    return {how: partial(_terminal, how=how) for how in hows}


def _point(play: Callable[[Stage], Awaitable[None]], tools: Tools, *, grows: bool) -> list[str]:
    wrong = _once(play, tools)
    if wrong or not grows:
        return wrong
    for _ in range(_WARM):
        _once(play, tools)
    before = sys.getallocatedblocks()
    for _ in range(_TIMES):
        wrong += _once(play, tools)
    if (more := sys.getallocatedblocks() - before) > _GROWTH:
        wrong.append(f"{more} blocks of memory more are held after {_TIMES} times")
    return wrong


def _once(play: Callable[[Stage], Awaitable[None]], tools: Tools) -> list[str]:
    stage = Stage(tools)
    with stage.watching():
        stage.perform((), lambda: play(stage))
    # A record that comes too late is told of, and so is one that nobody reads.
    return [line for line in stage.wrong if not line.endswith(" bytes are not sent")]


def _check_end(stage: Stage, error: Exception | None) -> None:
    # An end without close_notify is an end, and is never why a record was refused.
    if isinstance(error, ssl.SSLEOFError) or not isinstance(error, (*_ENDS, type(None))):
        stage.wrong.append(f"a connection ends with {error!r}")
