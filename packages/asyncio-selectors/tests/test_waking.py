"""Waking the loop where its socket pair fails."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop, waking
from asyncio_test_support.loops import collect_reports
from asyncio_test_support.waking import Refusing, woken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncio_selectors.poller import Poller


@pytest.fixture
def made(poller_class: type[Poller]) -> Iterator[SelectorEventLoop]:
    """A loop over each poller that remembers its reports."""
    loop = SelectorEventLoop(poller_class())
    collect_reports(loop)
    yield loop
    loop.close()


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EPERM, errno.EACCES, errno.ENOMEM])
@pytest.mark.parametrize("times", [1, float("inf")])
def test_a_wake_up_that_is_refused_is_sent_in_another_way(
    made: Any, number: int, times: float, caplog: pytest.LogCaptureFixture
) -> None:
    if times > 1 and sys.platform == "win32":
        pytest.skip("sockets have no write() there")
    real = made._csock
    made._csock = Refusing(real, number, times)
    woken(made)
    assert made._csock.sock is real
    made._csock = real
    woken(made)
    assert len(caplog.records) == 1
    assert "wake-up" in caplog.records[0].getMessage()
    assert made.reported == []


@pytest.mark.parametrize("times", [1, 2, float("inf")])
def test_a_pair_that_says_to_be_full_and_is_not_is_not_believed(
    made: Any, times: float, caplog: pytest.LogCaptureFixture
) -> None:
    if times > 1 and sys.platform == "win32":
        pytest.skip("sockets have no write() there")
    real = made._csock
    made._csock = Refusing(real, errno.EAGAIN, times)
    woken(made)
    made._csock = real
    woken(made)
    assert made.reported == []
    assert len(caplog.records) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sockets have no write() there")
def test_where_nothing_can_be_written_the_loop_takes_a_new_pair(
    made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made._csock = Refusing(made._csock, errno.EPERM, float("inf"), "fileno")
    woken(made)
    assert isinstance(made._csock, socket.socket)
    assert made._csock.fileno() != -1
    assert list(made._selector.get_map()) == [made._ssock.fileno()]
    woken(made)
    assert len(caplog.records) == 1
    assert made.reported == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals take the descriptor there, too")
def test_a_loop_over_a_selector_of_others_is_woken_too() -> None:
    import selectors

    made = SelectorEventLoop(selectors.DefaultSelector())
    made._csock = Refusing(made._csock, errno.EPERM, float("inf"), "fileno")
    woken(made)
    made._csock.shutdown(socket.SHUT_WR)
    woken(made)
    made.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals take the descriptor there, too")
def test_a_loop_that_cannot_be_woken_looks_by_itself_until_it_can(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny() -> Any:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(waking, "_LOOK_DELAY", 0.001)
    monkeypatch.setattr(waking, "_LOOKS", 3)
    with monkeypatch.context() as patch:
        patch.setattr(waking, "_make_pair", deny)
        made._csock = Refusing(made._csock, errno.EPERM, float("inf"), "fileno")
        woken(made)
        woken(made, 30)
        (report,) = made.reported
        assert report["exception"].errno == errno.EPERM
        assert "cannot be woken" in report["message"]
        assert made._looking is not None

    async def mended() -> None:
        while made._looking is not None:
            await asyncio_core.sleep(0.001)

    made.run_until_complete(mended())
    woken(made)
    assert len(made.reported) == 1
    assert [timer for timer in made._scheduled if not timer.cancelled()] == []


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="needs a poller that can be told meanwhile")
def test_a_pair_without_any_way_to_send_is_replaced_too() -> None:
    """Nothing can be had from the socket, not even its end: the poller itself ends the wait."""
    made = SelectorEventLoop()
    denied = ("fileno", "shutdown")
    made._csock = Refusing(made._csock, errno.EPERM, float("inf"), *denied)
    woken(made)
    woken(made)
    made.close()


@pytest.mark.parametrize("end", ["_csock", "_ssock"])
@pytest.mark.parametrize("how", ["shutdown", "close"])
def test_a_pair_that_comes_to_its_end_is_replaced(
    made: Any, end: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    if (end, how) == ("_ssock", "close") and not hasattr(made._selector, "_epoll"):
        pytest.skip("only a poller that can be told meanwhile ends the wait")
    if how == "close":
        getattr(made, end).close()
    else:
        getattr(made, end).shutdown(socket.SHUT_RDWR)
    before = time.process_time()
    made.call_later(0.2, made.stop)
    made.run_forever()
    # It does not spin.
    assert time.process_time() - before < 0.15
    woken(made)
    assert list(made._selector.get_map()) == [made._ssock.fileno()]
    assert len(caplog.records) <= 2
    assert made.reported == []


def test_an_error_while_the_pair_is_read_is_reported_once_and_mended(made: Any) -> None:
    class Broken:
        def __init__(self, sock: Any) -> None:
            self.sock = sock

        def recv(self, size: int) -> Any:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    made._ssock = Broken(made._ssock)
    woken(made)
    (report,) = made.reported
    assert isinstance(report["exception"], ConnectionResetError)


def test_a_socket_put_in_the_place_of_the_loops_own_takes_no_wake_up_along(made: Any) -> None:
    class Deaf:
        def send(self, data: bytes) -> int:
            return len(data)

    real = made._csock
    made._csock = Deaf()
    made.call_soon_threadsafe(int)
    made._csock = real
    woken(made)


def test_a_full_pair_wakes_the_loop(made: Any) -> None:
    while True:
        try:
            made._csock.send(b"\0" * 4096)
        except BlockingIOError:
            break
    woken(made)
    assert made.reported == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of Unix")
def test_signals_follow_to_the_new_pair(made: Any) -> None:
    import signal

    made.add_signal_handler(signal.SIGUSR1, made.stop)
    made._csock.shutdown(socket.SHUT_WR)
    made.call_later(0.05, os.kill, os.getpid(), signal.SIGUSR1)
    made.run_forever()
    assert signal.set_wakeup_fd(made._csock.fileno()) == made._csock.fileno()
    made.remove_signal_handler(signal.SIGUSR1)
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.skipif(sys.platform != "linux", reason="needs seccomp")
@pytest.mark.parametrize("denied", ["sendto", "sendto,write", "sendto,write,shutdown,socketpair"])
def test_a_sandbox_that_denies_writing_loses_no_call(denied: str) -> None:
    from subprocess import run

    program = f"{_SANDBOX}\nmain({denied.split(',')!r})\n"
    done = run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("seccomp is not to be had here")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


_SANDBOX = """
import ctypes, errno, os, platform, struct, sys, threading, time
from asyncio_selectors import SelectorEventLoop

