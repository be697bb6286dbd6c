"""Transports."""

import asyncio
import socket
from collections.abc import Mapping


def every_transport(transport: asyncio.BaseTransport, protocol: asyncio.Protocol) -> None:
    reveal_type(transport.get_extra_info("socket"))
    reveal_type(transport.get_extra_info("socket", default=None))
    transport.close()
    reveal_type(transport.is_closing())
    transport.set_protocol(protocol)
    reveal_type(transport.get_protocol())
    transport.get_extra_info(1)  # wrong
    transport.set_protocol(None)  # wrong


def reading(transport: asyncio.ReadTransport) -> None:
    reveal_type(transport.is_reading())
    transport.pause_reading()
    transport.resume_reading()


def writing(transport: asyncio.WriteTransport) -> None:
    transport.write(b"data")
    transport.write(bytearray(b"data"))
    transport.write(memoryview(b"data"))
    transport.write(memoryview(b"data").cast("H"))
    transport.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
    transport.write_eof()
    reveal_type(transport.can_write_eof())
    transport.abort()
    transport.set_write_buffer_limits()
    transport.set_write_buffer_limits(high=10, low=1)
    reveal_type(transport.get_write_buffer_size())
    reveal_type(transport.get_write_buffer_limits())
    transport.write("data")  # wrong
    transport.writelines(["a"])  # wrong
    transport.writelines(1)  # wrong
    transport.set_write_buffer_limits("high")  # wrong


def both(transport: asyncio.Transport) -> None:
    as_reading: asyncio.ReadTransport = transport
    as_writing: asyncio.WriteTransport = transport
    reveal_type([as_reading, as_writing])


def datagrams(transport: asyncio.DatagramTransport) -> None:
    transport.sendto(b"data")
    transport.sendto(b"data", ("127.0.0.1", 9))
    transport.sendto(memoryview(b"data"), addr=None)
    transport.sendto(b"data", "/path")
    transport.sendto("data")  # wrong
    transport.sendto(b"data", 1.5)  # wrong
    transport.abort()


def processes(transport: asyncio.SubprocessTransport) -> None:
    reveal_type(transport.get_pid())
    reveal_type(transport.get_returncode())
    reveal_type(transport.get_pipe_transport(1))
    transport.send_signal(15)
    transport.terminate()
    transport.kill()
    transport.close()
    transport.send_signal("15")  # wrong


class OwnTransport(asyncio.Transport):
    def __init__(self, extra: Mapping[str, socket.socket]) -> None:
        super().__init__(extra)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        reveal_type(data)

    def is_closing(self) -> bool:
        return False


def making() -> None:
    reveal_type(asyncio.BaseTransport())
    reveal_type(asyncio.Transport({"name": 1}))
    reveal_type(asyncio.DatagramTransport(extra=None))
    asyncio.BaseTransport(1)  # wrong
