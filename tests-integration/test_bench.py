"""The measurements of `dev.py bench`, small: that they measure what they say, and name who cannot be measured."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

from bench import (
    cases,
    charts,
    comparing,
    counting,
    echo,
    field,
    growth,
    idle,
    memory,
    native,
    results,
    servers,
    sides,
    soak,
    tables,
    timing,
)
from bench.ratios import best_peer, ratio
from bench.servers import databases
from bench.sides import Side
from bench.workers import Lost
from support import ROOT, run
from workspace.console import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from bench.field import Runner
    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

BENCH = ROOT / "tools" / "bench"
CASES = cases.load()
SERVERS = servers.load()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measures on Unix")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
with_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here")
with_valgrind = pytest.mark.skipif(
    not (shutil.which("valgrind") and shutil.which("gcc")), reason="valgrind and gcc are not here"
)

#: Loops that are the standard one until they are asked for the second time: the first loop says what the side is.
_SECOND_LOOP = """
import asyncio, os, time
made = 0
def new_event_loop():
    global made
    made += 1
    if made > 1:
        {what}
    return asyncio.new_event_loop()
"""
PEERS = {
    "crashing": "import os\ndef new_event_loop():\n    os.abort()\n",
    "failing": _SECOND_LOOP.format(what="raise ValueError('no second loop')"),
    "crashing_later": _SECOND_LOOP.format(what="os.abort()"),
    "hanging": _SECOND_LOOP.format(what="time.sleep(3600)"),
    "without_a_loop": "",
    "noisy": "import asyncio\nprint('hello')\nnew_event_loop = asyncio.new_event_loop\n",
}


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment("asyncio")


@pytest.fixture(scope="module")
def plain(pythons: list[Interpreter]) -> Path:
    """The Python of the environment, without it."""
    return pythons[-1].path


@pytest.fixture(scope="module")
def python(pythons: list[Interpreter]) -> Interpreter:
    return pythons[-1]


@pytest.fixture
def find(python: Interpreter, environment: Environment, tmp_path: Path) -> Any:
    """Find a side in an environment that is there: ours, the standard one, or a peer of `PEERS`."""

    def found(side: Side | str) -> Runner:
        if isinstance(side, str):
            (tmp_path / f"{side}.py").write_text(PEERS[side], "utf-8")
            path = {"PYTHONPATH": str(tmp_path)}
            side = Side(side, "peer", f"{side}:new_event_loop", variables=path)
        where = environment.python if side.implementation == "independent" else python.path
        return field.find(side, python, {side.name: where})

    return found


def bench(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, BENCH, *words], check=check)


def quiet(_: str) -> None:
    """Show no progress."""


@on_linux
@pytest.mark.parametrize("words", ["", "--streams", "--tls", "--streams --tls"])
def test_idle_connections_are_counted_on_both_sides(
    environment: Environment, plain: Path, words: str
) -> None:
    given = [f"--environment=ours={environment.python}", f"--environment=standard={plain}"]

    done = bench("idle", "--connections", "500", "--json", *words.split(), *given)

    numbers = json.loads(done.stdout)
    for side in ("independent", "standard"):
        assert numbers[side]["connections"] == numbers[side]["descriptors"] == 500
        # It took memory, and less than ten pages for each; over TLS, than a hundred.
        assert 0 < numbers[side]["each"] < (409_600 if "--tls" in words else 40_960)
    assert numbers["ratio"] == numbers["independent"]["each"] / numbers["standard"]["each"]


@on_linux
def test_more_connections_than_a_process_may_have_are_held_by_several(find: Any) -> None:
    found = idle.measure(find(sides.STANDARD), 100, streams=True, most=40)

    assert found["processes"] == 3
    assert found["connections"] == found["descriptors"] == 100
    assert 0 < found["each"] < 409_600
    assert idle.shares(100, 40) == [33, 33, 34]
    assert idle.shares(100, float("inf")) == idle.shares(100, 100) == [100]


def test_sides_are_measured_by_time_and_kept(
    environment: Environment, plain: Path, tmp_path: Path
) -> None:
    given = [f"--environment=ours-pure={environment.python}", f"--environment=standard={plain}"]
    words = ["--by=time", "--rounds=1", "--sides=ours-pure,standard", "--cases=call_soon,locks"]

    done = bench("scheduling", *words, *given, "--out", tmp_path)

    (kept,) = tmp_path.glob("*-scheduling-time-*.json")
    result = results.load(kept)
    assert result["sides"]["ours-pure"]["form"] == "pure"
    assert result["sides"]["ours-pure"]["distributions"]["asyncio"]
    assert result["sides"]["standard"]["implementation"] == "standard"
    assert {"call_soon", "queue", "lock"} < set(result["figures"])
    assert "switch" not in result["figures"]
    for figures in result["figures"].values():
        for side in ("ours-pure", "standard"):
            # Between a nanosecond and a tenth of a second.
            assert 1 < figures[side]["value"] < 1e8
            assert figures[side]["rounds"] == [figures[side]["value"]]
    assert "ours-pure, as a ratio to each" in done.stdout
    assert f"written: {kept}" in done.stdout
    assert ET.parse(kept.with_suffix(".svg")).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert kept.name in bench("history", "--out", tmp_path).stdout
    compared = bench("compare", "last", kept, "--out", tmp_path).stdout
    assert compared.splitlines()[-1] == f"{2 * len(result['figures'])} same"
    drawn = tmp_path / "again.svg"
    bench("chart", "last", drawn, "--out", tmp_path)
    assert drawn.read_bytes() == kept.with_suffix(".svg").read_bytes()


def test_every_case_runs_with_both_implementations(find: Any, python: Interpreter) -> None:
    ours = Side("ours", sides.WORK_TREE, implementation="independent", form=sides.ANY_FORM)
    runners = [find(ours), find(sides.STANDARD)]

    found = timing.measure(runners, [(case, 200, 1) for case in CASES.values()], quiet)

    missing = {
        (case.name, side): each["missing"]
        for case, _, figures in found
        for side, each in figures.items()
        if "missing" in each
    }
    not_there = {("eager", "standard"): "no asyncio.eager_task_factory before Python 3.12"}
    assert missing == (not_there if python.version == "3.11" else {})
    assert len(found) == len(CASES) > 40


@on_linux
def test_memory_is_that_of_the_things_that_are_held(find: Any) -> None:
    case = CASES["futures_held"]

    figures = memory.measure([find(sides.STANDARD)], [case], 0.2, quiet)

    found = figures["futures_held"]["standard"]
    assert found["count"] == case.held // 5
    # What the interpreter says of one, and a little for the collector.
    assert 80 < found["value"] < 400
    assert found["stays"] <= found["peak"]


@with_valgrind
def test_instructions_are_the_same_from_run_to_run(find: Any) -> None:
    runners = [find(sides.STANDARD), find("crashing_later")]

    first, second = (
        counting.measure(runners, {"one": (CASES["call_soon"], 500)}, 1, quiet)["one"]
        for _ in range(2)
    )

    assert 500 < first["standard"]["value"] < 100_000
    assert second["standard"]["value"] == pytest.approx(first["standard"]["value"], rel=0.02)
    assert "ended with SIGABRT" in first["crashing_later"]["missing"]


@pytest.fixture
def ours_and_standard(find: Any) -> list[Runner]:
    ours = Side("ours", sides.WORK_TREE, implementation="independent", form=sides.ANY_FORM)
    return [find(ours), find(sides.STANDARD)]


@on_linux
@with_compiler
def test_every_server_sends_back_what_it_gets(
    ours_and_standard: list[Runner], python: Interpreter
) -> None:
    runners = [*ours_and_standard, echo.yardstick()]
    small = [
        dataclasses.replace(case, counts=servers.Counts(timed=40, warm=20))
        for case in SERVERS.values()
        if not case.needs
    ]

    found = echo.measure(runners, small, 1, quiet)

    missing = {
        (case, side): each["missing"]
        for case, figures in found.items()
        for side, each in figures.items()
        if "missing" in each
    }
    no_tuple = {("readuntil", "standard"): "no tuple of separators before Python 3.13"}
    assert missing == (no_tuple if python.version in ("3.11", "3.12") else {})
    for figures in found.values():
        for figure in figures.values():
            # Between a hundred nanoseconds and a tenth of a second.
            assert "missing" in figure or 1e2 < figure["value"] < 1e8


@pytest.mark.parametrize(
    ("name", "package"), [("asyncpg", "postgresql"), ("redis_pipeline", "redis-server")]
)
def test_client_without_its_database_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, package: str
) -> None:
    client = SERVERS[name].needs[0].partition("==")[0]
    for module in (client, f"{client}.asyncio"):
        monkeypatch.setitem(sys.modules, module, MagicMock())
    monkeypatch.setattr(databases, "POSTGRESQL", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    async def start() -> None:
        async with SERVERS[name].serve():
            raise AssertionError("there is no server that it could ask")

    with pytest.raises(cases.Unavailable, match=rf"\(Debian: apt-get install {package}\)"):
        asyncio.run(start())


@on_linux
@pytest.mark.all_libraries
@with_compiler
def test_services_answer_rightly_on_both_implementations(
    make_environment: MakeEnvironment, python: Interpreter
) -> None:
    environment = make_environment("asyncio")
    some = [case for case in SERVERS.values() if case.needs]
    needs = sorted({need for case in some for need in case.needs})
    environment.pip("install", "--quiet", "--only-binary=:all:", *needs)
    ours = Side("ours", sides.WORK_TREE, implementation="independent", form=sides.ANY_FORM)
    elsewhere = {"ASYNCIO_IMPLEMENTATION": "stdlib"}
    standard = Side("standard", "", variables=elsewhere)
    given = {"ours": environment.python, "standard": environment.python}
    runners = [field.find(side, python, given) for side in (ours, standard)]
    small = servers.Counts(timed=100, warm=100)

    found = echo.measure(
        runners, [dataclasses.replace(case, counts=small) for case in some], 1, quiet
    )

    for figures in found.values():
        for figure in figures.values():
            assert "Debian: apt-get install" in figure.get("missing", "") or figure["value"] > 1e3


@on_linux
@with_valgrind
def test_instructions_of_a_server_are_the_same_from_run_to_run(find: Any) -> None:
    runners = [find(sides.STANDARD), find("crashing_later"), echo.yardstick()]
    # The peer's second loop, that of the second case, is the one that ends it.
    small = servers.Counts(1000, 0, 500)
    two = [dataclasses.replace(SERVERS[name], counts=small) for name in ("protocol", "buffered")]

    first, second = (echo.count(runners, two, 1, quiet) for _ in range(2))

    one, other = (found["protocol"]["standard"]["value"] for found in (first, second))
    assert 1000 < one < 100_000
    assert other == pytest.approx(one, rel=0.1)
    assert 20 < first["protocol"]["C"]["value"] < 1000
    assert "value" in first["protocol"]["crashing_later"]
    assert "ended with SIGABRT" in first["buffered"]["crashing_later"]["missing"]
    assert "value" in first["buffered"]["standard"]


class Altering(asyncio.Protocol):
    """Sends back other bytes than it gets, and as many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.swapcase())


