import asyncio
import ssl


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = await asyncio.start_server(
        lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"no TLS at all\r\n\r\n")
    await reader.read()
    writer.close()
    server.close()


asyncio.run(main())
