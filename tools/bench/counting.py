"""By instructions: each case runs under valgrind's callgrind, which counts around its warm middle.

The figure is the same on a busy machine. Where a case ends or hangs the process, the side goes on in a new one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.workers import Lost
from workspace.console import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.cases import Case
    from bench.field import Runner
    from bench.results import Figures
    from bench.workers import Process

#: Seconds for one case, and for the start of the process; they take one to ten each on a quiet machine.
LIMIT = 120.0
#: … and besides for each operation.
LIMIT_FOR_EACH = 0.002
#: A side whose process was lost so often is given up; at once where it never answered.
PATIENCE = 4

_CLIENT = """
#include <valgrind/callgrind.h>
void count_begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void count_end(const char *name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
#include <string.h>
#include <sys/socket.h>
/* Of another process's descriptors, the one that it opens for `pid`; -1 for none. See pidfds.py. */
int pidfd_from(int helper, int pid)
{
    char byte, room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header;
    int fd = -1;
    if (send(helper, &pid, sizeof pid, 0) != sizeof pid || recvmsg(helper, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
    header = CMSG_FIRSTHDR(&message);
    if (header) memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
"""
_TRIGGER = re.compile(r"^desc: Trigger: Client Request: (\S+)$", re.MULTILINE)
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def check() -> None:
    """Raise Failure with status 2 where a program that is needed is not here."""
    missing = [name for name in ("valgrind", "gcc") if shutil.which(name) is None]
    if missing:
        raise Failure(
            f"counting instructions needs {' and '.join(missing)} (Debian: apt-get install)", 2
        )


def build_client(folder: Path) -> Path:
    """Compile the library with which the measured process talks to valgrind."""
    library = folder / "client.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    done = subprocess.run(command, input=_CLIENT, capture_output=True, text=True)
    if done.returncode:
        raise Failure(
            f"gcc cannot build the client of valgrind: {done.stderr.strip().splitlines()[0]}"
        )
    return library


def under(out: Path) -> list[str]:
    """Return the words before a command that is to run under valgrind, which leaves its counts in files named `out`."""
    options = ["--tool=callgrind", "--instr-atstart=no", "--fair-sched=try"]
    return ["valgrind", *options, f"--callgrind-out-file={out}"]


def read_counts(folder: Path) -> dict[str, int]:
    """Return the instructions by case that callgrind left in a folder."""
    found = {}
    for path in folder.glob("callgrind.*"):
        text = path.read_text("utf-8", "replace")
        name, total = _TRIGGER.search(text), _TOTAL.search(text)
        if name and total:
            found[name[1]] = int(total[1])
    return found


class _Side:
    """One side under valgrind: a process, and a new one after each that was lost."""

    def __init__(self, runner: Runner, library: Path, folder: Path) -> None:
        self._runner = runner
        self._library = library
        self._folder = folder
        self._worker: Process | None = None
        self._lost: list[str] = []
        self._answered = False

    def count(self, title: str, case: Case, count: int) -> dict[str, Any]:
        """Return the instructions of an operation, or why there are none."""
        if len(self._lost) >= (PATIENCE if self._answered else 1):
            return {"missing": self._lost[-1]}
        worker = self._worker = self._worker or self._start()
        library = str(self._library)
        try:
            answer = worker.ask(
                LIMIT + count * LIMIT_FOR_EACH,
                case=case.name,
                by="instructions",
                count=count,
                library=library,
                title=title,
            )
        except Lost as error:
            self._lost.append(str(error))
            self._worker = None
            return {"missing": str(error)}
        self._answered = True
        if "missing" in answer:
            return answer
        counts = read_counts(self._folder)
        if title not in counts:
            return {"missing": "valgrind counted nothing"}
        return {"value": counts[title] / count}

    def _start(self) -> Process:
        return self._runner.start(under(self._folder / f"callgrind.{len(self._lost)}"))

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()


def measure(
    runners: Sequence[Runner],
    wanted: Mapping[str, tuple[Case, int]],
    jobs: int,
    show: Callable[[str], None],
) -> Figures:
    """Count the wanted cases with so many operations for all sides, `jobs` of them at once.

    Returns the figures by title and side.
    """
    figures: Figures = {title: {} for title in wanted}
    stopped = threading.Event()
    with tempfile.TemporaryDirectory() as made:
        library = build_client(Path(made))

        def work(runner: Runner) -> None:
            folder = Path(made, runner.side.name)
            folder.mkdir()
            side = _Side(runner, library, folder)
            try:
                for title, (case, count) in wanted.items():
                    if stopped.is_set():
                        return
                    show(f"{runner.side.name}: {title}")
                    figures[title][runner.side.name] = side.count(title, case, count)
            finally:
                side.close()

        with ThreadPoolExecutor(jobs) as pool:
            try:
                list(pool.map(work, runners))
            except BaseException:
                # The threads are waited for: they are not to go on to the last case.
                stopped.set()
                raise
    return figures
