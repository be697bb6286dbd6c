import asyncio


async def serve(reader, writer):
    await reader.readexactly(10)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"abc")
    writer.close()
    await writer.wait_closed()
    for _ in range(20):
        await asyncio.sleep(0.001)
    server.close()
    raise ValueError("enough")


asyncio.run(main())
