"""Child processes on Windows: overlapped pipes, and exits learned through handles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform != "win32":
    pytest.skip("these are the ways of Windows", allow_module_level=True)

import _winapi
import signal
import subprocess
import threading

import asyncio_core
import asyncio_subprocess
from asyncio_core.choosing import subprocess_support
from asyncio_iocp import ProactorEventLoop
from asyncio_subprocess import windows_spawning, windows_utils
from asyncio_subprocess.windows_utils import PIPE, STDOUT, PipeHandle, Popen
from asyncio_test_support.loops import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

UPPER = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('done')"


@pytest.fixture
def loop() -> Iterator[Any]:
    with watched(ProactorEventLoop()) as made:
        yield made


def run(code: str, **options: Any) -> Any:
    return asyncio_subprocess.create_subprocess_exec(sys.executable, "-c", code, **options)


def test_support_is_found_by_its_entry_point() -> None:
    assert subprocess_support.subprocess_support() is windows_spawning.make_subprocess_transport


def test_child_is_talked_to_through_its_pipes(loop: Any) -> None:
    async def main() -> None:
        child = await run(UPPER, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert await child.communicate(b"hello") == (b"HELLO", b"done")
        assert child.returncode == 0

    loop.run_until_complete(main())


def test_much_data_goes_both_ways(loop: Any) -> None:
    data = b"x" * 1_000_000

    async def main() -> None:
        child = await run(UPPER, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
        out, _ = await child.communicate(data)
        assert out == data.upper() + b"done"

    loop.run_until_complete(main())


def test_shell_runs_a_command_line(loop: Any) -> None:
    async def main() -> None:
        child = await asyncio_subprocess.create_subprocess_shell("echo hello", stdout=PIPE)
        out, _ = await child.communicate()
        assert out.split() == [b"hello"]
        assert await child.wait() == 0

    loop.run_until_complete(main())


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_return_code_is_the_child_s(loop: Any, code: int) -> None:
    async def main() -> None:
        child = await run(f"raise SystemExit({code})")
        assert await child.wait() == code

    loop.run_until_complete(main())


@pytest.mark.parametrize("how", ["kill", "terminate", "signal"])
def test_child_is_ended(loop: Any, how: str) -> None:
    async def main() -> None:
        child = await run("input()", stdin=PIPE)
        if how == "signal":
            child.send_signal(signal.SIGTERM)
        else:
            getattr(child, how)()
        assert await child.wait() != 0
        # The pipe notices by itself that its reader is gone, before or after the exit is told.
        child.stdin.close()
        await child.stdin.wait_closed()
        for call in (child.kill, child.terminate):
            with pytest.raises(ProcessLookupError):
                call()

    loop.run_until_complete(main())


def test_signals_that_windows_does_not_have_are_refused(loop: Any) -> None:
    async def main() -> None:
        child = await run("input()", stdin=PIPE)
        with pytest.raises(ValueError, match="Unsupported signal"):
            child.send_signal(signal.SIGILL)
        child.stdin.close()
        await child.wait()

    loop.run_until_complete(main())


def test_program_that_is_not_there_is_an_error_and_leaves_nothing(loop: Any) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await asyncio_subprocess.create_subprocess_exec(
                "no-such-program-anywhere", stdin=PIPE, stdout=PIPE
            )

    loop.run_until_complete(main())


def test_start_that_is_cancelled_ends_the_child(loop: Any) -> None:
    async def main() -> None:
        starting = loop.create_task(run("input()", stdin=PIPE, stdout=PIPE))
        await asyncio_core.sleep(0)
        await asyncio_core.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await starting

    loop.run_until_complete(main())


def test_loops_of_other_threads_start_children(loop: Any) -> None:
    codes: list[int] = []

    def work() -> None:
        async def main() -> int:
            child = await run("raise SystemExit(3)")
            return await child.wait()

        codes.append(loop.run_until_complete(main()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert codes == [3]


# Popen.


def test_pipes_of_popen_are_for_overlapped_calls() -> None:
    with Popen(
        [sys.executable, "-c", UPPER], stdin=PIPE, stdout=PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert isinstance(child.stdin, PipeHandle)
        assert isinstance(child.stdout, PipeHandle)
        assert child.stderr is None
        writing, _ = _winapi.WriteFile(child.stdin.handle, b"text", overlapped=True)
        assert writing.GetOverlappedResult(True) == (4, 0)
        child.stdin.close()
        reading, _ = _winapi.ReadFile(child.stdout.handle, 4, overlapped=True)
        reading.GetOverlappedResult(True)
        assert reading.getbuffer() == b"TEXT"
    assert child.stdout.handle is None
    assert child.returncode == 0


def test_popen_does_bytes_without_buffers_only() -> None:
    with pytest.raises(ValueError, match="universal_newlines must be False"):
        Popen([sys.executable], universal_newlines=True)
    with pytest.raises(ValueError, match="bufsize must be 0"):
        Popen([sys.executable], bufsize=1)


def test_popen_that_fails_closes_all_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def pipe(**options: Any) -> tuple[int, int]:
        ends = usual(**options)
        made.extend(ends)
        return ends

    usual = windows_utils.pipe
    monkeypatch.setattr(windows_utils, "pipe", pipe)
    with pytest.raises(FileNotFoundError):
        Popen(["no-such-program-anywhere"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert len(made) == 6
    for handle in made:
        with pytest.raises(OSError, match=r"\w"):
            _winapi.GetFileType(handle)
