import asyncio
import socket
import traceback


class Protocol(asyncio.DatagramProtocol):
    def datagram_received(self, data, address):
        raise ValueError(data)


async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.sendto(b"data", transport.get_extra_info("sockname"))
        for _ in range(5):
            await asyncio.sleep(0.001)
    try:
        transport.sendto("text")
    except TypeError:
        traceback.print_exc()
    transport.close()


asyncio.run(main())
