"""Wine and MinGW: installed from Debian's packages, and Windows processes started and ended."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workspace.console import Failure, run_quietly, say
from workspace.paths import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WINDOWS_CACHE = CACHE / "windows"
WINE = Path("/usr/lib/wine/wine64")
SERVER = Path("/usr/lib/wine/wineserver64")
COMPILER = "x86_64-w64-mingw32-gcc"
#: What has to be there, and the Debian package that brings it.
NEEDED = (
    (str(WINE), "wine64"),
    (str(SERVER), "wine"),
    (COMPILER, "gcc-mingw-w64-x86-64"),
    ("gendef", "mingw-w64-tools"),
)
#: How the output begins of a process that could not reach the server, and ran nothing.
_NOT_STARTED = b"wine client error:"
#: What of the caller's environment would bend the Python that runs here.
_DROPPED = ("PYTHON", "ASYNCIO_", "WINE", "VIRTUAL_ENV", "PYTEST_", "COVERAGE_", "HATCH_")


def missing() -> list[str]:
    """Return the Debian packages that have to be installed."""
    return [package for program, package in NEEDED if shutil.which(program) is None]


def ensure_installed() -> None:
    """Install what is missing with apt-get, or say in one line what has to be installed."""
    if not (packages := missing()):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Failure(
            f"windows: missing here: {' '.join(packages)} "
            f"(Debian, as root: apt-get install --no-install-recommends wine {' '.join(packages)})",
            status=2,
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_quietly("reading Debian's list of packages", ["apt-get", "-qq", "update"], env=env)
    install = ("apt-get", "-qq", "install", "-y", "--no-install-recommends", "wine", *packages)
    run_quietly(f"installing {' '.join(packages)}", install, env=env)
    if packages := missing():
        raise Failure(f"windows: still missing after apt-get: {' '.join(packages)}")


def windows_path(path: Path) -> str:
    """Write a path of this machine as Windows programs under Wine see it."""
    return "Z:" + str(path).replace("/", "\\")


class Wine:
    """A prefix of its own, with its server, and the processes in it.

    The server and Wine's own services are started without any of our pipes, which they would hold open.
    """

    def __init__(self, prefix: Path = WINDOWS_CACHE / "prefix") -> None:
        self._prefix = prefix

    def __enter__(self) -> Wine:
        self._prefix.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._prefix.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("    waiting: this work tree's Windows is in use by another command")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._serve()
        env = self.environment()
        if (self._prefix / "system.reg").exists():
            _quietly(env, WINE, "cmd", "/c", "exit")
        else:
            run_quietly("making a Wine prefix", [WINE, "wineboot", "-i"], env=env)
        return self

    def __exit__(self, *_: object) -> None:
        """End every process of the prefix, whatever it is doing."""
        _quietly(self.environment(), SERVER, "-k")
        self._lock.close()

    def _serve(self) -> None:
        """Start the server. It stays until it is ended, and keeps the services running between two processes."""
        _quietly(self.environment(), SERVER, "-p")

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        env = {name: v for name, v in os.environ.items() if not name.startswith(_DROPPED)}
        env["WINEPREFIX"] = str(self._prefix)
        env["WINEDEBUG"] = "-all"
        # Without its debugger a process that crashes ends, and nothing holds its pipes open.
        env["WINEDLLOVERRIDES"] = "mscoree=;mshtml=;winemenubuilder.exe=;winedbg.exe="
        env["PYTHONUTF8"] = "1"
        env.update(more or {})
        return env

    def start(
        self,
        command: Sequence[object],
        *,
        cwd: Path | None,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.STDOUT,
        text: bool = False,
    ) -> subprocess.Popen[Any]:
        """Start a Windows program. Its output is a pipe: the interpreter refuses plain files there."""
        return subprocess.Popen(
            [WINE, *map(str, command)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env=self.environment(env),
            start_new_session=True,
            text=text,
        )

    def run(
        self,
        command: Sequence[object],
        *,
        cwd: Path,
        limit: float,
        env: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Run a Windows program for at most `limit` seconds; return its exit status and output.

        The status of one that was ended for its time is 124. One that Wine could not start, as its server had just
        ended, is started once more.
        """
        status, output = self._run_once(command, cwd=cwd, limit=limit, env=env)
        if status and output.startswith(_NOT_STARTED):
            say(f"    Wine: {output.decode('utf-8', 'replace').strip()}; once more")
            self._serve()
            return self._run_once(command, cwd=cwd, limit=limit, env=env)
        return status, output

    def _run_once(
        self, command: Sequence[object], *, cwd: Path, limit: float, env: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        process = self.start(command, cwd=cwd, env=env)
        output = b"".join(until_end(process, limit))
        timed_out = process.poll() is None
        if timed_out:
            process.kill()
        status = process.wait()
        return (124 if timed_out else status), output


def _quietly(env: Mapping[str, str], *command: str | Path) -> None:
    """Run one of Wine's programs, which says nothing that anyone wants to know."""
    nothing = subprocess.DEVNULL
    subprocess.run(command, env=env, stdin=nothing, stdout=nothing, stderr=nothing, timeout=120)


def until_end(process: subprocess.Popen[bytes], limit: float) -> Iterator[bytes]:
    """Yield what a process writes until it ends, or its time does.

    Not until the end of its output: processes that it leaves behind may hold that open.
    """
    assert process.stdout is not None
    deadline = time.monotonic() + limit
    ended = os.pidfd_open(process.pid)
    try:
        with process.stdout as stream:
            os.set_blocking(stream.fileno(), False)
            waiting = [ended, stream.fileno()]
            while (left := deadline - time.monotonic()) > 0:
                ready, _, _ = select.select(waiting, [], [], left)
                while data := stream.raw.read(1 << 16):  # type: ignore[attr-defined]
                    yield data
                if data is not None and stream.fileno() in waiting:
                    waiting.remove(stream.fileno())
                if ended in ready:
                    return
    finally:
        os.close(ended)


def copy_in_thread(source: IO[Any], target: IO[bytes]) -> threading.Thread:
    """Copy one stream into another until it ends."""

    def copy() -> None:
        with source:
            while data := os.read(source.fileno(), 1 << 16):
                try:
                    target.write(data)
                    target.flush()
                except ValueError:
                    return  # closed: nobody wants it any more

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread
