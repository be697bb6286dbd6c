"""What a poller reports for ever, to no effect, does not take a processor."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("the guard is for Unix", allow_module_level=True)

import asyncio_core
from asyncio_selectors import SelectorEventLoop, error_queue, spinning
from asyncio_test_support.loops import collect_reports
from asyncio_test_support.sockets import tcp_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncio_selectors.poller import Poller

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="error queues are of Linux")

IP_RECVERR = 11
SO_ZEROCOPY = 60
MSG_ZEROCOPY = 0x4000000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the guard make up its mind soon."""
    monkeypatch.setattr(spinning, "_NOTHING_TO_READ", (5, 0.01))
    monkeypatch.setattr(spinning, "_UNREAD", (10, 0.02))
    monkeypatch.setattr(spinning, "_WRITABLE", (20, 0.02))
    monkeypatch.setattr(spinning, "_REST", 0.05)


@pytest.fixture
def made(poller_class: type[Poller], quick: None) -> Iterator[Any]:
    loop = SelectorEventLoop(poller_class())
    collect_reports(loop)
    yield loop
    loop.close()


def calm(loop: Any, seconds: float = 0.3) -> float:
    """Run for a while and return the processor time of this thread that it took."""
    loop.call_later(seconds, loop.stop)
    before = time.thread_time()
    loop.run_forever()
    return time.thread_time() - before


