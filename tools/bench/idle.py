"""How much memory a connection takes on which nothing happens: `bench idle [--connections N] [--streams]`.

A server process of each side takes N connections over TCP from a third process; then its memory is what it was
before and N times what one connection takes, buffers of the kernel not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any

import sides

HERE = Path(__file__).resolve().parent
KIB = 1024
#: Descriptors that a process needs besides those of the connections.
SPARE = 50


def measure(side: str, count: int, *, streams: bool) -> dict[str, Any]:
    """Let one side hold `count` connections and return what its process says of itself before and after."""
    server = sides.start(side, HERE / "idle_server.py", *(["--streams"] if streams else []))
    clients = None
    try:
        hello = sides.ask(server)
        if hello["implementation"] != side:
            raise RuntimeError(f"the {side} asyncio was to run, and {hello['implementation']} does")
        clients = sides.start(side, HERE / "idle_clients.py", hello["port"], count)
        # The first connection makes what is made once: it is part of "before".
        sides.ask(clients)
        before = sides.ask(server, "measure")
        made = sides.ask(clients, "go")["connections"]
        after = sides.ask(server, "measure")
    finally:
        for process in (clients, server):
            if process is not None:
                process.kill()
                process.communicate()
    held = after["connections"] - before["connections"]
    opened = after["descriptors"] - before["descriptors"]
    if not made == held == opened == count:
        raise RuntimeError(
            f"{side}: {count} connections wanted, {made} made, {held} held, {opened} descriptors"
        )
    return {
        "python": hello["python"],
        "loop": hello["loop"],
        "connections": held,
        "descriptors": opened,
        "before": before["bytes"],
        "after": after["bytes"],
        "each": (after["bytes"] - before["bytes"]) / count,
    }


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench idle", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000, metavar="N")
    parser.add_argument("--streams", action="store_true", help="with StreamReader and StreamWriter")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args(words)
    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors != resource.RLIM_INFINITY and descriptors < options.connections + SPARE:
        print(f"bench idle: a process may have {descriptors} descriptors here", file=sys.stderr)
        return 2
    try:
        found = {
            side: measure(side, options.connections, streams=options.streams)
            for side in sides.SIDES
        }
    except RuntimeError as exc:
        print(f"bench idle: {exc}", file=sys.stderr)
        return 1
    ratio = found["independent"]["each"] / found["standard"]["each"]
    if options.json:
        print(json.dumps({**found, "ratio": ratio}))
        return 0
    kind = "streams" if options.streams else "protocols"
    print(f"Python {found['standard']['python']}, idle connections over TCP, with {kind}")
    for side, numbers in found.items():
        print(
            f"  {side:<12} {numbers['connections']:>7,} connections, {numbers['descriptors']:,} descriptors:"
            f" {numbers['before'] / KIB**2:6.1f} MiB before, {numbers['after'] / KIB**2:6.1f} after,"
            f" {numbers['each'] / KIB:6.2f} KiB for each"
        )
    print(f"  ratio        {ratio:7.2f}")
    return 0
