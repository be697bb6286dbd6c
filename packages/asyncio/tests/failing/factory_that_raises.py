import asyncio
import socket
import traceback


def factory():
    raise ValueError("of the factory")


async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(2):
            try:
                await loop.create_connection(factory, *server.getsockname())
            except ValueError:
                traceback.print_exc()


asyncio.run(main())
