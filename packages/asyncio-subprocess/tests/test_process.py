"""The high-level interface: create_subprocess_exec(), create_subprocess_shell() and Process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

import asyncio_core
import asyncio_subprocess
from asyncio_core.choosing import subprocess_support
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.interfaces.protocols import SubprocessProtocol
from asyncio_subprocess import (
    DEVNULL,
    PIPE,
    STDOUT,
    create_subprocess_exec,
    create_subprocess_shell,
)

MEBIBYTE = 2**20

ON_WINDOWS = sys.platform == "win32"
signals_of_unix = pytest.mark.skipif(ON_WINDOWS, reason="processes there get no signals")
processes_of_unix = pytest.mark.skipif(ON_WINDOWS, reason="about what Unix has and Windows has not")


async def output_of(*command, **options):
    process = await create_subprocess_exec(*command, stdout=PIPE, **options)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


# Beginnings.


@processes_of_unix
def test_a_child_leaves_no_thread_behind(run, python, monkeypatch):
    """With one thread a process can fork without a warning, and enter other namespaces."""
    monkeypatch.setattr(subprocess_support, "_subprocess_parts", {})
    before = set(threading.enumerate())

    async def main():
        assert await output_of(*python("print(1)")) == b"1\n"
        async with asyncio_core.timeout(30):
            while set(threading.enumerate()) - before:
                await asyncio_core.sleep(0.01)  # one that waited for the child is just ending

    run(main())


# Ends.


def test_the_return_code_is_the_childs(run, python):
    async def main():
        process = await create_subprocess_exec(*python("sys.exit(7)"))
        assert await process.wait() == 7
        assert process.returncode == 7

    run(main())


def test_a_running_child_has_no_return_code(run, cat):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE)
        assert process.returncode is None
        assert process.pid > 0
        process.stdin.close()
        assert await process.wait() == 0

    run(main())


@signals_of_unix
def test_a_child_killed_by_a_signal_has_the_signals_number_negative(run, blocked):
    async def main():
        process = await create_subprocess_exec(*blocked, stdout=DEVNULL)
        process.kill()
        assert await process.wait() == -signal.SIGKILL

    run(main())


@signals_of_unix
def test_terminate_lets_the_child_clean_up(run, python):
    code = (
        "def leave(*_): os.write(1, b'bye'); os._exit(3)",
        "signal.signal(signal.SIGTERM, leave)",
        "os.write(1, b'up')",
        # One that comes just before a call that waits is seen when that returns.
        "while True: time.sleep(0.05)",
    )

    async def main():
        process = await create_subprocess_exec(*python(*code), stdout=PIPE)
        assert await process.stdout.readexactly(2) == b"up"
        process.terminate()
        assert await process.communicate() == (b"bye", None)
        assert process.returncode == 3

    run(main())


@signals_of_unix
def test_any_signal_can_be_sent(run, python):
    code = (
        "import select",
        "signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'1'))",
        "os.write(1, b'up')",
        # One that comes just before a call that waits is seen when that returns.
        "while not select.select([0], [], [], 0.05)[0]: pass",
    )

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE)
        assert await process.stdout.readexactly(2) == b"up"
        for _ in range(3):
            process.send_signal(signal.SIGUSR1)
            assert await process.stdout.readexactly(1) == b"1"
        assert await process.communicate() == (b"", None)

    run(main())


@processes_of_unix
def test_signals_to_a_child_that_has_ended_do_nothing_while_another_has_its_pipe(run):
    """Who cleans up after a time limit does not know which of them took so long."""

    async def main():
        # What keeps the pipe open is a `cat`, which ends with its input.
        command = "exec 3<&0; cat <&3 & exit 3"
        process = await create_subprocess_shell(command, stdin=PIPE, stdout=PIPE)
        assert await process.wait() == 3
        for sender in (process, process._transport):
            sender.kill()
            sender.terminate()
            sender.send_signal(signal.SIGINT)
        assert await process.communicate(b"still here") == (b"still here", None)
        with pytest.raises(ProcessLookupError):
            process.kill()

    run(main())


@processes_of_unix
def test_signals_to_a_child_that_somebody_else_has_reaped_do_nothing(run, python, code_of_reaped):
    async def main():
        process = await create_subprocess_exec(*python("os.read(0, 1)"), stdin=PIPE, stdout=PIPE)
        # Unlike wait(), in one step of the loop: it cannot learn of the end before.
        process.stdin.write(b"x")
        os.waitpid(process.pid, 0)
        process.kill()
        process.terminate()
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert await process.wait() == code_of_reaped(0)

    run(main())


def test_signals_to_a_child_that_has_ended_do_nothing_until_its_protocol_is_told(run, python):
    """Nobody can know yet that nothing is left of it."""

    class Tells(SubprocessProtocol):
        def __init__(self):
            self.failures = []
            self.over = get_running_loop().create_future()

        def connection_made(self, transport):
            self.transport = transport

        def process_exited(self):
            for send in (self.transport.kill, self.transport.terminate):
                try:
                    send()
                except OSError as exc:
                    self.failures.append(exc)

        def connection_lost(self, exc):
            self.over.set_result(None)

    async def main():
        streams = dict.fromkeys(("stdin", "stdout", "stderr"))
        _, protocol = await get_running_loop().subprocess_exec(Tells, *python(), **streams)
        await protocol.over
        assert protocol.failures == []

    run(main())


def test_signals_to_a_child_that_has_ended_are_refused(run, python):
    async def main():
        process = await create_subprocess_exec(*python())
        await process.wait()
        for send in (process.kill, process.terminate, lambda: process.send_signal(signal.SIGINT)):
            with pytest.raises(ProcessLookupError):
                send()

    run(main())


@signals_of_unix
def test_a_signal_to_a_dead_child_that_was_not_reaped_hits_nobody(run, python):
    async def main():
        process = await create_subprocess_exec(*python("os.read(0, 1)"), stdin=PIPE)
        # The loop has no turn in which it could notice.
        process.stdin.write(b"x")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        process.kill()
        process.stdin.close()
        assert await process.wait() == 0

    run(main())


def test_all_who_wait_are_told(run, cat):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE)
        waiting = [asyncio_core.create_task(process.wait()) for _ in range(5)]
        impatient = waiting.pop(2)
        await asyncio_core.sleep(0)
        impatient.cancel()
        process.stdin.close()
        assert await asyncio_core.gather(*waiting) == [0] * 4
        assert impatient.cancelled()
        assert await process.wait() == 0

    run(main())


def test_many_children_at_once(run, python):
    async def one(number):
        process = await create_subprocess_exec(*python(f"sys.exit({number})"))
        return await process.wait()

    async def main():
        assert await asyncio_core.gather(*map(one, range(20))) == list(range(20))

    run(main())


@signals_of_unix
def test_a_child_reaped_by_somebody_else_has_its_return_code_where_the_system_tells(
    run, python, caplog, code_of_reaped
):
    async def main():
        for end, code in (("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", -9)):
            process = await create_subprocess_exec(*python("os.read(0, 1)", end), stdin=PIPE)
            process.stdin.write(b"x")
            os.waitpid(process.pid, 0)
            process.stdin.close()
            assert await process.wait() == code_of_reaped(code)

    run(main())
    assert ("return code is unknown" in caplog.text) is (code_of_reaped(3) == 255)


@signals_of_unix
def test_a_child_reaped_by_somebody_else_on_an_older_system_has_an_unknown_code(
    run, python, caplog, monkeypatch
):
    import fcntl

    def refuse(*arguments):
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    monkeypatch.setattr(fcntl, "ioctl", refuse)

    async def main():
        process = await create_subprocess_exec(*python("os.read(0, 1)", "sys.exit(3)"), stdin=PIPE)
        process.stdin.write(b"x")
        os.waitpid(process.pid, 0)
        process.stdin.close()
        assert await process.wait() == 255

    run(main())
    assert "return code is unknown" in caplog.text


@pytest.fixture
def ignored_children():
    """The system reaps every child of this process by itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@signals_of_unix
