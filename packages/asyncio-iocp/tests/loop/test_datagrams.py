"""Datagram endpoints."""

from __future__ import annotations

import array
import contextvars
import errno
import socket
from typing import Any

import pytest

import asyncio_core


def open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


@pytest.fixture
def endpoint(loop: Any, recorder: Any) -> Any:
    async def make(**options: Any) -> tuple[Any, Any]:
        return await loop.create_datagram_endpoint(recorder, **options)  # type: ignore[no-any-return]

    return make


def test_datagrams_go_both_ways_and_may_be_empty(loop: Any, endpoint: Any) -> None:
    async def main() -> None:
        one, told_one = await endpoint(local_addr=("127.0.0.1", 0))
        two, told_two = await endpoint(local_addr=("127.0.0.1", 0))
        here, there = one.get_extra_info("sockname"), two.get_extra_info("sockname")
        for data in (b"hello", b"", bytearray(b"third")):
            one.sendto(data, there)
        await told_two.until(lambda: len(told_two.datagrams) == 3)
        assert told_two.datagrams == [(b"hello", here), (b"", here), (b"third", here)]
        two.sendto(b"x" * 60_000, here)
        await told_one.until(lambda: bool(told_one.datagrams))
        assert told_one.datagrams == [(b"x" * 60_000, there)]
        one.close()
        two.close()
        assert await told_one.lost is None
        assert await told_two.lost is None

    loop.run_until_complete(main())


def test_connected_endpoint_needs_no_address_and_takes_no_other(
    loop: Any, endpoint: Any, in_thread: Any
) -> None:
    async def main() -> None:
        with open_socket() as peer:
            transport, told = await endpoint(remote_addr=peer.getsockname())
            assert transport.get_extra_info("peername") == peer.getsockname()
            transport.sendto(b"one")
            transport.sendto(b"two", peer.getsockname())
            with pytest.raises(ValueError, match="Invalid address"):
                transport.sendto(b"three", ("127.0.0.1", 9))
            peer.settimeout(20)
            assert await in_thread(peer.recv, 100) == b"one"
            assert await in_thread(peer.recv, 100) == b"two"
            peer.sendto(b"answer", transport.get_extra_info("sockname"))
            await told.until(lambda: bool(told.datagrams))
            assert told.datagrams[0][0] == b"answer"
            transport.close()
            await told.lost

    loop.run_until_complete(main())


def test_socket_that_was_connected_before_is_sent_to_without_an_address(
    loop: Any,
    endpoint: Any,
    in_thread: Any,
) -> None:
    async def main() -> None:
        with open_socket() as peer:
            ours = open_socket()
            ours.connect(peer.getsockname())
            transport, told = await endpoint(sock=ours)
            transport.sendto(b"hello")
            peer.settimeout(20)
            assert await in_thread(peer.recv, 100) == b"hello"
            transport.close()
            await told.lost

    loop.run_until_complete(main())


def test_nobody_there_is_told_and_the_endpoint_goes_on(loop: Any, endpoint: Any) -> None:
    async def main() -> None:
        with open_socket() as gone:
            nowhere = gone.getsockname()
        transport, told = await endpoint(remote_addr=nowhere)
        transport.sendto(b"anybody?")
        await told.until(lambda: bool(told.errors))
        assert isinstance(told.errors[0], ConnectionError)
        assert not transport.is_closing()
        transport.close()
        assert await told.lost is None

    loop.run_until_complete(main())


def test_endpoint_receives_after_it_has_sent_to_nobody(loop: Any, endpoint: Any) -> None:
    async def main() -> None:
        with open_socket() as gone:
            nowhere = gone.getsockname()
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        with open_socket() as peer:
            for _ in range(5):
                transport.sendto(b"anybody?", nowhere)
            peer.sendto(b"I am here", transport.get_extra_info("sockname"))
            await told.until(lambda: bool(told.datagrams))
            assert told.datagrams == [(b"I am here", peer.getsockname())]
        transport.close()
        await told.lost

    loop.run_until_complete(main())


def test_protocol_that_raises_is_reported_and_receives_the_next(loop: Any, recorder: Any) -> None:
    class Failing(recorder):  # type: ignore[misc]
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            raise ZeroDivisionError

    async def main() -> None:
        transport, told = await loop.create_datagram_endpoint(Failing, local_addr=("127.0.0.1", 0))
        with open_socket() as peer:
            for count in (1, 2):
                peer.sendto(b"x", transport.get_extra_info("sockname"))
                await told.until(lambda count=count: len(told.datagrams) == count)
        transport.close()
        await told.lost
        assert [type(report["exception"]) for report in loop.reported] == [ZeroDivisionError] * 2
        loop.reported.clear()

    loop.run_until_complete(main())


