import asyncio
import socket
import traceback


async def main():
    try:
        await asyncio.open_connection("no such name.invalid", 1)
    except OSError:
        traceback.print_exc()
    loop = asyncio.get_running_loop()
    for arguments in (
        {},
        {"host": "x", "port": 1, "sock": socket.socket()},
        {"ssl": True, "port": 1},
    ):
        try:
            await loop.create_connection(asyncio.Protocol, **arguments)
        except ValueError:
            traceback.print_exc()
    await loop.getaddrinfo("no such name.invalid", 1)


asyncio.run(main())
