"""Where datagrams are sent to: bad addresses, names, and what is told beside a datagram."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.datagrams import address_of, close, endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

BAD = [
    (None, TypeError),
    ("text", TypeError),
    (5, TypeError),
    ((), TypeError),
    (("127.0.0.1",), TypeError),
    (["127.0.0.1", 9], TypeError),
    (("127.0.0.1", 9, 0, 0), TypeError),
    (("127.0.0.1", "9"), TypeError),
    (("127.0.0.1", None), TypeError),
    ((None, 9), TypeError),
    ((5, 9), TypeError),
    (("127.0.0.1", 99999), OverflowError),
    (("127.0.0.1", -1), OverflowError),
    ((b"127.0.0.1", 99999), OverflowError),
    (("name.example.test", 99999), OverflowError),
    (("name.example.test", "9"), TypeError),
    (("name.example.test",), TypeError),
    (("::1", 9), ValueError),
    ((b"::1", 9), ValueError),
    (("::1", 9, 0, 0), ValueError),
    (("127.0.0.1\0", 9), ValueError),
    (("name\0.example.test", 9), ValueError),
]
# The system calls it by many names.
NO_NAME = socket.gaierror(socket.EAI_NONAME, "no such name")


class Names:
    """Stands in for the resolver: answers when it is told to."""

    def __init__(self, loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = loop
        self.asked: list[Any] = []
        self.answers: list[Any] = []
        monkeypatch.setattr(loop, "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        self.asked.append(host)
        answer = self.loop.create_future()
        self.answers.append(answer)
        address = await answer
        return [(options["family"], options["type"], options["proto"], "", (address, port))]


@pytest.fixture
def names(loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(loop, monkeypatch)


@pytest.mark.parametrize("queued", [False, True])
def test_a_bad_address_is_told_at_the_call_and_costs_nobody_anything(
    loop: SelectorEventLoop, recorder: Any, names: Names, monkeypatch: Any, queued: bool
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        two = await endpoint(loop, recorder)
        transport = one.transport
        if queued:
            monkeypatch.setattr(transport, "_send", lambda *_: False)
            transport.sendto(b"waiting", address_of(two))
            assert transport.get_write_buffer_size()
        size = transport.get_write_buffer_size()
        for address, error in BAD:
            with pytest.raises(error):
                transport.sendto(b"lost", address)
            assert not transport.is_closing()
            assert transport.get_write_buffer_size() == size
        monkeypatch.undo()
        transport.sendto(b"last", address_of(two))
        expected = b"waitinglast" if queued else b"last"
        await two.until(lambda: two.data == expected)
        assert names.asked == []
        assert one.errors == []
        await close(one, two)

    loop.run_until_complete(main())


def test_a_bad_address_of_an_ipv6_endpoint(loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        try:
            one = await endpoint(loop, recorder, local_addr=("::1", 0))
        except OSError:
            pytest.skip("needs an IPv6 loopback address")
        for address, error in (
            (("127.0.0.1", 9), ValueError),
            (("::1", 99999), OverflowError),
            (("::1", 9, 1 << 20), OverflowError),
            (("::1",), TypeError),
            (None, TypeError),
        ):
            with pytest.raises(error):
                one.transport.sendto(b"lost", address)
        one.transport.sendto(b"found", address_of(one)[:2])
        await one.until(lambda: one.data == b"found")
        await close(one)

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
@pytest.mark.parametrize("queued", [False, True])
def test_a_bad_address_of_a_unix_endpoint(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path, queued: bool
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder, local_addr=str(unix_path), family=socket.AF_UNIX)
        two_path = f"{unix_path}2"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as two:
            two.bind(two_path)
            two.settimeout(20)
            one.transport.sendto(b"0", two_path)
            count = 1
            # Until two's queue is full.
            while queued and not one.transport.get_write_buffer_size():
                one.transport.sendto(b"0", two_path)
                count += 1
            for address, error in (
                (None, TypeError),
                (5, TypeError),
                (("127.0.0.1", 9), TypeError),
                ("/a\0b", ValueError),
                (b"/a\0b", ValueError),
            ):
                with pytest.raises(error):
                    one.transport.sendto(b"lost", address)
            one.transport.sendto(b"last", two_path)
            for _ in range(count):
                assert two.recv(10) == b"0"
                await asyncio_core.sleep(0)
            assert two.recv(10) == b"last"
        await close(one)

    loop.run_until_complete(main())


def test_what_sendto_knows_by_itself_is_not_looked_up(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        port = address_of(one)[1]
        for host in ("127.0.0.1", b"127.0.0.1", bytearray(b"127.0.0.1"), "127.0.0.1", ""):
            one.transport.sendto(b"x", (host, port))
        for local in ("localhost", b"localhost"):
            one.transport.sendto(b"x", (local, port))
        one.transport.sendto(b"x", ("<broadcast>", port))
        await one.until(lambda: len(one.data) == 7)
        assert isinstance(one.errors[-1], PermissionError)
        assert names.asked == []
        await close(one)

    loop.run_until_complete(main())


def test_a_name_is_looked_up_once_while_the_loop_and_others_go_on(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        two = await endpoint(loop, recorder)
        port = address_of(two)[1]
        changing = bytearray(b"first ")
        one.transport.sendto(changing, ("name.example.test", port))
        changing[:] = b"123456"
        one.transport.sendto(b"second ", ("name.example.test", port))
        assert one.transport.get_write_buffer_size() > len(b"first second ")
        one.transport.sendto(b"at once ", address_of(two))
        await two.until(lambda: two.data == b"at once ")
        assert names.asked == ["name.example.test"]
        names.answers[0].set_result("127.0.0.1")
        await two.until(lambda: two.data == b"at once first second ")
        assert one.transport.get_write_buffer_size() == 0
        # Names may get other addresses.
        one.transport.sendto(b"third", ("name.example.test", port))
        await asyncio_core.sleep(0)
        assert len(names.asked) == 2
        names.answers[1].set_result("127.0.0.1")
        await two.until(lambda: two.data.endswith(b"third"))
        await close(one, two)

    loop.run_until_complete(main())


def test_a_name_that_does_not_resolve_is_an_error_of_its_own(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        one.transport.sendto(b"lost", ("name.example.test", 9))
        await asyncio_core.sleep(0)
        names.answers[0].set_exception(NO_NAME)
        await one.until(lambda: bool(one.errors))
        assert one.errors[-1] is NO_NAME
        assert one.transport.get_write_buffer_size() == 0
        one.transport.sendto(b"found", address_of(one))
        await one.until(lambda: one.data == b"found")
        await close(one)

    loop.run_until_complete(main())


def test_names_that_are_none_do_not_resolve(loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        for host in ("a..b", "x" * 64 + ".example.test"):
            one.transport.sendto(b"lost", (host, 9))
            await one.until(lambda: bool(one.errors))
            assert isinstance(one.errors[-1], socket.gaierror)
            one.errors.clear()
        await close(one)

    loop.run_until_complete(main())


def test_closing_waits_for_names_and_aborting_does_not(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        two = await endpoint(loop, recorder)
        port = address_of(two)[1]
        closing = await endpoint(loop, recorder)
        closing.transport.sendto(b"sent", ("name.example.test", port))
        closing.transport.close()
        closing.transport.close()
        await asyncio_core.sleep(0)
        assert closing.transport.is_closing() and not closing.lost.done()
        names.answers[0].set_result("127.0.0.1")
        assert await asyncio_core.wait_for(closing.lost, 20) is None
        await two.until(lambda: two.data == b"sent")

        failing = await endpoint(loop, recorder)
        failing.transport.sendto(b"lost", ("name.example.test", port))
        failing.transport.close()
        await asyncio_core.sleep(0)
        names.answers[1].set_exception(NO_NAME)
        assert await asyncio_core.wait_for(failing.lost, 20) is None
        assert failing.errors[-1] is NO_NAME

        aborted = await endpoint(loop, recorder)
        aborted.transport.sendto(b"lost", ("name.example.test", port))
        aborted.transport.abort()
        assert aborted.transport.get_write_buffer_size() == 0
        assert await asyncio_core.wait_for(aborted.lost, 20) is None
        await close(two)
        assert asyncio_core.all_tasks() == {asyncio_core.current_task()}

    loop.run_until_complete(main())


def test_names_that_are_given_up_at_the_programs_end_let_the_endpoint_close(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        one.transport.sendto(b"lost", ("name.example.test", 9))
        one.transport.close()
        await asyncio_core.sleep(0)
        for task in asyncio_core.all_tasks() - {asyncio_core.current_task()}:
            task.cancel()
        assert await asyncio_core.wait_for(one.lost, 20) is None

    loop.run_until_complete(main())


def test_many_datagrams_for_a_slow_name_pause_the_protocol(
    loop: SelectorEventLoop, recorder: Any, names: Names
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        while not one.pauses:
            one.transport.sendto(bytes(1000), ("name.example.test", 9))
        await asyncio_core.sleep(0)
        assert one.transport.get_write_buffer_size() > 64 * 1024
        assert len(names.asked) == 1
        names.answers[0].set_exception(NO_NAME)
        await one.until(lambda: one.pauses == ["pause", "resume"])
        await close(one)

    loop.run_until_complete(main())


def test_views_of_any_kind_can_be_sent_and_wait(
    loop: SelectorEventLoop, recorder: Any, monkeypatch: Any
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        views = [memoryview(b"abcdefgh").cast("I"), memoryview(b"a-b-c-")[::2]]
        for view in views:
            one.transport.sendto(view, address_of(one))
        monkeypatch.setattr(one.transport, "_send", lambda *_: False)
        for view in views:
            one.transport.sendto(view, address_of(one))
        header = one.transport._header_size
        assert one.transport.get_write_buffer_size() == 8 + 3 + 2 * header
        monkeypatch.undo()
        await one.until(lambda: one.data == b"abcdefghabc" * 2)
        assert one.transport.get_write_buffer_size() == 0
        await close(one)

    loop.run_until_complete(main())


# Linux: options and messages of UDP, from linux/udp.h.
UDP_SEGMENT, UDP_GRO = 103, 104


class Asking(asyncio_core.DatagramProtocol):
    """Remembers what is told beside each datagram."""

    def __init__(self, first: str | None) -> None:
        self.first = first
        self.told: list[Any] = []
        self.loop = asyncio_core.get_running_loop()
        self.wanted: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.first is not None:
            assert transport.get_extra_info(self.first, "unknown") == "unknown"

    def datagram_received(self, data: bytes, addr: Any) -> None:
        facts = (self.transport.get_extra_info(n) for n in ("truncated", "gro_segment_size"))
        self.told.append((len(data), *facts))
        if self.wanted is not None:
            self.wanted.set_result(None)
            self.wanted = None

    async def until(self, count: int) -> Any:
        while len(self.told) < count:
            self.wanted = self.loop.create_future()
            await asyncio_core.wait_for(self.wanted, 20)
        return self.told


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "option-set"])
def test_the_size_of_joined_datagrams_is_told(loop: SelectorEventLoop, asked: bool) -> None:
    async def main() -> None:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        try:
            sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        except OSError:
            sock.close()
            pytest.skip("needs a kernel that joins datagrams")
        first = "gro_segment_size" if asked else None
        transport, protocol = await loop.create_datagram_endpoint(lambda: Asking(first), sock=sock)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect(sock.getsockname())
            size = (400).to_bytes(2, sys.byteorder)
            sender.sendmsg([bytes(1000)], [(socket.IPPROTO_UDP, UDP_SEGMENT, size)])
            assert await protocol.until(1) == [(1000, False, 400)]
            sender.send(b"alone")
            assert (await protocol.until(2))[1] == (5, False, None)
        transport.close()
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())


@pytest.mark.skipif(not hasattr(socket.socket, "recvmsg"), reason="the system does not tell")
def test_a_datagram_that_was_cut_off_is_told_to_who_asks(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: Asking("truncated"), ("127.0.0.1", 0)
        )
        transport.max_size = 10
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect(transport.get_extra_info("sockname"))
            for size in (9, 10, 11):
                sender.send(bytes(size))
            told = await protocol.until(3)
        assert told == [(9, False, None), (10, False, None), (10, True, None)]
        transport.close()
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())


@pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="needs Unix sockets")
def test_files_that_come_with_a_datagram_are_not_left_open(
    loop: SelectorEventLoop, unix_path: Path, descriptors: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: Asking("truncated"), str(unix_path), family=socket.AF_UNIX
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(unix_path))
            before = descriptors()
            socket.send_fds(sender, [b"with a file"], [sender.fileno()])
            assert await protocol.until(1) == [(11, False, None)]
            assert descriptors() == before
        transport.close()
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())