NUMBERS = {
    "x86_64": {"sendto": 44, "write": 1, "shutdown": 48, "socketpair": 53},
    "aarch64": {"sendto": 206, "write": 64, "shutdown": 210, "socketpair": 199},
}.get(platform.machine())

def deny(names):
    libc = ctypes.CDLL(None, use_errno=True)
    program = [(0x20, 0, 0, 0)]
    for name in names:
        program += [(0x15, 0, 1, NUMBERS[name]), (0x06, 0, 0, 0x00050000 | errno.EPERM)]
    program.append((0x06, 0, 0, 0x7FFF0000))
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code)
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    # For all threads: PR_SET_NO_NEW_PRIVS, then seccomp(SECCOMP_SET_MODE_FILTER, TSYNC).
    if libc.prctl(38, 1, 0, 0, 0):
        os._exit(77)
    number = {"x86_64": 317, "aarch64": 277}[platform.machine()]
    if libc.syscall(number, 1, 1, head):
        os._exit(77)

def main(names):
    if NUMBERS is None:
        os._exit(77)
    loop = SelectorEventLoop()
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    seen = []
    turn = threading.Semaphore(0)

    def call(number):
        seen.append(number)
        turn.release()
        if len(seen) == 20:
            loop.stop()

    def wake():
        # The loop waits already.
        time.sleep(0.2)
        deny(names)
        for number in range(20):
            loop.call_soon_threadsafe(call, number)
            if not turn.acquire(timeout=20):
                os._exit(5)

    threading.Thread(target=wake, daemon=True).start()
    loop.run_forever()
    os._exit(0 if len(seen) == 20 and len(reports) <= 1 else 6)
"""


def test_whoever_replaced_what_wakes_a_loop_is_asked(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noting(name: str, wake: Any) -> Any:
        def write_to_self(*args: Any) -> None:
            asked.append(name)
            wake(*args)

        return write_to_self

    loop.call_soon_threadsafe(asked.append, "called")
    monkeypatch.setattr(loop, "_write_to_self", noting("of the loop", loop._write_to_self))
    loop.call_soon_threadsafe(asked.append, "called")
    monkeypatch.undo()
    kind = type(loop)
    monkeypatch.setattr(kind, "_write_to_self", noting("of the class", kind._write_to_self))
    loop.call_soon_threadsafe(asked.append, "called")
    monkeypatch.undo()
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    assert asked == ["of the loop", "of the class", *3 * ["called"]]