def test_a_child_whose_signal_is_ignored_has_its_return_code_where_the_system_tells(
    run, python, code_of_reaped, ignored_children
):
    async def main():
        process = await create_subprocess_exec(*python("os.read(0, 1)", "sys.exit(7)"), stdin=PIPE)
        process.stdin.close()
        assert await process.wait() == code_of_reaped(7)

    run(main())


@signals_of_unix
def test_a_child_that_was_gone_before_it_could_be_watched_has_an_unknown_code(
    run_plain, python, ignored_children, monkeypatch, caplog
):
    start = subprocess.Popen.__init__

    def start_and_wait(popen, *arguments, **options):
        start(popen, *arguments, **options)
        with pytest.raises(ChildProcessError):
            os.waitid(os.P_PID, popen.pid, os.WEXITED)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_and_wait)

    async def main():
        process = await create_subprocess_exec(*python("sys.exit(7)"))
        assert await process.wait() == 255

    run_plain(main())
    assert "SIGCHLD is ignored" in caplog.text


def test_a_child_whose_popen_object_was_asked_has_its_return_code(run, python, caplog):
    async def main():
        process = await create_subprocess_exec(*python("sys.exit(3)"))
        popen = process._transport.get_extra_info("subprocess")
        assert popen.wait() == 3
        assert await process.wait() == 3

    run(main())
    assert not caplog.records


