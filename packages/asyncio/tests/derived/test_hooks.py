"""Loops that are derived from ours, or spied upon: what they override is called, and may raise."""

from __future__ import annotations

import asyncio
import asyncio.events
import contextvars
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Coroutine, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the loops are Unix loops")

SelectorEventLoop = asyncio.SelectorEventLoop


def run(coroutine: Coroutine[Any, Any, Any], factory: Callable[[], Any] = SelectorEventLoop) -> Any:
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(asyncio.wait_for(coroutine, 20))


async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    writer.close()
    await writer.wait_closed()


async def echo() -> None:
    async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"line\n")
        assert await reader.read() == b"LINE\n"
        writer.close()
        await writer.wait_closed()


class Protocol(asyncio.Protocol):
    lost: Any = "not yet"

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc


# How somebody else takes a hook over.


def in_a_class(name: str, spy: Callable[..., Any]) -> Iterator[Any]:
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        return spy(getattr(super(Derived, self), name), *args, **kwargs)

    Derived = type("Derived", (SelectorEventLoop,), {name: hook})
    yield Derived()


def on_the_loop(name: str, spy: Callable[..., Any]) -> Iterator[Any]:
    loop = SelectorEventLoop()
    own = getattr(loop, name)
    setattr(loop, name, lambda *args, **kwargs: spy(own, *args, **kwargs))
    yield loop


def patched(name: str, spy: Callable[..., Any]) -> Iterator[Any]:
    own = getattr(SelectorEventLoop, name)

    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        return spy(own.__get__(self), *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SelectorEventLoop, name, hook)
        yield SelectorEventLoop()


