"""Connections and datagrams, by transports and protocols."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.peers import Answers, Echo, deaf, tcp, udp, unix

if TYPE_CHECKING:
    from stage import Stage


async def exchange(transport: Any, protocol: Answers) -> None:
    """Send a word, wait for it to come back, and close."""
    try:
        transport.write(b"a word")
        await protocol.come(6)
    finally:
        transport.close()
    await protocol.lost


@scenario(tcp)
async def connect(stage: Stage) -> None:
    await exchange(*await stage.loop.create_connection(Answers, *stage.at["tcp"]))


@scenario(tcp)
async def connect_by_name(stage: Stage) -> None:
    port = stage.at["tcp"][1]
    made = await stage.loop.create_connection(Answers, "localhost", port, family=socket.AF_INET)
    await exchange(*made)


@scenario(tcp)
async def connect_with_local_address(stage: Stage) -> None:
    local = ("localhost", 0)
    made = await stage.loop.create_connection(Answers, *stage.at["tcp"], local_addr=local)
    await exchange(*made)


@scenario(tcp, deaf)
async def connect_to_the_second_address(stage: Stage) -> None:
    await exchange(*await _to_either(stage))


@scenario(tcp, deaf)
async def connect_happily(stage: Stage) -> None:
    """Happy eyeballs: the second address is tried while the first is (RFC 8305)."""
    await exchange(*await _to_either(stage, happy_eyeballs_delay=0.0, interleave=1))


async def _to_either(stage: Stage, **options: Any) -> Any:
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", stage.at[name])
        for name in ("deaf", "tcp")
    ]

    async def two(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(0)
        return addresses

    stage.loop.getaddrinfo = two
    try:
        return await stage.loop.create_connection(Answers, "two.test", 80, **options)
    finally:
        del stage.loop.getaddrinfo


@scenario(deaf)
async def connect_to_nobody(stage: Stage) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        await stage.loop.create_connection(Answers, *stage.at["deaf"], all_errors=False)


@scenario(tcp)
async def connect_with_a_socket(stage: Stage) -> None:
    sock = socket.create_connection(stage.at["tcp"])
    # Whose it is while the call lasts, and after it has failed, is said by no documentation: it is closed here, too.
    with _closed_by_us_unless_taken(sock):
        sock.setblocking(False)
        transport, protocol = await stage.loop.create_connection(Answers, sock=sock)
    await exchange(transport, protocol)


@contextlib.contextmanager
def _closed_by_us_unless_taken(sock: socket.socket) -> Any:
    try:
        yield
    except BaseException:
        sock.close()
        raise


@scenario(unix, on="posix")
async def connect_to_a_unix_socket(stage: Stage) -> None:
    await exchange(*await stage.loop.create_unix_connection(Answers, stage.at["unix"]))


@scenario()
async def serve(stage: Stage) -> None:
    server = await stage.loop.create_server(Echo, "localhost", 0, family=socket.AF_INET)
    try:
        address = server.sockets[0].getsockname()
        await exchange(*await stage.loop.create_connection(Answers, *address))
    finally:
        server.close()
    await server.wait_closed()


@scenario()
async def accept_elsewhere(stage: Stage) -> None:
    """A connection that another part of the program has accepted."""
    left, right = socket.socketpair()
    with contextlib.ExitStack() as stack:
        stack.callback(left.close)
        stack.callback(right.close)
        transport, protocol = await stage.loop.connect_accepted_socket(Answers, right)
        try:
            left.sendall(b"a word")
            await protocol.come(6)
        finally:
            transport.close()
        await protocol.lost


@scenario(udp)
async def datagrams(stage: Stage) -> None:
    made = await stage.loop.create_datagram_endpoint(Answers, remote_addr=stage.at["udp"])
    await _send_a_datagram(*made)


@scenario(udp)
async def datagrams_by_name(stage: Stage) -> None:
    remote = ("localhost", stage.at["udp"][1])
    local = ("localhost", 0)
    made = await stage.loop.create_datagram_endpoint(
        Answers, local_addr=local, remote_addr=remote, family=socket.AF_INET
    )
    await _send_a_datagram(*made)


@scenario(on="posix")
async def unix_datagrams(stage: Stage) -> None:
    path = str(stage.folder / "datagrams")
    loop = stage.loop
    try:
        receiving, protocol = await loop.create_datagram_endpoint(
            Answers, local_addr=path, family=socket.AF_UNIX
        )
        try:
            sending, _ = await loop.create_datagram_endpoint(
                Answers, remote_addr=path, family=socket.AF_UNIX
            )
            try:
                await _until_one_comes(sending, protocol)
            finally:
                sending.close()
        finally:
            receiving.close()
        await protocol.lost
    finally:
        with contextlib.suppress(FileNotFoundError):
            (stage.folder / "datagrams").unlink()


async def _send_a_datagram(transport: Any, protocol: Answers) -> None:
    try:
        await _until_one_comes(transport, protocol)
    finally:
        transport.close()
    await protocol.lost


async def _until_one_comes(transport: Any, protocol: Answers) -> None:
    """Send a datagram, and another one where it got lost."""
    while not protocol.data:
        transport.sendto(b"a word")
        try:
            async with asyncio.timeout(0.2):
                await protocol.come(1)
        except TimeoutError:
            pass


@scenario()
async def look_up(stage: Stage) -> None:
    found = await stage.loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    await stage.loop.getnameinfo(found[0][4], socket.NI_NUMERICHOST)
