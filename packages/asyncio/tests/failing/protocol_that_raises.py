import asyncio
import socket


class Protocol(asyncio.Protocol):
    def data_received(self, data):
        raise ValueError(data)


class Buffered(asyncio.BufferedProtocol):
    def get_buffer(self, sizehint):
        raise ValueError("of get_buffer")


class Updated(asyncio.BufferedProtocol):
    def get_buffer(self, sizehint):
        return bytearray(10)

    def buffer_updated(self, size):
        raise ValueError("of buffer_updated")


class Eof(asyncio.Protocol):
    def eof_received(self):
        raise ValueError("of eof_received")


class Lost(asyncio.Protocol):
    def connection_lost(self, exc):
        raise ValueError("of connection_lost")


class Made(asyncio.Protocol):
    def connection_made(self, transport):
        raise ValueError("of connection_made")


def report(loop, context):
    loop.default_exception_handler(context)
    reported.set()


async def main():
    global reported
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    for kind in (Protocol, Buffered, Updated, Eof, Lost, Made):
        ours, theirs = socket.socketpair()
        transport, _ = await loop.create_connection(kind, sock=ours)
        theirs.send(b"data")
        if kind in (Eof, Lost):
            theirs.close()
        await asyncio.wait_for(reported.wait(), 20)
        reported.clear()
        theirs.close()
        transport.close()


asyncio.run(main())
