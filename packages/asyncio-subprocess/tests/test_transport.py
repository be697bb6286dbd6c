"""The transports of children, as loop.subprocess_exec() and subprocess_shell() give them."""

from __future__ import annotations

import contextvars
import gc
import os
import resource
import signal
import subprocess

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_subprocess import create_subprocess_exec, exit_thread, exits, spawning
from asyncio_subprocess.base_subprocess import BaseSubprocessTransport
from asyncio_subprocess.spawning import _UnixSubprocessTransport


class Recorder(asyncio_core.SubprocessProtocol):
    """Remembers what it is told; `lost` is done after connection_lost()."""

    def __init__(self):
        self.events = []
        self.data = {1: bytearray(), 2: bytearray()}
        loop = asyncio_core.get_running_loop()
        self.lost = loop.create_future()
        self.exited = loop.create_future()
        self.received = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")

    def pipe_data_received(self, fd, data):
        if not self.data[fd]:
            self.events.append(f"data {fd}")
        self.data[fd] += data
        if not self.received.done():
            self.received.set_result(None)

    def pipe_connection_lost(self, fd, exc):
        self.events.append(f"pipe {fd}")

    def process_exited(self):
        self.events.append("exited")
        self.exited.set_result(self.transport.get_returncode())

    def connection_lost(self, exc):
        self.events.append("lost")
        self.lost.set_result(exc)


async def spawn(command, **options):
    loop = asyncio_core.get_running_loop()
    return await loop.subprocess_exec(Recorder, *command, **options)


def test_the_protocol_is_told_everything_in_order(run, python):
    async def main():
        command = python("os.write(1, b'out')", "os.write(2, b'err')")
        transport, protocol = await spawn(command)
        assert protocol.transport is transport
        assert await protocol.lost is None
        assert protocol.data == {1: b"out", 2: b"err"}
        events = protocol.events
        assert events[0] == "made"
        assert events[-1] == "lost"
        assert sorted(events[1:-1]) == sorted(
            ["data 1", "data 2", "pipe 0", "pipe 1", "pipe 2", "exited"]
        )
        for fd in (1, 2):
            assert events.index(f"data {fd}") < events.index(f"pipe {fd}")
        transport.close()

    run(main())


