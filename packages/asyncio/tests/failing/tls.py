import asyncio
import ssl
import traceback


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    for call in (
        lambda: asyncio.open_connection(*address, ssl=True),
        lambda: loop.create_connection(
            asyncio.Protocol, *address, ssl=ssl.create_default_context()
        ),
    ):
        try:
            await call()
        except OSError:
            traceback.print_exc()
    server.close()
    await asyncio.open_connection(*address, ssl=ssl.create_default_context())


asyncio.run(main())
