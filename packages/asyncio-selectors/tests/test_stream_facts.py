"""What a stream transport says of its socket, before, while and after others look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.connections.trsock import TransportSocket
from asyncio_selectors.stream_transport import _SelectorSocketTransport
from asyncio_test_support.sockets import tcp_pair

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop

NAMES = ("socket", "sockname", "peername")


@pytest.mark.parametrize("first", NAMES)
def test_each_fact_is_there_whatever_is_asked_first(
    loop: SelectorEventLoop, recorder: Any, first: str
) -> None:
    ours, theirs = tcp_pair()
    addresses = {"sockname": ours.getsockname(), "peername": ours.getpeername()}

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        for name in (first, *NAMES):
            told = transport.get_extra_info(name, "default")
            if name == "socket":
                assert told.fileno() == ours.fileno()
            else:
                assert told == addresses[name]
        assert transport.get_extra_info("socket") is transport.get_extra_info("socket")
        assert transport.get_extra_info("cipher") is None
        assert transport.get_extra_info("cipher", 5) == 5
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    theirs.close()


@pytest.mark.parametrize("asked_before", [False, True])
def test_all_is_told_of_a_connection_that_is_closed(
    loop: SelectorEventLoop, recorder: Any, asked_before: bool
) -> None:
    ours, theirs = tcp_pair()
    address = ours.getsockname()

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        shown = transport.get_extra_info("socket") if asked_before else None
        transport.close()
        await protocol.lost
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, TransportSocket)
        assert sock is shown or not asked_before
        assert sock.fileno() == -1
        assert sock.family == ours.family
        assert transport.get_extra_info("sockname") == address

    loop.run_until_complete(main())
    theirs.close()


def test_a_fact_can_be_put_in_the_place_of_what_is_known(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    # As servers behind a proxy do, which tells them the client's address.
    ours, theirs = tcp_pair()

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport._extra["peername"] = ("192.0.2.1", 1)
        assert transport.get_extra_info("peername") == ("192.0.2.1", 1)
        transport._extra = {"cipher": "none"}
        assert transport.get_extra_info("cipher") == "none"
        assert transport.get_extra_info("peername", "gone") == "gone"
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    theirs.close()


@pytest.mark.parametrize("extra", [{}, {"peername": ("192.0.2.1", 1)}, {"cipher": "none"}])
def test_facts_that_are_given_stand_beside_the_sockets_own(
    loop: SelectorEventLoop, recorder: Any, extra: dict[str, Any]
) -> None:
    ours, theirs = tcp_pair()
    peername = extra.get("peername", ours.getpeername())

    async def main() -> None:
        protocol = recorder()
        transport = _SelectorSocketTransport(loop, ours, protocol, None, extra)
        assert transport.get_extra_info("peername") == peername
        assert transport.get_extra_info("cipher") == extra.get("cipher")
        assert transport.get_extra_info("socket").fileno() == ours.fileno()
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    theirs.close()
