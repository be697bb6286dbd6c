import asyncio
import traceback


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        writer.write("text")
    except TypeError:
        traceback.print_exc()
    writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        await writer.drain()
    except ConnectionError:
        traceback.print_exc()
    try:
        await writer.start_tls(None)
    except Exception:
        traceback.print_exc()
    server.close()


asyncio.run(main())