def test_a_child_that_ended_at_once_is_connected_first(run, loop, python, monkeypatch):
    # The child is dead, and its output at its end, before any pipe is connected.
    start = _UnixSubprocessTransport._start

    def start_and_wait(self, **options):
        start(self, **options)
        os.waitid(os.P_PID, self._proc.pid, os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr(_UnixSubprocessTransport, "_start", start_and_wait)

    async def main():
        transport, protocol = await spawn(python("os.write(1, b'out')", "sys.exit(4)"))
        await protocol.lost
        assert protocol.events[0] == "made"
        assert protocol.events[-1] == "lost"
        assert protocol.data[1] == b"out"
        assert transport.get_returncode() == 4
        transport.close()

    run(main())


def test_what_a_transport_knows(run, cat):
    async def main():
        transport, protocol = await spawn(cat, stderr=None)
        popen = transport.get_extra_info("subprocess")
        assert isinstance(popen, subprocess.Popen)
        assert transport.get_pid() == popen.pid
        assert transport.get_returncode() is None
        assert transport.get_protocol() is protocol
        assert isinstance(transport.get_pipe_transport(0), asyncio_core.WriteTransport)
        assert isinstance(transport.get_pipe_transport(1), asyncio_core.ReadTransport)
        assert transport.get_pipe_transport(2) is None
        assert not transport.is_closing()
        transport.get_pipe_transport(0).close()
        await protocol.lost
        assert transport.get_returncode() == 0
        assert popen.returncode == 0
        assert transport.get_protocol() is None
        transport.close()
        assert transport.is_closing()

    run(main())


def test_repr_tells_how_it_stands(run, cat):
    async def main():
        transport, protocol = await spawn(cat, stderr=None)
        pid = transport.get_pid()
        running = repr(transport)
        assert running.startswith(f"<_UnixSubprocessTransport pid={pid} running stdin=<")
        assert " stdout=<" in running
        transport.get_pipe_transport(0).close()
        await protocol.lost
        assert f"pid={pid} returncode=0" in repr(transport)
        transport.close()
        assert repr(transport).startswith("<_UnixSubprocessTransport closed ")

    run(main())


def test_another_protocol_can_take_over(run, cat):
    async def main():
        transport, first = await spawn(cat)
        second = Recorder()
        second.connection_made(transport)
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        transport.get_pipe_transport(0).write(b"data")
        await second.received
        transport.close()
        await second.lost
        assert second.data[1] == b"data"
        assert first.events == ["made"]

    run(main())


def test_closing_kills_the_child_and_closes_its_pipes(run, blocked):
    async def main():
        transport, protocol = await spawn(blocked)
        await protocol.received
        transport.close()
        assert transport.is_closing()
        transport.close()
        assert await protocol.lost is None
        assert await protocol.exited == -signal.SIGKILL
        assert transport.get_returncode() == -signal.SIGKILL

    run(main())


def test_closing_does_not_wait_for_who_else_holds_the_pipes(run, python):
    # The grandchild holds stdout until the test lets it go.
    read_end, write_end = os.pipe()
    code = ("if os.fork() == 0:", f"    os.read({read_end}, 1)", "os._exit(0)")

    async def main():
        transport, protocol = await spawn(python(*code), pass_fds=(read_end,))
        assert await protocol.exited == 0
        assert not protocol.lost.done()
        transport.close()
        await protocol.lost

    try:
        run(main())
    finally:
        os.close(read_end)
        os.close(write_end)


def test_closing_keeps_no_input_for_a_child_that_it_kills(run, python):
    # The grandchild holds stdin, and does not read it, until the test lets it go.
    read_end, write_end = os.pipe()
    code = (
        "if os.fork() == 0:",
        f"    os.read({read_end}, 1); os._exit(0)",
        "os.write(1, b'x')",
        "import time; time.sleep(60)",
    )

    async def main():
        transport, protocol = await spawn(python(*code), pass_fds=(read_end,))
        await protocol.received
        transport.get_pipe_transport(0).write(bytes(1_000_000))
        transport.close()
        await protocol.lost
        assert await protocol.exited == -signal.SIGKILL

    try:
        run(main())
    finally:
        os.close(read_end)
        os.close(write_end)


def test_output_that_comes_after_the_end_is_received(run, python):
    read_end, write_end = os.pipe()
    code = (
        "if os.fork() == 0:",
        f"    os.close({write_end})",
        f"    os.read({read_end}, 1)",
        "    os.write(1, b'late')",
        "os._exit(0)",
    )

    async def main():
        transport, protocol = await spawn(python(*code), pass_fds=(read_end, write_end))
        assert await protocol.exited == 0
        os.write(write_end, b"x")
        await protocol.lost
        assert protocol.data[1] == b"late"
        assert protocol.events[-1] == "lost"
        transport.close()

    try:
        run(main())
    finally:
        os.close(read_end)
        os.close(write_end)


def test_writing_is_paused_while_the_child_does_not_read(run, python):
    class Pausing(Recorder):
        def __init__(self):
            super().__init__()
            loop = asyncio_core.get_running_loop()
            self.paused = loop.create_future()
            self.resumed = loop.create_future()

        def pause_writing(self):
            self.paused.set_result(None)

        def resume_writing(self):
            self.resumed.set_result(None)

    code = ("signal.sigwait({signal.SIGUSR1})", "print(len(sys.stdin.buffer.read()))")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # the child inherits it

    async def main():
        loop = asyncio_core.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Pausing, *python(*code))
        stdin = transport.get_pipe_transport(0)
        stdin.write(bytes(10**6))
        assert protocol.paused.done()
        assert not protocol.resumed.done()
        transport.send_signal(signal.SIGUSR1)
        await protocol.resumed
        stdin.write_eof()
        await protocol.lost
        assert protocol.data[1] == b"1000000\n"
        transport.close()

    try:
        run(main())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


def test_the_protocol_is_told_in_the_context_of_the_start(run, python):
    variable = contextvars.ContextVar("variable", default="none")
    seen = set()

    class Noting(Recorder):
        def connection_made(self, transport):
            seen.add(variable.get())
            super().connection_made(transport)

        def pipe_data_received(self, fd, data):
            seen.add(variable.get())
            super().pipe_data_received(fd, data)

        def pipe_connection_lost(self, fd, exc):
            seen.add(variable.get())

        def process_exited(self):
            seen.add(variable.get())

        def connection_lost(self, exc):
            seen.add(variable.get())
            super().connection_lost(exc)

    async def main():
        loop = asyncio_core.get_running_loop()
        variable.set("starting")
        transport, protocol = await loop.subprocess_exec(Noting, *python("print('x')"))
        variable.set("later")
        await protocol.lost
        transport.close()
        assert seen == {"starting"}

    run(main())


def test_a_shell_runs_for_a_protocol(run):
    async def main():
        loop = asyncio_core.get_running_loop()
        transport, protocol = await loop.subprocess_shell(Recorder, "echo $((6 * 7)); exit 5")
        await protocol.lost
        assert protocol.data[1] == b"42\n"
        assert transport.get_returncode() == 5
        transport.close()

    run(main())


def test_bad_options_are_found_before_anything_is_made(run_plain):
    made = []

    async def main():
        loop = asyncio_core.get_running_loop()
        cases = [
            loop.subprocess_exec(made.append, "true", shell=True),
            loop.subprocess_exec(made.append, "true", text=True),
            loop.subprocess_exec(made.append, "true", bufsize=1),
            loop.subprocess_shell(made.append, ["true"]),
            loop.subprocess_shell(made.append, "true", shell=False),
            loop.subprocess_shell(made.append, "true", encoding="ascii"),
        ]
        for case in cases:
            with pytest.raises(ValueError, match="must be"):
                await case
        assert made == []

    run_plain(main())


