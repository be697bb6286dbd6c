"""What a tool sees that walks up the frames from a call that blocks, as blockbuster does.

It lets the loop's own short calls pass, which it knows by the end of the file's name and the function's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading

import pytest

import asyncio_core
from asyncio_core.interfaces.protocols import BaseProtocol, SubprocessProtocol

if sys.platform == "win32":
    pytest.skip("the calls are those of Unix", allow_module_level=True)

BASE, UNIX = "asyncio/base_events.py", "asyncio/unix_events.py"

KNOWN = {
    "os.stat": {(UNIX, "create_unix_server"), (UNIX, "_stop_serving")},
    "os.unlink": {(UNIX, "_stop_serving")},
    "os.sendfile": {(BASE, "sendfile"), (UNIX, "_sock_sendfile_native_impl")},
    "os.read": {(BASE, "subprocess_exec"), (BASE, "subprocess_shell")},
    # Refused from whatever frame.
    "os.remove": set(),
    "os.getcwd": set(),
    "os.listdir": set(),
    "os.path.abspath": set(),
}


@pytest.fixture
def watched(monkeypatch):
    """Note each of the calls above that is made in the loop's thread, and whether a frame is known."""
    calls = []
    loops_thread = threading.get_ident()

    def watch(name):
        owner = os.path if name.startswith("os.path.") else os
        short = name.rpartition(".")[2]
        original = getattr(owner, short)

        def call(*args, **kwargs):
            frame, here = sys._getframe(1), set()
            blocks = name != "os.read" or os.get_blocking(args[0])
            in_loop = threading.get_ident() == loops_thread
            if blocks and in_loop and asyncio_core._get_running_loop() is not None:
                while frame is not None:
                    code = frame.f_code
                    here |= {
                        (file, code.co_name)
                        for file in (BASE, UNIX)
                        if code.co_filename.replace("\\", "/").endswith(file)
                    }
                    frame = frame.f_back
                calls.append((name, bool(here & KNOWN[name])))
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, short, call)

    for name in KNOWN:
        watch(name)
    return calls


def run(main):
    with asyncio_core.Runner() as runner:
        runner.run(main())


@pytest.mark.parametrize("shell", [False, True])
def test_starting_a_process(watched, shell):
    class Protocol(SubprocessProtocol):
        def __init__(self):
            self.lost = asyncio_core.get_running_loop().create_future()

        def connection_lost(self, exc):
            self.lost.set_result(None)

    async def main():
        loop = asyncio_core.get_running_loop()
        if shell:
            _, protocol = await loop.subprocess_shell(Protocol, "exit 0")
        else:
            _, protocol = await loop.subprocess_exec(
                Protocol, sys.executable, "-c", "", cwd="/", start_new_session=True
            )
        await protocol.lost

    run(main)
    # Popen reads from a pipe how it went, where it is not done in another thread.
    assert {call for call in watched if call[0] != "os.stat"} <= {("os.read", True)}


@pytest.mark.parametrize("relative", [False, True])
def test_unix_servers(watched, tmp_path, monkeypatch, relative):
    monkeypatch.chdir(tmp_path)
    path = "server" if relative else str(tmp_path / "server")

    async def main():
        loop = asyncio_core.get_running_loop()
        for _ in range(2):
            server = await loop.create_unix_server(BaseProtocol, path)
            assert server.is_serving()
            server.close()
            await server.wait_closed()
        # A file that nobody has any more.
        server = await loop.create_unix_server(BaseProtocol, path, cleanup_socket=False)
        server.close()
        server = await loop.create_unix_server(BaseProtocol, path)
        server.close()

    run(main)
    assert not os.path.exists(path)
    made = [call for call in watched if call[0] != "os.stat"]
    assert set(made) == {("os.unlink", True)}
    assert ("os.stat", True) in watched
    assert ("os.stat", False) not in watched


def test_files_are_sent(watched):
    async def main():
        loop = asyncio_core.get_running_loop()
        import socket

        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        file.seek(0)
        assert await loop.sock_sendfile(ours, file) == 5000
        assert theirs.recv(10_000) == b"x" * 5000
        transport, _ = await loop.create_connection(BaseProtocol, sock=ours)
        assert await loop.sendfile(transport, file, 1000) == 4000
        assert theirs.recv(10_000) == b"x" * 4000
        transport.close()
        theirs.close()

    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 5000)
        file.flush()
        run(main)
    assert {call for call in watched if call[0] == "os.sendfile"} == {("os.sendfile", True)}


def test_the_files_are_there_for_tracebacks():
    from asyncio_core.seen_as.asyncio import base_events, unix_events

    for module, name in ((base_events, "subprocess_exec"), (unix_events, "_stop_serving")):
        code = getattr(module, name).__code__
        assert os.path.samefile(code.co_filename, module.__file__)

    def fails():
        raise LookupError("spam")

    with pytest.raises(LookupError) as caught:
        base_events.shutdown_default_executor(fails)
    assert str(caught.traceback[1].statement).strip() == "join()"
