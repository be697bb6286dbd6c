"""Streams over real sockets; this needs a loop with input and output."""

from __future__ import annotations

import socket
import ssl

import pytest

import asyncio_core
import asyncio_streams
from asyncio_test_support.sockets import reset

pytest.importorskip("asyncio_selectors", reason="sockets need a loop with input and output")


async def echo_lines(reader, writer):
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def start(handler, **kwds):
    server = await asyncio_streams.start_server(handler, "127.0.0.1", 0, **kwds)
    return server, server.sockets[0].getsockname()


async def closed(writer):
    writer.close()
    await writer.wait_closed()


def test_many_clients_at_once(run):
    async def client(address, number):
        reader, writer = await asyncio_streams.open_connection(*address)
        replies = []
        for turn in range(5):
            writer.write(b"%d %d\n" % (number, turn))
            await writer.drain()
            replies.append(await reader.readline())
        writer.write_eof()
        assert await reader.read() == b""
        await closed(writer)
        return replies

    async def main():
        server, address = await start(echo_lines)
        async with server:
            replies = await asyncio_core.gather(*(client(address, n) for n in range(100)))
        assert replies == [[b"%d %d\n" % (n, turn) for turn in range(5)] for n in range(100)]

    run(main)


def test_megabytes_both_ways_under_back_pressure(run):
    block, count = bytes(range(256)) * 256, 160

    async def return_all(reader, writer):
        while data := await reader.read(100_000):
            writer.write(data)
            await writer.drain()
        await closed(writer)

    async def main():
        server, address = await start(return_all, limit=10_000)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address, limit=10_000)

            async def send():
                for _ in range(count):
                    writer.write(block)
                    await writer.drain()
                writer.write_eof()

            async def receive():
                for _ in range(count):
                    assert await reader.readexactly(len(block)) == block
                return await reader.read()

            _, rest = await asyncio_core.gather(send(), receive())
            assert rest == b""
            await closed(writer)

    run(main)


def test_a_reader_that_does_not_read_holds_the_sender_up(run, turns):
    async def main():
        proceed = asyncio_core.get_running_loop().create_future()
        held = asyncio_core.get_running_loop().create_future()

        async def slow(reader, writer):
            await proceed
            held.set_result(len(reader._buffer))
            received = await reader.read()
            writer.write(b"%d" % len(received))
            await closed(writer)

        server, address = await start(slow, limit=1000)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address)
            sent = 0
            drain = asyncio_core.create_task(writer.drain())
            while drain.done() or not writer.transport.get_write_buffer_size():
                await drain
                writer.write(b"x" * 100_000)
                sent += 100_000
                drain = asyncio_core.create_task(writer.drain())
                await turns(5)
            assert not drain.done()
            proceed.set_result(None)
            await drain
            writer.write_eof()
            assert int(await reader.read()) == sent
            assert await held < 2_000_000
            await closed(writer)

    run(main)


def test_a_connection_reset_by_the_peer_ends_reading_and_writing(run):
    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        reader, writer = await asyncio_streams.open_connection(*listener.getsockname())
        peer, _ = listener.accept()
        listener.close()
        reset(peer)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        with pytest.raises(ConnectionError):
            await writer.drain()
        with pytest.raises(ConnectionResetError):
            await closed(writer)

    run(main)


def test_nobody_listening_is_an_error_and_leaves_nothing_open(run):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        with pytest.raises(ConnectionRefusedError):
            await asyncio_streams.open_connection(*address)

    run(main)


@pytest.mark.parametrize("kind", ["coroutine", "plain"])
def test_a_failing_handler_is_reported_and_its_client_sees_the_end(run, complaints, kind):
    async def fail(reader, writer):
        raise ValueError("by the handler")

    def fail_plainly(reader, writer):
        raise ValueError("by the handler")

    async def main():
        server, address = await start(fail if kind == "coroutine" else fail_plainly)
        async with server:
            for _ in range(2):  # and the server goes on
                reader, writer = await asyncio_streams.open_connection(*address)
                assert await reader.read() == b""
                await closed(writer)
        assert [str(context["exception"]) for context in complaints] == ["by the handler"] * 2
        complaints.clear()

    run(main)


def test_a_plain_function_gets_the_pair_and_decides_for_itself(run):
    tasks = []

    def connected(reader, writer):
        tasks.append(asyncio_core.create_task(echo_lines(reader, writer)))

    async def main():
        server, address = await start(connected)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address)
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            await closed(writer)
            await asyncio_core.gather(*tasks)

    run(main)


def test_the_limit_is_that_of_both_sides(run):
    async def main():
        limits = []

        async def too_long(reader, writer):
            with pytest.raises(ValueError, match="limit"):
                await reader.readline()
            limits.append("server")
            writer.write(b"y" * 100 + b"\n")
            await closed(writer)

        server, address = await start(too_long, limit=50)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address, limit=60)
            writer.write(b"x" * 100 + b"\n")
            with pytest.raises(ValueError, match="limit"):
                await reader.readline()
            limits.append("client")
            await closed(writer)
        assert limits == ["server", "client"]

    run(main)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
@pytest.mark.parametrize("as_text", [True, False])
def test_over_a_unix_socket(run, tmp_path, as_text):
    path = tmp_path / "socket"
    where = str(path) if as_text else path

    async def main():
        server = await asyncio_streams.start_unix_server(echo_lines, where)
        async with server:
            reader, writer = await asyncio_streams.open_unix_connection(where)
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            await closed(writer)

    run(main)


