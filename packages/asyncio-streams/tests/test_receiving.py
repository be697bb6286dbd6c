"""What a connection receives is the reader's: through the methods where somebody has a say in them, else past them."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import SimpleNamespace

import pytest

import asyncio_core
from asyncio_streams import StreamReader, StreamReaderProtocol

# How much data is more than one wait's worth, and than a transport receives at once.
MUCH = 3_000_000


@contextlib.asynccontextmanager
async def connected(limit=2**16, *, kind=StreamReaderProtocol, reader_kind=StreamReader):
    """Yield a reader, its protocol and its transport, and the socket at the other end."""
    ours, theirs = socket.socketpair()
    loop = asyncio_core.get_running_loop()
    reader = reader_kind(limit, loop)
    protocol = kind(reader, loop=loop)
    with theirs:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, ours)
        try:
            yield SimpleNamespace(
                reader=reader, protocol=protocol, transport=transport, peer=theirs
            )
        finally:
            transport.close()


async def until(condition):
    while not condition():
        await asyncio_core.sleep(0.001)


def test_a_read_is_woken_once_all_it_waits_for_has_come(run):
    async def main():
        async with connected() as c:
            task = asyncio_core.create_task(c.reader.readexactly(8))
            c.peer.sendall(b"four")
            await until(lambda: c.reader._buffer == b"four")
            assert not task.done()
            c.peer.sendall(b"four and more")
            assert await task == b"fourfour"
            assert await c.reader.read(100) == b" and more"

    run(main)


def test_much_comes_as_it_was_sent(run):
    async def main():
        sent = bytes(range(251)) * (MUCH // 251)
        async with connected() as c:
            thread = threading.Thread(
                target=lambda: (c.peer.sendall(sent), c.peer.shutdown(socket.SHUT_WR))
            )
            thread.start()
            assert await c.reader.readexactly(len(sent) // 2) == sent[: len(sent) // 2]
            assert await c.reader.read() == sent[len(sent) // 2 :]
            thread.join()

    run(main)


def test_reading_is_paused_where_too_much_comes_and_goes_on_once_it_is_read(run):
    async def main():
        async with connected(10) as c:
            c.peer.sendall(b"x" * 20)
            await until(lambda: len(c.reader._buffer) == 20)
            assert c.transport.is_reading()
            c.peer.sendall(b"y")
            await until(lambda: len(c.reader._buffer) == 21)
            assert not c.transport.is_reading()
            assert await c.reader.readexactly(10) == b"x" * 10
            assert not c.transport.is_reading()
            assert await c.reader.readexactly(1) == b"x"
            assert c.transport.is_reading()
            c.peer.sendall(b"late")
            assert await c.reader.readexactly(14) == b"x" * 9 + b"ylate"

    run(main)


def test_end_comes_after_what_was_received(run):
    async def main():
        async with connected() as c:
            c.peer.sendall(b"last")
            c.peer.shutdown(socket.SHUT_WR)
            assert await c.reader.read() == b"last"
            assert c.reader.at_eof()

    run(main)


def test_methods_of_the_instances_are_called(run):
    async def main():
        async with connected() as c:
            got = []
            c.protocol.data_received = got.append
            c.peer.sendall(b"one")
            await until(lambda: got == [b"one"])
            del c.protocol.data_received
            c.peer.sendall(b"two")
            assert await c.reader.readexactly(3) == b"two"
            c.reader.feed_data = got.append
            c.peer.sendall(b"three")
            await until(lambda: got == [b"one", b"three"])
            del c.reader.feed_data
            c.peer.sendall(b"four")
            assert await c.reader.readexactly(4) == b"four"
            c.protocol._stream_reader = None
            c.peer.sendall(b"five")
            await asyncio_core.sleep(0.01)
            assert c.reader._buffer == b""

    run(main)


def test_methods_of_subclasses_are_called(run):
    class Upper(StreamReader):
        def feed_data(self, data):
            super().feed_data(data.upper())

    class Twice(StreamReaderProtocol):
        def data_received(self, data):
            super().data_received(data * 2)

    async def main():
        async with connected(kind=Twice, reader_kind=Upper) as c:
            c.peer.sendall(b"data")
            assert await c.reader.readexactly(8) == b"DATADATA"

    run(main)


@pytest.mark.parametrize(
    ("owner", "name"), [(StreamReaderProtocol, "data_received"), (StreamReader, "feed_data")]
)
def test_patched_method_is_called_and_an_unpatched_one_is_not_any_more(
    run, monkeypatch, owner, name
):
    async def main():
        async with connected() as c:
            for n in range(3):
                got = []
                with monkeypatch.context() as patch:
                    patch.setattr(owner, name, lambda self, data, got=got: got.append(data))
                    c.peer.sendall(b"data")
                    await until(lambda got=got: got == [b"data"])
                c.peer.sendall(b"more%d" % n)
                assert await c.reader.readexactly(5) == b"more%d" % n

    run(main)


def test_buffer_that_is_looked_into_refuses_what_comes(run, complaints):
    async def main():
        async with connected() as c:
            c.peer.sendall(b"data")
            await until(lambda: c.reader._buffer == b"data")
            with memoryview(c.reader._buffer):
                c.peer.sendall(b"more")
                await until(lambda: c.transport.is_closing())
            assert [type(c["exception"]) for c in complaints] == [BufferError]
            complaints.clear()
            await until(lambda: c.reader.exception() is not None)

    run(main)


def test_loops_of_several_threads_receive_at_once():
    async def exchange():
        sent = bytes([threading.get_ident() % 251]) * MUCH
        async with connected() as c:
            thread = threading.Thread(target=c.peer.sendall, args=(sent,))
            thread.start()
            assert await c.reader.readexactly(MUCH) == sent
            thread.join()
        done.append(True)

    done = []
    threads = [threading.Thread(target=asyncio_core.run, args=(exchange(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 3
