"""The loops themselves: classes that programs name, make and subclass."""

import asyncio
import concurrent.futures
import contextvars
import selectors
import socket
import ssl
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def number() -> int:
    return 1


def call(count: int, name: str) -> None: ...


def making() -> None:
    reveal_type(asyncio.SelectorEventLoop())
    reveal_type(asyncio.SelectorEventLoop(selectors.SelectSelector()))
    reveal_type(asyncio.SelectorEventLoop(selector=None))
    reveal_type(asyncio.EventLoop())
    loop: asyncio.AbstractEventLoop = asyncio.EventLoop()
    base: asyncio.BaseEventLoop = asyncio.SelectorEventLoop()
    reveal_type([loop, base])
    asyncio.set_event_loop(asyncio.SelectorEventLoop())
    asyncio.SelectorEventLoop(1)  # wrong


class OwnLoop(asyncio.SelectorEventLoop):
    def time(self) -> float:
        return super().time() * 2

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        eager_start: bool | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[T]:
        reveal_type(super().create_task(number()))
        return asyncio.Task(number(), loop=self)  # wrong

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        await super().shutdown_default_executor(timeout)

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        return await super().sock_accept(sock)

    def run_forever(self) -> None:
        super().run_forever()

    def get_debug(self) -> bool:
        reveal_type(super().get_debug())
        return True


class Echo(asyncio.Protocol):
    pass


class Datagrams(asyncio.DatagramProtocol):
    pass


async def on_it(
    loop: asyncio.SelectorEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext,
    pool: concurrent.futures.ThreadPoolExecutor,
) -> None:
    reveal_type(loop.run_until_complete(number()))
    reveal_type(loop.call_soon(call, 1, "a"))
    reveal_type(loop.call_later(1, call, 1, "a"))
    reveal_type(loop.call_at(1, call, 1, "a", context=contextvars.copy_context()))
    reveal_type(loop.call_soon_threadsafe(call, 1, "a"))
    reveal_type(loop.create_future())
    reveal_type(loop.create_task(number(), name="t", eager_start=True))
    reveal_type(loop.run_in_executor(pool, len, "a"))
    reveal_type(loop.set_default_executor(pool))
    reveal_type(await loop.create_connection(Echo, "h", 1, ssl=context, all_errors=True))
    reveal_type(await loop.create_connection(Echo, sock=sock))
    reveal_type(await loop.create_server(Echo, "h", 1))
    reveal_type(await loop.create_server(Echo, sock=sock))
    reveal_type((await loop.create_server(Echo, "h", 1)).sockets)
    reveal_type(await loop.create_unix_connection(Echo, "/path"))
    reveal_type(await loop.create_unix_server(Echo, "/path", cleanup_socket=False))
    reveal_type(await loop.create_datagram_endpoint(Datagrams, ("h", 1)))
    reveal_type(await loop.connect_accepted_socket(Echo, sock))
    reveal_type(await loop.getaddrinfo("h", 1))
    reveal_type(await loop.getnameinfo(("h", 1)))
    reveal_type(await loop.connect_read_pipe(Echo, sock))
    reveal_type(await loop.connect_write_pipe(Echo, sock))
    reveal_type(await loop.subprocess_exec(asyncio.SubprocessProtocol, "ls"))
    reveal_type(await loop.subprocess_shell(asyncio.SubprocessProtocol, "ls"))
    reveal_type(await loop.sock_recv(sock, 1))
    reveal_type(await loop.sock_recv_into(sock, bytearray(1)))
    reveal_type(await loop.sock_recvfrom(sock, 1))
    reveal_type(await loop.sock_recvfrom_into(sock, bytearray(1)))
    reveal_type(await loop.sock_sendall(sock, b""))
    reveal_type(await loop.sock_sendto(sock, b"", ("h", 1)))
    reveal_type(await loop.sock_connect(sock, ("h", 1)))
    reveal_type(await loop.sock_accept(sock))
    reveal_type(await loop.shutdown_default_executor(timeout=3))
    reveal_type(loop.add_reader(sock, call, 1, "a"))
    reveal_type(loop.add_writer(3, call, 1, "a"))
    reveal_type(loop.remove_reader(3))
    reveal_type(loop.remove_writer(sock))
    reveal_type(loop.add_signal_handler(1, call, 1, "a"))
    reveal_type(loop.remove_signal_handler(1))
    reveal_type(loop.get_exception_handler())
    reveal_type(loop.slow_callback_duration)
    loop.call_soon(call, "a", 1)  # wrong
    loop.create_task(number)  # wrong
    loop.create_task(number(), nme="t")  # wrong
    loop.run_in_executor(pool, len, 1)  # wrong
    loop.add_reader("3", call, 1, "a")  # wrong
    loop.add_reader(3, call)  # wrong
    loop.remove_writer(None)  # wrong
    loop.set_default_executor(concurrent.futures.ProcessPoolExecutor())  # wrong
    await loop.sock_sendall(sock, "data")  # wrong
    await loop.sock_recv_into(sock, 100)  # wrong
    await loop.create_connection(Echo, "h", 1, sock=sock)  # wrong
    await loop.create_server(Echo, "h", 1, sock=sock)  # wrong
    await loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", bufsize=1)  # wrong
    loop.add_signal_handler(1, call)  # wrong


def subclassed() -> None:
    with asyncio.Runner(loop_factory=OwnLoop) as runner:
        reveal_type(runner.get_loop())


def a_base(loop: asyncio.BaseEventLoop) -> None:
    reveal_type(loop.time())
    reveal_type(loop.is_running())
    loop.run_forever()
    loop.stop()
    loop.close()
    reveal_type(asyncio.iscoroutine(loop))
