import asyncio
import socket
import traceback


def factory():
    raise ValueError("of the factory")


async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for call in (
            lambda: loop.create_datagram_endpoint(factory, local_addr=("127.0.0.1", 0)),
            lambda: loop.connect_accepted_socket(factory, ours),
        ):
            try:
                await call()
            except ValueError:
                traceback.print_exc()


asyncio.run(main())
