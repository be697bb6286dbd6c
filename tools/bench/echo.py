"""What servers take for a message: `bench echo`, by instructions or by time.

Each side runs the servers of `servers` in a process of its own (served.py), and besides them there is one in C, with
nothing but epoll (native/yardstick.c). Their clients are one program in C (native/load.c), which is not measured.

By instructions the server runs under callgrind, which counts while the messages in the middle are there. By time all
sides hold their connections, and have their turn one after the other; what counts is the processor's time that the
server's process has taken, in user and in kernel mode, and the clients' own does not.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import certificates, counting, native, sides, timing
from bench.field import Runner
from bench.workers import START, Lost, Process
from workspace.console import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.results import Figures
    from bench.servers import Case

SERVED = Path(__file__).resolve().parent / "served.py"
#: Seconds in which no answer comes, after which the clients give up; and how long they may take at all.
QUIET, LIMIT = 40, 900.0
#: Seconds that a server may take to end.
STOP = 120.0
NANO = 1e9


def check() -> None:
    """Raise Failure with status 2 where servers cannot be measured."""
    if sys.platform != "linux":
        raise Failure("the servers are measured with epoll and /proc: on Linux only", 2)
    native.check()


@dataclass(frozen=True)
class Tools:
    """What is compiled for a run."""

    folder: Path
    load: Path
    yardstick: Path
    #: The library that talks to valgrind; none where nothing is counted.
    library: Path | None
    #: A certificate and its key, made for the run.
    certificate: Path

    @classmethod
    @contextmanager
    def build(cls, *, counts: bool) -> Iterator[Tools]:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            yield cls(
                folder,
                native.build("load", folder),
                native.build("yardstick", folder, *(["COUNTING"] if counts else [])),
                counting.build_client(folder) if counts else None,
                certificates.make(folder),
            )


def yardstick() -> Runner:
    """Return the server in C as one of those that are measured."""
    return Runner(sides.YARDSTICK, Path(), {"loop": "epoll", "distributions": {}})


class Missing(Exception):
    """A figure cannot be had; `str()` is the reason."""


class Server:
    """One side's server, with the clients of the case that it runs; a new process after each that was lost."""

    def __init__(self, runner: Runner, tools: Tools, under: Sequence[str] = ()) -> None:
        self.name = runner.side.name
        self._runner = runner
        self._tools = tools
        self._under = under
        self._process: Process | None = None
        self._clients: Process | None = None
        self._failures: list[str] = []
        self._answered = False

    def open(self, case: Case) -> None:
        """Start the server of a case, connect the clients, and send the messages that are not measured."""
        if len(self._failures) >= (counting.PATIENCE if self._answered else 1):
            raise Missing(self._failures[-1])
        if self._process is None:
            self._process = self._start()
        certificate = str(self._tools.certificate)
        library = str(self._tools.library or "")
        answer = self._ask(
            START,
            case=case.name,
            kind=case.load.kind,
            certificate=certificate,
            library=library,
        )
        self._answered = True
        if case.load.has_clients:
            words = case.load.words(answer["port"], QUIET, self._process.pid)
            self._clients = Process([str(self._tools.load), *words], {})
            self._told(self._clients.answer, LIMIT)
        self.send(case.counts.warm)

    def _start(self) -> Process:
        if self._runner.side is sides.YARDSTICK:
            return Process([*self._under, str(self._tools.yardstick)], {})
        return self._runner.start(self._under, SERVED)

    def send(self, count: int) -> dict[str, Any]:
        """Let so many messages go there and back."""
        if self._clients is None:
            return self._ask(LIMIT, messages=count)
        return self._told(self._clients.ask, LIMIT, messages=count)

    def count(self, title: str, messages: int) -> None:
        """Count what the server does for so many messages, under a title."""
        self._ask(START, begin=title, library=str(self._tools.library))
        self.send(messages)
        self._ask(START, end=title)

    def processor_time(self) -> float:
        """Return the seconds of the processor that the process has taken, in user and in kernel mode."""
        assert self._process is not None
        # The clock of another process, as clock_getcpuclockid(3) makes its number.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def stop(self) -> None:
        """End the case, first its clients."""
        self._close_clients()
        self._ask(STOP, stop=True)

    def _ask(self, limit: float, **wanted: object) -> dict[str, Any]:
        assert self._process is not None
        return self._told(self._process.ask, limit, **wanted)

    @staticmethod
    def _told(ask: Callable[..., dict[str, Any]], limit: float, **wanted: object) -> dict[str, Any]:
        answer = ask(limit, **wanted)
        if "missing" in answer:
            raise Missing(answer["missing"])
        return answer

    def _close_clients(self) -> None:
        if self._clients is not None:
            self._clients.close()
            self._clients = None

    def close(self) -> None:
        """End everything: the next case begins with a new process."""
        self._close_clients()
        if self._process is not None:
            self._process.close()
            self._process = None

    def why(self, error: Missing | Lost) -> str:
        """Say why there is no figure, and be ready for the next case."""
        said = str(error)
        if self._process is not None and isinstance(error, Missing):
            # The clients see no more than that they are alone.
            said = self._process.how_it_ended() or said
        self.close()
        self._failures.append(said)
        return said


