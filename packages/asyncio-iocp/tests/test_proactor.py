"""The proactor, with a loop that does nothing but wait with it."""

from __future__ import annotations

import sys

import pytest

if sys.platform != "win32":
    pytest.skip("completion ports need Windows", allow_module_level=True)

import _winapi
import gc
import os
import socket
import threading
import time
import weakref
from selectors import EVENT_READ, EVENT_WRITE

from asyncio_core.awaiting.combinators import gather, wait_for
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.windows.pipes import PipeHandle, pipe
from asyncio_iocp import _overlapped
from asyncio_iocp import proactor as proactor_module
from asyncio_iocp.proactor import IocpProactor
from asyncio_test_support.loops import watched
from asyncio_test_support.sockets import reset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from asyncio_core.awaiting.futures import Future


class Loop(ParkingEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self.proactor = IocpProactor()
        self.proactor.set_loop(self)

    def _poll(self, timeout: float | None) -> None:
        self.proactor.select(timeout)

    def _write_to_self(self) -> None:
        self.proactor.wake()

    def close(self) -> None:
        self.proactor.close()
        super().close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    with watched(Loop()) as made:
        yield made


@pytest.fixture
def proactor(loop: Loop) -> IocpProactor:
    return loop.proactor


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


@pytest.fixture
def pipes() -> Iterator[tuple[PipeHandle, PipeHandle]]:
    left, right = (PipeHandle(handle) for handle in pipe(duplex=True))
    yield left, right
    left.close()
    right.close()


@pytest.fixture
def event() -> Iterator[int]:
    handle = _overlapped.CreateEvent(None, True, False, None)
    yield handle
    _winapi.CloseHandle(handle)


def run(loop: Loop, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return loop.run_until_complete(main())


# --- Streams ---------------------------------------------------------------------------------


def test_data_goes_both_ways(
    loop: Loop, proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets

    async def main() -> None:
        reading = proactor.recv(right, 100)
        assert not reading.done()
        assert await proactor.send(left, b"there") == 5
        assert await reading == b"there"
        buffer = bytearray(10)
        await proactor.send(right, memoryview(b"and back")[4:])
        assert await proactor.recv_into(left, buffer) == 4
        assert buffer == b"back" + bytes(6)
        left.close()
        assert await proactor.recv(right, 100) == b""
        assert await proactor.recv_into(right, bytearray(10)) == 0

    run(loop, main)


def test_a_lot_of_data_arrives_in_order(
    loop: Loop, proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets
    data = os.urandom(8_000_000)

    async def receive() -> bytes:
        parts = []
        while part := await proactor.recv(right, 65536):
            parts.append(part)
        return b"".join(parts)

    async def send() -> None:
        assert await proactor.send(left, data) == len(data)
        left.shutdown(socket.SHUT_WR)

    async def main() -> None:
        received, _ = await gather(receive(), send())
        assert received == data

    run(loop, main)


def test_reset_peer_is_an_exception_of_the_future(
    loop: Loop, proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets

    async def main() -> None:
        reading = proactor.recv(left, 100)
        reset(right)
        with pytest.raises(ConnectionResetError):
            await reading

    run(loop, main)


def test_reading_after_shutdown_gives_the_end(
    loop: Loop, proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, _ = sockets

    async def main() -> None:
        left.shutdown(socket.SHUT_RD)
        assert await proactor.recv(left, 100) == b""

    run(loop, main)


def test_pipe_reads_writes_and_ends(
    loop: Loop, proactor: IocpProactor, pipes: tuple[PipeHandle, PipeHandle]
) -> None:
    left, right = pipes

    async def main() -> None:
        reading = proactor.recv(right, 100)
        assert await proactor.send(left, b"through a pipe") == 14
        assert await reading == b"through a pipe"
        waiting = proactor.recv(right, 100)
        left.close()
        assert await waiting == b""
        assert await proactor.recv(right, 100) == b""
        assert await proactor.recv_into(right, bytearray(5)) == 0
        with pytest.raises(OSError):
            await proactor.send(right, b"nobody there")

    run(loop, main)


def test_part_of_a_file_is_sent(
    loop: Loop,
    proactor: IocpProactor,
    sockets: tuple[socket.socket, socket.socket],
    tmp_path: os.PathLike[str],
) -> None:
    path = os.path.join(tmp_path, "file")
    with open(path, "wb") as file:
        file.write(bytes(range(256)) * 100)

    async def main() -> None:
        with open(path, "rb") as file:
            assert await proactor.sendfile(sockets[0], file, 1000, 500) == 500
        received = await proactor.recv(sockets[1], 1000)
        assert received == (bytes(range(256)) * 100)[1000:1500]

    run(loop, main)


# --- Datagrams -------------------------------------------------------------------------------


@pytest.fixture
def datagram_sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.socket(type=socket.SOCK_DGRAM) as left, socket.socket(type=2) as right:
        left.bind(("127.0.0.1", 0))
        right.bind(("127.0.0.1", 0))
        yield left, right


def test_datagrams_with_and_without_connection(
    loop: Loop, proactor: IocpProactor, datagram_sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = datagram_sockets

    async def main() -> None:
        reading = proactor.recvfrom(left, 100)
        assert await proactor.sendto(right, b"one", 0, left.getsockname()) == 3
        assert await reading == (b"one", right.getsockname())
        await proactor.connect(right, left.getsockname())
        assert await proactor.send(right, b"three") == 5
        buffer = bytearray(9)
        assert await proactor.recvfrom_into(left, buffer) == (5, right.getsockname())
        assert buffer[:5] == b"three"

    run(loop, main)


def test_datagram_without_address_is_a_type_error(
    proactor: IocpProactor, datagram_sockets: tuple[socket.socket, socket.socket]
) -> None:
    with pytest.raises(TypeError):
        proactor.sendto(datagram_sockets[0], b"data")
    with pytest.raises(TypeError):
        proactor.connect(datagram_sockets[0], None)


def test_undelivered_datagram_does_not_end_receiving(
    loop: Loop, proactor: IocpProactor, datagram_sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = datagram_sockets
    with socket.socket(type=socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nowhere = gone.getsockname()

    async def main() -> None:
        reading = proactor.recvfrom(left, 100)
        await proactor.sendto(left, b"lost", 0, nowhere)
        await proactor.sendto(right, b"found", 0, left.getsockname())
        data, address = await reading
        if address is None:  # the system told of the one that was lost
            assert data == b""
            data, address = await proactor.recvfrom(left, 100)
        assert (data, address) == (b"found", right.getsockname())

    run(loop, main)


class AsOnWindows:
    """An operation that is refused at once where Windows would refuse it, and Wine does not."""

    #: Called before a datagram is to be received.
    refuse: Callable[[], None]

    def __init__(self, event: int) -> None:
        self._operation = _overlapped.Overlapped(event)

    def WSARecvFrom(self, *arguments: Any) -> bool:
        type(self).refuse()
        return self._operation.WSARecvFrom(*arguments)

    def WSARecvFromInto(self, *arguments: Any) -> bool:
        type(self).refuse()
        return self._operation.WSARecvFromInto(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operation, name)


@pytest.mark.parametrize("into", [False, True])
def test_socket_without_an_address_is_bound_to_receive(
    loop: Loop, proactor: IocpProactor, monkeypatch: pytest.MonkeyPatch, into: bool
) -> None:
    buffer = bytearray(10)

    def refuse() -> None:
        if not is_bound(receiver):
            raise OSError(None, "not bound", None, _overlapped.WSAEINVAL)

    async def main() -> Any:
        receiving: Any = (
            proactor.recvfrom_into(receiver, buffer) if into else proactor.recvfrom(receiver, 10)
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"hello", ("127.0.0.1", receiver.getsockname()[1]))
            return (await receiving)[0]

    monkeypatch.setattr(proactor_module, "Overlapped", AsOnWindows)
    monkeypatch.setattr(AsOnWindows, "refuse", staticmethod(refuse), raising=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        got = run(loop, main)
    assert (bytes(buffer[:got]) if into else got) == b"hello"


def is_bound(sock: socket.socket) -> bool:
    try:
        return bool(sock.getsockname()[1])
    except OSError:
        return False


def test_undelivered_datagram_may_be_told_at_once(
    proactor: IocpProactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(None, "nobody there", None, _overlapped.WSAECONNRESET)

    monkeypatch.setattr(proactor_module, "Overlapped", AsOnWindows)
    monkeypatch.setattr(AsOnWindows, "refuse", staticmethod(refuse), raising=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        assert proactor.recvfrom(receiver, 10).result() == (b"", None)
        assert proactor.recvfrom_into(receiver, bytearray(10)).result() == (0, None)


def test_datagram_that_does_not_fit_is_cut(
    loop: Loop, proactor: IocpProactor, datagram_sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = datagram_sockets

    async def main() -> None:
        waiting = proactor.recvfrom(left, 4)
        right.sendto(b"0123456789", left.getsockname())
        assert (await waiting)[0] == b"0123"
        right.sendto(b"9876543210", left.getsockname())
        right.sendto(b"whole", left.getsockname())
        assert (await proactor.recvfrom(left, 4))[0] == b"9876"
        assert (await proactor.recvfrom(left, 10))[0] == b"whole"
        assert not proactor._pending

    run(loop, main)


# --- Connections -----------------------------------------------------------------------------


def test_connect_and_accept(loop: Loop, proactor: IocpProactor, listener: socket.socket) -> None:
    async def main() -> None:
        with socket.socket() as client:
            accepting = proactor.accept(listener)
            await proactor.connect(client, listener.getsockname())
            server, address = await accepting
            with server:
                assert address == client.getsockname() == server.getpeername()
                assert server.gettimeout() == 0.0
                assert client.getpeername() == listener.getsockname()
                await proactor.send(server, b"hello")
                assert await proactor.recv(client, 10) == b"hello"

    run(loop, main)


def test_connecting_from_a_chosen_address(
    loop: Loop, proactor: IocpProactor, listener: socket.socket
) -> None:
    async def main() -> None:
        with socket.socket() as client:
            client.bind(("127.0.0.1", 0))
            chosen = client.getsockname()
            accepting = proactor.accept(listener)
            await proactor.connect(client, listener.getsockname())
            server, address = await accepting
            server.close()
            assert address == chosen

    run(loop, main)


def test_refused_connection(loop: Loop, proactor: IocpProactor) -> None:
    async def main() -> None:
        with socket.socket() as taken, socket.socket() as client:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await proactor.connect(client, taken.getsockname())

    run(loop, main)


@pytest.mark.parametrize("address", [None, "127.0.0.1:80", ("127.0.0.1",), ("name", 80)])
def test_bad_addresses_leave_nothing_pending(proactor: IocpProactor, address: object) -> None:
    with socket.socket() as client, pytest.raises((TypeError, ValueError, OSError)):
        proactor.connect(client, address)
    assert not proactor._pending


def test_client_that_resets_before_it_is_accepted(
    loop: Loop, proactor: IocpProactor, listener: socket.socket
) -> None:
    async def main() -> None:
        hasty = socket.create_connection(listener.getsockname())
        reset(hasty)
        try:
            server, _ = await wait_for(proactor.accept(listener), 1)
        except (ConnectionError, TimeoutError):
            pass
        else:
            server.close()
        # The next client is served.
        accepting = proactor.accept(listener)
        with socket.create_connection(listener.getsockname()) as client:
            server, address = await accepting
            server.close()
            assert address == client.getsockname()

    run(loop, main)


def test_cancelled_accept_leaves_no_socket(
    loop: Loop, proactor: IocpProactor, listener: socket.socket
) -> None:
    async def main() -> None:
        accepting = proactor.accept(listener)
        made = weakref.ref(accepting._connection)  # type: ignore[attr-defined]
        accepting.cancel()
        with pytest.raises(CancelledError):
            await accepting
        while proactor._pending:
            proactor.select(1)
        gc.collect()
        assert made() is None  # without a ResourceWarning: it was closed

    run(loop, main)


def test_cancelled_connect_frees_the_socket(
    loop: Loop, proactor: IocpProactor, listener: socket.socket
) -> None:
    async def main() -> None:
        with socket.socket() as client:
            connecting = proactor.connect(client, listener.getsockname())
            connecting.cancel()
            with pytest.raises(CancelledError):
                await connecting
        while proactor._pending:
            proactor.select(1)

    run(loop, main)


def test_stopped_serving_cancels_the_accept_only(
    loop: Loop,
    proactor: IocpProactor,
    listener: socket.socket,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    accepting, reading = proactor.accept(listener), proactor.recv(sockets[0], 10)
    proactor._stop_serving(listener)
    assert accepting.cancelled()
    assert not reading.done()
    # Its socket is closed before the loop is.
    reading.cancel()


# --- Named pipes -----------------------------------------------------------------------------


def named_pipe(name: str) -> PipeHandle:
    handle = _winapi.CreateNamedPipe(
        name,
        _winapi.PIPE_ACCESS_DUPLEX | _winapi.FILE_FLAG_OVERLAPPED,
        _winapi.PIPE_WAIT,
        1,
        4096,
        4096,
        _winapi.NMPWAIT_WAIT_FOREVER,
        _winapi.NULL,
    )
    return PipeHandle(handle)


@pytest.mark.parametrize("client_first", [False, True])
def test_pipe_by_its_name(loop: Loop, proactor: IocpProactor, client_first: bool) -> None:
    name = rf"\\.\pipe\asyncio-test-{os.getpid()}-{client_first}"

    async def main() -> None:
        with named_pipe(name) as server:
            if client_first:
                client = await proactor.connect_pipe(name)
                assert await proactor.accept_pipe(server) is server
            else:
                accepting = proactor.accept_pipe(server)
                client = await proactor.connect_pipe(name)
                assert await accepting is server
            with client:
                await proactor.send(client, b"by name")
                assert await proactor.recv(server, 100) == b"by name"

    run(loop, main)


def test_missing_pipe(loop: Loop, proactor: IocpProactor) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await proactor.connect_pipe(r"\\.\pipe\asyncio-test-missing")

    run(loop, main)


def test_busy_pipe_is_waited_for(loop: Loop, proactor: IocpProactor) -> None:
    name = rf"\\.\pipe\asyncio-test-busy-{os.getpid()}"

    async def main() -> None:
        server = named_pipe(name)
        client = await proactor.connect_pipe(name)
        waiting = loop.create_task(proactor.connect_pipe(name))
        with pytest.raises(TimeoutError):
            await wait_for(waiting, 0.05)
        client.close()
        server.close()

    run(loop, main)


# --- Handles ---------------------------------------------------------------------------------


def test_waiting_for_a_handle(loop: Loop, proactor: IocpProactor, event: int) -> None:
    async def main() -> None:
        start = time.perf_counter()
        assert await proactor.wait_for_handle(event, 0.05) is False
        assert time.perf_counter() - start >= 0.045
        waiting = proactor.wait_for_handle(event)
        loop.call_soon(_overlapped.SetEvent, event)
        assert await waiting is True
        assert await proactor.wait_for_handle(event, 10) is True
        waiting.cancel()  # too late, and harmless

    run(loop, main)


def test_handle_that_is_signalled_is_found_so_without_any_time(
    loop: Loop, proactor: IocpProactor, event: int
) -> None:
    async def main() -> None:
        assert await proactor.wait_for_handle(event, 0) is False
        _overlapped.SetEvent(event)
        assert await proactor.wait_for_handle(event, 0) is True

    run(loop, main)


def test_waiting_takes_what_resets_itself(loop: Loop, proactor: IocpProactor) -> None:
    event = _overlapped.CreateEvent(None, False, True, None)
    try:
        assert loop.run_until_complete(proactor.wait_for_handle(event)) is True
        assert loop.run_until_complete(proactor.wait_for_handle(event, 0.01)) is False
    finally:
        _winapi.CloseHandle(event)


def test_cancelled_wait_is_forgotten_at_once(
    loop: Loop, proactor: IocpProactor, event: int
) -> None:
    waiting = proactor.wait_for_handle(event, 10)
    waiting.cancel()
    waiting.cancel()
    assert not proactor._pending
    with pytest.raises(CancelledError):
        loop.run_until_complete(waiting)


def test_wait_cancelled_when_its_packet_is_there(
    loop: Loop, proactor: IocpProactor, event: int
) -> None:
    waiting = proactor.wait_for_handle(event, 10)
    _overlapped.SetEvent(event)
    time.sleep(0.05)  # the pool's thread posts
    waiting.cancel()
    others = [proactor.wait_for_handle(event) for _ in range(50)]
    loop.run_until_complete(gather(*others))
    assert waiting.cancelled()
    assert not proactor._pending


def test_waiting_for_what_is_no_handle(proactor: IocpProactor) -> None:
    with pytest.raises(OSError):
        proactor.wait_for_handle(0x7FFFFFF0)
    assert not proactor._pending


# --- Readiness -------------------------------------------------------------------------------


@pytest.fixture(params=["driver", "thread"])
def polling(request: pytest.FixtureRequest, proactor: IocpProactor) -> IocpProactor:
    if request.param == "thread":
        proactor._afd = 0
    elif not proactor._open_afd():
        pytest.skip("this system has no driver to poll with")
    return proactor


def test_ready_for_what_was_asked(
    loop: Loop, polling: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    left, right = sockets

    async def main() -> None:
        both = EVENT_READ | EVENT_WRITE
        assert await polling.poll_socket(left.fileno(), both) == EVENT_WRITE
        waiting = polling.poll_socket(left.fileno(), EVENT_READ)
        with pytest.raises(TimeoutError):
            await wait_for(polling.poll_socket(left.fileno(), EVENT_READ), 0.05)
        assert not waiting.done()
        right.send(b"x")
        assert await waiting == EVENT_READ
        assert await polling.poll_socket(left.fileno(), both) == both
        right.close()
        left.recv(10)
        assert await polling.poll_socket(left.fileno(), EVENT_READ) == EVENT_READ

    run(loop, main)


def test_listener_and_failed_connection_are_ready(
    loop: Loop, polling: IocpProactor, listener: socket.socket
) -> None:
    async def main() -> None:
        waiting = polling.poll_socket(listener.fileno(), EVENT_READ)
        with socket.create_connection(listener.getsockname()):
            assert await waiting == EVENT_READ
            listener.accept()[0].close()
        with socket.socket() as taken, socket.socket() as client:
            taken.bind(("127.0.0.1", 0))
            client.setblocking(False)
            client.connect_ex(taken.getsockname())
            assert await wait_for(polling.poll_socket(client.fileno(), EVENT_WRITE), 30)
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    run(loop, main)


def test_socket_that_is_closed_is_ready_for_what_was_asked(
    loop: Loop, polling: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        waiting = polling.poll_socket(sockets[0].fileno(), EVENT_READ)
        sockets[0].close()
        # The thread only looks again when it is woken.
        polling.poll_socket(sockets[1].fileno(), EVENT_WRITE).cancel()
        assert await wait_for(waiting, 30) == EVENT_READ

    run(loop, main)


def test_cancelled_poll_is_over(
    loop: Loop, polling: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    async def main() -> None:
        waiting = polling.poll_socket(sockets[0].fileno(), EVENT_READ)
        waiting.cancel()
        with pytest.raises(CancelledError):
            await waiting
        while polling._pending:
            polling.select(1)

    run(loop, main)


def test_polling_what_is_no_socket(polling: IocpProactor) -> None:
    with pytest.raises((OSError, ValueError)):
        polling.poll_socket(0x7FFFFF0, EVENT_READ)
    for events in (0, 4, -1):
        with pytest.raises(ValueError, match="EVENT_READ"):
            polling.poll_socket(0, events)
    assert not polling._pending


# --- Selecting and closing -------------------------------------------------------------------


def test_select_waits_in_milliseconds(proactor: IocpProactor) -> None:
    start = time.perf_counter()
    assert proactor.select(0) == []
    assert proactor.select(0.0201) == []
    assert time.perf_counter() - start >= 0.02
    assert proactor._fine_timer
    assert proactor.select(0.11) == []
    assert not proactor._fine_timer


def test_operation_can_be_had_by_the_names_that_nest_asyncio_knows(
    proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    reading: Any = proactor.recv(sockets[0], 10)
    operation = reading._ov
    assert operation.pending
    reading.cancel()
    proactor._unregister(operation)
    while proactor._pending:
        proactor.select(1)
    assert reading._ov is None


def test_repr_tells_of_the_operation(
    proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    reading = proactor.recv(sockets[0], 10)
    assert "overlapped=<pending, 0x" in repr(reading)
    assert "pending=1" in repr(proactor)
    sockets[1].send(b"x")
    proactor.select(5)
    assert "overlapped" not in repr(reading)


def test_select_returns_what_is_done(
    proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    reading = proactor.recv(sockets[0], 10)
    sockets[1].send(b"x")
    assert proactor.select(5) == [reading]
    assert reading.result() == b"x"


def test_wake_ends_the_wait_of_another_thread(proactor: IocpProactor) -> None:
    waker = threading.Timer(0.05, proactor.wake)
    waker.start()
    start = time.perf_counter()
    assert proactor.select(30) == []
    assert time.perf_counter() - start < 20
    waker.join()


def test_wakes_are_not_heaped_up_and_none_is_lost(proactor: IocpProactor) -> None:
    for _ in range(1000):
        proactor.wake()
    assert proactor.select(30) == []
    start = time.perf_counter()
    assert proactor.select(0.03) == []
    assert time.perf_counter() - start >= 0.025
    proactor.wake()
    assert proactor.select(30) == []


def test_wake_works_after_an_interrupt(
    proactor: IocpProactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        _overlapped.GetQueuedCompletionStatusEx(*arguments)
        raise KeyboardInterrupt

    proactor.wake()
    with monkeypatch.context() as patch:
        patch.setattr("asyncio_iocp.completion_port.GetQueuedCompletionStatusEx", interrupted)
        with pytest.raises(KeyboardInterrupt):
            proactor.select(30)
    proactor.select(0)
    proactor.wake()
    start = time.perf_counter()
    proactor.select(10)
    assert time.perf_counter() - start < 5


def test_interrupted_delivery_goes_on_later(
    proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    readings = [proactor.recv(sockets[0], 1) for _ in range(3)]
    sockets[1].send(b"abc")
    time.sleep(0.05)
    original = readings[1]._arrived  # type: ignore[attr-defined]

    def interrupted(transferred: int) -> None:
        readings[1]._arrived = original  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    readings[1]._arrived = interrupted  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        proactor.select(5)
    while not all(reading.done() for reading in readings):
        proactor.select(5)
    assert [reading.result() for reading in readings] == [b"a", b"b", b"c"]


def test_closing_cancels_everything_and_waits_for_the_system(
    listener: socket.socket,
    sockets: tuple[socket.socket, socket.socket],
    pipes: tuple[PipeHandle, PipeHandle],
    event: int,
) -> None:
    loop = Loop()
    proactor = loop.proactor
    buffer = bytearray(10)
    pending: list[Future[Any]] = [
        proactor.recv_into(sockets[0], buffer),
        proactor.recv(pipes[0], 10),
        proactor.accept(listener),
        proactor.wait_for_handle(event),
        proactor.poll_socket(sockets[1].fileno(), EVENT_READ),
    ]
    loop.close()
    assert all(future.cancelled() for future in pending)
    assert not proactor._pending
    buffer.clear()  # nobody writes there any more
    proactor.close()
    proactor.wake()


def test_proactor_without_owner_closes_itself(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    loop = ParkingEventLoop()
    proactor = IocpProactor()
    proactor.set_loop(loop)
    reading = proactor.recv(sockets[0], 10)
    loop.close()
    del proactor
    gc.collect()
    assert reading.cancelled()


def test_closed_and_unfit_objects_are_refused(
    proactor: IocpProactor, tmp_path: os.PathLike[str]
) -> None:
    closed = socket.socket()
    closed.close()
    with pytest.raises(OSError):
        proactor.recv(closed, 10)
    with pytest.raises(OSError):
        proactor.accept(closed)
    left, right = socket.socketpair()
    with left, right:
        receiving = proactor.recv(left, 10)
        left.close()
        with pytest.raises(OSError):
            proactor.send(left, b"closed after its first use")
        # Nobody waits for what closing has done to it.
        receiving.cancel()
    with open(os.path.join(tmp_path, "file"), "wb") as file, pytest.raises(OSError):
        proactor.send(file, b"data")  # type: ignore[arg-type]
    for handle in pipe(overlapped=(False, False)):
        with PipeHandle(handle) as end, pytest.raises(OSError):
            proactor.recv(end, 10)


def test_dead_objects_are_forgotten(proactor: IocpProactor) -> None:
    for _ in range(3):
        left, right = socket.socketpair()
        with left, right:
            proactor.send(left, b"x")
    del left, right
    gc.collect()
    assert not proactor._links


def test_two_loops_at_once_cannot_have_a_socket(
    proactor: IocpProactor, sockets: tuple[socket.socket, socket.socket]
) -> None:
    proactor.recv(sockets[0], 10).cancel()
    other = IocpProactor()
    try:
        with pytest.raises(OSError):
            other.recv(sockets[0], 10)
    finally:
        other.close()


def test_next_loop_can_have_a_socket(sockets: tuple[socket.socket, socket.socket]) -> None:
    for _ in range(2):
        loop = Loop()
        try:
            reading = loop.proactor.recv(sockets[0], 10)
        except OSError:
            if _overlapped.DetachFromPort(sockets[0].fileno()):
                raise
            pytest.skip("this system does not take a handle back from a port")
        else:
            sockets[1].send(b"x")
            assert loop.run_until_complete(reading) == b"x"
        finally:
            loop.close()


# --- Nothing is left behind ------------------------------------------------------------------


async def visit(proactor: IocpProactor, listener: socket.socket, number: int) -> None:
    """One connection: used to its end, reset, or cancelled on its way."""
    accepting = proactor.accept(listener)
    with socket.socket() as client:
        connecting = proactor.connect(client, listener.getsockname())
        if number % 4 == 1:
            connecting.cancel()
            accepting.cancel()
            return
        await connecting
        server, _ = await accepting
        with server:
            reading = proactor.recv(server, 100)
            if number % 4 == 2:
                reset(client)
                with pytest.raises(ConnectionResetError):
                    await reading
            elif number % 4 == 3:
                reading.cancel()
            else:
                await proactor.send(client, b"x" * 100)
                assert await reading == b"x" * 100


def test_connections_leave_no_handle(
    loop: Loop,
    proactor: IocpProactor,
    listener: socket.socket,
    count_handles: Callable[[], int],
) -> None:
    async def visits(count: int) -> None:
        listener.listen(100)
        for number in range(count):
            # One that was cancelled on both sides may still sit in the backlog.
            await wait_for(visit(proactor, listener, number), 30)

    def settle() -> int:
        while proactor._pending:
            proactor.select(1)
        gc.collect()
        return count_handles()

    loop.run_until_complete(visits(20))
    before = settle()
    loop.run_until_complete(visits(200))
    assert settle() - before <= 2