# Failing in the middle.


def test_a_factory_that_raises_starts_nothing(run_plain, blocked, children):
    async def main():
        loop = asyncio_core.get_running_loop()
        with pytest.raises(ZeroDivisionError):
            await loop.subprocess_exec(lambda: 1 / 0, *blocked)
        assert not children()

    run_plain(main())


@pytest.mark.parametrize("failing", ["connect_write_pipe", "connect_read_pipe"])
def test_a_pipe_that_cannot_be_connected_ends_the_child(
    run, loop, blocked, monkeypatch, failing, descriptors, children
):
    async def fail(factory, pipe):
        raise OSError("no pipe for you")

    made = []

    class Protocol(Recorder):
        def __init__(self):
            super().__init__()
            made.append(self)

    async def main():
        before = descriptors()
        monkeypatch.setattr(loop, failing, fail)
        with pytest.raises(OSError, match="no pipe for you"):
            await loop.subprocess_exec(Protocol, *blocked)
        assert descriptors() == before
        assert not children()
        assert made[0].events == []

    run(main())


def test_without_descriptors_for_its_pipes_a_child_does_not_start(
    run, blocked, descriptors, children
):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main():
        before = descriptors()
        fillers = []
        while not fillers or fillers[-1] < max(before):
            fillers.append(os.dup(0))
        # Enough for some of the six ends, whose first ones must not stay behind.
        resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1] + 4, hard))
        try:
            with pytest.raises(OSError, match=r"\[Errno 24\]"):
                await spawn(blocked)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in fillers:
                os.close(fd)
        assert descriptors() == before
        assert not children()

    run(main())


def test_a_child_that_cannot_be_watched_is_not_left_behind(
    run, loop, blocked, descriptors, children
):
    class Unwilling:
        def watch(self, pid, exited):
            raise RuntimeError("cannot start new thread")

        def close(self):
            pass

    async def main():
        loop._exit_watcher = Unwilling()
        before = descriptors()
        with pytest.raises(RuntimeError, match="cannot start new thread"):
            await spawn(blocked)
        assert descriptors() == before
        assert not children()

    run(main())


def test_a_transport_that_is_forgotten_warns_and_kills(loop, way, blocked, descriptors):
    if way is exit_thread._ThreadedChildWatcher:
        pytest.skip("the thread that waits for the child knows it")
    before = descriptors()
    another = SelectorEventLoop()
    another._exit_watcher = way(another)
    transport, protocol = another.run_until_complete(spawn(blocked, stdin=None, stderr=None))
    another.run_until_complete(protocol.received)
    pid = transport.get_pid()
    another.close()
    del transport, protocol, another
    with pytest.warns(ResourceWarning) as warned:
        gc.collect()
    assert any(
        f"unclosed transport <_UnixSubprocessTransport pid={pid} running" in str(warning.message)
        for warning in warned
    )
    # Popen's own destructor may have reaped it; if it were alive, this would wait for ever.
    assert exits.reap(pid) in (None, -signal.SIGKILL)
    assert descriptors() == before


@pytest.mark.parametrize("stdin", [subprocess.PIPE, None])
def test_a_derived_transport_can_connect_the_pipes(run_plain, cat, monkeypatch, stdin):
    asked = []
    connect = spawning._UnixSubprocessTransport._connect_pipes

    async def connect_pipes(self, waiter):
        asked.append(waiter.done())
        await connect(self, waiter)

    class Derived(spawning._UnixSubprocessTransport):
        _connect_pipes = connect_pipes

    monkeypatch.setattr(spawning, "_UnixSubprocessTransport", Derived)

    async def main():
        process = await create_subprocess_exec(*cat, stdin=stdin or subprocess.DEVNULL)
        await process.communicate()
        assert process.returncode == 0

    run_plain(main())
    assert asked == [False]


def test_a_base_transport_starts_nothing(plain_loop):
    async def main():
        with pytest.raises(NotImplementedError):
            BaseSubprocessTransport(plain_loop, None, ["true"], False, None, None, None, 0)

    plain_loop.run_until_complete(main())


def test_debug_mode_says_what_happens(run, loop, python, blocked, caplog):
    caplog.set_level("DEBUG", "asyncio")
    loop.set_debug(True)
    loop.slow_callback_duration = 60

    async def main():
        transport, protocol = await spawn(python("sys.exit(3)"))
        await protocol.lost
        transport.close()
        assert f"created: pid {transport.get_pid()}" in caplog.text
        assert "exited with return code 3" in caplog.text
        transport, protocol = await spawn(blocked)
        transport.close()
        assert "Close running child process: kill" in caplog.text
        await protocol.lost

    run(main())
