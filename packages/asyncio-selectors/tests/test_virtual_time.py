"""The loop `virtual` over readiness: which descriptors hold time, and which do not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

import asyncio_core
from asyncio_core.testing.outside import Outlook, Source
from asyncio_core.testing.virtual import VirtualEventLoopPolicy
from asyncio_selectors import SelectorEventLoop

if sys.platform == "win32":
    pytest.skip("the platform has another loop by default", allow_module_level=True)

HOUR = 3600.0


def make_loop():
    return VirtualEventLoopPolicy().new_event_loop()


def run(main):
    with asyncio_core.Runner(loop_factory=make_loop) as runner:
        return runner.run(main)


class Answering(asyncio_core.Protocol):
    """Answers a line with itself, an hour later."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        asyncio_core.get_running_loop().call_later(HOUR, self.transport.write, data)


class Client(asyncio_core.Protocol):
    def __init__(self):
        self.answer = asyncio_core.get_running_loop().create_future()

    def data_received(self, data):
        self.answer.set_result(data)


def test_the_policy_is_laid_over_the_loop_of_this_distribution():
    loop = make_loop()
    assert isinstance(loop, SelectorEventLoop)
    loop.close()


def test_a_program_that_serves_itself_waits_for_nobody():
    async def main():
        loop = asyncio_core.get_running_loop()
        server = await loop.create_server(Answering, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Client, *server.sockets[0].getsockname())
        begun = loop.time()
        for _ in range(24):
            transport.write(b"ping")
            assert await client.answer == b"ping"
            client.answer = loop.create_future()
        transport.close()
        server.close()
        return loop.time() - begun

    assert run(main()) == pytest.approx(24 * HOUR)


def test_a_server_in_a_thread_is_waited_for_in_real_time():
    listener = socket.create_server(("127.0.0.1", 0))
    go = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            assert go.wait(60)
            connection.sendall(b"late")

    # Started before there is a loop: it is the descriptor that tells.
    thread = threading.Thread(target=serve)
    thread.start()

    async def main():
        loop = asyncio_core.get_running_loop()
        transport, client = await loop.create_connection(Client, *listener.getsockname())
        timer = loop.call_later(HOUR, pytest.fail)
        loop.call_later(0.02, go.set)
        assert await client.answer == b"late"
        timer.cancel()
        transport.close()

    try:
        run(main())
    finally:
        go.set()
        thread.join(60)
        listener.close()


def test_a_pipe_to_a_process_is_waited_for_in_real_time():
    with subprocess.Popen(
        [sys.executable, "-c", "import os; input(); os.write(1, b'here')"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:

        async def main():
            loop = asyncio_core.get_running_loop()
            transport, client = await loop.connect_read_pipe(Client, process.stdout)
            timer = loop.call_later(HOUR, pytest.fail)
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert await client.answer == b"here"
            timer.cancel()
            transport.close()

        run(main())


def test_a_pipe_within_the_loop_holds_no_time():
    async def main():
        loop = asyncio_core.get_running_loop()
        reading, writing = (
            os.fdopen(end, mode, 0) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True)
        )
        transport, client = await loop.connect_read_pipe(Client, reading)
        writer, _ = await loop.connect_write_pipe(asyncio_core.Protocol, writing)
        loop.call_later(HOUR, writer.write, b"data")
        assert await client.answer == b"data"
        transport.close()
        writer.close()

    run(main())


def test_a_signal_may_come():
    go = threading.Event()

    def kill():
        assert go.wait(60)
        os.kill(os.getpid(), signal.SIGUSR1)

    # Started before there is a loop, so that it is none that may call it.
    thread = threading.Thread(target=kill)
    thread.start()

    async def main():
        loop = asyncio_core.get_running_loop()
        come = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, come.set_result, "come")
        # Once the loop has found out that nothing is ready.
        loop._outlook.look = lambda: go.set() or Source.OPEN
        assert await come == "come"

    async def without_thread():
        loop = asyncio_core.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, int)
        assert loop._outlook.look() is Source.OPEN

    try:
        run(without_thread())
        run(main())
    finally:
        go.set()
        thread.join(60)


# Without a timer: what can come, and what cannot. Each in a process of its own, as other threads count.

