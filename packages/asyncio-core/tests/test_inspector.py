"""The inspector: who may ask, where its socket lies, and what becomes of it."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
import tempfile
import threading

import pytest

from asyncio_core import inspecting
from asyncio_core.awaiting.waiting import sleep

if sys.platform == "win32":
    pytest.skip("it listens on Unix sockets", allow_module_level=True)

from asyncio_core.inspecting import folder, unix_listener


@pytest.fixture(autouse=True)
def runtime(monkeypatch):
    """The user's own folder for the time of a test, whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="r-") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        yield pathlib.Path(place)
        inspecting.stop()


def ask(path, request=b'{"ask": "snapshot"}\n'):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        asking.sendall(request)
        with asking.makefile("rb") as answer:
            return json.loads(answer.readline())


def test_it_answers_with_a_snapshot_and_is_gone_after_stop(run_in_real_time):
    path = inspecting.start()

    async def main():
        return ask(path)["snapshot"]

    taken = run_in_real_time(main())
    assert taken["pid"] == os.getpid()
    assert [task["state"] for task in taken["tasks"]] == ["running"]
    assert inspecting.start() == path, "it runs already"
    inspecting.stop()
    assert not os.path.exists(path)
    assert "asyncio-inspector" not in [thread.name for thread in threading.enumerate()]
    inspecting.stop()


def test_folder_and_socket_are_the_users_own(runtime):
    path = inspecting.start()
    assert os.path.dirname(path) == str(runtime / "asyncio-inspect")
    found = os.stat(os.path.dirname(path))
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, os.geteuid())


def test_without_a_runtime_folder_it_lies_below_the_folder_for_temporary_files(
    runtime, monkeypatch
):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(runtime))
    path = inspecting.start()
    assert os.path.dirname(path) == str(runtime / f"asyncio-inspect-{os.geteuid()}")


def test_a_folder_that_others_may_enter_is_refused(runtime):
    (runtime / "asyncio-inspect").mkdir(0o755)
    with pytest.raises(inspecting.InspectorError, match=r"open to other users \(mode 0755"):
        inspecting.start()


def test_a_link_in_the_place_of_the_folder_is_refused(runtime, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    (runtime / "asyncio-inspect").symlink_to(elsewhere)
    with pytest.raises(inspecting.InspectorError, match="is not a folder"):
        inspecting.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(runtime):
    (runtime / "asyncio-inspect").mkdir(0o700)
    os.chown(runtime / "asyncio-inspect", 12345, 12345)
    with pytest.raises(inspecting.InspectorError, match="another user, of id 12345"):
        inspecting.start()


def test_where_no_folder_can_be_made_it_says_so(runtime, monkeypatch):
    monkeypatch.setattr(folder, "possible_folders", lambda *_: [str(runtime / "not" / "there")])
    with pytest.raises(inspecting.InspectorError, match="No such file or directory"):
        inspecting.start()


def test_a_path_that_is_too_long_for_a_socket_is_told(runtime, monkeypatch):
    deep = runtime / ("x" * 120)
    deep.mkdir(0o700)
    monkeypatch.setattr(folder, "possible_folders", lambda *_: [str(deep)])
    with pytest.raises(inspecting.InspectorError, match="too long for a socket"):
        inspecting.start()
    assert not list(deep.iterdir())


def test_after_a_path_that_is_too_long_for_a_socket_the_next_is_taken(runtime, monkeypatch):
    deep, other = runtime / ("x" * 120), runtime / "other"
    monkeypatch.setattr(folder, "possible_folders", lambda *_: [str(deep), str(other)])
    assert inspecting.start().startswith(f"{other}/")


def test_sockets_of_dead_processes_are_removed_and_those_of_living_ones_stay(runtime):
    place = runtime / "asyncio-inspect"
    place.mkdir(0o700)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    names = {f"{child.pid}.sock", f"{os.getpid()}.sock"}
    living, others = f"{os.getppid()}.sock", ("notes.txt", "x.sock")
    for name in (*names, living):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(place / name))
    for name in others:
        (place / name).touch()
    inspecting.start()
    assert {each.name for each in place.iterdir()} == {f"{os.getpid()}.sock", living, *others}