def count(
    runners: Sequence[Runner], cases: Sequence[Case], jobs: int, show: Callable[[str], None]
) -> Figures:
    """Return the instructions of the server for a message by case and side, `jobs` sides at once."""
    figures: Figures = {case.name: {} for case in cases}
    stopped = threading.Event()

    def work(runner: Runner) -> None:
        folder = tools.folder / runner.side.name
        folder.mkdir()
        server = Server(runner, tools, counting.under(folder / "callgrind"))
        try:
            for case in cases:
                if stopped.is_set():
                    return
                show(f"{server.name}: {case.name}")
                found = _count_one(server, case, folder)
                figures[case.name][server.name] = found
        finally:
            server.close()

    with Tools.build(counts=True) as tools, ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(work, runners))
        except BaseException:
            # The threads are waited for: they are not to go on to the last case.
            stopped.set()
            raise
    return figures


def _count_one(server: Server, case: Case, folder: Path) -> dict[str, Any]:
    try:
        server.open(case)
        server.count(case.name, case.counted)
        server.stop()
    except (Missing, Lost) as error:
        return {"missing": server.why(error)}
    counts = counting.read_counts(folder)
    if case.name not in counts:
        return {"missing": "valgrind counted nothing"}
    return {"value": counts[case.name] / case.counted}


def measure(
    runners: Sequence[Runner], cases: Sequence[Case], rounds: int, show: Callable[[str], None]
) -> Figures:
    """Return the nanoseconds of the server for a message by case and side, with messages per second."""
    with Tools.build(counts=False) as tools:
        servers = [Server(runner, tools) for runner in runners]
        figures: Figures = {}
        try:
            for case in cases:
                show(f"{case.name}, {case.timed:,} messages")
                figures[case.name] = _measure_one(servers, case, rounds)
        finally:
            for server in servers:
                server.close()
    return figures


def _measure_one(servers: Sequence[Server], case: Case, rounds: int) -> dict[str, dict[str, Any]]:
    found: dict[str, list[tuple[float, float]]] = {}
    missing: dict[str, dict[str, Any]] = {}

    def attempt(server: Server, step: Callable[[], object]) -> None:
        if server.name in missing:
            return
        try:
            step()
        except (Missing, Lost) as error:
            missing[server.name] = {"missing": server.why(error)}

    def one_round(server: Server) -> None:
        before = server.processor_time()
        seconds = server.send(case.timed)["seconds"]
        found.setdefault(server.name, []).append((server.processor_time() - before, seconds))

    for server in servers:
        attempt(server, partial(server.open, case))
    for number in range(rounds):
        # Each round begins with another side: none is always the one behind a certain other.
        turn = number % len(servers)
        for server in (*servers[turn:], *servers[:turn]):
            attempt(server, partial(one_round, server))
    for server in servers:
        attempt(server, server.stop)
    return {
        server.name: missing.get(server.name) or _figure(found[server.name], case)
        for server in servers
    }


def _figure(rounds: Sequence[tuple[float, float]], case: Case) -> dict[str, Any]:
    """Return what timing.figure() does, and how many messages, and bytes of them, there were in a second."""
    rate = case.timed / median(seconds for _, seconds in rounds)
    made = timing.figure([taken for taken, _ in rounds], case.timed)
    return {**made, "messages_per_second": rate, "bytes_per_second": rate * case.load.message}
