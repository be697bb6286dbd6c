"""`python tools/dev.py demo`: unmodified asyncio programs run on this implementation, and every reply is checked.

Each program is a process of its own and plain asyncio; which implementation and which loop it gets is told by environment
variables alone. Ends with a table, and with exit status 1 if anything differed from what it should have been.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).with_name("programs")
#: Seconds that one program may take.
LIMIT = 300.0
#: Seconds between two lines of progress where there is no terminal to draw on.
LOG_EVERY = 3.0
#: Seconds after which a program's silence is noticed, to look at the clock.
TICK = 0.5

PIECES = (
    "asyncio",
    "asyncio-core",
    "asyncio-selectors",
    "asyncio-sync",
    "asyncio-streams",
    "asyncio-subprocess",
)
LIBRARIES = ("aiohttp", "uvicorn", "httpx", "websockets", "anyio", "uvloop", "demo-poll-loop")


@dataclass
class Scenario:
    """One program on one loop; `loop` and `implementation` are what must be found to have run."""

    title: str
    program: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    loop: str = "asyncio_selectors."
    implementation: str = "independent"
    needs: str = ""


@dataclass
class Verdict:
    """What a program said at its end, and what was wrong with it."""

    scenario: Scenario
    seconds: float
    result: dict[str, Any]
    problems: list[str]

    @property
    def differed(self) -> int:
        return int(self.result.get("differed", 0)) or len(self.problems)


def scenarios(clients: int) -> list[Scenario]:
    tcp = ("tcp_clients.py", (str(clients),))
    return [
        Scenario("generators beside async def", "generators.py"),
        Scenario("TCP clients", *tcp),
        Scenario("aiohttp server and client", "web_aiohttp.py"),
        Scenario("uvicorn server, httpx client", "web_uvicorn.py"),
        Scenario("HTTPS: aiohttp server, both clients", "web_https.py"),
        Scenario("WebSockets", "web_sockets.py"),
        Scenario("Unix sockets", "unix_socket.py"),
        Scenario("UDP", "udp_packets.py"),
        Scenario("pipelines of processes", "pipeline.py"),
        Scenario(
            "TCP clients, ASYNCIO_LOOP=demo-poll",
            *tcp,
            {"ASYNCIO_LOOP": "demo-poll"},
            loop="demo_poll_loop.PollEventLoop",
        ),
        Scenario(
            "TCP clients, ASYNCIO_LOOP=uvloop:new_event_loop",
            *tcp,
            {"ASYNCIO_LOOP": "uvloop:new_event_loop"},
            loop="uvloop.Loop",
            needs="uvloop",
        ),
        Scenario(
            "aiohttp, ASYNCIO_LOOP=uvloop:new_event_loop",
            "web_aiohttp.py",
            (),
            {"ASYNCIO_LOOP": "uvloop:new_event_loop"},
            loop="uvloop.Loop",
            needs="uvloop",
        ),
        Scenario(
            "for comparison: TCP clients, standard asyncio",
            *tcp,
            {"ASYNCIO_IMPLEMENTATION": "stdlib"},
            loop="asyncio.",
            implementation="standard",
        ),
    ]


class Program:
    """A scenario's process while it runs."""

    def __init__(self, scenario: Scenario) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ASYNCIO_")}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / scenario.program), *scenario.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, **scenario.environment},
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._read_messages, self._read_errors)
        ]
        for thread in self._threads:
            thread.start()

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            self._errors += stream

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the program says; an empty message is a tick of the clock."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                line = self._lines.get(timeout=TICK)
            except queue.Empty:
                yield {}
            else:
                if line is None:
                    return
                yield json.loads(line)
            if time.monotonic() > deadline:
                self._process.kill()
                self._errors.append(f"killed after {LIMIT:.0f} s\n")
                return

    def finish(self) -> tuple[int, str]:
        status = self._process.wait()
        for thread in self._threads:
            thread.join(5)
        return status, "".join(self._errors)