# Pipes.


def test_big_data_both_ways(run, cat):
    data = os.urandom(8 * MEBIBYTE)

    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        output, errors = await process.communicate(data)
        assert errors is None
        assert output == data

    run(main())


def test_big_data_from_stdout_and_stderr_while_stdin_fills(run, python):
    # A child that insists on writing all of stderr, then all of stdout, before it reads anything.
    code = (
        "def write(fd, data):",
        "    while data: data = data[os.write(fd, data):]",
        f"write(2, b'e' * {MEBIBYTE})",
        f"write(1, b'o' * {MEBIBYTE})",
        "sys.exit(len(sys.stdin.buffer.read()) % 100)",
    )

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE, stderr=PIPE)
        output, errors = await process.communicate(bytes(MEBIBYTE))
        assert output == b"o" * MEBIBYTE
        assert errors == b"e" * MEBIBYTE
        assert process.returncode == MEBIBYTE % 100

    run(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_input_may_be_of_any_kind_of_bytes(run, cat, kind):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert await process.communicate(kind(b"some data")) == (b"some data", None)

    run(main())


@pytest.mark.parametrize("nothing", [None, b""])
def test_no_input_is_an_end_of_input(run, cat, nothing):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert await process.communicate(nothing) == (b"", None)
        assert process.stdin.is_closing()

    run(main())


def test_communicating_without_pipes_is_waiting(run, python):
    async def main():
        process = await create_subprocess_exec(*python("sys.exit(2)"))
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
        assert await process.communicate() == (None, None)
        assert process.returncode == 2

    run(main())


def test_a_child_that_does_not_want_its_input_is_no_error(run, python):
    async def main():
        process = await create_subprocess_exec(*python("print('no')"), stdin=PIPE, stdout=PIPE)
        assert await process.communicate(bytes(4 * MEBIBYTE)) == (b"no\n", None)
        assert process.returncode == 0

    run(main())


def test_communicate_goes_on_after_it_was_cancelled(run, cat):
    data = os.urandom(4 * MEBIBYTE)

    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        for turns in range(1, 40, 3):
            attempt = asyncio_core.create_task(process.communicate(data))
            for _ in range(turns):
                await asyncio_core.sleep(0)
            if attempt.done():
                # The child was quick: this attempt has it all.
                break
            attempt.cancel()
            with pytest.raises(asyncio_core.CancelledError):
                await attempt
        else:
            attempt = asyncio_core.create_task(process.communicate())
        output, _ = await attempt
        assert output == data

    run(main())


def test_communicate_begins_with_what_has_come_before(run, python):
    code = "os.write(1, b'first\\n'); os.read(0, 1); sys.stdout.write('x' * 300000)"

    async def main():
        process = await create_subprocess_exec(*python(code), stdin=PIPE, stdout=PIPE)
        assert await process.stdout.readexactly(3) == b"fir"
        output, _ = await process.communicate(b"-")
        assert output == b"st\n" + b"x" * 300000
        assert process.stdout.at_eof()

    run(main())


def test_after_a_cancelled_communicate_the_streams_are_read_as_ever(run, python):
    code = "os.write(1, b'one\\n'); os.read(0, 1); os.write(1, b'two\\n'); os.read(0, 1)"

    async def main():
        process = await create_subprocess_exec(*python(code), stdin=PIPE, stdout=PIPE)
        hold, process.stdin = process.stdin, None
        attempt = asyncio_core.create_task(process.communicate())
        while not process._received.get(process.stdout):
            await asyncio_core.sleep(0.001)
        attempt.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await attempt
        hold.write(b"-")
        assert await process.stdout.readline() == b"two\n"
        hold.write(b"-")
        hold.close()
        # What it had is still its own.
        assert await process.communicate() == (b"one\n", None)

    run(main())


@pytest.mark.parametrize("closed", ["1", "1, 2"])
def test_what_a_cancelled_communicate_has_read_to_its_end_is_kept(run, python, closed):
    code = (
        "os.write(1, b'out'); os.write(2, b'err')",
        f"for fd in ({closed},): os.close(fd)",
        "sys.stdin.read()",
    )

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE, stderr=PIPE)
        hold, process.stdin = process.stdin, None
        attempt = asyncio_core.create_task(process.communicate())
        ended = (process.stdout, process.stderr)[: len(closed.split())]
        while not all(stream.at_eof() for stream in ended):
            await asyncio_core.sleep(0.001)
        # Through all that those who read to the end have to do, and not to the child's end.
        for _ in range(20):
            await asyncio_core.sleep(0)
        assert not attempt.done()
        attempt.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await attempt
        hold.close()
        assert await process.communicate() == (b"out", b"err")
        assert await process.communicate() == (b"", b"")

    run(main())


