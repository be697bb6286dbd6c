import asyncio


async def serve(reader, writer):
    await reader.readexactly(10)


def report(loop, context):
    loop.default_exception_handler(context)
    reported.set()


async def main():
    global reported
    reported = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(report)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"abc")
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(reported.wait(), 20)
    server.close()
    raise ValueError("enough")


asyncio.run(main())