class Demo:
    """Runs the scenarios one after the other and remembers what became of them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.verdicts: list[Verdict] = []

    def run(self, scenario: Scenario) -> None:
        if scenario.needs and importlib.util.find_spec(scenario.needs) is None:
            self._console.print(f"{scenario.title}: left out, {scenario.needs} is not installed")
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        result: dict[str, Any] = {}
        started = time.monotonic()
        shown = started
        drawn = self._console.is_terminal
        if not drawn:
            self._console.print(f"--> {scenario.title}")
        with Progress(*columns, console=self._console, disable=not drawn) as progress:
            bar = progress.add_task(scenario.title, total=None)
            program = Program(scenario)
            for message in program.messages():
                if "done" in message:
                    progress.update(bar, completed=message["done"], total=message["total"])
                    if not drawn and time.monotonic() - shown > LOG_EVERY:
                        shown = time.monotonic()
                        self._console.print(f"    {message['done']} of {message['total']} checked")
                result = message.get("result", result)
            status, errors = program.finish()
            if result:
                progress.update(bar, completed=result["checked"], total=result["checked"])
        verdict = Verdict(scenario, time.monotonic() - started, result, [])
        self._judge(verdict, status, errors)
        self.verdicts.append(verdict)

    def _judge(self, verdict: Verdict, status: int, errors: str) -> None:
        problems, result, scenario = verdict.problems, verdict.result, verdict.scenario
        if not result:
            problems.append(f"no result, exit status {status}")
        else:
            problems += result["notes"]
            if not result["loop"].startswith(scenario.loop):
                problems.append(f"ran on the loop {result['loop']}, not on {scenario.loop}")
            if result["implementation"] != scenario.implementation:
                problems.append(f"ran on the {result['implementation']} asyncio")
            if status and not problems:
                problems.append(f"exit status {status}")
        if errors.strip():
            # A program that is well says nothing: no warning, nothing never awaited, no unclosed socket.
            problems.append(f"it wrote to standard error:\n{errors.rstrip()[-4000:]}")
        for problem in problems:
            self._console.print(f"    DIFFERS  {problem}", markup=False, highlight=False)

    def table(self) -> Table:
        table = Table(title="What ran, and whether every reply was right", show_lines=True)
        table.add_column("program")
        table.add_column("event loop")
        for name in ("checked", "differed", "seconds"):
            table.add_column(name, justify="right")
        for verdict in self.verdicts:
            result = verdict.result
            colour = "red" if verdict.differed else "green"
            table.add_row(
                f"{verdict.scenario.title}\n[dim]{result.get('what', 'no result')}[/]",
                result.get("loop", "?").partition(".")[0],
                str(result.get("checked", 0)),
                f"[{colour}]{verdict.differed}[/]",
                f"{verdict.seconds:.1f}",
            )
        return table


def show_versions(console: Console) -> None:
    """Say what is going to run: the implementation, its pieces, the loops, the libraries."""
    import asyncio

    console.print(f"Python {sys.version.split()[0]} ({sys.executable})", highlight=False)
    which = getattr(asyncio, "__implementation__", "the standard one")
    console.print(f"asyncio: {which}, from {asyncio.__file__}", highlight=False)
    for group in (PIECES, LIBRARIES):
        here = [f"{name} {version(name)}" for name in group if _installed(name)]
        console.print(f"  {', '.join(here)}", highlight=False)
    listing = subprocess.run(
        [sys.executable, "-m", "asyncio", "loops"], capture_output=True, text=True
    )
    console.print("event loops (python -m asyncio loops):")
    for line in (listing.stdout + listing.stderr).splitlines():
        console.print(f"  {line}", markup=False, highlight=False)


def _installed(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev.py demo", description=__doc__)
    parser.add_argument("--clients", type=int, default=3000, help="TCP clients (default: 3000)")
    options = parser.parse_args(words)
    if options.clients < 1:
        parser.error("--clients is positive")
    on_terminal = sys.stdout.isatty()
    console = Console(width=None if on_terminal else 150, soft_wrap=not on_terminal)
    show_versions(console)
    demo = Demo(console)
    try:
        for scenario in scenarios(options.clients):
            demo.run(scenario)
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    console.print(demo.table())
    differed = sum(verdict.differed for verdict in demo.verdicts)
    checked = sum(verdict.result.get("checked", 0) for verdict in demo.verdicts)
    console.print(f"{checked} replies and results checked, {differed} differed", highlight=False)
    return 1 if differed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
