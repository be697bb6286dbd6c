"""What a client in good order waits beside each load, on each side: `dev.py campaign load --latencies`. Run in the environment that measures.

Each side has a process (`loading/beside.py`), and each process a client of its own (`loading/asking.py`), as long as one load lasts. In each round all sides have their turns, beginning
with another one each time, and only one has anything to do at a time.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
import kept
import native
from rich.table import Table

from bench import certificates, charts, field, resident, results, sides, tables
from bench.command import add_environments, given
from bench.progress import Progress
from bench.workers import START, Lost, Process
from workspace import interpreters
from workspace.console import Failure, say
from workspace.paths import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.field import Runner

HERE = Path(__file__).resolve().parent
FOLDER = CACHE / "campaign"
SIDES = (sides.OURS, sides.OURS_PURE, sides.STANDARD, sides.SIDES["uvloop"])
#: How many there are at once, by load.
LOADS = {
    "nothing": 0,
    "never read": 200,
    "never shake hands": 200,
    "come and go": 1000,
    "datagrams": 1,
    "children": 10,
    "names": 200,
}
#: Seconds from one question to the next.
PAUSE = 0.002
#: Questions that do not count, before the others.
_WARM = 200
#: Seconds in which a side has to answer what is asked of its process.
_LIMIT = 120.0
#: Seconds between two looks at how many descriptors there are.
_LOOK = 0.05
_MILLI = 1e6


class _Side:
    """A side beside one load: its process, and its client."""

    def __init__(self, runner: Runner, folder: Path, load: str) -> None:
        self.name = runner.side.name
        self._load = load
        self._waits: list[float] = []
        self._done, self._seconds, self._most = 0, 0.0, [0, 0]
        factory = [runner.side.factory] if runner.side.factory else []
        command = [str(runner.python), str(HERE / "loading" / "beside.py"), str(folder), *factory]
        # Each side's resolver finds nothing.
        more = {"LD_PRELOAD": str(native.build(folder, "names"))}
        self._process = Process(command, {**runner.side.variables, **more})
        host, port = self._process.answer(START)["at"]
        words = (host, port, PAUSE)
        program = str(HERE / "loading" / "asking.py")
        self._client = Process([sys.executable, program, *map(str, words)], {})
        self._turn(_WARM)
        self._before = self._level()

    def close(self) -> None:
        self._client.close()
        self._process.close()

    def round(self, count: int) -> None:
        """Ask so many questions while the load is on."""
        resident.forget_most(self._process.pid)
        began = time.monotonic()
        with self._looking():
            found, said = self._turn(count)
        self._seconds += time.monotonic() - began
        self._done += said["done"]
        self._most[1] = max(self._most[1], resident.most(self._process.pid))
        self._waits += [each / _MILLI for each in found]
        if said["wrong"]:
            raise Lost("; ".join(said["wrong"]))

    def _turn(self, count: int) -> tuple[list[int], dict[str, Any]]:
        self._process.ask(_LIMIT, on=self._load, size=LOADS[self._load])
        found = self._client.ask(_LIMIT + PAUSE * count, count=count)["found"]
        return found, self._process.ask(_LIMIT, off=True)

    def _level(self) -> dict[str, int]:
        found: dict[str, int] = self._process.ask(_LIMIT, level=True)
        return found

    @contextlib.contextmanager
    def _looking(self) -> Iterator[None]:
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOK):
                self._most[0] = max(self._most[0], resident.descriptors(self._process.pid))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def figures(self) -> dict[str, Any]:
        """Return milliseconds by percentile, how much of the load there was in a second, and what the process held."""
        after = self._level()
        part = statistics.quantiles(self._waits, n=1000, method="inclusive")
        levels = {
            name: [self._before[name], most, after[name]]
            for name, most in zip(("descriptors", "resident"), self._most, strict=True)
        }
        return {
            "value": part[499],
            "p50": part[499],
            "p99": part[989],
            "p999": part[998],
            "worst": max(self._waits),
            "rate": self._done / self._seconds,
            **levels,
        }


def measure(
    runners: Sequence[Runner],
    loads: Sequence[str],
    rounds: int,
    count: int,
    show: Callable[[str], None],
) -> results.Figures:
    """Return figures by load and side."""
    found: results.Figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates.make(folder)
        native.build(folder, "names")
        for load in loads:
            show(load)
            found[load] = _beside(runners, folder, load, rounds, count)
    return found


def _beside(
    runners: Sequence[Runner], folder: Path, load: str, rounds: int, count: int
) -> dict[str, dict[str, Any]]:
    missing: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        there: list[_Side] = []

        def attempt(name: str, what: Callable[[], Any]) -> Any:
            try:
                return what()
            except Lost as error:
                missing[name] = {"missing": str(error)}
                return None

        for runner in runners:
            made = attempt(runner.side.name, lambda: _Side(runner, folder, load))  # noqa: B023 - called at once
            if made is not None:
                stack.callback(made.close)
                there.append(made)
        for number in range(rounds):
            turn = number % (len(there) or 1)
            for side in (*there[turn:], *there[:turn]):
                if side.name not in missing:
                    attempt(side.name, lambda: side.round(count))  # noqa: B023 - called at once
        figures = {
            side.name: attempt(side.name, side.figures)
            for side in there
            if side.name not in missing
        }
    return {
        name: missing.get(name) or figures[name]
        for name in (runner.side.name for runner in runners)
    }


def show_table(result: dict[str, Any]) -> None:
    out = tables.console()
    heads = [f"{word}, ms" for word in charts.PERCENTILES.values()]
    table = Table("beside", "side", *heads, "a second", "descriptors", "resident MiB")
    for load, figures in result["figures"].items():
        for side, found in figures.items():
            if "missing" in found:
                table.add_row(load, side, found["missing"])
                continue
            cells = [f"{found[name]:.2f}" for name in charts.PERCENTILES]
            levels = (
                ", ".join(f"{each:,}" for each in found["descriptors"]),
                ", ".join(f"{each / 2**20:.1f}" for each in found["resident"]),
            )
            table.add_row(load, side, *cells, f"{found['rate']:,.0f}", *levels)
    out.print(table)


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/dev.py campaign load --latencies", description=__doc__
    )
    parser.add_argument("part", choices=["load"], help="the part that has loads")
    parser.add_argument(
        "--latencies",
        action="store_true",
        required=True,
        help="measure what others wait beside them",
    )
    parser.add_argument("--python", required=True, help=argparse.SUPPRESS)
    names = ",".join(side.name for side in SIDES)
    parser.add_argument("--sides", default=names, metavar="A,B", help=f"({names})")
    text = f"these loads only, of {', '.join(LOADS)} (may be repeated)"
    parser.add_argument("--only", action="append", choices=LOADS, metavar="LOAD", help=text)
    add_environments(parser)
    parser.add_argument(
        "--rounds", type=int, default=3, help="so many times each side has its turn (3)"
    )
    text = "questions in each round, one each two milliseconds (1500)"
    parser.add_argument("--questions", type=int, default=1500, help=text)
    text = "keep the result, draw the chart, and write the page packages/asyncio/docs/campaign.md"
    parser.add_argument("--write", action="store_true", help=text)
    text = "where the result and its chart are written, kept or not (.cache/campaign)"
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help=text)
    options = parser.parse_args(words)
    chosen = options.sides.split(",")
    if unknown := set(chosen) - {side.name for side in SIDES}:
        parser.error(f"there is no side {min(unknown)!r}; there are {names}")
    options.sides = [side for side in SIDES if side.name in chosen]
    if options.write and options.only:
        parser.error("--write keeps whole measurements only: without --only")
    return options


def main(words: list[str]) -> int:
    options = _options(words)
    python = interpreters.available([interpreters.parse_version(options.python)])[0]
    try:
        programs = given(options)
        with Progress() as progress:
            with progress.part("environments", len(options.sides)) as show:
                runners, absent = field.find_all(options.sides, python, programs, show)
            loads = options.only or list(LOADS)
            with progress.part("latencies", len(loads)) as show:
                figures = measure(runners, loads, options.rounds, options.questions, show)
    except (Failure, native.NoCompiler) as error:
        say(f"campaign: {error}")
        return 2
    asked = options.rounds * options.questions
    how = {
        "pause": PAUSE,
        "rounds": options.rounds,
        "asked": asked,
        "loads": LOADS,
        "percentiles": charts.PERCENTILES,
    }
    result = {**results.make("load", "time", runners, absent, {}, figures), "how": how}
    show_table(result)
    path = results.save(result, options.out)
    charts.draw(result, path.with_suffix(".svg"))
    say(f"written: {path}, and the chart beside it")
    if options.write:
        kept.write_latencies(result)
        charts.draw(result, kept.CHART)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