def test_datagram_that_is_too_long_is_told_and_the_endpoint_goes_on(
    loop: Any,
    endpoint: Any,
    in_thread: Any,
) -> None:
    async def main() -> None:
        with open_socket() as peer:
            transport, told = await endpoint(local_addr=("127.0.0.1", 0))
            transport.sendto(b"x" * 70_000, peer.getsockname())
            await told.until(lambda: bool(told.errors))
            assert isinstance(told.errors[0], OSError)
            transport.sendto(b"short", peer.getsockname())
            peer.settimeout(20)
            assert await in_thread(peer.recv, 100) == b"short"
            transport.close()
            await told.lost

    loop.run_until_complete(main())


def test_what_waits_is_sent_in_order_before_the_end(
    loop: Any, endpoint: Any, in_thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with open_socket() as peer:
            transport, told = await endpoint(local_addr=("127.0.0.1", 0))
            first = loop.create_future()
            usual = loop._proactor.sendto
            monkeypatch.setattr(loop._proactor, "sendto", lambda *args, **options: first)
            transport.sendto(b"first", peer.getsockname())
            monkeypatch.setattr(loop._proactor, "sendto", usual)
            transport.sendto(b"second", peer.getsockname())
            transport.sendto(b"third", peer.getsockname())
            assert (
                transport.get_write_buffer_size()
                == sum(map(len, ("first", "second", "third"))) + 24
            )
            transport.close()
            assert not told.lost.done()
            first.set_result(5)
            assert await told.lost is None
            assert transport.get_write_buffer_size() == 0
            peer.settimeout(20)
            assert await in_thread(peer.recv, 100) == b"second"
            assert await in_thread(peer.recv, 100) == b"third"

    loop.run_until_complete(main())


def test_protocol_is_slowed_down_and_abort_forgets_what_waits(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        transport.set_write_buffer_limits(high=10)
        stuck = loop.create_future()
        monkeypatch.setattr(loop._proactor, "sendto", lambda *args, **options: stuck)
        transport.sendto(b"first one", ("127.0.0.1", 9))
        transport.sendto(b"second", ("127.0.0.1", 9))
        assert told.pauses == ["pause"]
        transport.abort()
        assert stuck.cancelled()
        assert await told.lost is None
        transport.sendto(b"lost", ("127.0.0.1", 9))

    loop.run_until_complete(main())


def test_protocol_is_resumed_when_the_datagrams_are_out(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        transport.set_write_buffer_limits(high=1)
        sending = loop.create_future()
        monkeypatch.setattr(loop._proactor, "sendto", lambda *args, **options: sending)
        transport.sendto(b"first one", ("127.0.0.1", 9))
        assert told.pauses == ["pause"]
        sending.set_exception(OSError(errno.ENETUNREACH, "no way"))
        await told.until(lambda: told.pauses == ["pause", "resume"])
        assert told.errors[0].errno == errno.ENETUNREACH
        transport.close()
        await told.lost

    loop.run_until_complete(main())


def test_socket_that_is_broken_ends_the_endpoint(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise OSError(errno.EBADF, "not a socket any more")

    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        with open_socket() as peer:
            monkeypatch.setattr(loop._proactor, "recvfrom", refuse)
            peer.sendto(b"x", transport.get_extra_info("sockname"))
            assert (await told.lost).errno == errno.EBADF
            assert [data for data, _ in told.datagrams] == [b"x"]
            assert len(told.errors) == 1

    loop.run_until_complete(main())


@pytest.mark.parametrize("data", ["text", 7, None])
def test_what_is_no_bytes_is_refused(loop: Any, endpoint: Any, data: Any) -> None:
    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(TypeError, match="bytes-like object"):
            transport.sendto(data, ("127.0.0.1", 9))
        transport.close()
        await told.lost

    loop.run_until_complete(main())


def test_endpoint_for_broadcasts_sends_to_its_address_and_hears_everybody(
    loop: Any, endpoint: Any, in_thread: Any
) -> None:
    async def main() -> None:
        with open_socket() as peer, open_socket() as other:
            transport, told = await endpoint(
                local_addr=("127.0.0.1", 0), remote_addr=peer.getsockname(), allow_broadcast=True
            )
            assert transport.get_extra_info("peername") is None
            transport.sendto(b"to all")
            peer.settimeout(20)
            assert await in_thread(peer.recv, 100) == b"to all"
            other.sendto(b"an answer", transport.get_extra_info("sockname"))
            await told.until(lambda: bool(told.datagrams))
            assert told.datagrams == [(b"an answer", other.getsockname())]
            transport.close()
            await told.lost

    loop.run_until_complete(main())


def test_waiting_datagrams_are_counted_in_bytes(loop: Any, endpoint: Any) -> None:
    numbers = memoryview(array.array("I", [1, 2, 3, 4]))

    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        for _ in range(50):
            transport.sendto(numbers, transport.get_extra_info("sockname"))
            assert transport.get_write_buffer_size() >= 0
        await told.until(lambda: len(told.datagrams) == 50)
        assert told.datagrams[0][0] == numbers.tobytes()
        assert transport.get_write_buffer_size() == 0
        transport.close()
        await told.lost

    loop.run_until_complete(main())


def test_datagrams_share_one_context(loop: Any, recorder: Any) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []

    class Counting(recorder):  # type: ignore[misc]
        def datagram_received(self, data: bytes, addr: Any) -> None:
            seen.append(variable.get())
            variable.set(data.decode())
            super().datagram_received(data, addr)

    async def main() -> None:
        transport, told = await loop.create_datagram_endpoint(Counting, local_addr=("127.0.0.1", 0))
        for number in range(3):
            transport.sendto(b"%d" % number, transport.get_extra_info("sockname"))
            await told.until(lambda number=number: len(told.datagrams) == number + 1)
        transport.close()
        await told.lost

    loop.run_until_complete(main())
    assert seen == ["nothing", "0", "1"]


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (None, TypeError),
        ("text", TypeError),
        (("127.0.0.1",), TypeError),
        (["127.0.0.1", 9], TypeError),
        (("127.0.0.1", "9"), TypeError),
        ((None, 9), TypeError),
        (("127.0.0.1", 99999), OverflowError),
        (("name.example.test", 99999), OverflowError),
        (("::1", 9), ValueError),
        (("127.0.0.1\0", 9), ValueError),
    ],
)
def test_bad_address_is_told_at_the_call_and_the_endpoint_goes_on(
    loop: Any, endpoint: Any, address: Any, error: type[Exception]
) -> None:
    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        here = transport.get_extra_info("sockname")
        transport.sendto(b"before", here)
        with pytest.raises(error):
            transport.sendto(b"lost", address)
        transport.sendto(b"after", here)
        await told.until(lambda: len(told.datagrams) == 2)
        assert [data for data, _ in told.datagrams] == [b"before", b"after"]
        assert told.errors == [] and transport.get_write_buffer_size() == 0
        transport.close()
        assert await told.lost is None

    loop.run_until_complete(main())


def test_name_is_looked_up_while_others_are_sent_to(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        answers.append(loop.create_future())
        return [(options["family"], options["type"], 17, "", (await answers[-1], port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        here = transport.get_extra_info("sockname")
        transport.sendto(b"first", ("name.example.test", here[1]))
        transport.sendto(b"second", ("name.example.test", here[1]))
        transport.sendto(b"at once", here)
        await told.until(lambda: len(told.datagrams) == 1)
        (answer,) = answers
        answer.set_result("127.0.0.1")
        await told.until(lambda: len(told.datagrams) == 3)
        assert [data for data, _ in told.datagrams] == [b"at once", b"first", b"second"]

        transport.sendto(b"lost", ("name.example.test", 9))
        while len(answers) == 1:
            await asyncio_core.sleep(0)
        failure = socket.gaierror(socket.EAI_NONAME, "no such name")
        answers[1].set_exception(failure)
        await told.until(lambda: bool(told.errors))
        assert told.errors == [failure]

        # Closing waits for names.
        transport.sendto(b"lost", ("name.example.test", 9))
        transport.close()
        while len(answers) == 2:
            await asyncio_core.sleep(0)
        assert not told.lost.done()
        answers[2].set_exception(failure)
        assert await told.lost is None
        assert transport.get_write_buffer_size() == 0

    loop.run_until_complete(main())


def test_aborting_drops_what_waits_for_a_name(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        await loop.create_future()

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        transport.sendto(b"lost", ("name.example.test", 9))
        transport.abort()
        assert await told.lost is None
        await asyncio_core.sleep(0)
        assert asyncio_core.all_tasks() == {asyncio_core.current_task()}

    loop.run_until_complete(main())


def test_hosts_that_are_no_str_are_written_as_one(
    loop: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    async def main() -> None:
        transport, told = await endpoint(local_addr=("127.0.0.1", 0))
        monkeypatch.setattr(transport, "_transmit", lambda data, address: sent.append(address))
        for host in (b"127.0.0.1", bytearray(b"127.0.0.1"), "localhost", "", "<broadcast>"):
            transport.sendto(b"x", (host, 9))
        transport.close()
        await told.lost

    loop.run_until_complete(main())
    hosts = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255"]
    assert sent == [(host, 9) for host in hosts]
