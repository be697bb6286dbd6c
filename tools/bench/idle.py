"""How much memory a connection takes on which nothing happens: `bench idle [--connections N] [--streams] [--tls]`.

A server process of each side takes N connections over TCP from a third process; then its memory is what it was
before and N times what one connection takes, buffers of the kernel not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import certificates, sides
from bench.workers import variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

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


def measure(
    runner: Runner, count: int, *, streams: bool, certificate: Path | None = None
) -> dict[str, Any]:
    """Let one side hold `count` connections and return what its process says of itself before and after."""
    wanted = runner.side.implementation
    how = [*(["--streams"] if streams else []), *([certificate] if certificate else [])]
    server = _start(runner, "idle_server.py", *how)
    clients = None
    try:
        hello = _ask(server)
        if hello["implementation"] != wanted:
            said = hello["implementation"]
            raise RuntimeError(f"the {wanted} asyncio was to run, and {said} does")
        clients = _start(runner, "idle_clients.py", hello["port"], count, int(bool(certificate)))
        # The first connection makes what is made once: it is part of "before".
        _ask(clients)
        before = _ask(server, "measure")
        made = _ask(clients, "go")["connections"]
        after = _ask(server, "measure")
    finally:
        for process in (clients, server):
            if process is not None:
                process.kill()
                process.communicate()
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
        "connections": held,
        "descriptors": opened,
        "before": before["bytes"],
        "after": after["bytes"],
        "each": (after["bytes"] - before["bytes"]) / count,
    }


def run(options: argparse.Namespace, runners: Sequence[Runner]) -> int:
    """Measure the two sides and print what they need."""
    if _descriptors() < options.connections + SPARE:
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
    print(f"Python {found['standard']['python']}, idle connections over {over}, with {kind}")
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
