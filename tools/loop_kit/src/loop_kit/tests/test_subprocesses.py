"""subprocess_exec() and subprocess_shell(), and asyncio's own functions over them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.protocols import ProcessRecorder, growth, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loop_kit.loops import LoopChoice

pytestmark = pytest.mark.needs("pipes")

PYTHON = (sys.executable, "-I", "-S", "-c")
CAT = """
import os
while data := os.read(0, 65536):
    while data:
        data = data[os.write(1, data):]
"""
WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


@contextlib.asynccontextmanager
async def process(
    loop: AbstractEventLoop, code: str, **options: Any
) -> AsyncIterator[tuple[asyncio.SubprocessTransport, ProcessRecorder]]:
    """Start a Python program with the pipes that are the default."""
    transport, protocol = await loop.subprocess_exec(ProcessRecorder, *PYTHON, code, **options)
    try:
        yield transport, protocol
    finally:
        transport.close()
        await protocol.lost


async def test_program_runs_and_its_output_is_told(loop: AbstractEventLoop) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    async with process(loop, code) as (transport, protocol):
        assert await protocol.lost is None
        assert protocol.output[1].split() == [b"out"]
        assert protocol.output[2].split() == [b"err"]
        assert transport.get_returncode() == 0
        assert sorted(protocol.pipes_lost) == [0, 1, 2] or sorted(protocol.pipes_lost) == [1, 2]


async def test_order_of_calls(loop: AbstractEventLoop) -> None:
    async with process(loop, "print('out')", stdin=None, stderr=None) as (_, protocol):
        await protocol.lost
        events = protocol.events
        assert events[0] == "made"
        assert events[-1] == "lost"
        assert events.index("data") < events.index("pipe 1 lost") < events.index("lost")
        assert events.count("exited") == 1


async def test_transport_is_one_of_asyncio(loop: AbstractEventLoop) -> None:
    async with process(loop, "pass") as (transport, protocol):
        assert isinstance(transport, asyncio.SubprocessTransport)
        await protocol.lost


async def test_transport_tells_about_the_process(loop: AbstractEventLoop) -> None:
    async with process(loop, WAIT) as (transport, protocol):
        assert transport.get_pid() > 0
        assert transport.get_returncode() is None
        popen = transport.get_extra_info("subprocess")
        assert popen.pid == transport.get_pid()
        for number in range(3):
            assert transport.get_pipe_transport(number) is not None
        assert transport.get_pipe_transport(3) is None
        assert protocol.transport is transport


async def test_streams_that_are_no_pipes_have_no_transport(loop: AbstractEventLoop) -> None:
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    async with process(loop, code, **options) as (transport, protocol):
        assert transport.get_pipe_transport(0) is None
        assert transport.get_pipe_transport(2) is None
        await protocol.lost
        assert protocol.output[1].split() == [b"out", b"err"]


async def test_input_is_written_and_ended(loop: AbstractEventLoop) -> None:
    async with process(loop, CAT) as (transport, protocol):
        stdin: Any = transport.get_pipe_transport(0)
        stdin.write(b"first ")
        stdin.writelines([b"second ", b"third"])
        stdin.write_eof()
        await protocol.lost
        assert protocol.output[1] == b"first second third"


async def test_much_input_goes_through(loop: AbstractEventLoop) -> None:
    data = bytes(range(256)) * 4096
    async with process(loop, CAT) as (transport, protocol):
        stdin: Any = transport.get_pipe_transport(0)
        stdin.write(data)
        stdin.close()
        await protocol.lost
        assert len(protocol.output[1]) == len(data)
        assert bytes(protocol.output[1]) == data


@pytest.mark.parametrize("status", [0, 1, 77, 255])
async def test_exit_status_is_told(loop: AbstractEventLoop, status: int) -> None:
    async with process(loop, f"raise SystemExit({status})") as (transport, protocol):
        await protocol.exited
        assert transport.get_returncode() == status
        await protocol.lost


@pytest.mark.needs("posix")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGUSR1"])
async def test_signal_that_ended_a_process_is_told(loop: AbstractEventLoop, name: str) -> None:
    number = getattr(signal, name)
    async with process(loop, WAIT) as (transport, protocol):
        await protocol.until(lambda: bool(protocol.output[1]))
        transport.send_signal(number)
        await protocol.exited
        assert transport.get_returncode() == -number
        await protocol.lost


@pytest.mark.parametrize("method", ["terminate", "kill"])
async def test_process_is_ended(loop: AbstractEventLoop, method: str) -> None:
    async with process(loop, WAIT) as (transport, protocol):
        await protocol.until(lambda: bool(protocol.output[1]))
        getattr(transport, method)()
        await protocol.lost
        assert transport.get_returncode() not in (None, 0)


@pytest.mark.parametrize("method", ["terminate", "kill", "send_signal"])
async def test_ended_process_gets_no_signal(loop: AbstractEventLoop, method: str) -> None:
    async with process(loop, "pass") as (transport, protocol):
        await protocol.lost
        arguments = [signal.SIGTERM] if method == "send_signal" else []
        with pytest.raises(ProcessLookupError):
            getattr(transport, method)(*arguments)


async def test_close_kills_the_process(loop: AbstractEventLoop) -> None:
    async with process(loop, WAIT) as (transport, protocol):
        await protocol.until(lambda: bool(protocol.output[1]))
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        transport.close()
        await protocol.lost
        assert transport.get_returncode() not in (None, 0)


async def test_process_may_close_its_output_and_live_on(loop: AbstractEventLoop) -> None:
    code = "import os, sys; os.close(1); sys.stdin.read()"
    async with process(loop, code) as (transport, protocol):
        await protocol.until_event("pipe 1 lost")
        await settle()
        assert transport.get_returncode() is None
        assert not protocol.exited.done()
        stdin: Any = transport.get_pipe_transport(0)
        stdin.close()
        await protocol.lost
        assert transport.get_returncode() == 0


@pytest.mark.needs("posix")
async def test_output_that_a_grandchild_holds_open_is_awaited(loop: AbstractEventLoop) -> None:
    # connection_lost() comes when the process has ended and all its pipes are closed.
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-I', '-S', '-c',"
        " \"import sys; sys.stdin.read(); print('grandchild')\"])"
    )
    async with process(loop, code) as (transport, protocol):
        await protocol.exited
        assert transport.get_returncode() == 0
        await settle()
        assert not protocol.lost.done()
        stdin: Any = transport.get_pipe_transport(0)
        stdin.close()
        await protocol.lost
        assert protocol.output[1].split() == [b"grandchild"]


async def test_reading_of_a_pipe_is_paused(loop: AbstractEventLoop) -> None:
    async with process(loop, CAT) as (transport, protocol):
        stdin: Any = transport.get_pipe_transport(0)
        stdout: Any = transport.get_pipe_transport(1)
        stdin.write(b"first")
        await protocol.until(lambda: len(protocol.output[1]) == 5)
        stdout.pause_reading()
        stdin.write(b"second")
        await settle()
        assert protocol.output[1] == b"first"
        stdout.resume_reading()
        await protocol.until(lambda: len(protocol.output[1]) == 11)
        stdin.close()
        await protocol.lost


# Ways to start


async def test_options_reach_the_process(loop: AbstractEventLoop, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['KIT'])"
    environment = {**os.environ, "KIT": "value"}
    async with process(loop, code, cwd=tmp_path, env=environment) as (_, protocol):
        await protocol.lost
        assert protocol.output[1].decode().split() == [os.path.realpath(tmp_path), "value"]


async def test_shell_runs_a_command_line(loop: AbstractEventLoop) -> None:
    transport, protocol = await loop.subprocess_shell(ProcessRecorder, "echo one&& echo two")
    await protocol.lost
    assert protocol.output[1].split() == [b"one", b"two"]
    assert transport.get_returncode() == 0
    transport.close()


@pytest.mark.needs("posix")
async def test_shell_takes_bytes(loop: AbstractEventLoop) -> None:
    transport, protocol = await loop.subprocess_shell(ProcessRecorder, b"exit 7")
    await protocol.lost
    assert transport.get_returncode() == 7
    transport.close()


@pytest.mark.needs("posix")
async def test_descriptors_are_passed_on_request_and_otherwise_not(
    loop: AbstractEventLoop,
) -> None:
    reading, writing = os.pipe()
    try:
        os.set_inheritable(writing, True)
        code = f"import os; os.write({writing}, b'passed')"
        async with process(loop, code) as (transport, protocol):
            await protocol.lost
            assert transport.get_returncode() == 1
        async with process(loop, code, pass_fds=[writing]) as (transport, protocol):
            await protocol.lost
            assert transport.get_returncode() == 0
        assert os.read(reading, 100) == b"passed"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.needs("posix")
async def test_session_of_its_own(loop: AbstractEventLoop) -> None:
    code = "import os; print(os.getsid(0) == os.getpid())"
    async with process(loop, code, start_new_session=True) as (_, protocol):
        await protocol.lost
        assert protocol.output[1].split() == [b"True"]


async def test_program_that_is_not_there_is_an_error_that_leaves_nothing(
    loop: AbstractEventLoop,
) -> None:
    async def start() -> None:
        with pytest.raises(FileNotFoundError):
            await loop.subprocess_exec(ProcessRecorder, "/no/such/program")

    assert await growth(start) == set()


@pytest.mark.needs("posix")
async def test_program_that_may_not_be_run_is_an_error(
    loop: AbstractEventLoop, tmp_path: Path
) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    with pytest.raises(PermissionError):
        await loop.subprocess_exec(ProcessRecorder, str(path))


@pytest.mark.parametrize(
    "options",
    [
        {"universal_newlines": True},
        {"shell": True},
        {"bufsize": 1},
        {"text": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
    ],
    ids=str,
)
async def test_options_for_text_are_refused(
    loop: AbstractEventLoop, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        await loop.subprocess_exec(ProcessRecorder, *PYTHON, "pass", **options)


async def test_command_line_is_a_text(loop: AbstractEventLoop) -> None:
    wrong: Any = ["echo", "list"]
    with pytest.raises(ValueError):
        await loop.subprocess_shell(ProcessRecorder, wrong)


async def test_exception_of_the_factory_is_raised(loop: AbstractEventLoop) -> None:
    def factory() -> ProcessRecorder:
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        await loop.subprocess_exec(factory, *PYTHON, "pass")


# Many, and from elsewhere


async def test_many_processes_at_once(loop: AbstractEventLoop) -> None:
    made = await asyncio.gather(
        *(
            loop.subprocess_exec(ProcessRecorder, *PYTHON, f"raise SystemExit({number})")
            for number in range(10)
        )
    )
    for number, (transport, protocol) in enumerate(made):
        await protocol.lost
        assert transport.get_returncode() == number
        transport.close()


@pytest.mark.needs("posix")
async def test_process_of_somebody_else_is_left_alone(loop: AbstractEventLoop) -> None:
    with subprocess.Popen([*PYTHON, "raise SystemExit(5)"]) as other:
        async with process(loop, "pass") as (_, protocol):
            await protocol.lost
        assert await loop.run_in_executor(None, other.wait) == 5


def test_loop_in_another_thread_runs_a_process(loop: AbstractEventLoop, choice: LoopChoice) -> None:
    statuses: list[Any] = []

    async def main(mine: AbstractEventLoop) -> None:
        async with process(mine, "raise SystemExit(3)") as (transport, protocol):
            await protocol.lost
            statuses.append(transport.get_returncode())

    def work() -> None:
        mine = choice.make()
        try:
            mine.run_until_complete(main(mine))
        finally:
            mine.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert statuses == [3]


# asyncio's own functions


async def test_communicate(loop: AbstractEventLoop) -> None:
    made = await asyncio.create_subprocess_exec(
        *PYTHON, CAT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert await made.communicate(b"there and back") == (b"there and back", b"")
    assert made.returncode == 0


async def test_wait_returns_the_status(loop: AbstractEventLoop) -> None:
    made = await asyncio.create_subprocess_exec(*PYTHON, "raise SystemExit(4)")
    first, second = await asyncio.gather(made.wait(), made.wait())
    assert first == second == 4
    assert await made.wait() == 4


async def test_lines_are_exchanged(loop: AbstractEventLoop) -> None:
    code = "for line in __import__('sys').stdin: print(line.upper(), end='', flush=True)"
    made = await asyncio.create_subprocess_exec(
        *PYTHON, code, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert made.stdin is not None
    assert made.stdout is not None
    for word in (b"one", b"two", b"three"):
        made.stdin.write(word + b"\n")
        await made.stdin.drain()
        assert (await made.stdout.readline()).strip() == word.upper()
    made.stdin.close()
    assert await made.wait() == 0


async def test_cancelled_wait_leaves_the_process(loop: AbstractEventLoop) -> None:
    made = await asyncio.create_subprocess_exec(
        *PYTHON, WAIT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(made.wait(), 0.01)
    assert made.returncode is None
    made.kill()
    assert await made.wait() != 0
    await made.communicate()