def test_a_socket_at_which_another_listens_is_left_alone(runtime):
    place = runtime / "asyncio-inspect"
    place.mkdir(0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        # As a process of the same number has it, in another container.
        listening.bind(str(place / f"{os.getpid()}.sock"))
        listening.listen()
        with pytest.raises(inspecting.InspectorError, match="another process listens"):
            inspecting.start()
    assert (place / f"{os.getpid()}.sock").exists()


@pytest.mark.parametrize("request_", [b"\n", b"snapshot\n", b"[]\n", b'{"tell": 1}\n'])
def test_what_is_not_understood_is_answered_with_an_error(request_):
    assert ask(inspecting.start(), request_) == {"error": "the request is not understood"}


def test_unknown_requests_are_answered_with_an_error_and_it_goes_on():
    path = inspecting.start()
    assert ask(path, b'{"ask": "money"}\n') == {"error": "unknown request 'money'"}
    with socket.socket(socket.AF_UNIX) as hasty:
        hasty.connect(path)
    assert "snapshot" in ask(path)


def test_only_this_user_and_root_are_answered(monkeypatch):
    path = inspecting.start()
    asked = []

    def uid_of_peer(connection):
        asked.append(connection)
        return os.geteuid() + 1

    monkeypatch.setattr(unix_listener, "_uid_of_peer", uid_of_peer)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        assert asking.recv(1) == b""
    assert len(asked) == 1


def test_the_peers_user_is_told_by_the_system():
    one, other = socket.socketpair()
    with one, other:
        assert unix_listener._uid_of_peer(one) == os.geteuid()
        assert unix_listener.may_ask(one)


def test_how_long_a_task_has_waited_at_least_is_known_from_the_second_time_on(run_in_real_time):
    path = inspecting.start()

    async def main():
        from asyncio_core.awaiting.task import create_task

        task = create_task(sleep(60), name="one")
        await sleep(0)
        found = []
        for _ in range(2):
            (one,) = [each for each in ask(path)["snapshot"]["tasks"] if each["name"] == "one"]
            found.append(one["waited_at_least"])
            await sleep(0.005)
        task.cancel()
        return found

    first, second = run_in_real_time(main())
    assert first == 0
    assert second > 0


ASKS = """
import json, os, socket, sys
import asyncio_core
from asyncio_core import inspecting

def ask(path):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        asking.sendall(b'{"ask": "snapshot"}\\n')
        with asking.makefile("rb") as answer:
            return json.loads(answer.readline())["snapshot"]

def place(pid):
    return os.path.join(os.environ["XDG_RUNTIME_DIR"], "asyncio-inspect", f"{pid}.sock")
"""


def run_program(program, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASKS + program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return result.returncode, result.stdout.split(), result.stderr


def test_the_environment_starts_it_when_the_first_loop_is_made(runtime):
    program = """
print(os.path.exists(place(os.getpid())))
loop = asyncio_core.ParkingEventLoop()
print(os.path.exists(place(os.getpid())))
loop.close()
"""
    assert run_program(program, ASYNCIO_INSPECT="1") == (0, ["False", "True"], "")
    assert run_program(program, ASYNCIO_INSPECT="0") == (0, ["False", "False"], "")
    # Nothing is left when a process ends.
    assert not list((runtime / "asyncio-inspect").iterdir())


def test_where_it_cannot_be_had_the_program_is_warned_and_goes_on(tmp_path):
    (tmp_path / "asyncio-inspect").mkdir(0o755)
    program = """
import warnings
warnings.simplefilter("always")
async def main(): print("went", "on")
asyncio_core.run(main())
"""
    status, printed, errors = run_program(
        program, ASYNCIO_INSPECT="1", XDG_RUNTIME_DIR=str(tmp_path)
    )
    assert (status, printed) == (0, ["went", "on"])
    assert "RuntimeWarning: no inspector, though one was asked for: " in errors


# Since 3.12 the interpreter warns of every fork of a process with threads.
FORKS = """
import warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded")
parents = inspecting.start()
inside, outside = os.pipe()
pid = os.fork()
if pid == 0:
    os.read(inside, 1)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_has_one_of_its_own():
    program = (
        FORKS
        + """
import itertools
while not os.path.exists(place(pid)):
    pass
for _ in itertools.count():
    try:
        print(ask(place(pid))["pid"] == pid)
        break
    except ConnectionRefusedError:
        pass
print(ask(parents)["pid"] == os.getpid())
os.write(outside, b"x")
os.waitpid(pid, 0)
print(ask(parents)["pid"] == os.getpid())
"""
    )
    assert run_program(program) == (0, ["True"] * 3, "")


def test_it_answers_while_the_loop_is_blocked_and_says_by_what(run_in_real_time):
    path = inspecting.start()
    inside, go_on = threading.Event(), threading.Event()
    answers = []

    def look():
        inside.wait()
        answers.append(ask(path)["snapshot"])
        go_on.set()

    def blocking():
        inside.set()
        go_on.wait()

    async def main():
        looking = threading.Thread(target=look)
        looking.start()
        blocking()
        looking.join()

    run_in_real_time(main())
    (loop,) = answers[0]["loops"]
    functions = [each["function"].rpartition(".")[2] for each in loop["callback"]]
    assert "blocking" in functions
    assert loop["blocked_for_at_least"] > 0
    assert loop["task"] == answers[0]["tasks"][0]["id"]


def test_a_task_that_waits_again_and_again_has_not_waited_since_the_first_time(run_in_real_time):
    path = inspecting.start()

    async def main():
        from asyncio_core.awaiting.task import create_task
        from asyncio_core.choosing.running_loop import get_running_loop

        loop = get_running_loop()

        async def wait_again():
            while True:
                await loop.create_future()

        task = create_task(wait_again(), name="again")
        found = []
        for _ in range(6):
            await sleep(0.001)
            (one,) = [each for each in ask(path)["snapshot"]["tasks"] if each["name"] == "again"]
            found.append(one["waited_at_least"])
            # The one after the next one often lies where this lay.
            for _ in range(2):
                task._fut_waiter.set_result(None)
                await sleep(0)
        task.cancel()
        return found

    assert run_in_real_time(main()) == [0] * 6
