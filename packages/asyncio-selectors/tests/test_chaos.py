"""Shuffled and chaotic loops over readiness: reads and writes in pieces, and what fails now and then."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

import asyncio_core
from asyncio_core.testing.breaking import BreakingSocket
from asyncio_core.testing.chaos import ChaosEventLoopPolicy, ChaosPart
from asyncio_core.testing.decisions import Decisions
from asyncio_core.testing.faults import Faults
from asyncio_core.testing.making import laid_over
from asyncio_core.testing.shuffled import ShuffledEventLoopPolicy, ShuffledPart
from asyncio_selectors import SelectorEventLoop

if sys.platform == "win32":
    pytest.skip("the platform has another loop by default", allow_module_level=True)

SENT = bytes(range(256)) * 40


def make_loop(seed=0, **faults):
    kind = laid_over(ChaosPart, SelectorEventLoop)
    return kind(Decisions(seed), Faults(all=0, **faults))


def run(main, seed=0, make=make_loop, reports=None, **faults):
    reported = [] if reports is None else reports

    def factory():
        loop = make(seed, **faults)
        loop.set_exception_handler(lambda _, context: reported.append(context))
        return loop

    with asyncio_core.Runner(loop_factory=factory) as runner:
        result = runner.run(main())
    if reports is None:
        assert reported == []
    return result


class Receiving(asyncio_core.Protocol):
    def __init__(self):
        self.pieces = []
        self.lost = asyncio_core.get_running_loop().create_future()

    def data_received(self, data):
        self.pieces.append(data)

    def connection_lost(self, exc):
        self.lost.set_result(exc)


class Buffered(asyncio_core.BufferedProtocol):
    def __init__(self):
        self.room = bytearray(4096)
        self.pieces = []
        self.lost = asyncio_core.get_running_loop().create_future()

    def get_buffer(self, sizehint):
        return self.room

    def buffer_updated(self, nbytes):
        self.pieces.append(bytes(self.room[:nbytes]))

    def connection_lost(self, exc):
        self.lost.set_result(exc)


async def transfer(kind=Receiving):
    """Send over a connection of the loop's own; return the receiving protocol and what ended the two sides."""
    loop = asyncio_core.get_running_loop()
    made = []

    def factory():
        made.append(kind())
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    transport, client = await loop.create_connection(Receiving, *server.sockets[0].getsockname())
    transport.write(SENT[:5000])
    transport.writelines([SENT[5000:6000], SENT[6000:]])
    transport.close()
    sent = await client.lost
    while not made:
        await asyncio_core.sleep(1)
    received = await made[0].lost
    server.close()
    return made[0], sent, received


@pytest.mark.parametrize("kind", [Receiving, Buffered])
def test_what_comes_in_pieces_is_all_there(kind):
    def make(seed):
        return laid_over(ShuffledPart, SelectorEventLoop)(Decisions(seed))

    ways = set()
    for seed in range(20):
        protocol, *ends = run(lambda: transfer(kind), seed, make)
        assert b"".join(protocol.pieces) == SENT
        assert ends == [None, None]
        ways.add(tuple(map(len, protocol.pieces)))
    assert len(ways) > 5


def test_sockets_of_the_program_are_read_and_written_in_pieces_too(pair):
    left, right = pair

    async def main():
        loop = asyncio_core.get_running_loop()
        sending = asyncio_core.create_task(loop.sock_sendall(left, SENT))
        got = b""
        sizes = set()
        while len(got) < len(SENT):
            piece = await loop.sock_recv(right, 3000)
            sizes.add(len(piece))
            got += piece
        await sending
        assert got == SENT
        return len(sizes)

    assert run(main) > 2
    assert type(left) is socket.socket, "it is the program's own"


def test_interrupted_calls_and_slow_peers_lose_nothing():
    protocol, *ends = run(transfer, eintr=0.3, slow=0.3)
    assert b"".join(protocol.pieces) == SENT
    assert ends == [None, None]


def failing(**faults):
    """Return the first outcome among some seeds in which something has failed."""
    for seed in range(50):
        protocol, *ends = run(transfer, seed, reports=[], **faults)
        if ends != [None, None] or b"".join(protocol.pieces) != SENT:
            return b"".join(protocol.pieces), ends
    return pytest.fail("nothing has failed")


def test_connections_are_reset():
    received, ends = failing(econnreset=0.05)
    assert SENT.startswith(received)
    assert {type(end) for end in ends} <= {type(None), ConnectionResetError, BrokenPipeError}


def test_peers_end_connections_in_the_midst():
    received, _ = failing(eof=0.05)
    assert SENT.startswith(received)
    assert len(received) < len(SENT)


def test_there_is_no_memory_for_what_is_to_be_sent():
    received, (sent, _) = failing(enobufs=0.05)
    assert SENT.startswith(received)
    assert sent.errno == errno.ENOBUFS
    assert "made up by the loop `chaos`" in str(sent)


@pytest.mark.skipif(not hasattr(socket.socket, "sendmsg"), reason="pieces are joined there")
@pytest.mark.parametrize(
    ("kind", "number"), [("econnreset", errno.ECONNRESET), ("enobufs", errno.ENOBUFS)]
)
def test_several_pieces_that_are_sent_at_once_fail_like_one(pair, kind, number):
    """A transport that has a queue sends it so."""
    ours, _ = pair

    async def main():
        loop = asyncio_core.get_running_loop()
        transport, protocol = await loop.create_connection(Receiving, sock=ours)
        transport.writelines([b"two", b"pieces"])
        return await protocol.lost

    lost = run(main, **{kind: 1.0})
    assert lost.errno == number


