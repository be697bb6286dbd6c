import asyncio
import socket
import traceback


class Protocol(asyncio.DatagramProtocol):
    def datagram_received(self, data, address):
        raise ValueError(data)


def report(loop, context):
    loop.default_exception_handler(context)
    reported.set()


async def main():
    global reported
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.sendto(b"data", transport.get_extra_info("sockname"))
        await asyncio.wait_for(reported.wait(), 20)
    try:
        transport.sendto("text")
    except TypeError:
        traceback.print_exc()
    transport.close()


asyncio.run(main())
