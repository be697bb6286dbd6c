"""Where children are started, and what a fork of the program leaves alone."""

from __future__ import annotations

import errno
import gc
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import asyncio_core
from asyncio_subprocess import PIPE, create_subprocess_exec
from asyncio_test_support.programs import printed_by

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")

if sys.platform == "linux":
    import ctypes

    set_option = ctypes.CDLL(None).prctl
    # PR_GET_PDEATHSIG. Here, as ctypes opens a descriptor for good with the first call.
    set_option(2, ctypes.byref(ctypes.c_int()))


def die_with_parent():
    """Ask for a signal at the end of the parent, as programs such as bwrap do: PR_SET_PDEATHSIG."""
    set_option(1, signal.SIGKILL)


async def answers(child):
    """Send a child that echoes some bytes; return what comes back, and its return code."""
    output, _ = await child.communicate(b"still here")
    return output, child.returncode


def test_children_are_started_by_the_loops_thread(run, cat, monkeypatch):
    threads = []
    start = subprocess.Popen.__init__

    def noted(popen, *arguments, **options):
        threads.append(threading.current_thread())
        start(popen, *arguments, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)

    async def main():
        child = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert await answers(child) == (b"still here", 0)

    run(main())
    assert threads == [threading.current_thread()]


@LINUX
def test_a_child_that_dies_with_its_parent_lives_as_long_as_the_loops_thread(run, cat):
    """The kernel means the thread that started the child: one that ends would take it along."""

    async def main():
        child = await create_subprocess_exec(
            *cat, stdin=PIPE, stdout=PIPE, preexec_fn=die_with_parent
        )
        # Long enough for any thread to end: a second one comes and goes.
        other = await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert await answers(other) == (b"still here", 0)
        assert await answers(child) == (b"still here", 0)

    run(main())


@pytest.mark.parametrize("kind", [subprocess.Popen, type("Derived", (subprocess.Popen,), {})])
def test_a_child_that_is_there_when_popen_fails_is_ended(
    run, cat, monkeypatch, descriptors, children, kind
):
    start = subprocess.Popen._execute_child

    def start_and_fail(popen, *arguments):
        start(popen, *arguments)
        raise OSError(errno.EIO, "what the child tells cannot be read")

    monkeypatch.setattr(subprocess.Popen, "_execute_child", start_and_fail)
    monkeypatch.setattr(subprocess, "Popen", kind)

    async def main():
        before = descriptors()
        with pytest.raises(OSError, match="what the child tells cannot be read"):
            await create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE)
        assert not children()
        assert descriptors() == before

    run(main())
    # A child that still runs would be warned of.
    gc.collect()


@pytest.mark.parametrize("leave", ["os._exit(5)", "sys.exit(5)", "raise SystemExit(5)"])
def test_a_fork_that_exits_leaves_the_parents_loop_and_children_alone(leave, cat):
    program = textwrap.dedent(f"""
        import os, socket, sys, threading, warnings
        import asyncio_core
        import asyncio_selectors
        from asyncio_subprocess import PIPE, create_subprocess_exec

        warnings.simplefilter("ignore", ResourceWarning)  # of the fork, which closes nothing

        async def main():
            loop = asyncio_core.get_running_loop()
            left, right = socket.socketpair()
            right.setblocking(False)
            receiving = asyncio_core.create_task(loop.sock_recv(right, 9))
            child = await create_subprocess_exec(*{cat!r}, stdin=PIPE, stdout=PIPE)
            assert threading.active_count() == 1
            pid = os.fork()
            if not pid:
                {leave}
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
            left.send(b"x")
            assert await receiving == b"x"
            assert await child.communicate(b"still here") == (b"still here", None)
            assert child.returncode == 0
            assert await asyncio_core.to_thread(sum, [1, 2]) == 3
            left.close()
            right.close()
            print("well")

        asyncio_core.run(main(), loop_factory=asyncio_selectors.SelectorEventLoop)
    """)
    assert printed_by(program) == "well"


def test_a_child_that_is_slow_to_begin_can_be_cancelled_and_leaves_nothing(
    run, cat, descriptors, children
):
    async def main():
        before = descriptors()
        starting = asyncio_core.create_task(
            create_subprocess_exec(*cat, stdin=PIPE, stdout=PIPE, preexec_fn=lambda: None)
        )
        await asyncio_core.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await starting
        assert not children()
        assert descriptors() == before

    run(main())
