"""The loop: what is called on it."""

import asyncio
import concurrent.futures
import contextvars
import io
import signal
import socket
import ssl
from collections.abc import Generator
from typing import Any


async def number() -> int:
    return 1


def call(count: int, name: str) -> None: ...


def on_signal() -> None: ...


async def which_loop() -> None:
    reveal_type(asyncio.get_running_loop())
    reveal_type(asyncio.get_event_loop())
    reveal_type(asyncio.new_event_loop())
    asyncio.set_event_loop(asyncio.new_event_loop())
    asyncio.set_event_loop(None)
    reveal_type(asyncio._get_running_loop())  # pyright: ignore[reportPrivateUsage]
    asyncio._set_running_loop(None)  # pyright: ignore[reportPrivateUsage]
    asyncio.set_event_loop(1)  # wrong
    asyncio.get_running_loop(1)  # wrong


def running(loop: asyncio.AbstractEventLoop, future: asyncio.Future[str]) -> None:
    reveal_type(loop.run_until_complete(number()))
    reveal_type(loop.run_until_complete(future))
    reveal_type(loop.run_until_complete(future=asyncio.gather(number(), number())))
    loop.run_forever()
    loop.stop()
    loop.close()
    reveal_type(loop.is_running())
    reveal_type(loop.is_closed())
    reveal_type(loop.run_until_complete(loop.shutdown_asyncgens()))
    reveal_type(loop.run_until_complete(loop.shutdown_default_executor()))
    loop.run_until_complete(number)  # wrong
    loop.run_until_complete(1)  # wrong
    loop.shutdown_asyncgens()  # wrong


def scheduling(loop: asyncio.AbstractEventLoop) -> None:
    reveal_type(loop.call_soon(on_signal))
    reveal_type(loop.call_soon(call, 1, "a"))
    reveal_type(loop.call_soon(call, 1, "a", context=contextvars.copy_context()))
    reveal_type(loop.call_soon_threadsafe(call, 1, "a"))
    reveal_type(loop.call_later(1.5, call, 1, "a"))
    reveal_type(loop.call_at(loop.time() + 1, call, 1, "a"))
    reveal_type(loop.call_later(delay=1, callback=on_signal))
    reveal_type(loop.time())
    loop.call_soon(print, 1, "a")
    loop.call_soon(lambda: 1)
    loop.call_soon(lambda count: count, 1)
    loop.call_soon(call)  # wrong
    loop.call_soon(call, "a", 1)  # wrong
    loop.call_soon(call, 1, "a", 2)  # wrong
    loop.call_soon(call, 1, name="a")  # wrong
    loop.call_soon(1)  # wrong
    loop.call_soon(call, 1, "a", context=1)  # wrong
    loop.call_soon_threadsafe(call, 1)  # wrong
    loop.call_later("1", call, 1, "a")  # wrong
    loop.call_later(1, call, "a", 1)  # wrong
    loop.call_at(1, call, 1)  # wrong
    loop.call_at(on_signal)  # wrong


def handles(handle: asyncio.Handle, timer: asyncio.TimerHandle) -> None:
    handle.cancel()
    reveal_type(handle.cancelled())
    reveal_type(handle.get_context())
    reveal_type(timer.when())
    reveal_type(timer < timer)
    reveal_type(timer == handle)
    reveal_type(sorted([timer, timer]))
    as_handle: asyncio.Handle = timer
    reveal_type(as_handle)
    reveal_type(timer < 1)  # wrong


def making_handles(loop: asyncio.AbstractEventLoop) -> None:
    reveal_type(asyncio.Handle(call, (1, "a"), loop))
    reveal_type(asyncio.TimerHandle(1.5, call, [1, "a"], loop, context=None))
    asyncio.Handle(call, (1, "a"))  # wrong
    asyncio.Handle(1, (), loop)  # wrong


async def futures_and_tasks(loop: asyncio.AbstractEventLoop) -> None:
    reveal_type(loop.create_future())
    reveal_type(loop.create_task(number()))
    reveal_type(loop.create_task(number(), name="t", context=contextvars.copy_context()))
    reveal_type(loop.create_task(number(), eager_start=True))
    loop.create_task(number)  # wrong
    loop.create_task(loop.create_future())  # wrong
    loop.create_task(number(), nme="t")  # wrong
    loop.create_task(number(), context=1)  # wrong


def own_factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Future[Any]:
    return asyncio.Task(coro, loop=loop, **kwargs)


