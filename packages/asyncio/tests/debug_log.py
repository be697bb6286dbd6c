"""What is logged in debug mode, one step after the other; run by test_debug_log.py under two implementations."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import sys
import time

CERTIFICATE, FOLDER = sys.argv[1:]


class Print(logging.Handler):
    def emit(self, record):
        print(record.levelname, record.getMessage().partition("\n")[0])


logger = logging.getLogger("asyncio")
logger.setLevel(1)
logger.addHandler(Print())


class Lasting:
    """A protocol's end that can be waited for."""

    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        if not self.lost.done():
            self.lost.set_result(None)


class Stream(Lasting, asyncio.Protocol):
    pass


class Datagrams(Lasting, asyncio.DatagramProtocol):
    def datagram_received(self, data, address):
        self.transport.close()

    def connection_made(self, transport):
        self.transport = transport


def step(what):
    print("#", what)


async def echo(reader, writer):
    writer.write(await reader.read())
    writer.close()
    await writer.wait_closed()


async def connections():
    loop = asyncio.get_running_loop()
    step("a server and a client")
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    step("a server and a client over a Unix socket")
    server = await asyncio.start_unix_server(echo, f"{FOLDER}/socket")
    reader, writer = await asyncio.open_unix_connection(f"{FOLDER}/socket")
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    step("a socket that is connected, pausing")
    ours, theirs = socket.socketpair()
    transport, protocol = await loop.create_connection(Stream, sock=ours)
    transport.pause_reading()
    transport.resume_reading()
    theirs.close()
    await protocol.lost
    step("an accepted socket, and writes that nobody gets")
    ours, theirs = socket.socketpair()
    transport, protocol = await loop.connect_accepted_socket(Stream, ours)
    theirs.close()
    for _ in range(10):
        transport.write(b"x")
    await protocol.lost


async def datagrams():
    loop = asyncio.get_running_loop()
    step("a datagram endpoint")
    transport, protocol = await loop.create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", 0)
    )
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    await protocol.lost
    step("a connected datagram endpoint")
    transport, protocol = await loop.create_datagram_endpoint(
        Datagrams, remote_addr=("127.0.0.1", 9)
    )
    transport.abort()
    await protocol.lost


async def pipes():
    loop = asyncio.get_running_loop()
    step("pipes")
    reading, writing = os.pipe()
    reader, read_protocol = await loop.connect_read_pipe(Stream, os.fdopen(reading, "rb"))
    writer, write_protocol = await loop.connect_write_pipe(Stream, os.fdopen(writing, "wb"))
    reader.pause_reading()
    reader.resume_reading()
    writer.close()
    await write_protocol.lost
    await read_protocol.lost
    step("a pipe that nobody reads")
    reading, writing = os.pipe()
    writer, protocol = await loop.connect_write_pipe(Stream, os.fdopen(writing, "wb"))
    os.close(reading)
    for _ in range(10):
        writer.write(b"x")
    await protocol.lost
    step("a pipe whose reader goes away")
    reading, writing = os.pipe()
    writer, protocol = await loop.connect_write_pipe(Stream, os.fdopen(writing, "wb"))
    os.close(reading)
    await protocol.lost


async def processes():
    step("a process")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe, stderr=pipe)
    await process.communicate(b"x")
    step("a shell")
    process = await asyncio.create_subprocess_shell(
        "read x", stdin=pipe, stderr=asyncio.subprocess.STDOUT
    )
    await process.communicate(b"x\n")
    step("input for a process that has ended")
    process = await asyncio.create_subprocess_exec("true", stdin=pipe)
    await process.wait()
    await process.communicate(b"x" * 1_000_000)
    step("writing to a slow process")
    process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
    process.stdin.write(b"x" * 200_000)
    await process.communicate(b"")
    step("a transport that is closed while its process runs")
    process = await asyncio.create_subprocess_exec("sleep", "60", stdout=pipe)
    process._transport.close()
    await process.wait()
    step("no such program")
    try:
        await asyncio.create_subprocess_exec("/no/such/program")
    except OSError:
        pass


async def tls():
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(CERTIFICATE)
    connecting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connecting.check_hostname = False
    connecting.verify_mode = ssl.CERT_NONE

    async def one(reader, writer):
        writer.write(await reader.read(1))
        writer.close()

    step("TLS")
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=serving)
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address, ssl=connecting)
    writer.transport.pause_reading()
    writer.transport.resume_reading()
    writer.write(b"x")
    await reader.read()
    writer.close()
    step("no TLS where it is wanted")
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"no TLS at all\r\n\r\n")
    try:
        await reader.read()
    except OSError:
        pass
    writer.close()
    step("a certificate that is not trusted")
    try:
        await asyncio.open_connection(*address, ssl=ssl.create_default_context())
    except ssl.SSLError:
        pass
    server.close()


async def slowness():
    loop = asyncio.get_running_loop()
    step("a slow callback")
    loop.slow_callback_duration = 0.01
    loop.call_soon(time.sleep, 0.02)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    step("a slow task")
    time.sleep(0.02)
    await asyncio.sleep(0)
    step("a slow look-up")
    quickly = socket.getaddrinfo

    def slowly(*args, **kwargs):
        time.sleep(0.02)
        return quickly(*args, **kwargs)

    socket.getaddrinfo = slowly
    await loop.getaddrinfo("localhost", 80)
    socket.getaddrinfo = quickly
    step("a quick look-up")
    loop.slow_callback_duration = 60
    await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    step("the look-up of an address")
    await loop.getaddrinfo("127.0.0.1", 80)


async def reports():
    loop = asyncio.get_running_loop()

    def failing():
        raise ValueError

    async def failing_task():
        raise ValueError

    step("a callback that fails")
    loop.call_soon(failing)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    step("a task that fails")
    task = asyncio.create_task(failing_task())
    await asyncio.wait([task])
    del task
    step("a signal")
    heard = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, heard.set_result, None)
    os.kill(os.getpid(), signal.SIGUSR1)
    await heard
    loop.remove_signal_handler(signal.SIGUSR1)


async def nothing():
    pass


step("a new loop")
loop = asyncio.new_event_loop()
loop.set_debug(True)
for work in (connections, datagrams, pipes, processes, tls, slowness, reports):
    loop.run_until_complete(work())
step("the end of the executor and of the generators")
loop.run_until_complete(loop.shutdown_asyncgens())
loop.run_until_complete(loop.shutdown_default_executor())
step("the loop's end")
loop.close()
step("run()")
asyncio.run(nothing(), debug=True)
step("run() without debug mode")
asyncio.run(nothing(), debug=False)