@pytest.mark.parametrize("wait_for_hello", [False, True])
def test_tls_on_a_connection_in_use(run, server_context, client_context, wait_for_hello):
    async def serve(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.drain()
        if wait_for_hello:
            # The client's first message is in the reader's buffer when TLS starts.
            await reader._wait_for_data("test")
            assert reader._buffer
        await writer.start_tls(server_context)
        assert writer.get_extra_info("sslcontext") is server_context
        writer.write((await reader.readline()).upper())
        await writer.drain()
        await closed(writer)

    async def main():
        server, address = await start(serve)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go\n"
            assert writer.get_extra_info("sslcontext") is None
            await writer.start_tls(client_context, server_hostname="localhost")
            assert writer.get_extra_info("peercert")
            assert writer.transport.get_extra_info("sslcontext") is client_context
            writer.write(b"hello\n")
            assert await reader.readline() == b"HELLO\n"
            assert await reader.read() == b""
            await closed(writer)

    run(main)


def test_tls_on_a_connection_that_is_closed(run, server_context, client_context):
    async def serve(reader, writer):
        await closed(writer)

    async def main():
        server, address = await start(serve)
        async with server:
            _, writer = await asyncio_streams.open_connection(*address)
            writer.close()
            with pytest.raises(ConnectionResetError):
                await writer.start_tls(client_context, server_hostname="localhost")

    run(main)


@pytest.mark.parametrize("suppressed", [True, False])
@pytest.mark.parametrize("server_side", [False, True])
def test_tls_that_is_cut_off(run, server_context, client_context, server_side, suppressed):
    heard = []

    async def hear(reader, writer):
        try:
            heard.append(await reader.read())
        except ssl.SSLEOFError:
            heard.append(await reader.read(100))
            heard.append("cut off")
        writer.close()

    async def cut_off(reader, writer):
        writer.write(b"half of the ")
        await writer.drain()
        # Beneath TLS, which is to say no goodbye.
        below = writer.transport._ssl_protocol._transport
        below.write_eof()
        await reader.read()
        writer.close()

    async def main():
        ours = {} if suppressed else {"suppress_ragged_eofs": False}
        served = asyncio_core.get_running_loop().create_future()

        async def serve(reader, writer):
            await (hear if server_side else cut_off)(reader, writer)
            served.set_result(None)

        there = ours if server_side else {}
        server = await asyncio_streams.start_server(
            serve, "127.0.0.1", 0, ssl=server_context, **there
        )
        async with server:
            reader, writer = await asyncio_streams.open_connection(
                *server.sockets[0].getsockname(),
                ssl=client_context,
                server_hostname="localhost",
                **({} if server_side else ours),
            )
            await (cut_off if server_side else hear)(reader, writer)
            await served
        expected = [b"half of the "] if suppressed else [b"half of the ", "cut off"]
        assert heard == expected

    run(main)


def test_tls_from_the_start(run, server_context, client_context):

    async def main():
        server, address = await start(echo_lines, ssl=server_context)
        async with server:
            reader, writer = await asyncio_streams.open_connection(
                *address, ssl=client_context, server_hostname="localhost"
            )
            writer.write(b"hello\n" * 10_000)
            await writer.drain()
            for _ in range(10_000):
                assert await reader.readline() == b"hello\n"
            await closed(writer)

    run(main)


def test_a_writer_dropped_by_its_handler_closes_the_connection(run):
    async def forgetful(reader, writer):
        writer.write(b"bye\n")

    async def main():
        server, address = await start(forgetful)
        async with server:
            with pytest.warns(ResourceWarning, match="unclosed <StreamWriter"):
                reader, writer = await asyncio_streams.open_connection(*address)
                assert await reader.read() == b"bye\n"
            await closed(writer)

    run(main)


def test_connecting_cancelled_at_every_step_leaves_no_socket_open(run, turns):
    async def main():
        server, address = await start(echo_lines)
        steps = 0
        async with server:
            while True:
                task = asyncio_core.create_task(asyncio_streams.open_connection(*address))
                await turns(steps)
                if not task.cancel():
                    break
                await asyncio_core.wait([task])
                assert task.cancelled()
                steps += 1
            _, writer = task.result()
            await closed(writer)
        assert steps > 1

    run(main)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_no_reader_can_have_opens_nothing(run, limit):
    async def refuse(reader, writer):
        raise AssertionError("nobody is served")

    async def main():
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            with pytest.raises(ValueError, match=f"limit has to be positive, not {limit}"):
                await asyncio_streams.start_server(refuse, sock=sock, limit=limit)
            # Nobody listens.
            with pytest.raises(ConnectionRefusedError):
                await asyncio_streams.open_connection(*sock.getsockname())
            with pytest.raises(ValueError, match=f"limit has to be positive, not {limit}"):
                await asyncio_streams.open_connection(*sock.getsockname(), limit=limit)

    run(main)


def test_a_handler_that_ends_the_program_is_reported_once(run, complaints):
    async def leave(reader, writer):
        raise SystemExit(3)

    async def main():
        server, address = await start(leave)
        async with server:
            reader, writer = await asyncio_streams.open_connection(*address)
            try:
                await reader.read()
            finally:
                writer.close()

    with pytest.raises(SystemExit):
        run(main)
    assert complaints == []