ALONE = """
import asyncio_core, os, signal, socket, subprocess, sys, threading
from asyncio_core import DeadlockError
from asyncio_core.testing.virtual import VirtualEventLoopPolicy

class Silent(asyncio_core.Protocol):
    def connection_made(self, transport):
        self.transport = transport

async def serve_forever(loop):
    server = await loop.create_server(Silent, "127.0.0.1", 0)
    await server.serve_forever()

async def server_that_does_not_answer(loop):
    server = await loop.create_server(Silent, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    transport, _ = await loop.create_connection(Silent, *address)
    transport.write(b"question")
    await loop.create_future()

async def socket_pair(loop):
    for each in (ends := socket.socketpair()):
        each.setblocking(False)
    await loop.sock_recv(ends[0], 1)

async def both_ends_of_a_pair(loop):
    for each in (ends := socket.socketpair()):
        each.setblocking(False)
    await asyncio_core.gather(*(loop.sock_recv(each, 1) for each in ends))

async def datagrams(loop):
    await loop.create_datagram_endpoint(asyncio_core.DatagramProtocol, ("127.0.0.1", 0))
    await loop.create_future()

async def pipe(loop):
    reading, writing = os.pipe()
    await loop.connect_read_pipe(Silent, os.fdopen(reading, "rb"))
    await loop.create_future()

async def no_descriptor(loop):
    await loop.create_future()

async def main():
    await globals()[sys.argv[1]](asyncio_core.get_running_loop())

if "child" in sys.argv:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
if "thread" in sys.argv:
    # A stranger to the loop, which need not call it to write to a socket.
    threading.Thread(target=sys.stdin.readline, daemon=True).start()
if "signal" in sys.argv:
    before = main
    async def main():
        asyncio_core.get_running_loop().add_signal_handler(signal.SIGUSR1, int)
        await before()
loop = VirtualEventLoopPolicy().new_event_loop()
if "waits" in sys.argv:
    looks = []
    look = loop._outlook.look
    def count():
        looks.append(None)
        if len(looks) == 5:
            print("waits", flush=True)
            os._exit(0)
        return look()
    loop._outlook.look = count
try:
    loop.run_until_complete(main())
except DeadlockError as error:
    print(error, flush=True)
    os._exit(0)
"""
CASES = (
    *("serve_forever", "server_that_does_not_answer", "socket_pair", "both_ends_of_a_pair"),
    *("datagrams", "pipe", "no_descriptor"),
)


def told_of(*arguments):
    # With a pipe for its input, in which nothing comes.
    with subprocess.Popen(
        [sys.executable, "-c", ALONE, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        return process.stdout.read()


@pytest.mark.parametrize("case", CASES)
def test_where_only_the_program_itself_could_write_it_is_a_deadlock(case):
    told = told_of(case)
    assert told.startswith("deadlock: nothing is ready, no timer is set, and no descriptor")
    assert f"in async {case}()" in told
    # What is watched, and waits for this program, is told of.
    assert ("those that are watched wait for this program itself" in told) == (
        case != "no_descriptor"
    )


@pytest.mark.parametrize("other", ["child", "thread", "signal"])
@pytest.mark.parametrize("case", ["serve_forever", "socket_pair", "pipe"])
def test_where_another_could_it_waits(case, other):
    assert told_of(case, other, "waits") == "waits\n"


def open_kinds():
    """Yield sockets, each with what it is to hold: its number, and from where it may be told something."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    yield "a listening socket", (listener,), (listener,), Source.OWN
    yield "both ends of a connection", (client, accepted), (client, accepted), Source.OWN
    yield "one end of a connection", (client,), (client,), Source.OUTSIDE
    for file in (listener, client, accepted):
        file.close()
    local = socket.socket(type=socket.SOCK_DGRAM)
    local.bind(("127.0.0.1", 0))
    yield "datagrams on a loopback address", (local,), (local,), Source.OWN
    wide = socket.socket(type=socket.SOCK_DGRAM)
    wide.bind(("", 0))
    yield "datagrams from everywhere", (wide,), (wide,), Source.OUTSIDE
    for file in (local, wide):
        file.close()
    pair = socket.socketpair()
    yield "a pair of this process", pair[:1], pair[:1], Source.OWN
    for file in pair:
        file.close()


def test_a_pipe_is_own_as_long_as_its_other_end_is_here():
    loop = make_loop()
    reading, writing = os.pipe()
    loop._add_reader(reading, int)
    outlook = Outlook(loop)
    assert outlook.look() is Source.OWN
    # Twice the same end is no other end.
    again = os.dup(reading)
    os.close(writing)
    assert outlook.look() is Source.OUTSIDE
    loop._remove_reader(reading)
    loop.close()
    os.close(reading)
    os.close(again)


def test_descriptors_are_told_apart():
    loop = make_loop()
    told = {}
    for name, files, watched, source in open_kinds():
        outlook = Outlook(loop)
        for file in watched:
            loop._add_reader(file.fileno(), int)
        found = outlook.look()
        for file in files:
            loop._remove_reader(file.fileno())
            # Looking at it has not closed it.
            assert file.getsockname() is not None
        told[name] = found, source
    loop.close()
    assert {name: found for name, (found, _) in told.items()} == {
        name: source for name, (_, source) in told.items()
    }


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="descriptors of processes")
def test_a_child_is_waited_for_in_real_time():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:

        async def main():
            loop = asyncio_core.get_running_loop()
            ended = loop.create_future()
            number = os.pidfd_open(child.pid)
            loop.add_reader(number, ended.set_result, None)
            timer = loop.call_later(HOUR, pytest.fail)
            child.stdin.close()
            await ended
            loop.remove_reader(number)
            os.close(number)
            timer.cancel()

        run(main())