@on_linux
@with_compiler
def test_client_notices_what_is_not_what_was_sent(tmp_path: Path) -> None:
    load = native.build("load", tmp_path)

    async def talk() -> str:
        server = await asyncio.get_running_loop().create_server(Altering, "127.0.0.1", 0)
        async with server:
            words = servers.Load(connections=1).words(server.sockets[0].getsockname()[1], 10, 0)
            client = await asyncio.create_subprocess_exec(
                load, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            said, _ = await client.communicate(b'{"messages": 1}\n')
        return said.decode()

    assert asyncio.run(talk()).splitlines() == [
        "{}",
        '{"missing": "the server sent back other bytes than it was sent"}',
    ]


@on_linux
@with_compiler
@pytest.mark.parametrize("form", ["compiled", "pure"])
def test_requests_with_resets_cancels_and_slow_readers_go_right(
    environment: Environment, tmp_path: Path, form: str
) -> None:
    """The short form of `bench soak`."""
    side = "ours" if form == "compiled" else "ours-pure"
    words = ["--requests=10_000", "--points=3", f"--side={side}", "--out", str(tmp_path)]

    done = bench("soak", *words, f"--environment={side}={environment.python}", check=False)

    if done.returncode and "not built" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = tmp_path.glob("*-soak-memory-*.json")
    result = results.load(kept)
    assert result["wrong"] == []
    assert result["sides"][side]["form"] == form
    first, *points = result["points"]
    assert sum(point["messages"] for point in points) >= 10_000
    # Each of them was there: otherwise the run shows nothing.
    for what in ("resets", "abandoned", "cancelled", "timed_out"):
        assert all(point[what] for point in points)
    assert points[-1]["paused"] > first["paused"] == 0
    assert points[-1]["descriptors"] == first["descriptors"]


class Swapping(asyncio.Protocol):
    """Answers the first two requests of a connection with the other's number."""

    numbers = (1, 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.buffer = b""
        self.heads: list[tuple[int, ...]] = []

    def data_received(self, data: bytes) -> None:
        head = struct.Struct("!IIQII")
        self.buffer += data
        while len(self.buffer) >= head.size and len(self.heads) < 2:
            size, connection, number, _, times = head.unpack_from(self.buffer)
            if len(self.buffer) < head.size + size:
                return
            body = self.buffer[head.size : head.size + size]
            self.buffer = self.buffer[head.size + size :]
            self.heads.append((size * times, connection, number, 0, times))
            self.transport.write(self.answer(head, body * times))

    def answer(self, head: struct.Struct, body: bytes) -> bytes:
        size, connection, number, how, times = self.heads[-1]
        return head.pack(size, connection, number ^ 1, how, times) + body


class Mixing(Swapping):
    """Answers with other bytes."""

    def answer(self, head: struct.Struct, body: bytes) -> bytes:
        return head.pack(*self.heads[-1]) + body[::-1]


class Misdirecting(Swapping):
    """Answers with what belongs to another connection."""

    def answer(self, head: struct.Struct, body: bytes) -> bytes:
        size, connection, number, how, times = self.heads[-1]
        return head.pack(size, connection + 1, number, how, times) + body


class Leaving(Swapping):
    """Closes a connection that it owes something."""

    def answer(self, head: struct.Struct, body: bytes) -> bytes:
        self.transport.close()
        return b""


@on_linux
@with_compiler
@pytest.mark.parametrize(
    ("server", "said"),
    [
        (Swapping, "(an answer came to request 1, which is not open|has other bytes|another size)"),
        (Mixing, "the answer to request 0 has other bytes"),
        (Misdirecting, "an answer came that belongs to connection 2"),
        (Leaving, "the server closed, . requests were not answered"),
    ],
)
def test_answers_that_are_not_those_of_their_requests_are_noticed(
    tmp_path: Path, server: type[Swapping], said: str
) -> None:
    load = native.build("soak", tmp_path)

    async def talk() -> str:
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        async with listening:
            words = ["10", "1", "1", f"tcp:{listening.sockets[0].getsockname()[1]}"]
            client = await asyncio.create_subprocess_exec(
                load, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            answer, _ = await client.communicate(b'{"messages": 100}\n')
        return answer.decode().splitlines()[-1]

    assert re.search(said, json.loads(asyncio.run(talk()))["missing"])


def a_point(**more: Any) -> dict[str, Any]:
    names = ("descriptors", "tasks", "transports", "held", "objects", "blocks", "resident")
    return {"messages": 500_000, "faults": [], "fault_count": 0, **dict.fromkeys(names, 5), **more}


def test_what_is_left_and_what_grows_is_wrong() -> None:
    still = [a_point() for _ in range(12)]
    growing = [a_point(blocks=100_000 + 500_000 * n, resident=(40 + n) << 20) for n in range(12)]
    settling = [a_point(resident=min(n, 4) << 22, blocks=1000 + n % 3) for n in range(12)]

    assert soak.judge(still) == soak.judge(settling) == []
    assert soak.judge([*still, a_point(descriptors=6, held=7)]) == [
        "1 descriptors are left",
        "2 held are left",
    ]
    assert soak.judge([*still, a_point(faults=["one"], fault_count=3)]) == [
        "one",
        "… and 2 faults more",
    ]
    blocks, resident = soak.judge(growing)
    assert blocks.startswith("blocks: growth from ")
    assert resident.startswith("resident: growth from ")


def test_counts_are_read_from_what_callgrind_leaves(tmp_path: Path) -> None:
    dump = "desc: Trigger: Client Request: {}\nsummary: {}\n"
    (tmp_path / "callgrind.0.1").write_text(dump.format("switch", 1234))
    (tmp_path / "callgrind.0.2").write_text(dump.format("spawn_all@1000", 5678))
    (tmp_path / "callgrind.0").write_text("desc: Trigger: Program termination\ntotals: 9\n")

    assert counting.read_counts(tmp_path) == {"switch": 1234, "spawn_all@1000": 5678}


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        ("crashing", "does not start: ended with SIGABRT"),
        ("without_a_loop", "has no loop: AttributeError: .* 'new_event_loop'"),
    ],
)
def test_peer_that_cannot_be_measured_is_a_reason(find: Any, peer: str, reason: str) -> None:
    with pytest.raises(field.Absent, match=reason):
        find(peer)


def test_peer_that_ends_or_fails_in_a_case_does_not_stop_the_others(find: Any) -> None:
    runners = [find("crashing_later"), find("failing"), find("noisy"), find(sides.STANDARD)]
    # These loops are made for the first time when the first round runs, and again for the second.
    ((case, count, figures),) = timing.measure(runners, [(CASES["switch"], 200, 2)], quiet)

    assert (case.name, count) == ("switch", 200)
    assert "ended with SIGABRT" in figures["crashing_later"]["missing"]
    assert figures["failing"]["missing"] == "ValueError: no second loop"
    assert len(figures["noisy"]["rounds"]) == len(figures["standard"]["rounds"]) == 2


def test_process_that_hangs_is_ended(find: Any) -> None:
    worker = find("hanging").start()
    assert "figures" in worker.ask(60, case="switch", by="time", count=20)

    with pytest.raises(Lost, match=r"hangs: no answer within 0\.2 s"):
        worker.ask(0.2, case="switch", by="time", count=20)


def test_no_side_is_measured_in_the_name_of_another(
    environment: Environment, python: Interpreter
) -> None:
    pure = Side(
        "ours",
        sides.WORK_TREE,
        implementation="independent",
        form="compiled",
        variables={"ASYNCIO_PURE_PYTHON": "1"},
    )
    ours = {"ours": environment.python, "standard": environment.python}

    with pytest.raises(field.Absent, match="not built: ASYNCIO_PURE_PYTHON is set"):
        field.find(pure, python, ours)
    with pytest.raises(field.Absent, match="the independent asyncio runs, not the standard"):
        field.find(sides.STANDARD, python, ours)


def a_result(by: str = "instructions", **figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for each in figures.values() for name in each)
    return {
        "format": results.FORMAT,
        "what": "scheduling",
        "by": by,
        "unit": results.UNITS[by],
        "made": "2026-01-02T03:04:05+00:00",
        "commit": "",
        "machine": {"system": "", "processor": "a processor", "processors": 1},
        "sides": {name: {"python": "3.14.0"} for name in names},
        "cases": {},
        "figures": figures,
    }


def test_comparing_says_what_changed() -> None:
    before = a_result(
        switch={"ours": {"value": 1000}, "standard": {"value": 1000}, "uvloop": {"value": 500}},
        spawn={"ours": {"value": 5}, "standard": {"missing": "hangs"}},
        gone={"ours": {"value": 1}},
    )
    after = a_result(
        switch={"ours": {"value": 800}, "standard": {"value": 1005}, "uvloop": {"value": 550}},
        spawn={"ours": {"missing": "hangs"}, "standard": {"missing": "hangs"}},
        new={"ours": {"value": 1}},
    )

    rows = comparing.compare(before, after)

    assert {(row.case, row.side): row.verdict for row in rows} == {
        ("switch", "ours"): "less",
        ("switch", "standard"): "same",
        ("switch", "uvloop"): "more",
        ("spawn", "ours"): "gone",
        ("spawn", "standard"): "none",
        ("new", "ours"): "new",
        ("gone", "ours"): "gone",
    }
    assert rows[0].ratio == 0.8


def test_comparing_times_minds_their_spread() -> None:
    def one(value: float, spread: float) -> dict[str, Any]:
        return a_result("time", switch={"ours": {"value": value, "spread": spread}})

    (still,) = comparing.compare(one(100, 10), one(150, 10))
    (slower,) = comparing.compare(one(100, 1), one(150, 1))

    assert (still.verdict, slower.verdict) == ("same", "more")
    with pytest.raises(Failure, match="one is by time, the other by instructions"):
        comparing.compare(one(1, 1), a_result())


def test_two_kept_results_are_compared_by_the_command(tmp_path: Path) -> None:
    for moment, value in (("2026-01-01T00:00:00", 1000), ("2026-01-02T00:00:00", 700)):
        result = a_result(switch={"ours": {"value": value}}, wake={"ours": {"value": 7}})
        results.save({**result, "made": moment}, tmp_path)

    done = bench("compare", "last-1", "2026-01-02", "--out", tmp_path)

    assert "0.700" in done.stdout
    assert "wake" not in done.stdout
    assert done.stdout.splitlines()[-1] == "1 less, 1 same"


def test_best_peer_is_none_of_ours() -> None:
    result = a_result(
        switch={"ours": {"value": 10}, "standard": {"value": 40}, "uvloop": {"value": 20}},
        spawn={"ours": {"value": 10}, "uvloop": {"missing": "hangs"}},
    )

    assert best_peer(result, "switch") == "uvloop"
    assert ratio(result, "switch", "ours", "uvloop") == 0.5
    assert best_peer(result, "spawn") is None
    assert ratio(result, "spawn", "ours", "uvloop") is None


def test_chart_has_a_panel_for_each_case_and_one_line_for_each_side(tmp_path: Path) -> None:
    figures = {
        f"spawn_all@{size}": {"ours": {"value": size}, "standard": {"value": 2 * size}}
        for size in (1000, 10_000)
    }
    growing = {**a_result("time", **figures), "what": "growth"}

    charts.draw(growing, tmp_path / "growth.svg")
    charts.draw(a_result(switch={"ours": {"value": 1234}}, wake={}), tmp_path / "bars.svg")

    lines, bars = ((tmp_path / f"{name}.svg").read_text("utf-8") for name in ("growth", "bars"))
    assert lines.count(">spawn_all<") == 1
    assert ">ours<" in lines
    assert ">standard<" in lines
    for word in (">switch<", ">wake<", ">1,234<", ">none<"):
        assert word in bars


def test_overview_shows_what_each_case_costs_the_other_sides(tmp_path: Path) -> None:
    one = a_result(switch={"ours": {"value": 10}, "standard": {"value": 40}})
    other = a_result(wake={"ours": {"value": 10}, "uvloop": {"value": 20}, "C": {"value": 1}})
    for moment, result in (("2026-01-01T00:00:00", one), ("2026-01-02T00:00:00", other)):
        results.save({**result, "made": moment}, tmp_path)

    bench("overview", tmp_path / "all.svg", "last-1", "last", "--out", tmp_path)

    drawn = (tmp_path / "all.svg").read_text("utf-8")
    for word in (">switch<", ">wake<", ">standard<", ">uvloop<"):
        assert drawn.count(word) == 1
    assert ">C<" not in drawn


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scheduling", "--sides", "ours,nobody"], "no side 'nobody': there are ours, "),
        (["scheduling", "--cases", "nothing"], "no case 'nothing': there are switch, "),
        (["echo", "--cases", "nothing"], "no case 'nothing': there are protocol, "),
        (["memory", "--environment", "uvloop=no/such"], "SIDE=PYTHON is wanted"),
        (["compare", "last", "last-1"], "last: there are 0 results in "),
        (["compare", "one", "two"], "one: names none of the results in "),
        (["compare", *2 * [str(ROOT / "hatch.toml")]], "hatch.toml: no result of a measurement"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words: list[str], message: str, tmp_path: Path) -> None:
    out = [] if words[0] == "memory" else ["--out", str(tmp_path)]

    done = bench(*words, *out, check=False)

    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line


def test_help_says_how_long_it_takes() -> None:
    shown = bench("--help").stdout
    assert "How long it takes" in shown
    assert "minutes" in shown


def test_growth_is_the_time_with_most_by_the_time_with_few() -> None:
    figures: dict[str, dict[str, Any]] = {
        "spawn_all@1000": {"ours": {"value": 9}, "standard": {"value": 1}},
        "spawn_all@10000": {"ours": {"value": 2}, "standard": {"value": 1}},
        "spawn_all@1000000": {"ours": {"value": 3}, "standard": {"missing": "hangs"}},
        "wait@1000": {"ours": {"value": 1}},
        "cancel@1000": {"ours": {"value": 2}},
        "cancel@10000": {"ours": {"value": 4}},
    }

    assert growth.factors(a_result("time", **figures)) == {
        "spawn_all": {"ours": 1.5},
        "cancel": {"ours": 2},
    }


def test_reasons_are_said_once_for_a_side() -> None:
    hangs = {"missing": "hangs"}
    result = a_result(
        switch={"uvloop": {"value": 1}, "zloop": hangs},
        wake={"uvloop": hangs, "zloop": hangs},
        spawn={"uvloop": hangs, "zloop": hangs},
    )
    result["sides"]["talyn"] = {"missing": "has no loop"}

    assert tables.reasons(result) == [
        "talyn: has no loop",
        "zloop: hangs (all 3)",
        "uvloop: hangs (wake, spawn)",
    ]
