import asyncio
import socket
import traceback


async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for call in (loop.create_server, asyncio.start_server):
            try:
                await call(asyncio.Protocol, *taken.getsockname())
            except OSError:
                traceback.print_exc()
        await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("192.0.2.1", 1))


asyncio.run(main())
