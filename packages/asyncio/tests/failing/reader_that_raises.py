import asyncio
import socket
import traceback


def failing(loop, watched):
    loop.remove_writer(watched)
    raise ValueError("of the reader")


async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.add_writer(ours, failing, loop, ours)
        await asyncio.sleep(0.001)
        ours.setblocking(False)
        theirs.close()
        try:
            await loop.sock_sendall(ours, b"x" * 1000)
        except OSError:
            traceback.print_exc()
        loop.add_reader(-1, failing)


asyncio.run(main())
