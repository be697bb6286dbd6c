import asyncio
import socket
import traceback


def failing(loop, watched):
    loop.remove_writer(watched)
    raise ValueError("of the reader")


def report(loop, context):
    loop.default_exception_handler(context)
    reported.set()


async def main():
    global reported
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.add_writer(ours, failing, loop, ours)
        await asyncio.wait_for(reported.wait(), 20)
        ours.setblocking(False)
        theirs.close()
        try:
            await loop.sock_sendall(ours, b"x" * 1000)
        except OSError:
            traceback.print_exc()
        loop.add_reader(-1, failing)


asyncio.run(main())