def test_streams_are_read_and_written_as_others(run, python):
    code = ("for line in sys.stdin: print(line.strip().upper(), flush=True)",)

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE)
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            await process.stdin.drain()
            assert await process.stdout.readline() == line.upper()
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.stdout.read() == b""
        assert await process.wait() == 0

    run(main())


def test_the_limit_is_the_readers(run, python):
    async def main():
        process = await create_subprocess_exec(*python("print('x' * 100)"), stdout=PIPE, limit=64)
        with pytest.raises(ValueError, match="limit"):
            await process.stdout.readline()
        await process.communicate()

    run(main())


def test_writing_to_a_child_that_closed_its_input_tells_by_drain(run, python):
    code = ("os.close(0)", "os.write(1, b'closed')", "while True: time.sleep(3600)")

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE)
        assert await process.stdout.readexactly(6) == b"closed"
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:
                process.stdin.write(bytes(4096))
                await process.stdin.drain()
        process.kill()
        await process.wait()

    run(main())


@processes_of_unix
def test_pipes_may_outlive_the_child(run, python):
    # The grandchild holds the child's stdout until the other end of its stdin is closed.
    code = ("if os.fork() == 0:", "    os.read(0, 1)", "    os.write(1, b'late')", "os._exit(4)")

    async def main():
        process = await create_subprocess_exec(*python(*code), stdin=PIPE, stdout=PIPE)
        assert await process.wait() == 4
        reading = asyncio_core.create_task(process.stdout.read())
        await asyncio_core.sleep(0)
        assert not reading.done()
        process.stdin.close()
        assert await reading == b"late"

    run(main())


# What else Popen can do.


def test_stderr_can_go_where_stdout_goes(run, python):
    code = ("os.write(1, b'out')", "os.write(2, b'err')")
    assert run(output_of(*python(*code), stderr=STDOUT)) == b"outerr"


def test_streams_can_be_files_and_descriptors(run, cat, tmp_path):
    async def main():
        (tmp_path / "in").write_bytes(b"from a file")
        with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
            process = await create_subprocess_exec(*cat, stdin=source, stdout=target.fileno())
            assert await process.wait() == 0
        assert (tmp_path / "out").read_bytes() == b"from a file"

    run(main())


def test_a_null_device_is_at_its_end(run, cat):
    assert run(output_of(*cat, stdin=DEVNULL)) == b""


def test_environment_and_folder(run, python, tmp_path):
    code = ("print(os.environ['SPAM'], os.getcwd())",)
    output = run(output_of(*python(*code), env={"SPAM": "eggs"}, cwd=tmp_path))
    assert output.decode().split() == ["eggs", os.path.realpath(tmp_path)]


@processes_of_unix
def test_a_process_group_of_its_own(run, python):
    code = ("print(os.getpid() == os.getpgid(0))",)
    assert run(output_of(*python(*code), process_group=0)) == b"True\n"
    assert run(output_of(*python(*code))) == b"False\n"


@processes_of_unix
def test_a_session_of_its_own(run, python):
    code = ("print(os.getpid() == os.getsid(0))",)
    assert run(output_of(*python(*code), start_new_session=True)) == b"True\n"


