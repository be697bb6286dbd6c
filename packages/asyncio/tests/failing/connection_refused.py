import asyncio
import socket
import traceback


async def main():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for options in ({}, {"happy_eyeballs_delay": 0.1}):
            try:
                await asyncio.open_connection("127.0.0.1", port, **options)
            except OSError:
                traceback.print_exc()
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        except OSError:
            traceback.print_exc()
        client = socket.socket()
        client.setblocking(False)
        try:
            await loop.sock_connect(client, ("127.0.0.1", port))
        finally:
            client.close()


asyncio.run(main())