@pytest.mark.parametrize("take_over", [in_a_class, on_the_loop, patched])
@pytest.mark.parametrize(
    "name",
    [
        "_accept_connection",
        "_add_callback",
        "_add_reader",
        "_call_soon",
        "_make_socket_transport",
        "_process_events",
        "_remove_reader",
        "_remove_writer",
        "_run_once",
        "_start_serving",
        "_stop_serving",
        "_timer_handle_cancelled",
        "_write_to_self",
        "call_later",
        "call_soon",
        "create_future",
        "create_task",
        "getaddrinfo",
        "run_in_executor",
        "sock_connect",
        "time",
    ],
)
def test_who_takes_a_hook_over_is_asked(name: str, take_over: Callable[..., Any]) -> None:
    asked = []

    def spy(own: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return own(*args, **kwargs)

    async def main() -> None:
        await echo()
        await asyncio.to_thread(len, "")
        asyncio.get_running_loop().call_later(100, print).cancel()
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    for loop in take_over(name, spy):
        run(main(), lambda loop=loop: loop)
    assert asked


class Quiet(SelectorEventLoop):
    """Hooks that return nothing, as overrides often do."""

    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        super()._add_reader(fd, callback, *args)

    def _add_writer(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        super()._add_writer(fd, callback, *args)

    def _ensure_fd_no_transport(self, fd: Any) -> None:  # type: ignore[override]
        super()._ensure_fd_no_transport(fd)


class New(SelectorEventLoop):
    """Hooks as Python 3.15 has them, which take a context."""

    def _add_reader(self, fd: Any, callback: Any, *args: Any, context: Any = None) -> None:  # type: ignore[override]
        super()._add_reader(fd, callback, *args, context=context)

    def _add_writer(self, fd: Any, callback: Any, *args: Any, context: Any = None) -> None:  # type: ignore[override]
        super()._add_writer(fd, callback, *args, context=context)


class Old(Quiet):
    """Hooks as Python 3.14 and older have them, on whatever Python."""

    def _start_serving(  # type: ignore[override]
        self,
        protocol_factory: Any,
        sock: Any,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: Any = None,
        ssl_shutdown_timeout: Any = None,
    ) -> None:
        super()._start_serving(
            protocol_factory,
            sock,
            sslcontext,
            server,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )

    def _accept_connection(
        self,
        protocol_factory: Any,
        sock: Any,
        sslcontext: Any = None,  # type: ignore[override]
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: Any = None,
        ssl_shutdown_timeout: Any = None,
    ) -> None:
        super()._accept_connection(
            protocol_factory,
            sock,
            sslcontext,
            server,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )

    async def _accept_connection2(
        self,
        protocol_factory: Any,
        conn: Any,
        extra: Any,  # type: ignore[override]
        sslcontext: Any = None,
        server: Any = None,
        ssl_handshake_timeout: Any = None,
        ssl_shutdown_timeout: Any = None,
    ) -> None:
        await super()._accept_connection2(
            protocol_factory,
            conn,
            extra,
            sslcontext,
            server,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )

    def _make_socket_transport(  # type: ignore[override]
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> Any:
        return super()._make_socket_transport(sock, protocol, waiter, extra=extra, server=server)


@pytest.mark.parametrize("loop_class", [Quiet, New, Old])
def test_hooks_may_have_their_age_and_need_return_nothing(loop_class: Any) -> None:
    async def main() -> None:
        await echo()
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            other.setblocking(False)
            receiving = asyncio.create_task(loop.sock_recv(one, 10))
            await asyncio.sleep(0)
            other.send(b"data")
            assert await receiving == b"data"
            # Nothing is left behind, of the wait that is over or of one that was cancelled.
            waiting = asyncio.create_task(loop.sock_recv(one, 10))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert not loop.remove_reader(one)

    run(main(), loop_class)


@pytest.mark.parametrize("loop_class", [Quiet, New, Old])
def test_a_transport_has_one_context_through_hooks(loop_class: Any) -> None:
    variable = contextvars.ContextVar("variable", default=0)
    seen = []

    class Counting(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            variable.set(1)

        def data_received(self, data: bytes) -> None:
            variable.set(variable.get() + 1)
            # Whoever calls these, what is called back runs in the transport's context.
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self.transport.resume_reading)

        def connection_lost(self, exc: Exception | None) -> None:
            seen.append(variable.get())
            over.set_result(None)

    async def main() -> None:
        global over
        over = asyncio.get_running_loop().create_future()
        one, other = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().create_connection(Counting, sock=one)
        with other:
            for _ in range(3):
                other.send(b"x")
                while transport.is_reading():
                    await asyncio.sleep(0)
                while not transport.is_reading():
                    await asyncio.sleep(0)
        await over
        assert variable.get() == 0

    run(main(), loop_class)
    assert seen == [4]


over: Any = None


def test_connections_start_from_the_servers_context_through_old_hooks() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(variable.get())
        variable.set("changed")
        writer.close()

    async def main() -> None:
        variable.set("server's")
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            variable.set("client's")
            for _ in range(2):
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                assert await reader.read() == b""
                writer.close()
        assert variable.get() == "client's"

    run(main(), Old)
    assert seen == ["server's", "server's"]


# Hooks that raise.


class Raising(SelectorEventLoop):
    """Once `error` is there, descriptors from the outside cannot be watched any more."""

    error: BaseException | None = None

    def _add_reader(self, fd: Any, callback: Any, *args: Any, **kw: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super()._add_reader(fd, callback, *args, **kw)


@pytest.fixture
def reports() -> list[Any]:
    return []


def raising(error: BaseException, reports: list[Any]) -> Raising:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Raising)
    loop.set_exception_handler(lambda loop, context: reports.append(context.get("exception")))
    loop.error = error
    return loop


@pytest.mark.parametrize("error", [TypeError("no context"), OSError(28, "full"), LookupError()])
@pytest.mark.parametrize("kind", ["stream", "datagram", "read pipe", "write pipe", "tls"])
def test_who_waits_for_a_transport_hears_of_a_hook_that_raises(
    error: Exception, kind: str, reports: list[Any]
) -> None:
    async def main() -> None:
        loop = raising(error, reports)
        kinds = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
        one, other = socket.socketpair(socket.AF_UNIX, kinds)
        made: list[Any] = []

        def factory() -> Any:
            made.append(Protocol())
            return made[0]

        with other, pytest.raises(type(error)):
            if kind == "stream":
                await loop.create_connection(factory, sock=one)
            elif kind == "tls":
                await loop.create_connection(
                    factory, sock=one, ssl=True, server_hostname="localhost"
                )
            elif kind == "datagram":
                await loop.create_datagram_endpoint(factory, sock=one)
            elif kind == "read pipe":
                await loop.connect_read_pipe(factory, one)
            else:
                await loop.connect_write_pipe(factory, one)
        loop.error = None
        await asyncio.sleep(0)
        assert one.fileno() == -1
        if kind != "tls":
            assert made[0].lost is error

    run(main(), Raising)


def test_an_accepted_connection_that_cannot_be_watched_is_closed(reports: list[Any]) -> None:
    async def main() -> None:
        server = await asyncio.start_server(upper, "127.0.0.1", 0)
        async with server:
            loop = asyncio.get_running_loop()
            with socket.create_connection(server.sockets[0].getsockname()) as client:
                client.setblocking(False)
                raising(ZeroDivisionError("hook"), reports)
                assert await asyncio.to_thread(_rest_of, client) == b""
            loop.error = None  # type: ignore[attr-defined]
        assert any(isinstance(each, ZeroDivisionError) for each in reports)

    def _rest_of(client: socket.socket) -> bytes:
        client.settimeout(20)
        return client.recv(10)

    run(main(), Raising)


def test_a_child_whose_pipes_cannot_be_watched_is_ended(reports: list[Any]) -> None:
    async def main() -> None:
        loop = raising(TypeError("hook"), reports)
        with pytest.raises(TypeError, match="hook"):
            await asyncio.create_subprocess_exec("sleep", "1000", stdout=subprocess.PIPE)
        loop.error = None

    class FromThread(Raising):
        def _can_use_pidfd(self) -> bool:
            return False

    run(main(), FromThread)


# Children.


class OwnProcesses(SelectorEventLoop):
    """Makes the transport by itself and tells it of the end, as trio-asyncio and qasync do."""

    transport_class: Any = None

    async def _make_subprocess_transport(
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **kwargs: Any,
    ) -> Any:
        waiter = self.create_future()
        make = self.transport_class or asyncio.unix_events._UnixSubprocessTransport
        transport = make(
            self,
            protocol,
            args,
            shell,
            stdin,
            stdout,
            stderr,
            bufsize,
            waiter=waiter,
            extra=extra,
            **kwargs,
        )

        def wait() -> None:
            code = os.waitstatus_to_exitcode(os.waitpid(transport.get_pid(), 0)[1])
            self.call_soon_threadsafe(transport._process_exited, code)

        threading.Thread(target=wait).start()
        await waiter
        return transport


async def child(code: int = 3) -> None:
    process = await asyncio.create_subprocess_shell(
        f"cat; exit {code}", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert await process.communicate(b"text") == (b"text", None)
    assert process.returncode == code


def test_a_loop_makes_its_childrens_transports() -> None:
    run(child(), OwnProcesses)


def test_a_transport_starts_its_child_in_its_own_way() -> None:
    started = []

    class OwnStart(asyncio.unix_events._UnixSubprocessTransport):
        def _start(
            self,
            args: Any,
            shell: bool,
            stdin: Any,
            stdout: Any,
            stderr: Any,
            bufsize: int,
            **kwargs: Any,
        ) -> None:
            started.append(args)
            self._proc = subprocess.Popen(
                args,
                shell=shell,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                universal_newlines=False,
                bufsize=bufsize,
                **kwargs,
            )

    class Loop(OwnProcesses):
        transport_class = OwnStart

    run(child(), Loop)
    assert started == ["cat; exit 3"]


def test_the_transports_class_is_replaced_where_children_are_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    class Noted(asyncio.unix_events._UnixSubprocessTransport):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            made.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(asyncio.unix_events, "_UnixSubprocessTransport", Noted)
    run(child())
    assert made
    monkeypatch.undo()
    assert asyncio.unix_events._UnixSubprocessTransport is not Noted
    assert asyncio.unix_events._UnixSubprocessTransport.__name__ == "_UnixSubprocessTransport"


@pytest.mark.parametrize("pidfd", [True, False])
def test_a_loop_is_told_of_its_childrens_end(pidfd: bool) -> None:
    told = []

    class Told(SelectorEventLoop):
        def _child_watcher_callback(self, pid: int, returncode: int, transp: Any) -> None:
            told.append((pid == transp.get_pid(), returncode))
            super()._child_watcher_callback(pid, returncode, transp)

        def _can_use_pidfd(self) -> bool:
            return pidfd and super()._can_use_pidfd()

    run(child(5), Told)
    assert told == [(True, 5)]


# Files.


@pytest.mark.parametrize("hook", ["sock_sendfile", "_sock_sendfile_native", "_sendfile_native"])
def test_a_file_sent_through_a_transport_takes_the_overridden_way(
    hook: str, tmp_path: pathlib.Path
) -> None:
    sent = []

    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(args)
        return await getattr(super(Loop, self), hook)(*args, **kwargs)

    Loop = type("Loop", (SelectorEventLoop,), {hook: send})
    content = b"0123456789abcdef" * 65536
    (tmp_path / "file").write_bytes(content)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=other)
        transport, _ = await loop.create_connection(Protocol, sock=one)
        with open(tmp_path / "file", "rb") as file:
            sending = asyncio.create_task(loop.sendfile(transport, file, fallback=False))
            assert await reader.readexactly(len(content)) == content
            assert await sending == len(content)
        # The transport owns its socket as before.
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(one.fileno(), print)
        transport.write(b"behind it")
        transport.close()
        assert await reader.read() == b"behind it"
        writer.close()

    run(main(), Loop)
    assert sent
