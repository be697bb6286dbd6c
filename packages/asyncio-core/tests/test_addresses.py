from __future__ import annotations

import socket

import pytest

from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.connections.addresses import _interleave_addrinfos, _ipaddr_info

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FOUR, SIX = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize("family", [socket.AF_UNSPEC, FOUR])
@pytest.mark.parametrize("host", ["192.0.2.1", b"192.0.2.1"])
def test_numeric_address_is_recognised(family, host):
    expected = (FOUR, STREAM, TCP, "", ("192.0.2.1", 80))
    assert _ipaddr_info(host, 80, family, STREAM, TCP) == expected


def test_numeric_ipv6_address_has_flow_and_scope():
    assert _ipaddr_info("2001:db8::1", 80, 0, STREAM, 0) == (
        SIX,
        STREAM,
        TCP,
        "",
        ("2001:db8::1", 80, 0, 0),
    )
    assert _ipaddr_info("fe80::1", 80, SIX, STREAM, 0, 5, 3)[4] == ("fe80::1", 80, 5, 3)


def test_type_of_socket_implies_the_protocol():
    assert _ipaddr_info("192.0.2.1", 1, 0, STREAM, 0)[2] == TCP
    assert _ipaddr_info("192.0.2.1", 1, 0, DGRAM, 0)[2] == UDP
    assert _ipaddr_info("192.0.2.1", 1, 0, 0, 0) is None
    assert _ipaddr_info("192.0.2.1", 1, 0, socket.SOCK_RAW, 0) is None
    assert _ipaddr_info("192.0.2.1", 1, 0, STREAM, 99) is None


@pytest.mark.parametrize(
    ("port", "number"), [(None, 0), ("", 0), (b"", 0), ("8080", 8080), (b"8080", 8080), (443, 443)]
)
def test_port_may_be_given_as_text(port, number):
    assert _ipaddr_info("192.0.2.1", port, 0, STREAM, 0)[4] == ("192.0.2.1", number)


@pytest.mark.parametrize(
    ("host", "port", "family"),
    [
        (None, 80, 0),
        ("localhost", 80, 0),
        ("192.0.2.1", "http", 0),
        ("192.0.2.1", b"http", 0),
        ("192.0.2.1", 80, SIX),
        ("2001:db8::1", 80, FOUR),
        ("fe80::1%eth0", 80, 0),
        ("192.0.2", 80, 0),
        ("192.0.2.1\0", 80, 0),
        ("\ud800", 80, 0),
        (b"\xff.1.1.1", 80, 0),
        ("", 80, 0),
    ],
)
def test_everything_else_is_left_to_the_resolver(host, port, family):
    assert _ipaddr_info(host, port, family, STREAM, 0) is None


def infos(letters):
    """One address info for each letter, upper case standing for IPv6."""
    return [(SIX if c.isupper() else FOUR, STREAM, TCP, "", (c, 1)) for c in letters]


@pytest.mark.parametrize(
    ("given", "count", "expected"),
    [
        ("ABCdefgH", 1, "AdBeCfHg"),
        ("ABCdefgH", 2, "ABdCeHfg"),
        ("abC", 1, "aCb"),
        ("abcd", 1, "abcd"),
        ("ab", 5, "ab"),
        ("ABc", 9, "ABc"),
        ("", 1, ""),
    ],
)
def test_families_take_turns_and_keep_their_order(given, count, expected):
    assert _interleave_addrinfos(infos(given), count) == infos(expected)


def test_numeric_host_is_not_asked_for(run):
    async def main():
        loop = get_running_loop()
        asked = []

        async def getaddrinfo(host, port, **options):
            asked.append((host, port, options))
            return [] if host == "nowhere.example.test" else ["answer"]

        loop.getaddrinfo = getaddrinfo
        found = await loop._ensure_resolved(("127.0.0.1", 80))
        assert found == [(FOUR, STREAM, TCP, "", ("127.0.0.1", 80))]
        assert asked == []
        options = {"family": FOUR, "type": DGRAM, "proto": UDP, "flags": 1}
        assert await loop._ensure_resolved(("example.test", 80), **options) == ["answer"]
        assert asked == [("example.test", 80, options)]
        with pytest.raises(OSError, match="no address found for 'nowhere"):
            await loop._ensure_resolved(("nowhere.example.test", 80))

    run(main())


MPTCP = getattr(socket, "IPPROTO_MPTCP", 262)


@pytest.mark.parametrize(
    ("kind", "proto", "asked"),
    [
        (STREAM, MPTCP, (STREAM, 0)),
        (STREAM, 132, (STREAM, 0)),
        (DGRAM, 136, (DGRAM, 0)),
        (socket.SOCK_SEQPACKET, 132, (STREAM, 0)),
        (socket.SOCK_RAW, 1, (STREAM, 0)),
        (STREAM, TCP, (STREAM, TCP)),
        (DGRAM, 0, (DGRAM, 0)),
    ],
)
def test_resolvers_are_asked_for_what_they_all_know(run, kind, proto, asked):
    async def main():
        loop = get_running_loop()
        options = {}

        async def getaddrinfo(host, port, **given):
            options.update(given)
            return [(FOUR, given["type"], given["proto"], "", ("192.0.2.1", port))]

        loop.getaddrinfo = getaddrinfo
        found = await loop._ensure_resolved(("example.test", 80), type=kind, proto=proto)
        assert (options["type"], options["proto"]) == asked
        assert found == [(FOUR, kind, proto, "", ("192.0.2.1", 80))]

    run(main())


def test_numeric_host_needs_no_resolver_for_any_protocol(run):
    async def main():
        loop = get_running_loop()
        loop.getaddrinfo = None
        for kind, proto in ((STREAM, MPTCP), (DGRAM, 136), (socket.SOCK_RAW, 1)):
            for host, family in (("127.0.0.1", FOUR), ("::1", SIX)):
                (found,) = await loop._ensure_resolved((host, 80), type=kind, proto=proto)
                assert found[:3] == (family, kind, proto)
                assert found[4][:2] == (host, 80)

    run(main())


BAD_NAMES = ["a..b", ".", ".a", "x" * 64 + ".example.test", "\xe4" * 64, "\ud800", "a..1"]


@pytest.mark.parametrize("host", BAD_NAMES)
def test_what_cannot_be_a_name_does_not_resolve(run, host):
    async def main():
        loop = get_running_loop()
        calls = [
            lambda: loop.getaddrinfo(host, 80),
            lambda: loop.getaddrinfo(host, 80, flags=socket.AI_NUMERICHOST),
            lambda: loop.create_connection(None, host, 80),
            lambda: loop.create_connection(None, host, 80, happy_eyeballs_delay=1),
            lambda: loop.create_connection(None, "127.0.0.1", 80, local_addr=(host, 0)),
            lambda: loop.create_server(None, host, 80),
            lambda: loop.create_server(None, ["127.0.0.1", host], 80),
            lambda: loop.create_datagram_endpoint(None, (host, 0)),
            lambda: loop.create_datagram_endpoint(None, None, (host, 80)),
        ]
        for call in calls:
            with pytest.raises(socket.gaierror, match="is no name of a host") as caught:
                await call()
            assert caught.value.errno == socket.EAI_NONAME
            assert isinstance(caught.value.__cause__, UnicodeError)

    run(main())


def test_address_that_cannot_be_encoded_has_no_name(run):
    async def main():
        for flags in (0, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV):
            with pytest.raises(socket.gaierror):
                await get_running_loop().getnameinfo(("\ud800", 80), flags)

    run(main())