@processes_of_unix
def test_descriptors_can_be_passed(run, python):
    read_end, write_end = os.pipe()
    try:
        code = (f"os.write({write_end}, b'passed')",)
        run(output_of(*python(*code), pass_fds=(write_end,)))
        assert os.read(read_end, 10) == b"passed"
    finally:
        os.close(read_end)
        os.close(write_end)


@processes_of_unix
def test_the_file_mode_mask(run, python):
    assert run(output_of(*python("print(oct(os.umask(0)))"), umask=0o027)) == b"0o27\n"


def test_the_program_may_have_another_name(run, python):
    if ON_WINDOWS:
        program, *arguments = python("print(len(sys.orig_argv))")
        assert run(output_of("spam", *arguments, executable=program)) == b"5\n"
    else:
        output = run(output_of("spam", "-c", "echo $0", executable="/bin/sh"))
        assert output == b"spam\n"


@pytest.mark.skipif(sys.platform != "linux", reason="pipes have a fixed size")
def test_the_size_of_pipes(run, python):
    code = ("import fcntl", "print(fcntl.fcntl(1, 1032))")
    assert run(output_of(*python(*code), pipesize=4096)) == b"4096\n"


def test_arguments_may_be_paths(run, python, tmp_path):
    from pathlib import Path

    program, *arguments = python("print(sys.argv[1])")
    output = run(output_of(Path(program), *arguments, tmp_path))
    assert output.decode().strip() == str(tmp_path)


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_a_shell_runs_a_command_line(run, kind):
    async def main():
        if ON_WINDOWS and kind is os.fsencode:
            pytest.skip("a command line there is text")
        line = "echo one two&& exit 3" if ON_WINDOWS else "echo one two | tr a-z A-Z; exit 3"
        process = await create_subprocess_shell(kind(line), stdout=PIPE)
        output, errors = await process.communicate()
        assert (output.lower().split(), errors) == ([b"one", b"two"], None)
        assert ON_WINDOWS or output == b"ONE TWO\n"
        assert process.returncode == 3

    run(main())


# What does not start.


def test_a_program_that_is_not_there(run):
    async def main():
        with pytest.raises(FileNotFoundError, match=r"no-such-program|WinError 2"):
            await create_subprocess_exec("/no-such-program", stdin=PIPE, stdout=PIPE, stderr=PIPE)

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"text": True},
        {"universal_newlines": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
        {"bufsize": 1},
        {"shell": True},
        {"spam": 1},
        {"cwd": "/no-such-folder"},
        {"stdout": -17},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_that_cannot_be(run_plain, python, options, descriptors, children):
    async def main():
        before = descriptors()
        with pytest.raises((ValueError, TypeError, OSError)):
            await create_subprocess_exec(*python(), stdin=PIPE, **options)
        assert descriptors() == before
        assert not children()

    run_plain(main())


def test_a_shell_wants_a_command_line(run_plain):
    async def main():
        for options in ({"cmd": ["echo"]}, {"cmd": "echo", "shell": False}):
            with pytest.raises(ValueError, match="must be"):
                await create_subprocess_shell(**options)

    run_plain(main())


# Cancelling.


def test_starting_can_be_cancelled_at_every_step(run, cat, cancel_at_every_step):
    async def main():
        process, turns = await cancel_at_every_step(
            lambda: create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        )
        assert await process.communicate(b"data") == (b"data", b"")
        return turns

    # All that happens is not over before it began.
    assert run(main()) >= 3


def test_who_is_cancelled_while_waiting_leaves_the_child_alone(run, cat):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        waiting = asyncio_core.create_task(process.wait())
        await asyncio_core.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await waiting
        assert process.returncode is None
        assert await process.communicate(b"still there") == (b"still there", None)

    run(main())


def test_giving_up_again_and_again_leaves_nothing_behind(run, python):
    async def main():
        process = await create_subprocess_exec(*python("sys.stdin.read()"), stdin=PIPE)
        for wait in (process.wait, process.stdin.wait_closed):
            for _ in range(3):
                waiting = asyncio_core.create_task(wait())
                await asyncio_core.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio_core.CancelledError):
                    await waiting
        assert not process._transport._exit_waiters
        assert not process._protocol._stdin_waiters
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.wait() == 0

    run(main())


