"""Reliability: `bench soak`, millions of numbered requests with resets, cancels and slow readers.

A server (soak_server.py) of one side answers the requests of many clients (native/soak.c), which check that each answer
belongs to its request and which end as clients do: some reset their connections, some read slowly, some only close
their side. Between parts of the run all connections are closed, and the server says what it holds: no descriptor, task
or transport may be left, and memory may not grow. Anything else, and the run has failed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench import native, sides
from bench.workers import START, Lost, Process
from workspace.console import Failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from bench.field import Runner

SERVER = Path(__file__).resolve().parent / "soak_server.py"
REQUESTS = 24_000_000
#: Seconds in which nothing comes, after which the clients give up.
QUIET = 60
#: Seconds that a part of the run may take: what it takes on a busy machine, many times over.
LIMIT, LIMIT_FOR_EACH = 300.0, 0.005
#: Of these nothing may be left that was not there before.
EXACT = ("descriptors", "tasks", "transports", "held")
#: What may come while memory finds its shape: by so many at all, and by so many for each million of requests.
GROWTH = {"objects": (100, 100), "blocks": (1000, 500), "resident": (2 << 20, 256 << 10)}
#: Growth is looked for where there are so many points or more: the first third is for warming up.
ENOUGH = 6
MILLION = 1e6


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=_positive, default=REQUESTS, metavar="N")
    parser.add_argument("--connections", type=_positive, default=200, metavar="N", help="at once")
    parser.add_argument(
        "--points",
        type=_positive,
        default=48,
        metavar="N",
        help="so often all is closed and looked at",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what chance begins with")
    parser.add_argument(
        "--side", choices=sides.SIDES, default="ours", metavar="SIDE", help="whose server it is"
    )


def _positive(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise ValueError(text)
    return number


def run(
    runner: Runner, options: argparse.Namespace, show: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the server held and what the clients did at each point, the first before any, and all that was wrong."""
    points: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as made:
        load = native.build("soak", Path(made))
        factory = [runner.side.factory] if runner.side.factory else []
        command = [str(runner.python), str(SERVER), made, *factory]
        server = Process(command, runner.side.variables)
        clients = None
        try:
            words = [QUIET, options.seed, options.connections, *server.answer(START)["addresses"]]
            points.append({"messages": 0, **server.ask(START, measure=True)})
            clients = Process([str(load), *map(str, words)], {})
            clients.answer(START)
            wrong = _parts(server, clients, options, points, show)
        except Lost as error:
            wrong = [str(error)]
        finally:
            for process in (clients, server):
                if process is not None:
                    process.close()
    return points, wrong or judge(points)


def _parts(
    server: Process,
    clients: Process,
    options: argparse.Namespace,
    points: list[dict[str, Any]],
    show: Callable[[str], None],
) -> list[str]:
    """Run one part after the other, and return what was wrong where the run cannot go on."""
    done = 0
    for number in range(options.points):
        wanted = (options.requests - done) // (options.points - number)
        show(f"{done:,} requests of {options.requests:,}")
        if wanted < 1:
            continue
        said = clients.ask(LIMIT + LIMIT_FOR_EACH * wanted, messages=wanted)
        if "missing" in said:
            # The clients see no more than that they are alone.
            return [server.how_it_ended() or said["missing"]]
        done += said["messages"]
        points.append({**server.ask(LIMIT, measure=True), **said})
        if points[-1]["fault_count"] or _left(points[0], points[-1]):
            break
    return []


def _left(first: dict[str, Any], point: dict[str, Any]) -> list[str]:
    return [
        f"{point[name] - first[name]} {name} are left"
        for name in EXACT
        if point[name] > first[name]
    ]


def judge(points: Sequence[dict[str, Any]]) -> list[str]:
    """Return all that is wrong with what was found at the points of a run."""
    first, last = points[0], points[-1]
    wrong = [*last["faults"], *_left(first, last)]
    if (untold := last["fault_count"] - len(last["faults"])) > 0:
        wrong.append(f"… and {untold} faults more")
    third = len(points) // 3
    if wrong or len(points) < ENOUGH:
        return wrong
    # Between the middle of the second third and that of the last.
    millions = sum(point["messages"] for point in points) / 3 / MILLION
    for name, (at_all, for_each) in GROWTH.items():
        middle, end = (
            median(point[name] for point in part)
            for part in (points[third : 2 * third], points[-third:])
        )
        if end - middle > at_all + for_each * millions:
            wrong.append(
                f"{name}: growth from {middle:,.0f} in the second third to {end:,.0f} in the last"
            )
    return wrong


def figures(points: Sequence[dict[str, Any]], name: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what a side holds at the end, as the figures of a result, with all points."""
    return {
        what: {name: {"value": points[-1][what], "points": [point[what] for point in points]}}
        for what in ("resident", "blocks", "objects", *EXACT)
    }


def show(points: Sequence[dict[str, Any]], out: Console) -> None:
    """Print what there was at some ten of the points, and what the clients did at all."""
    names = ("resident", "blocks", "objects", "descriptors", "tasks", "transports")
    table = Table("requests", "a second", *names)
    for column in table.columns:
        column.justify = "right"
    done, step = 0, max(1, len(points) // 10)
    for number, point in enumerate(points):
        done += point["messages"]
        if number and (number - 1) % step and point is not points[-1]:
            continue
        rate = f"{point['messages'] / point['seconds']:,.0f}" if number else "-"
        table.add_row(f"{done:,}", rate, *(f"{point[name]:,}" for name in names))
    out.print(table)
    told = ("opened", "resets", "abandoned", "cancelled", "timed_out", "bytes")
    sums = {name: sum(point.get(name, 0) for point in points) for name in told}
    out.print(
        f"{done:,} answers, {sums['bytes'] / 1e9:,.1f} GB; {sums['opened']:,} connections, {sums['resets']:,} of them reset"
        f" with {sums['abandoned']:,} requests open; {sums['cancelled']:,} requests cancelled, {sums['timed_out']:,}"
        f" timed out; writers paused {points[-1]['paused']:,} times",
        soft_wrap=True,
    )


def chosen(options: argparse.Namespace) -> sides.Side:
    """Return the side whose server it is."""
    side = sides.SIDES[options.side]
    if side.for_servers:
        raise Failure(f"--side {side.name}: has no loop of its own", 2)
    return side
