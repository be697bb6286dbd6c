"""The measured processes, seen from outside: started, asked, and given up when they hang or end."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.sides import Side

PROGRAM = Path(__file__).resolve().parent / "worker.py"
#: Seconds that a process may take to start and to say what it is, under valgrind too.
START = 180.0


class Lost(Exception):
    """A process did not answer, and is no more; `str()` says why."""


def variables(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a measured process: nothing there chooses an asyncio but the side."""
    dropped = ("ASYNCIO_", "PYTHON", "VIRTUAL_ENV", "HATCH_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # Sets and dictionaries come in the same order in each run.
    return {**kept, "PYTHONHASHSEED": "0", **more}


class Process:
    """One process that is asked, and answers, in lines of JSON."""

    def __init__(self, command: Sequence[str], more: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=variables(more),
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        # A pipe has no time limit of its own on every system.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def ask(self, limit: float, **wanted: object) -> dict[str, Any]:
        """Send what is wanted, and return the answer, as `answer()` does."""
        assert self._process.stdin is not None
        try:
            print(json.dumps(wanted), file=self._process.stdin, flush=True)
        except OSError:
            pass  # it has ended: so has its output
        return self.answer(limit)

    def answer(self, limit: float) -> dict[str, Any]:
        """Return the next answer. Raise Lost where none comes within `limit` seconds."""
        try:
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            self.close()
            raise Lost(f"hangs: no answer within {limit:g} s") from None
        if not line:
            raise Lost(self._end())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def how_it_ended(self) -> str:
        """Say how the process ended; empty where it runs."""
        return "" if self._process.poll() is None else self._end()

    def _end(self) -> str:
        """Say how the process ended, with the last line that it wrote."""
        self.close(kill=False)
        status = self._process.returncode
        how = f"status {status}" if status >= 0 else signal.Signals(-status).name
        return f"ended with {how}{self._last_words}"

    def close(self, *, kill: bool = True) -> None:
        """End the process, if it has not, and everything that belongs to it."""
        if kill:
            self._process.kill()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                pass  # what was still to be written
        if not self._errors.closed:
            self._errors.seek(0)
            lines = self._errors.read().decode("utf-8", "replace").splitlines()
            said = [line.strip() for line in lines if line.strip() and not line.startswith("==")]
            self._last_words = f": {said[-1]}" if said else ""
            self._errors.close()


class Worker(Process):
    """A process that runs cases for a side, one after the other."""

    def __init__(
        self, side: Side, python: Path, under: Sequence[str] = (), program: Path = PROGRAM
    ) -> None:
        factory = [side.factory] if side.factory else []
        super().__init__([*under, str(python), str(program), *factory], side.variables)