def test_a_timeout_around_a_child(run, blocked):
    async def main():
        process = await create_subprocess_exec(*blocked, stdout=PIPE)
        assert await process.stdout.readexactly(2) == b"up"
        with pytest.raises(TimeoutError):
            await asyncio_core.wait_for(process.communicate(), 0.01)
        process.kill()
        assert await process.communicate() == (b"", None)
        assert process.returncode == (1 if ON_WINDOWS else -signal.SIGKILL)

    run(main())


# Whose loop, whose signals.


def test_children_of_loops_in_other_threads(loop_with_children, way, cat, descriptors, children):
    before = descriptors()
    results = []

    async def talk(number):
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        output, _ = await process.communicate(b"%d" % number)
        return int(output), process.returncode

    async def several(first):
        return await asyncio_core.gather(*map(talk, range(first, first + 5)))

    def in_thread(first):
        loop = loop_with_children()
        loop._exit_watcher = way(loop)
        try:
            results.extend(loop.run_until_complete(several(first)))
        finally:
            loop.close()

    threads = [threading.Thread(target=in_thread, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [
        (number, 0) for first in (0, 10, 20) for number in range(first, first + 5)
    ]
    assert descriptors() == before
    assert not children()


@processes_of_unix
def test_the_programs_handler_of_sigchld_stays_and_is_called(run, python):
    calls = []

    def handler(signum, frame):
        calls.append(signum)

    former = signal.signal(signal.SIGCHLD, handler)
    try:

        async def main():
            process = await create_subprocess_exec(*python("sys.exit(5)"))
            assert signal.getsignal(signal.SIGCHLD) is handler
            assert await process.wait() == 5

        run(main())
        assert signal.getsignal(signal.SIGCHLD) is handler
        assert calls
    finally:
        signal.signal(signal.SIGCHLD, former)


@processes_of_unix
def test_children_of_others_are_left_alone(run, python):
    async def main():
        with subprocess.Popen(python("sys.exit(9)")) as others:
            os.waitid(os.P_PID, others.pid, os.WEXITED | os.WNOWAIT)
            process = await create_subprocess_exec(*python())
            assert await process.wait() == 0
            assert others.wait() == 9

    run(main())


@processes_of_unix
def test_a_loop_that_is_closed_lets_go_of_children(
    loop_with_children, way, python, descriptors, recwarn
):
    before = descriptors()
    loop = loop_with_children()
    watcher = loop._exit_watcher = way(loop)
    code = ("sys.stdin.read()",)
    process = loop.run_until_complete(create_subprocess_exec(*python(*code), stdin=PIPE))
    popen = process._transport.get_extra_info("subprocess")
    # Taken now: a thread that has done its work is no longer known, though it may hold things still.
    threads = tuple(getattr(watcher, "_threads", {}).values())
    loop.close()
    popen.stdin.close()
    assert popen.wait() == 0
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    del process, popen
    assert descriptors() == before
    assert all(issubclass(warning.category, ResourceWarning) for warning in recwarn)


# Describing.


def test_repr_tells_the_process_and_its_streams(run, cat):
    async def main():
        process = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert repr(process) == f"<Process {process.pid}>"
        protocol = repr(process._protocol)
        assert protocol.startswith("<SubprocessStreamProtocol stdin=<StreamWriter")
        assert " stdout=<StreamReader" in protocol
        assert "stderr" not in protocol
        await process.communicate()

    run(main())


def test_the_packages_names_are_there():
    for name in asyncio_subprocess.__all__:
        assert getattr(asyncio_subprocess, name) is not None
        assert name in dir(asyncio_subprocess)
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        asyncio_subprocess.spam


@pytest.mark.parametrize("start", [create_subprocess_exec, create_subprocess_shell])
def test_a_limit_that_no_reader_can_have_starts_no_child(run, start, tmp_path):
    proof = tmp_path / "ran"

    async def main():
        command = ("touch", str(proof)) if start is create_subprocess_exec else (f"touch {proof}",)
        with pytest.raises(ValueError, match="limit has to be positive, not 0"):
            await start(*command, stdout=PIPE, limit=0)
        with pytest.raises(ValueError, match="text must be False, got True"):
            await start(*command, stdout=PIPE, text=True)
        await asyncio_core.sleep(0)

    run(main())
    assert not proof.exists()