def test_a_server_without_descriptors_rests_and_goes_on():
    reports = []

    async def main():
        loop = asyncio_core.get_running_loop()
        server = await loop.create_server(Receiving, "127.0.0.1", 0)
        loop._faults.emfile = 0.5
        seen = set()
        for _ in range(20):
            try:
                transport, _ = await loop.create_connection(
                    Receiving, *server.sockets[0].getsockname()
                )
            except OSError as error:
                seen.add(error.errno)
            else:
                transport.close()
        await asyncio_core.sleep(100)
        assert server.is_serving()
        server.close()
        return seen

    assert run(main, reports=reports) == {errno.EMFILE}
    assert {report["exception"].errno for report in reports} == {errno.EMFILE}


def test_names_do_not_resolve_or_late(monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments: [])

    async def main():
        loop = asyncio_core.get_running_loop()
        seen = set()
        for _ in range(50):
            begun = loop.time()
            try:
                await loop.getaddrinfo("name.invalid", 80)
            except socket.gaierror as error:
                seen.add(error.errno)
            else:
                seen.add("late" if loop.time() - begun > 0.09 else "answered")
        return seen

    assert run(main, dns=0.5) == {socket.EAI_AGAIN, "late", "answered"}


def test_datagrams_find_no_memory():
    class Endpoint(asyncio_core.DatagramProtocol):
        def __init__(self):
            self.errors = []

        def error_received(self, exc):
            self.errors.append(exc.errno)

    async def main():
        loop = asyncio_core.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            Endpoint, local_addr=("127.0.0.1", 0)
        )
        for _ in range(50):
            transport.sendto(b"data", transport.get_extra_info("sockname"))
            await asyncio_core.sleep(1)
        transport.close()
        return set(protocol.errors)

    assert run(main, enobufs=0.2) == {errno.ENOBUFS}


# Cancelling.


async def three_awaits(seen, name="worker"):
    loop = asyncio_core.get_running_loop()
    for number in range(3):
        seen.append(number)
        await asyncio_core.sleep(1)
    loop.call_soon(seen.append, "done")
    await asyncio_core.sleep(0)


@pytest.mark.parametrize("point", [1, 2, 3, 4])
def test_a_task_is_cancelled_at_the_await_point_that_is_chosen(point):
    async def main():
        seen = []
        task = asyncio_core.create_task(three_awaits(seen))
        await asyncio_core.wait([task])
        assert task.cancelled()
        with pytest.raises(asyncio_core.CancelledError, match=f"at await point {point}"):
            task.result()
        return [each for each in seen if each != "done"]

    assert run(main, cancel_at=point) == list(range(min(point, 3)))


def test_tasks_are_cancelled_by_chance_and_the_one_that_is_run_is_not():
    async def main():
        tasks = [asyncio_core.create_task(three_awaits([])) for _ in range(50)]
        await asyncio_core.wait(tasks)
        return sum(task.cancelled() for task in tasks)

    assert 0 < run(main, cancel=0.05) < 50


def test_tasks_that_may_be_cancelled_are_chosen_by_their_name():
    async def main():
        tasks = [asyncio_core.create_task(three_awaits([]), name=name) for name in "ab" * 20]
        await asyncio_core.wait(tasks)
        return {task.get_name() for task in tasks if task.cancelled()}

    assert run(main, cancel=0.5, only="a*") == {"a"}
    assert run(main, cancel=0.5, only="three_*") == {"a", "b"}


# What is asked for.


def test_the_environment_says_what_fails(monkeypatch):
    monkeypatch.setenv("ASYNCIO_SEED", "3")
    monkeypatch.setenv("ASYNCIO_CHAOS", "all=0, econnreset=0.25,only=worker*,cancel_at=7")
    loop = ChaosEventLoopPolicy().new_event_loop()
    loop.close()
    assert issubclass(loop._socket_class, BreakingSocket)
    faults = loop._faults
    assert (faults.cancel, faults.econnreset, faults.only, faults.cancel_at) == (
        0,
        0.25,
        "worker*",
        7,
    )
    assert "econnreset=0.25" in repr(faults)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("storm=1", "no faults of the kind 'storm'; known kinds: all, only, cancel_at, cancel"),
        ("eof=2", "eof=2.0 is no share"),
        ("eof", "'eof' is not of the form kind=share"),
        ("cancel_at=soon", "invalid literal"),
        ("cancel_at=-1", "cancel_at=-1 is no number of an await point"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_variable(monkeypatch, value, message):
    monkeypatch.setenv("ASYNCIO_CHAOS", value)
    with pytest.raises(ValueError, match=f"^ASYNCIO_CHAOS={value}: .*{message}"):
        ChaosEventLoopPolicy().new_event_loop()


def test_policies_are_laid_over_the_loop_of_this_distribution():
    for policy in (ShuffledEventLoopPolicy(), ChaosEventLoopPolicy()):
        assert issubclass(policy.loop_class(), SelectorEventLoop)
