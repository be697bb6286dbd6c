"""The inspector on Windows: a named pipe that nobody but its user can open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

if sys.platform != "win32":
    pytest.skip("elsewhere it listens on Unix sockets", allow_module_level=True)

import _winapi
import ctypes
from ctypes import wintypes

from asyncio_core import inspecting
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.inspecting import windows_pipes

#: Seconds.
PATIENCE = 10.0


@pytest.fixture(autouse=True)
def stopped():
    """No test leaves an inspector behind."""
    yield
    inspecting.stop()
    assert "asyncio-inspector" not in [thread.name for thread in threading.enumerate()]


def asking(request=b'{"ask": "snapshot"}\n'):
    connection = windows_pipes.connect(os.getpid(), PATIENCE)
    connection.settimeout(PATIENCE)
    connection.sendall(request)
    return connection


def ask(request=b'{"ask": "snapshot"}\n'):
    with asking(request) as connection, connection.makefile("rb") as answer:
        return json.loads(answer.readline())


def test_it_answers_with_a_snapshot_and_is_gone_after_stop(run_in_real_time):
    path = inspecting.start()
    assert path == rf"\\.\pipe\asyncio-inspect-{os.getpid()}"
    assert windows_pipes.has_pipe(os.getpid())

    async def main():
        return ask()["snapshot"]

    taken = run_in_real_time(main())
    assert taken["pid"] == os.getpid()
    assert [task["state"] for task in taken["tasks"]] == ["running"]
    assert inspecting.start() == path, "it runs already"
    inspecting.stop()
    assert not windows_pipes.has_pipe(os.getpid())
    with pytest.raises(FileNotFoundError):
        windows_pipes.connect(os.getpid(), PATIENCE)


def test_nobody_but_the_user_has_a_right_to_it():
    """What the pipe's descriptor says, read back from the pipe."""
    inspecting.start()
    security = ctypes.WinDLL("advapi32", use_last_error=True)
    descriptor, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    handle = _winapi.CreateFile(
        windows_pipes.name_of_pipe(os.getpid()),
        *(_winapi.GENERIC_READ, 0, _winapi.NULL, _winapi.OPEN_EXISTING, 0, _winapi.NULL),
    )
    try:
        # 6: SE_KERNEL_OBJECT; 4: DACL_SECURITY_INFORMATION
        failed = security.GetSecurityInfo(
            *(wintypes.HANDLE(handle), 6, 4, None, None, None, None),
            ctypes.byref(descriptor),
        )
        assert failed == 0
        assert security.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor, 1, 4, ctypes.byref(text), None
        )
        told = text.value
    finally:
        _winapi.CloseHandle(handle)
    assert told.count("(") == 1, told
    assert told.endswith(f";;;{windows_pipes._user()})")
    assert told.startswith("D:P(A;;")


def test_several_may_ask_at_once_and_one_who_asks_nothing_is_left_in_time(monkeypatch):
    from asyncio_core.inspecting import inspector

    monkeypatch.setattr(inspector, "_PATIENCE", 0.1)
    inspecting.start()
    with windows_pipes.connect(os.getpid(), PATIENCE) as silent:
        silent.settimeout(PATIENCE)
        answers = [asking() for _ in range(3)]
        for connection in answers:
            with connection, connection.makefile("rb") as answer:
                assert "snapshot" in json.loads(answer.readline())
        assert silent.recv(10) == b"", "it was closed"


@pytest.mark.parametrize("request_", [b"\n", b"[]\n", b'{"x": 1}\n'])
def test_what_is_not_understood_is_answered_with_an_error(request_):
    inspecting.start()
    assert "error" in ask(request_)
    assert "snapshot" in ask()


def test_who_goes_away_before_the_answer_is_no_matter():
    inspecting.start()
    asking().close()
    windows_pipes.connect(os.getpid(), PATIENCE).close()
    assert "snapshot" in ask()


def test_figures_come_until_no_more_are_wanted(run_in_real_time):
    inspecting.start()

    async def main():
        with asking(b'{"ask": "figures", "seconds": 0.01}\n') as connection:
            answer = connection.makefile("rb")
            assert "begun" in json.loads(answer.readline())
            await sleep(0.02)
            figures = json.loads(answer.readline())["figures"]
            connection.shutdown(windows_pipes.socket.SHUT_WR)
            while answer.readline():
                pass
        return figures

    assert run_in_real_time(main())["loops"]


def test_a_read_that_takes_too_long_ends_and_what_comes_later_is_not_lost():
    inspecting.start()
    with windows_pipes.connect(os.getpid(), PATIENCE) as connection:
        connection.settimeout(0.01)
        with pytest.raises(TimeoutError):
            connection.recv(10)
        connection.settimeout(PATIENCE)
        connection.sendall(b'{"ask": "snapshot"}\n')
        assert connection.recv(1) == b"{"


def test_the_pipe_of_another_process_is_not_asked():
    """Somebody who has taken the name first is found out by his number."""
    program = """
import sys
from asyncio_core.inspecting import windows_pipes
windows_pipes.name_of_pipe = lambda pid: rf"\\\\.\\pipe\\asyncio-inspect-{sys.argv[1]}"
listener = windows_pipes.Listener()
print("up", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as squatter:
        assert squatter.stdout.readline() == "up\n"
        with pytest.raises(PermissionError, match=f"that of another process, {squatter.pid}"):
            windows_pipes.connect(os.getpid(), PATIENCE)
        squatter.communicate("\n")


def test_the_environment_starts_it_when_the_first_loop_is_made():
    program = """
import os
from asyncio_core import new_event_loop
from asyncio_core.inspecting import windows_pipes
assert not windows_pipes.has_pipe(os.getpid())
new_event_loop().close()
assert windows_pipes.has_pipe(os.getpid())
"""
    subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "ASYNCIO_INSPECT": "1"}, check=True
    )
