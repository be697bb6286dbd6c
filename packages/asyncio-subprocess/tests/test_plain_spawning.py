"""Children started by posix_spawn(3): what they get, what is told of them, and when they are Popen's after all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from asyncio_subprocess import create_subprocess_exec, create_subprocess_shell, plain_spawning
from asyncio_subprocess.plain_spawning import start_plainly

PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no posix_spawn()")
plain = pytest.mark.skipif(
    not hasattr(os, "POSIX_SPAWN_CLOSEFROM") or not subprocess._USE_POSIX_SPAWN,
    reason="posix_spawn() cannot close all other files here",
)


@pytest.fixture
def without_fork(monkeypatch):
    """Have Popen start nothing by itself."""

    def fork_exec(*terms):
        raise AssertionError("Popen was to start it")

    monkeypatch.setattr(subprocess, "_fork_exec", fork_exec)


async def output_of(*command, **options):
    process = await create_subprocess_exec(*command, stdout=PIPE, **options)
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said


@plain
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE},
        {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL},
        {"stdout": PIPE, "stderr": STDOUT},
        {"stdout": DEVNULL, "stderr": STDOUT},
        {"start_new_session": True},
        {"process_group": 0},
    ],
    ids=str,
)
def test_plain_children_are_started_without_a_fork(run_plain, without_fork, options):
    async def main():
        process = await create_subprocess_exec("cat", **{"stdin": DEVNULL, **options})
        assert await process.communicate() == tuple(
            b"" if options.get(name) == PIPE else None for name in ("stdout", "stderr")
        )
        assert process.returncode == 0
        process = await create_subprocess_shell("exit 3", **options)
        assert await process.wait() == 3
        if process.stdin is not None:
            await process.communicate()

    run_plain(main())


@plain
def test_streams_go_where_they_were_told_to(run_plain, without_fork, tmp_path):
    async def main():
        with open(tmp_path / "out", "w+b", buffering=0) as out:
            process = await create_subprocess_shell(
                "cat; echo problem >&2", stdin=PIPE, stdout=out.fileno(), stderr=STDOUT
            )
            await process.communicate(b"text\n")
            out.seek(0)
            assert out.read() == b"text\nproblem\n"
        process = await create_subprocess_shell("echo one; echo two >&2", stdout=PIPE, stderr=PIPE)
        assert await process.communicate() == (b"one\n", b"two\n")

    run_plain(main())


@plain
def test_a_child_has_its_environment_session_and_group(run_plain, without_fork, python):
    asked = (
        "print(os.environ.get('KNOWN'), os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid())"
    )

    async def main():
        environment = {"KNOWN": "yes"}
        assert await output_of(*python(asked), env=environment) == b"yes False False\n"
        assert await output_of(*python(asked), start_new_session=True) == b"None True True\n"
        assert await output_of(*python(asked), process_group=0) == b"None False True\n"

    run_plain(main())


def test_a_child_has_no_descriptor_but_its_streams(run_plain, python):
    listed = "print([fd for fd in range(3, 64) if os.path.exists(f'/dev/fd/{fd}')])"

    async def main():
        reading, writing = os.pipe()
        try:
            os.set_inheritable(writing, True)
            # One that lists the folder has that open.
            shown = eval(await output_of(*python(listed)))
            assert writing not in shown
        finally:
            os.close(reading)
            os.close(writing)

    run_plain(main())


def test_signals_that_python_ignores_are_not_ignored_by_children(run_plain):
    async def main():
        process = await create_subprocess_shell("kill -PIPE $$; exit 1")
        assert await process.wait() == -signal.SIGPIPE

    run_plain(main())


def test_path_is_searched_as_it_is_now(run_plain, tmp_path, monkeypatch):
    (tmp_path / "told").write_text("#!/bin/sh\necho told\n")
    (tmp_path / "told").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert run_plain(output_of("told")) == b"told\n"
    # The one of the environment that the child is given.
    environment = {"PATH": os.defpath}

    async def main():
        with pytest.raises(FileNotFoundError):
            await create_subprocess_exec("told", env=environment)

    run_plain(main())


@pytest.mark.parametrize("there", ["nothing", "a folder", "no program", "a text"])
def test_what_cannot_be_started_is_told_as_popen_tells_it(
    run_plain, tmp_path, there, descriptors, children
):
    program = tmp_path / "program"
    if there == "a folder":
        program.mkdir()
    elif there != "nothing":
        program.write_text("text")
        program.chmod(0o755 if there == "a text" else 0o644)
    with pytest.raises(OSError) as wanted:
        subprocess.Popen([str(program)])

    async def main():
        before = descriptors()
        with pytest.raises(OSError) as found:
            await create_subprocess_exec(str(program), stdin=PIPE, stdout=PIPE)
        assert type(found.value) is type(wanted.value)
        assert found.value.args == wanted.value.args
        assert found.value.filename == wanted.value.filename
        assert descriptors() == before

    run_plain(main())
    assert not children()


def test_the_popen_object_is_one_like_any_other(run_plain):
    usual = subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE, bufsize=0)

    async def main():
        process = await create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        popen = process._transport.get_extra_info("subprocess")
        assert popen is process._transport._proc
        assert type(popen) is subprocess.Popen
        assert vars(popen).keys() == vars(usual).keys()
        own = ("_waitpid_lock", "args", "pid", "stdin", "stdout")
        for name, value in vars(usual).items():
            mine = getattr(popen, name)
            if name in own:
                assert type(mine) is type(value) or name == "args"
            else:
                assert mine == value, name
        assert popen.stdin.mode == usual.stdin.mode
        assert popen.stdout.mode == usual.stdout.mode
        assert popen.pid == process.pid
        assert popen.args == ("cat",)
        assert popen.poll() is None
        assert await process.communicate(b"text") == (b"text", None)
        assert popen.poll() == popen.wait() == popen.returncode == 0

    try:
        run_plain(main())
    finally:
        usual.communicate()


def test_a_program_may_count_the_children_it_starts(run_plain, monkeypatch):
    """Each way in which a program can put something in the place of Popen or of a part of it."""
    started = []

    class Counting(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            started.append("class")
            super().__init__(*args, **kwargs)

    def counting(name):
        former = getattr(subprocess.Popen, name)

        def count(*args, **kwargs):
            started.append(name)
            return former(*args, **kwargs)

        return count

    monkeypatch.setattr(subprocess, "Popen", Counting)
    assert run_plain(output_of("echo", "1")) == b"1\n"
    assert started == ["class"]
    monkeypatch.undo()
    for name in ("__init__", "_execute_child"):
        monkeypatch.setattr(subprocess.Popen, name, counting(name))
        assert run_plain(output_of("echo", "1")) == b"1\n"
        assert started[-1] == name
        monkeypatch.undo()
    assert len(started) == 3


@pytest.mark.parametrize("switch", ["_USE_POSIX_SPAWN", "_USE_VFORK"])
def test_the_switches_of_the_subprocess_module_are_obeyed(monkeypatch, switch):
    monkeypatch.setattr(subprocess, switch, False, raising=False)
    assert start_plainly(("true",), False, None, None, None, 0, {}) is None


@plain
def test_children_that_somebody_forgot_are_reaped_by_popen(monkeypatch):
    monkeypatch.setattr(subprocess, "_active", [object()])
    assert start_plainly(("true",), False, None, None, None, 0, {}) is None


@pytest.mark.parametrize(
    "options",
    [
        {"cwd": "/"},
        {"preexec_fn": print},
        {"pass_fds": (0,)},
        {"umask": 0},
        {"user": 0},
        {"close_fds": False},
        {"restore_signals": False},
        {"executable": "true"},
        {"env": {"PATH": os.defpath}},
    ],
    ids=str,
)
def test_what_posix_spawn_does_not_know_is_popens(options):
    assert start_plainly(("true",), False, None, None, None, 0, options) is None


def test_pipes_with_buffers_are_popens():
    assert start_plainly(("true",), False, None, None, None, -1, {}) is None


@plain
@pytest.mark.parametrize(
    "streams", [(PIPE, 1, 2), (PIPE, None, STDOUT), (STDOUT, None, None)], ids=str
)
def test_streams_that_could_overwrite_each_other_are_popens(streams, descriptors):
    before = descriptors()
    assert start_plainly(("true",), False, *streams, 0, {}) is None
    assert descriptors() == before


@plain
def test_a_popen_of_a_kind_that_is_not_known_is_left_to_itself(monkeypatch):
    class Other(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.marks = []

    monkeypatch.setattr(plain_spawning, "_Popen", Other)
    assert plain_spawning._facts_of_started() is None


def test_hooks_of_the_interpreter_hear_of_a_child_and_can_refuse_it(run_plain, python):
    """In a process of its own, for such a hook stays."""
    code = """
import subprocess, sys
from asyncio_core import run
from asyncio_subprocess import create_subprocess_exec
heard = []
def hook(event, terms):
    if event == "subprocess.Popen":
        heard.append(terms)
        if terms[1][-1] == "refused":
            raise RuntimeError("not this one")
sys.addaudithook(hook)
async def main():
    assert await (await create_subprocess_exec("true", "allowed")).wait() == 0
    try:
        await create_subprocess_exec("true", "refused", stdin=subprocess.PIPE)
    except RuntimeError as error:
        print(error)
run(main())
print(heard)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "not this one",
        "[('true', ['true', 'allowed'], None, None), ('true', ['true', 'refused'], None, None)]",
    ], done.stderr


@plain
def test_a_child_is_there_though_its_ends_say_that_they_cannot_be_closed(
    run_plain, without_fork, monkeypatch
):
    close = os.close

    def close_and_fail(fd):
        close(fd)
        raise OSError(errno.EIO, "made up")

    async def main():
        with monkeypatch.context() as patched:
            patched.setattr(os, "close", close_and_fail)
            process = await create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"a word") == (b"a word", None)

    run_plain(main())
