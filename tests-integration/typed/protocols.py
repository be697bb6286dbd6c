"""Protocols: what programs subclass."""

import asyncio
from collections.abc import Callable


class Echo(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        reveal_type(transport.get_extra_info("peername"))

    def data_received(self, data: bytes) -> None:
        reveal_type(data)
        self.transport.write(data)

    def eof_received(self) -> bool | None:
        reveal_type(super().eof_received())
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()


class EchoWithTheUsualTransport(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # wrong
        pass


class WithOtherData(asyncio.Protocol):
    def data_received(self, data: str) -> None:  # wrong
        pass


class Buffered(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(1024)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self.buffer)

    def buffer_updated(self, nbytes: int) -> None:
        reveal_type(super().get_buffer(nbytes))

    def eof_received(self) -> bool | None:
        return True


class BufferedWithABytearray(asyncio.BufferedProtocol):
    def get_buffer(self, sizehint: int) -> bytearray:
        return bytearray(sizehint)


class BufferedWithoutABuffer(asyncio.BufferedProtocol):
    def get_buffer(self, sizehint: int) -> int:  # wrong
        return sizehint


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # wrong (mypy)
        transport.sendto(b"hello", ("127.0.0.1", 1))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reveal_type(addr)

    def error_received(self, exc: Exception) -> None:
        super().error_received(exc)


class DatagramsOfOtherPeers(asyncio.DatagramProtocol):
    def datagram_received(self, data: bytes, addr: str) -> None:  # wrong
        pass


class Process(asyncio.SubprocessProtocol):
    def pipe_data_received(self, fd: int, data: bytes) -> None:
        super().pipe_data_received(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        super().pipe_connection_lost(fd, exc)

    def process_exited(self) -> None:
        super().process_exited()


def all_are_protocols(
    stream: asyncio.Protocol,
    buffered: asyncio.BufferedProtocol,
    datagrams: asyncio.DatagramProtocol,
    process: asyncio.SubprocessProtocol,
) -> None:
    each: list[asyncio.BaseProtocol] = [stream, buffered, datagrams, process]
    reveal_type(each)
    factories: list[Callable[[], asyncio.BaseProtocol]] = [Echo, Buffered, Datagrams, Process]
    reveal_type(factories)
    reveal_type(asyncio.BaseProtocol())
