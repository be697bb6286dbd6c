"""Loops that are derived from this one: hooks are called as the standard loop of this Python calls them."""

from __future__ import annotations

import base64
import os
import pickle
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.scheduling.loop_part import HOOKS_TAKE_CONTEXT
from asyncio_iocp.stream_transport import _ProactorSocketTransport

if TYPE_CHECKING:
    import inspect
    import ssl

SIGNATURES = """
import asyncio.proactor_events, base64, inspect, pickle
loop = asyncio.proactor_events.BaseProactorEventLoop
found = {name: inspect.getattr_static(loop, name) for name in dir(loop)}
found = {name: inspect.signature(f) for name, f in found.items() if inspect.isfunction(f)}
print(base64.b64encode(pickle.dumps(found)).decode())
"""


@pytest.fixture(scope="module")
def signatures() -> dict[str, inspect.Signature]:
    """The methods of the standard loop over completions, and what they take on this Python."""
    environment = {**os.environ, "ASYNCIO_IMPLEMENTATION": "stdlib"}
    answer = subprocess.check_output([sys.executable, "-c", SIGNATURES], env=environment)
    return pickle.loads(base64.b64decode(answer))  # type: ignore[no-any-return]


def override(name: str, signature: inspect.Signature, called: dict[str, list[Any]]) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        called.setdefault(name, []).append((len(args), set(kwargs)))
        bound.apply_defaults()
        return getattr(super(type(self), self), name)(*bound.args[1:], **bound.kwargs)

    return method


@pytest.fixture
def called(loop: Any, signatures: dict[str, inspect.Signature]) -> dict[str, list[Any]]:
    """Have every method of `loop` overridden; return what was called, and how."""
    called: dict[str, list[Any]] = {}
    methods = {name: override(name, each, called) for name, each in signatures.items()}
    loop.__class__ = type("Derived", (type(loop),), methods)
    return called


class Upper(asyncio_core.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())
        self.transport.close()


@pytest.mark.parametrize("tls", [False, True])
def test_connections_are_made_through_overrides(
    loop: Any,
    called: dict[str, list[Any]],
    recorder: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    tls: bool,
) -> None:
    async def main() -> None:
        server = await loop.create_server(
            Upper, "127.0.0.1", 0, ssl=server_context if tls else None
        )
        _, protocol = await loop.create_connection(
            recorder,
            *server.sockets[0].getsockname(),
            ssl=client_context if tls else None,
            server_hostname="localhost" if tls else None,
        )
        protocol.transport.write(b"line")
        await protocol.until(lambda: protocol.data == b"LINE" and protocol.lost.done())
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    context = {"context"} if HOOKS_TAKE_CONTEXT else set()
    assert called["_start_serving"] == [(7, context)]
    if tls:
        assert sorted(count for count, _ in called["_make_ssl_transport"]) == [3, 4]
    else:
        assert (3, context) in called["_make_socket_transport"]
        assert (2, {"extra", "server"} | context) in called["_make_socket_transport"]


def test_datagrams_and_sockets_go_through_overrides(
    loop: Any, called: dict[str, list[Any]], recorder: Any, pair: Any
) -> None:
    async def main() -> None:
        one, other = pair
        receiving = loop.create_task(loop.sock_recv(other, 10))
        await loop.sock_sendall(one, b"data")
        assert await receiving == b"data"
        _, protocol = await loop.create_datagram_endpoint(recorder, local_addr=("127.0.0.1", 0))
        address = protocol.transport.get_extra_info("sockname")
        with socket.socket(type=socket.SOCK_DGRAM) as sending:
            sending.sendto(b"datagram", address)
        await protocol.until(lambda: protocol.datagrams)
        protocol.transport.close()
        await protocol.lost
        assert await loop.run_in_executor(None, len, "four") == 4
        await loop.shutdown_asyncgens()

    loop.run_until_complete(main())
    assert called["_make_datagram_transport"] == [(4, set())]
    assert called["_call_soon"]


def test_who_waits_for_a_transport_hears_what_its_beginning_raised(
    loop: Any, monkeypatch: pytest.MonkeyPatch, recorder: Any, pair: Any
) -> None:
    error = TypeError("overridden")
    made = []

    def refuse(*args: Any) -> Any:
        raise error

    def factory() -> Any:
        made.append(recorder())
        return made[0]

    async def main() -> None:
        monkeypatch.setattr(_ProactorSocketTransport, "_loop_reading", refuse)
        ours, _ = pair
        with pytest.raises(TypeError, match="overridden"):
            await loop.create_connection(factory, sock=ours)
        assert await made[0].lost is error
        assert ours.fileno() == -1
        assert [report["exception"] for report in loop.reported] == [error]
        loop.reported.clear()

    loop.run_until_complete(main())