def until(loop: Any, condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        loop.call_later(0.01, loop.stop)
        loop.run_forever()


@pytest.mark.parametrize(
    "what", ["unread", "end", "writable", "unread pipe", "end of a pipe", "packets"]
)
def test_what_is_reported_without_effect_is_told_once_and_rests(made: Any, what: str) -> None:
    calls: list[int] = []
    open_ones: list[Any] = []
    if "pipe" in what:
        reading, writing = os.pipe()
        watched, other = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
    else:
        kind = socket.SOCK_SEQPACKET if what == "packets" else socket.SOCK_STREAM
        watched, other = socket.socketpair(socket.AF_UNIX, kind)  # type: ignore[assignment]
        watched.setblocking(False)  # type: ignore[attr-defined]
    open_ones += [watched, other]
    if what.startswith("unread"):
        os.write(other.fileno(), b"x")
    elif what != "writable":
        other.close()
    add, remove = made.add_reader, made.remove_reader
    if what == "writable":
        add, remove = made.add_writer, made.remove_writer
    add(watched, calls.append, 1)
    until(made, lambda: made.reported)
    (report,) = made.reported
    assert "without effect" in report["message"]
    assert report["handle"]._args == (1,)
    before = len(calls)
    assert calm(made) < 0.15
    # It is still called now and then.
    assert before < len(calls) < before + 100
    assert len(made.reported) == 1
    assert remove(watched)
    assert calm(made, 0.1) < 0.05
    for one in open_ones:
        one.close()


def test_what_rested_is_served_at_once_when_something_happens(quick: None) -> None:
    if not hasattr(select, "epoll"):
        pytest.skip("other pollers look a few times a second")
    made = SelectorEventLoop()
    reported: list[Any] = []
    made.set_exception_handler(lambda _, context: reported.append(context))
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.send(b"x")
        idle = True
        got = bytearray()

        def read() -> None:
            if not idle:
                got.extend(left.recv(1))
                if len(got) == 1001:
                    made.stop()

        made.add_reader(left, read)
        until(made, lambda: reported)
        idle = False
        right.send(b"y" * 1000)
        began = time.monotonic()
        made.run_forever()
        # A byte at a time: as soon as one is taken, everything is as before.
        assert time.monotonic() - began < 5
        assert bytes(got) == b"x" + b"y" * 1000
    made.close()


def test_the_guard_needs_no_socket_class_that_a_suite_has_forbidden(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = socket.socketpair()
    made = SelectorEventLoop()
    reported: list[Any] = []
    made.set_exception_handler(lambda _, context: reported.append(context))

    class Forbidden(socket.socket):
        def __new__(cls, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no sockets in this suite")

    with left, right, monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Forbidden)
        right.send(b"x")
        made.add_reader(left, int)
        until(made, lambda: reported)
        assert made.remove_reader(left)
    made.close()


@pytest.mark.parametrize("change", ["add_writer", "remove_writer", "add_reader"])
def test_a_registration_that_is_changed_rests_no_more(made: Any, change: str) -> None:
    left, right = socket.socketpair()
    with left, right:
        calls: list[str] = []
        left.setblocking(False)
        if change == "remove_writer":
            # Full, so that the writer has nothing to do.
            while True:
                try:
                    left.send(b"x" * 4096)
                except BlockingIOError:
                    break
            made.add_writer(left, calls.append, "writer")
        right.send(b"x")
        made.add_reader(left, calls.append, "reader")
        until(made, lambda: made.reported)
        calls.clear()
        if change == "add_writer":
            made.add_writer(left, calls.append, "writer")
        elif change == "remove_writer":
            made.remove_writer(left)
        else:
            made.add_reader(left, calls.append, "reader")
        calm(made, 0.02)
        assert len(calls) > 2
        made.remove_reader(left)
        made.remove_writer(left)


@pytest.mark.parametrize("reused", [False, True])
def test_a_file_that_was_closed_while_watched_and_lives_elsewhere_is_forgotten(
    made: Any, reused: bool
) -> None:
    """A child that was forked holds it, say; its number may be another file's, or nobody's."""
    left, right = socket.socketpair()
    number = left.fileno()
    duplicate = os.dup(number)
    other = os.open(os.devnull, os.O_RDONLY)
    made.add_reader(left, int)
    right.send(b"x")
    left.close()
    if reused:
        os.dup2(other, number)
    until(made, lambda: number not in made._selector.get_map())
    assert calm(made) < 0.15
    assert made.reported == []
    for fd in (duplicate, other, *([number] if reused else [])):
        os.close(fd)
    right.close()


def test_who_reads_and_writes_as_fast_as_can_be_is_left_alone(made: Any) -> None:
    """A pair that plays ping-pong with the same bytes, and a stream that is always full."""
    pairs = [socket.socketpair() for _ in range(2)]
    for pair in pairs:
        for end in pair:
            end.setblocking(False)
    (ping, pong), (source, sink) = pairs
    count = 0
    taken = 0

    def read(sock: socket.socket) -> None:
        nonlocal count
        count += 1
        sock.send(sock.recv(64))

    def drain() -> None:
        nonlocal taken
        taken += len(sink.recv(4096))

    def feed() -> None:
        block = b"z" * 65536
        source.setblocking(True)
        while True:
            try:
                source.sendall(block)
            except OSError:
                return

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    made.add_reader(ping, read, ping)
    made.add_reader(pong, read, pong)
    made.add_reader(sink, drain)
    ping.send(b"the same bytes")
    calm(made, 1.0)
    assert count > 1000
    assert taken > 1000
    assert made.reported == []
    for sock in (ping, pong, sink):
        made.remove_reader(sock)
    sink.close()
    thread.join()
    for sock in (ping, pong, source):
        sock.close()


def nobody() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()  # type: ignore[no-any-return]


@linux_only
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_errors_in_the_queue_of_an_endpoint_are_told_once_each(
    loop: SelectorEventLoop, recorder: Any, family: Any
) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    option = (socket.IPPROTO_IP, 11) if family == socket.AF_INET else (socket.IPPROTO_IPV6, 25)

    class Told(recorder):  # type: ignore[misc]
        def error_received(self, exc: Exception) -> None:
            errors.append(exc)
            super().error_received(exc)

    errors: list[Any] = []

    async def main() -> None:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as free:
                free.bind((host, 0))
                port = free.getsockname()[1]
        except OSError:
            pytest.skip("no such addresses here")
        transport, protocol = await loop.create_datagram_endpoint(Told, local_addr=(host, 0))
        transport.get_extra_info("socket").setsockopt(*option, 1)
        transport.sendto(b"to nobody", (host, port))
        await protocol.until(lambda: errors)
        before = time.thread_time()
        await asyncio_core.sleep(0.2)
        assert time.thread_time() - before < 0.1
        assert [exc.errno for exc in errors] == [errno.ECONNREFUSED]
        # Datagrams arrive as before.
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"hello", transport.get_extra_info("sockname"))
            await protocol.until(lambda: protocol.data == b"hello")
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


@linux_only
def test_a_reader_that_asks_gets_the_error_queue(loop: SelectorEventLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        taken: list[Any] = []

        def read() -> None:
            taken.append(sock.recvmsg(100, 500, socket.MSG_ERRQUEUE))
            loop.stop()

        loop.add_reader(sock, read)
        sock.sendto(b"to nobody", nobody())
        loop.run_forever()
        assert taken[0][0] == b"to nobody"
        loop.remove_reader(sock)


@linux_only
def test_completions_of_zerocopy_do_not_make_a_connection_spin(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        sock, peer = tcp_pair()
        with peer:
            try:
                sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
            except OSError:
                sock.close()
                pytest.skip("the kernel has no MSG_ZEROCOPY")
            transport, protocol = await loop.create_connection(recorder, sock=sock)
            sock.send(bytes(100_000), MSG_ZEROCOPY)
            peer.setblocking(False)
            received = 0
            while received < 100_000:
                received += len(await loop.sock_recv(peer, 65536))
            before = time.thread_time()
            await asyncio_core.sleep(0.2)
            assert time.thread_time() - before < 0.1
            peer.send(b"hello")
            await protocol.until(lambda: protocol.data == b"hello")
            transport.close()
            await protocol.lost

    loop.run_until_complete(main())


@linux_only
def test_an_empty_queue_is_told_from_one_without_errors(pair: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert error_queue.take_errors(sock) is None
    # Of a Unix socket data would be taken.
    pair[1].send(b"x")
    assert error_queue.take_errors(pair[0]) is None
    assert pair[0].recv(9) == b"x"


@linux_only
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_an_endpoint_shut_down_for_receiving_goes_on_sending(
    loop: SelectorEventLoop, recorder: Any, family: Any
) -> None:
    async def main() -> None:
        if family == socket.AF_UNIX:
            ours, peer = socket.socketpair(family, socket.SOCK_DGRAM)
        else:
            ours, peer = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
            for sock in (ours, peer):
                sock.bind(("127.0.0.1", 0))
            ours.connect(peer.getsockname())
        with peer:
            peer.setblocking(False)
            transport, protocol = await loop.create_datagram_endpoint(recorder, sock=ours)
            ours.shutdown(socket.SHUT_RD)
            before = time.thread_time()
            await asyncio_core.sleep(0.2)
            assert time.thread_time() - before < 0.1
            transport.sendto(b"still")
            assert await loop.sock_recv(peer, 9) == b"still"
            transport.close()
            assert await protocol.lost is None

    loop.run_until_complete(main())


@linux_only
def test_the_end_of_a_connection_in_packets_is_its_end(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _, protocol = await loop.create_datagram_endpoint(recorder, sock=ours)
        peer.send(b"a packet")
        await protocol.until(lambda: protocol.data == b"a packet")
        # An empty one is none.
        peer.send(b"")
        await protocol.until(lambda: len(protocol.sizes) == 2)
        peer.close()
        assert await asyncio_core.wait_for(protocol.lost, 20) is None

    loop.run_until_complete(main())


@linux_only
def test_a_socket_call_that_waits_in_vain_rests(loop: SelectorEventLoop) -> None:
    reported: list[Any] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.sendto(b"to nobody", nobody())
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_recv(sock, 9)
            receiving = loop.create_task(loop.sock_recv(sock, 9))
            while not reported:
                await asyncio_core.sleep(0.01)
            before = time.thread_time()
            await asyncio_core.sleep(0.3)
            assert time.thread_time() - before < 0.15
            assert len(reported) == 1
            # What is the program's is still there.
            assert sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)[0] == b"to nobody"
            sock.sendto(b"hello", sock.getsockname())
            assert await asyncio_core.wait_for(receiving, 20) == b"hello"

    loop.run_until_complete(main())
