"""How much memory a connection takes on which nothing happens: `bench idle [--connections N] [--streams] [--tls]`.

A server process of each side takes N connections over TCP from a third process; then its memory is what it was
before and N times what one connection takes, buffers of the kernel not counted. Where a process may not have so many
descriptors, several servers hold them at once, each its share.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import certificates, sides
from bench.workers import variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from bench.field import Runner

HERE = Path(__file__).resolve().parent
KIB = 1024
#: Descriptors that a process needs besides those of the connections.
SPARE = 50
#: By title: this asyncio in the form that is built, and the interpreter's own.
SIDES = {
    "independent": sides.Side(
        "ours", sides.WORK_TREE, implementation="independent", form=sides.ANY_FORM
    ),
    "standard": sides.STANDARD,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=10_000, metavar="N")
    parser.add_argument("--streams", action="store_true", help="with StreamReader and StreamWriter")
    parser.add_argument("--tls", action="store_true", help="over TLS 1.3")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")


def _start(runner: Runner, program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a program on one side; lines go to its input and come from its output."""
    return subprocess.Popen(
        [str(runner.python), str(HERE / program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=variables(runner.side.variables),
    )


def _ask(process: subprocess.Popen[str], word: str = "") -> Any:
    """Send a word, if there is one, and return what comes back, a line of JSON."""
    assert process.stdin is not None
    assert process.stdout is not None
    if word:
        print(word, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with status {process.wait()}")
    return json.loads(line)


class Held:
    """A server of one side with its share of the connections, and the process that makes them."""

    def __init__(
        self, runner: Runner, count: int, *, streams: bool, certificate: Path | None
    ) -> None:
        how = [*(["--streams"] if streams else []), *([certificate] if certificate else [])]
        self.count = count
        self._processes = [_start(runner, "idle_server.py", *how)]
        try:
            self.hello = _ask(self._processes[0])
            tls = int(bool(certificate))
            words = (self.hello["port"], count, tls)
            self._processes.append(_start(runner, "idle_clients.py", *words))
            # The first connection makes what is made once: it is part of "before".
            _ask(self._processes[1])
        except BaseException:
            self.close()
            raise

    def measure(self) -> dict[str, int]:
        found: dict[str, int] = _ask(self._processes[0], "measure")
        return found

    def fill(self) -> int:
        """Make the connections, and return how many there are."""
        return int(_ask(self._processes[1], "go")["connections"])

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.communicate()


def shares(count: int, most: float) -> list[int]:
    """Return how many connections each server holds where none may have more than `most`."""
    servers = max(1, math.ceil(count / most))
    return [(count + number) // servers for number in range(servers)]


def measure(
    runner: Runner,
    count: int,
    *,
    streams: bool,
    certificate: Path | None = None,
    most: float | None = None,
) -> dict[str, Any]:
    """Let one side hold `count` connections and return what its processes say of themselves before and after."""
    wanted = runner.side.implementation
    with contextlib.ExitStack() as stack:
        servers = []
        for share in shares(count, _descriptors() - SPARE if most is None else most):
            server = Held(runner, share, streams=streams, certificate=certificate)
            stack.callback(server.close)
            servers.append(server)
        hello = servers[0].hello
        if hello["implementation"] != wanted:
            said = hello["implementation"]
            raise RuntimeError(f"the {wanted} asyncio was to run, and {said} does")
        before = _sum(server.measure() for server in servers)
        made = sum(server.fill() for server in servers)
        # Of all of them when all connections are there.
        after = _sum(server.measure() for server in servers)
    held = after["connections"] - before["connections"]
    opened = after["descriptors"] - before["descriptors"]
    if not made == held == opened == count:
        raise RuntimeError(
            f"{wanted}: {count} connections wanted, {made} made, {held} held, {opened} descriptors"
        )
    return {
        "python": hello["python"],
        "loop": hello["loop"],
        "form": runner.facts["form"],
        "processes": len(servers),
        "connections": held,
        "descriptors": opened,
        "before": before["bytes"],
        "after": after["bytes"],
        "each": (after["bytes"] - before["bytes"]) / count,
    }


def _sum(all_found: Iterable[dict[str, int]]) -> Counter[str]:
    return sum(map(Counter, all_found), Counter())


def run(options: argparse.Namespace, runners: Sequence[Runner]) -> int:
    """Measure the two sides and print what they need."""
    if _descriptors() <= SPARE:
        print(f"bench idle: a process may have {_descriptors()} descriptors here", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory() as made:
            certificate = certificates.make(Path(made)) if options.tls else None
            found = {
                title: measure(
                    runner, options.connections, streams=options.streams, certificate=certificate
                )
                for title, runner in zip(SIDES, runners, strict=True)
            }
    except RuntimeError as exc:
        print(f"bench idle: {exc}", file=sys.stderr)
        return 1
    ratio = found["independent"]["each"] / found["standard"]["each"]
    if options.json:
        print(json.dumps({**found, "ratio": ratio}))
        return 0
    kind = "streams" if options.streams else "protocols"
    over = "TLS 1.3" if options.tls else "TCP"
    processes = found["standard"]["processes"]
    servers = f", held by {processes} processes" if processes > 1 else ""
    print(
        f"Python {found['standard']['python']}, idle connections over {over}, with {kind}{servers}"
    )
    for side, numbers in found.items():
        print(
            f"  {side:<12} {numbers['connections']:>7,} connections, {numbers['descriptors']:,} descriptors:"
            f" {numbers['before'] / KIB**2:6.1f} MiB before, {numbers['after'] / KIB**2:6.1f} after,"
            f" {numbers['each'] / KIB:6.2f} KiB for each"
        )
    print(f"  ratio        {ratio:7.2f}")
    return 0


def _descriptors() -> float:
    """Return how many descriptors a process may have."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if most == resource.RLIM_INFINITY else most