def a_task_factory(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_task_factory(own_factory)
    reveal_type(loop.get_task_factory() is None)
    if (factory := loop.get_task_factory()) is not None:
        reveal_type(factory(loop, number()))


class Echo(asyncio.Protocol):
    pass


class Datagrams(asyncio.DatagramProtocol):
    pass


async def connections(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, context: ssl.SSLContext
) -> None:
    transport, protocol = await loop.create_connection(Echo, "example.org", 80)
    reveal_type(transport)
    reveal_type(protocol)
    reveal_type(await loop.create_connection(Echo, sock=sock))
    reveal_type(await loop.create_connection(lambda: Echo(), host="h", port=1, ssl=True))
    reveal_type(
        await loop.create_connection(
            Echo,
            "h",
            1,
            ssl=context,
            server_hostname="h",
            local_addr=("127.0.0.1", 0),
            happy_eyeballs_delay=0.25,
            interleave=1,
            ssl_handshake_timeout=1,
            ssl_shutdown_timeout=1,
        )
    )
    reveal_type(await loop.create_unix_connection(Echo, "/path"))
    reveal_type(await loop.create_unix_connection(Echo, sock=sock, ssl=context))
    reveal_type(await loop.connect_accepted_socket(Echo, sock, ssl=context))
    reveal_type(await loop.start_tls(transport, protocol, context, server_side=True))
    await loop.create_connection(Echo(), "h", 1)  # wrong
    await loop.create_connection(dict, "h", 1)  # wrong
    await loop.create_connection(Echo, "h", "1")  # wrong
    await loop.create_connection(Echo, "h", 1, sock=sock)  # wrong
    await loop.create_connection(Echo, "h", 1, ssl="yes")  # wrong
    await loop.create_connection(Echo, "h", None)  # wrong
    await loop.connect_accepted_socket(Echo, 3)  # wrong
    loop.create_connection(Echo, "h", 1)  # wrong


async def handed_on(loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
    reveal_type(await loop.create_connection(Echo, "h", 1, **options))
    reveal_type(await loop.create_server(Echo, "h", 1, **options))
    reveal_type(await loop.create_unix_server(Echo, "/path", **options))
    reveal_type(await loop.create_datagram_endpoint(Datagrams, **options))


async def servers(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, context: ssl.SSLContext
) -> None:
    server = await loop.create_server(Echo, "127.0.0.1", 8888)
    reveal_type(server)
    reveal_type(server.sockets)
    async with server as entered:
        reveal_type(entered)
        await server.serve_forever()
    reveal_type(await loop.create_server(Echo, ["::1"], 0, reuse_port=True, keep_alive=True))
    reveal_type(await loop.create_server(Echo, sock=sock, start_serving=False))
    reveal_type(await loop.create_server(Echo, "h", 1, backlog=3, ssl=context))
    reveal_type(await loop.create_server(Echo, None, 0, family=socket.AF_INET))
    reveal_type(await loop.create_server(Echo, "h"))
    reveal_type(await loop.create_unix_server(Echo, "/path", backlog=3))
    reveal_type(await loop.create_unix_server(Echo, sock=sock))
    await loop.create_server(Echo, "h", 1, sock=sock)  # wrong
    await loop.create_server(Echo(), "h", 1)  # wrong
    await loop.create_server(dict, "h", 1)  # wrong
    await loop.create_server(Echo, 8888)  # wrong
    await loop.create_server(Echo, "h", "8888")  # wrong
    await loop.create_unix_server(Echo, 1)  # wrong


async def a_server(server: asyncio.Server) -> None:
    reveal_type(server.sockets)
    reveal_type(server.get_loop())
    reveal_type(server.is_serving())
    reveal_type(await server.start_serving())
    reveal_type(await server.serve_forever())
    reveal_type(await server.wait_closed())
    server.close()
    server.close_clients()
    server.abort_clients()
    as_abstract: asyncio.AbstractServer = server
    reveal_type(as_abstract)
    server.sockets = ()  # wrong


async def an_abstract_server(server: asyncio.AbstractServer) -> None:
    reveal_type(server.get_loop())
    reveal_type(server.is_serving())
    reveal_type(await server.start_serving())
    reveal_type(await server.serve_forever())
    reveal_type(await server.wait_closed())
    server.close()
    server.close_clients()
    server.abort_clients()
    async with server as entered:
        reveal_type(entered)


async def datagrams(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    transport, protocol = await loop.create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", 9)
    )
    reveal_type(transport)
    reveal_type(protocol)
    reveal_type(await loop.create_datagram_endpoint(lambda: Datagrams(), "/path"))
    reveal_type(await loop.create_datagram_endpoint(Datagrams, sock=sock, allow_broadcast=True))
    await loop.create_datagram_endpoint(Datagrams, local_addr=1)  # wrong
    await loop.create_datagram_endpoint(dict)  # wrong


async def files_and_pipes(
    loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, sock: socket.socket
) -> None:
    reveal_type(await loop.sendfile(transport, io.BytesIO(), 0, None, fallback=False))
    reveal_type(await loop.sock_sendfile(sock, io.BytesIO(), offset=1, count=2, fallback=True))
    reveal_type(await loop.connect_read_pipe(Echo, open("file")))
    reveal_type(await loop.connect_write_pipe(asyncio.BaseProtocol, open("file", "w")))
    await loop.sendfile(transport, io.StringIO())  # wrong
    await loop.sendfile(sock, io.BytesIO())  # wrong
    await loop.connect_read_pipe(dict, open("file"))  # wrong


async def sockets(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    reveal_type(await loop.sock_recv(sock, 100))
    reveal_type(await loop.sock_recv_into(sock, bytearray(100)))
    reveal_type(await loop.sock_recv_into(sock, memoryview(bytearray(100))))
    reveal_type(await loop.sock_recvfrom(sock, 100))
    reveal_type(await loop.sock_recvfrom_into(sock, bytearray(100), 10))
    reveal_type(await loop.sock_sendall(sock, b"data"))
    reveal_type(await loop.sock_sendto(sock, b"data", ("127.0.0.1", 9)))
    reveal_type(await loop.sock_connect(sock, ("127.0.0.1", 9)))
    reveal_type(await loop.sock_connect(sock, "/path"))
    reveal_type(await loop.sock_accept(sock))
    connection, address = await loop.sock_accept(sock)
    reveal_type(connection)
    reveal_type(address)
    await loop.sock_recv(3, 100)  # wrong
    await loop.sock_recv(sock, "100")  # wrong
    await loop.sock_recv_into(sock, 100)  # wrong
    await loop.sock_sendall(sock, "data")  # wrong
    await loop.sock_connect(sock, None)  # wrong
    loop.sock_recv(sock, 100)  # wrong


async def names(loop: asyncio.AbstractEventLoop) -> None:
    found = await loop.getaddrinfo("example.org", 80, type=socket.SOCK_STREAM)
    reveal_type(found)
    for family, kind, proto, name, address in found:
        reveal_type(family)
        reveal_type(kind)
        reveal_type(proto)
        reveal_type(name)
        reveal_type(address)
    reveal_type(await loop.getnameinfo(("127.0.0.1", 80)))
    reveal_type(await loop.getnameinfo(sockaddr=("::1", 80, 0, 0), flags=0))
    await loop.getaddrinfo(1, 80)  # wrong
    await loop.getnameinfo("127.0.0.1")  # wrong


def descriptors(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    loop.add_reader(sock, on_signal)
    loop.add_reader(3, call, 1, "a")
    loop.add_writer(fd=3, callback=on_signal)
    reveal_type(loop.remove_reader(sock))
    reveal_type(loop.remove_writer(3))
    loop.add_reader(sock, call)  # wrong
    loop.add_reader("3", on_signal)  # wrong
    loop.add_writer(3, call, "a", 1)  # wrong
    loop.remove_reader(None)  # wrong


def signals(loop: asyncio.AbstractEventLoop) -> None:
    loop.add_signal_handler(signal.SIGTERM, on_signal)
    loop.add_signal_handler(signal.SIGTERM, call, 1, "a")
    reveal_type(loop.remove_signal_handler(signal.SIGTERM))
    loop.add_signal_handler(signal.SIGTERM, call)  # wrong
    loop.add_signal_handler("TERM", on_signal)  # wrong


def on_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


def errors_and_debugging(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_exception_handler(on_error)
    loop.set_exception_handler(None)
    loop.set_exception_handler(lambda loop, context: reveal_type(context))
    reveal_type(loop.get_exception_handler())
    loop.call_exception_handler({"message": "m"})
    loop.default_exception_handler({"message": "m"})
    reveal_type(loop.get_debug())
    loop.set_debug(True)
    loop.slow_callback_duration = 0.5
    reveal_type(loop.slow_callback_duration)
    loop.set_exception_handler(on_signal)  # wrong
    loop.call_exception_handler("m")  # wrong
    loop.set_debug("yes")  # wrong


def executors(loop: asyncio.AbstractEventLoop, pool: concurrent.futures.ThreadPoolExecutor) -> None:
    loop.set_default_executor(pool)
    reveal_type(loop.run_in_executor(pool, len, "abc"))
    loop.run_in_executor(pool, len, 1)  # wrong


def policies() -> None:
    policy = asyncio.get_event_loop_policy()
    reveal_type(policy.get_event_loop())
    reveal_type(policy.new_event_loop())
    policy.set_event_loop(None)
    asyncio.set_event_loop_policy(policy)
    asyncio.set_event_loop_policy(None)
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    asyncio.set_event_loop_policy(1)  # wrong


class OwnPolicy(asyncio.AbstractEventLoopPolicy):
    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        pass

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop()


def an_own_policy() -> None:
    asyncio.set_event_loop_policy(OwnPolicy())


def by_generator(loop: asyncio.AbstractEventLoop) -> Generator[None, None, None]:
    loop.call_soon(next, iter([1]))
    yield
