"""Streams."""

import asyncio
import pathlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any


async def connecting(context: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection("example.org", 443, ssl=context)
    reveal_type(reader)
    reveal_type(writer)
    reveal_type(await asyncio.open_connection("example.org", "https", limit=100))
    reveal_type(await asyncio.open_connection(host=None, port=None, sock=None))
    reveal_type(await asyncio.open_connection("h", 1, ssl=True, ssl_handshake_timeout=1.5))
    reveal_type(await asyncio.open_unix_connection("/path", limit=100))
    reveal_type(await asyncio.open_unix_connection(pathlib.Path("/path"), ssl=context))
    reveal_type(await asyncio.open_unix_connection(path=None))
    await asyncio.open_connection(b"example.org", 443)  # wrong
    await asyncio.open_connection("example.org", 4.43)  # wrong
    await asyncio.open_connection("example.org", 443, limit="1")  # wrong
    await asyncio.open_connection("example.org", 443, ssl_handshake_timeout="1")  # wrong
    await asyncio.open_unix_connection(1)  # wrong
    asyncio.open_connection("example.org", 443)  # wrong


async def handed_on(options: dict[str, Any]) -> None:
    reveal_type(await asyncio.open_connection("example.org", 443, **options))
    reveal_type(await asyncio.open_connection(**options))
    reveal_type(await asyncio.start_server(handle, **options))
    reveal_type(await asyncio.open_unix_connection(**options))
    reveal_type(await asyncio.start_unix_server(handle, "/path", **options))
    connect: Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    connect = asyncio.open_connection
    reveal_type(await connect("h", 1))


async def reading(reader: asyncio.StreamReader) -> None:
    reveal_type(await reader.read())
    reveal_type(await reader.read(100))
    reveal_type(await reader.read(n=-1))
    reveal_type(await reader.readline())
    reveal_type(await reader.readexactly(10))
    reveal_type(await reader.readuntil())
    reveal_type(await reader.readuntil(b"\r\n"))
    reveal_type(await reader.readuntil((b"\r", bytearray(b"\n"))))
    reveal_type(await reader.readuntil(separator=memoryview(b"\n")))
    async for line in reader:
        reveal_type(line)
    reveal_type(reader.at_eof())
    reveal_type(reader.exception())
    reader.feed_data(b"data")
    reader.feed_data(bytearray(b"data"))
    reader.feed_data(memoryview(b"data"))
    reader.feed_eof()
    reader.set_exception(ValueError())
    await reader.read("1")  # wrong
    await reader.readexactly()  # wrong
    await reader.readuntil("\n")  # wrong
    await reader.readuntil(1)  # wrong
    reader.feed_data("data")  # wrong
    reader.set_exception("error")  # wrong
    reader.read(1)  # wrong
    list(reader)  # wrong


async def writing(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    writer.write(b"data")
    writer.write(bytearray(b"data"))
    writer.write(memoryview(b"data"))
    writer.writelines([b"a", b"b"])
    writer.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
    reveal_type(await writer.drain())
    reveal_type(writer.can_write_eof())
    writer.write_eof()
    writer.close()
    reveal_type(writer.is_closing())
    reveal_type(await writer.wait_closed())
    reveal_type(writer.transport)
    reveal_type(writer.transport.get_write_buffer_size())
    reveal_type(writer.get_extra_info("peername"))
    reveal_type(writer.get_extra_info("peername", ("", 0)))
    reveal_type(await writer.start_tls(context))
    await writer.start_tls(
        context, server_hostname="h", ssl_handshake_timeout=1.5, ssl_shutdown_timeout=None
    )
    writer.write("data")  # wrong
    writer.writelines("data")  # wrong
    writer.get_extra_info(1)  # wrong
    await writer.start_tls(True)  # wrong
    writer.drain()  # wrong
    writer.wait_closed()  # wrong


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())


def handle_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def handle_one(reader: asyncio.StreamReader) -> None: ...


async def serving(context: ssl.SSLContext) -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", 8888)
    reveal_type(server)
    reveal_type(server.sockets)
    reveal_type(server.sockets[0].getsockname())
    reveal_type(", ".join(str(sock.getsockname()) for sock in server.sockets))
    async with server:
        await server.serve_forever()
    async with await asyncio.start_server(handle, port=0) as entered:
        reveal_type(entered)
        reveal_type(entered.sockets)
    reveal_type(await asyncio.start_server(handle_at_once, ["::1", "127.0.0.1"], "http"))
    reveal_type(await asyncio.start_server(handle, None, 0, limit=9, ssl=context, backlog=3))
    reveal_type(await asyncio.start_unix_server(handle, "/path"))
    reveal_type(await asyncio.start_unix_server(handle, path=pathlib.Path("/path"), limit=3))
    reveal_type(await asyncio.start_unix_server(client_connected_cb=handle_at_once, sock=None))
    await asyncio.start_server(handle_one, "127.0.0.1", 8888)  # wrong
    await asyncio.start_server(handle, 8888)  # wrong
    await asyncio.start_server()  # wrong
    await asyncio.start_unix_server(handle_one, "/path")  # wrong
    await asyncio.start_server(handle, "h", 1, ssl_handshake_timeout="1")  # wrong


async def returning_from_a_server() -> int:
    async with await asyncio.start_server(handle, port=0):
        return 1


Callback = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def their_parts(
    transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop, callback: Callback
) -> None:
    reader = asyncio.StreamReader(limit=100, loop=loop)
    reader.set_transport(transport)
    reveal_type(reader)
    protocol = asyncio.StreamReaderProtocol(reader, client_connected_cb=callback, loop=loop)
    reveal_type(protocol)
    reveal_type(asyncio.StreamReaderProtocol(reader))
    as_protocol: asyncio.Protocol = protocol
    reveal_type(as_protocol)
    reveal_type(asyncio.StreamWriter(transport, protocol, reader, loop))
    reveal_type(asyncio.StreamWriter(transport, protocol, None, loop))
    asyncio.StreamReader("1")  # wrong
    asyncio.StreamReaderProtocol(None)  # wrong
    asyncio.StreamWriter(None, protocol, reader, loop)  # wrong
    asyncio.StreamWriter(transport, None, reader, loop)  # wrong
    await loop.connect_read_pipe(lambda: protocol, open("file"))
