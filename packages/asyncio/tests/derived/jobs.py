"""What a loop does for a living: one coroutine function for each kind of work, with real descriptors."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from asyncio_test_support.certificates import Certificates

if TYPE_CHECKING:
    import ssl

# More than the buffers of a socket or pipe hold, so that every writer has to wait.
_MUCH = b"0123456789abcdef" * 128 * 1024


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificates = Certificates(pathlib.Path(os.environ["CERTIFICATES"]))
    return certificates.server_context(), certificates.client_context()


async def _upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, much: bytes = _MUCH
) -> None:
    writer.write(b"line\n")
    assert await reader.readline() == b"LINE\n"

    async def send() -> None:
        writer.write(much)
        await writer.drain()

    sending = asyncio.create_task(send())
    assert await reader.readexactly(len(much)) == much.upper()
    await sending
    writer.close()
    await writer.wait_closed()


async def tcp() -> None:
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(_upper, "127.0.0.1", 0)
    async with server:
        address = server.sockets[0].getsockname()
        await _converse(*await asyncio.open_connection(*address))
        await _converse(*await asyncio.open_connection(*address, happy_eyeballs_delay=0.25))
        await _converse(
            *await asyncio.open_connection("localhost", address[1], local_addr=("127.0.0.1", 0))
        )
        sock = socket.create_connection(address)
        sock.setblocking(False)
        await _converse(*await asyncio.open_connection(sock=sock))
        # Pausing, aborting.
        transport, _ = await loop.create_connection(asyncio.Protocol, *address)
        transport.pause_reading()
        transport.resume_reading()
        transport.abort()


async def accepted() -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = listener.getsockname()
        connecting = asyncio.create_task(asyncio.open_connection(*address))
        connection, _ = await loop.sock_accept(listener)
        ours, theirs = asyncio.StreamReader(), None

        def factory() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(ours, _upper)

        theirs = await connecting
        await loop.connect_accepted_socket(factory, connection)
        await _converse(*theirs)


async def tls() -> None:
    for_server, for_client = _contexts()
    server = await asyncio.start_server(_upper, "127.0.0.1", 0, ssl=for_server)
    async with server:
        address = server.sockets[0].getsockname()
        await _converse(
            *await asyncio.open_connection(*address, ssl=for_client, server_hostname="localhost"),
            _MUCH,
        )


async def start_tls() -> None:
    for_server, for_client = _contexts()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"ready\n")
        await writer.start_tls(for_server)
        await _upper(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"ready\n"
        await writer.start_tls(for_client, server_hostname="localhost")
        await _converse(reader, writer)


async def unix_sockets() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        server = await asyncio.start_unix_server(_upper, path)
        async with server:
            await _converse(*await asyncio.open_unix_connection(path))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: bool = False) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.answer = answer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.answer:
            self.transport.sendto(data.upper(), addr)
        self.received.put_nowait(data)


async def udp() -> None:
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(True), local_addr=("127.0.0.1", 0)
    )
    address = server.get_extra_info("sockname")
    client, protocol = await loop.create_datagram_endpoint(_Datagrams, remote_addr=address)
    client.sendto(b"datagram")
    assert await protocol.received.get() == b"DATAGRAM"
    client.close()
    server.close()
    with tempfile.TemporaryDirectory() as folder:
        one, other = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        with other:
            other.bind(os.path.join(folder, "socket"))
            one.connect(other.getsockname())
            one.setblocking(False)
            other.setblocking(False)
            transport, _ = await loop.create_datagram_endpoint(_Datagrams, sock=one)
            # Until it has to wait.
            sent = 0
            while not transport.get_write_buffer_size():
                transport.sendto(b"x" * 1000)
                sent += 1
            for _ in range(sent):
                assert len(await loop.sock_recv(other, 2000)) == 1000
            transport.close()
    await asyncio.sleep(0)


async def pipes() -> None:
    loop = asyncio.get_running_loop()
    receiving, sending = os.pipe()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(receiving, "rb", 0)
    )
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(sending, "wb", 0))
    transport.write(_MUCH)
    transport.write_eof()
    assert await reader.read() == _MUCH


async def processes() -> None:
    program = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(3)"
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=pipe, stdout=pipe
    )
    output, _ = await child.communicate(_MUCH)
    assert (output, child.returncode) == (_MUCH.upper(), 3)
    child = await asyncio.create_subprocess_shell("echo out; exit 4", stdout=pipe)
    assert (await child.communicate())[0] == b"out\n"
    assert child.returncode == 4
    child = await asyncio.create_subprocess_exec("sleep", "1000")
    child.terminate()
    assert await child.wait() == -signal.SIGTERM


async def socket_calls() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client.setblocking(False)
        accepting = asyncio.create_task(loop.sock_accept(listener))
        await asyncio.sleep(0)
        await loop.sock_connect(client, listener.getsockname())
        server, _ = await accepting
        with server:
            receiving = asyncio.create_task(loop.sock_recv(server, 100))
            await asyncio.sleep(0)
            await loop.sock_sendall(client, b"first")
            assert await receiving == b"first"
            buffer = bytearray(100)
            filling = asyncio.create_task(loop.sock_recv_into(server, buffer))
            await asyncio.sleep(0)
            await loop.sock_sendall(client, b"second")
            assert await filling == 6 and buffer[:6] == b"second"
            # Cancelled while it waits.
            waiting = asyncio.create_task(loop.sock_recv(server, 100))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            sending = asyncio.create_task(loop.sock_sendall(client, _MUCH))
            left = len(_MUCH)
            while left:
                left -= len(await loop.sock_recv(server, 1 << 20))
            await sending
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for sock in one, two:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        receiving = asyncio.create_task(loop.sock_recvfrom(two, 100))
        await asyncio.sleep(0)
        await loop.sock_sendto(one, b"datagram", two.getsockname())
        assert await receiving == (b"datagram", one.getsockname())
        filling = asyncio.create_task(loop.sock_recvfrom_into(two, buffer, 50))
        await asyncio.sleep(0)
        await loop.sock_sendto(one, b"another", two.getsockname())
        assert await filling == (7, one.getsockname())


async def sendfile() -> None:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryFile() as file:
        file.write(_MUCH)
        file.flush()
        server = await asyncio.start_server(_upper, "127.0.0.1", 0)
        async with server:
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            sending = asyncio.create_task(loop.sendfile(writer.transport, file))
            assert await reader.readexactly(len(_MUCH)) == _MUCH.upper()
            assert await sending == len(_MUCH)
            writer.close()
            await writer.wait_closed()
            with socket.create_connection(address) as sock:
                sock.setblocking(False)
                sending = asyncio.create_task(loop.sock_sendfile(sock, file, 0, 1 << 20))
                left = 1 << 20
                while left:
                    left -= len(await loop.sock_recv(sock, 65536))
                assert await sending == 1 << 20
        # TLS, and files that have no descriptor, go through the fallback.
        for_server, for_client = _contexts()
        server = await asyncio.start_server(_upper, "127.0.0.1", 0, ssl=for_server)
        async with server:
            reader, writer = await asyncio.open_connection(
                *server.sockets[0].getsockname(), ssl=for_client, server_hostname="localhost"
            )
            file.seek(0)
            sending = asyncio.create_task(loop.sendfile(writer.transport, file))
            assert await reader.readexactly(len(_MUCH)) == _MUCH.upper()
            await sending
            writer.close()
            await writer.wait_closed()
    one, other = socket.socketpair()
    with tempfile.SpooledTemporaryFile() as spooled, one, other:
        spooled.write(b"content")
        spooled.seek(0)
        one.setblocking(False)
        other.setblocking(False)
        await loop.sock_sendfile(one, spooled)
        assert await loop.sock_recv(other, 100) == b"content"


async def signals() -> None:
    loop = asyncio.get_running_loop()
    received = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, received.set_result, "told")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert await received == "told"
    assert loop.remove_signal_handler(signal.SIGUSR1)


async def executors() -> None:
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(len, "four") == 4
    assert await loop.run_in_executor(None, len, "four") == 4
    host, port = "127.0.0.1", 80
    assert await loop.getaddrinfo("localhost", port, family=socket.AF_INET)
    assert await loop.getnameinfo((host, port), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)


async def watching() -> None:
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    with one, other:
        for sock in (one, other):
            sock.setblocking(False)
        readable, writable = loop.create_future(), loop.create_future()
        loop.add_reader(one, readable.set_result, "readable")
        loop.add_writer(other.fileno(), writable.set_result, None)
        await writable
        assert loop.remove_writer(other.fileno())
        other.send(b"x")
        assert await readable == "readable"
        assert loop.remove_reader(one)


async def scheduling() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(loop.call_later, 0.001, loop.call_at, loop.time(), done.set_result, 1)
    assert await done == 1
    for _ in range(300):
        loop.call_later(1000, print).cancel()
    waking = loop.create_future()
    await loop.run_in_executor(None, loop.call_soon_threadsafe, waking.set_result, None)
    await waking

    async def generate() -> Any:
        yield 1
        yield 2

    generator = generate()
    assert await anext(generator) == 1
    del generator
    kept = generate()
    assert await anext(kept) == 1
    reports: list[Any] = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    assert loop.get_exception_handler()
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.001)
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    loop.set_exception_handler(None)
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None
    assert loop.is_running() and not loop.is_closed() and repr(loop)


async def debugging() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 60
    import logging

    logging.disable(logging.CRITICAL)
    try:
        for job in (tcp, tls, udp, pipes, processes, socket_calls, executors, watching, scheduling):
            await job()
    finally:
        logging.disable(logging.NOTSET)
        loop.set_debug(False)


JOBS = {
    job.__name__: job
    for job in (
        tcp,
        accepted,
        tls,
        start_tls,
        unix_sockets,
        udp,
        pipes,
        processes,
        socket_calls,
        sendfile,
        signals,
        executors,
        watching,
        scheduling,
        debugging,
    )
}
