"""The faults of `dev.py campaign`: short forms of its parts find nothing, and what is wrong is found."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from support import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

CAMPAIGN = ROOT / "tools" / "campaign"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what a process holds is read from /proc"
)


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment("asyncio", "asyncio-test-support", "trustme")


needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="calls fail by a library in C")


@pytest.mark.parametrize(
    "part",
    [
        "cancel",
        "signals",
        "forks",
        "peers",
        "load",
        "programs",
        *(pytest.param(part, marks=needs_gcc) for part in ("calls", "memory", "time")),
    ],
)
def test_nothing_is_left_wrong(environment: Environment, tmp_path: Path, part: str) -> None:
    state = tmp_path / "state.json"
    arguments = (part, "--brief", "--state", state)
    done = environment.run(CAMPAIGN, *arguments, check=False)
    assert done.returncode == 0, done.stdout
    forms = ("compiled",) if part == "memory" else ("compiled", "pure")
    for line, form in zip(done.stdout.splitlines(), forms, strict=True):
        assert line.startswith(f"{part}, {form}: ")
        assert ", 0 are wrong" in line

    # What is done is not done again.
    again = environment.run(CAMPAIGN, *arguments)
    assert again.stderr == ""
    assert len(json.loads(state.read_text())["done"]) > 1


#: What scenarios leave behind, by what is told of it.
CARELESS = {
    " is watched": "stage.left = socket.socket(); loop.add_writer(stage.left, int)",
    "socket:[": "stage.left = socket.socket()",
    "task <coroutine": "stage.left = loop.create_task(asyncio.sleep(60))",
    "timer <": "loop.call_later(60, print)",
    "child process ": "subprocess.Popen(['/bin/true']).returncode = 0",
    "thread Thread-": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "file left": "(stage.folder / 'left').touch()",
    "reported: oh no": "loop.call_exception_handler({'message': 'oh no'})",
    "warning: unclosed": "socket.socket()",
    "afterwards, ": "stage.afterwards.append(lambda: 1 / 0)",
    "does not end": "stage.deaf = True",
    "as if it had not been cancelled": "stage.swallow = True",
    "it ends with LookupError": "stage.error = LookupError()",
}

CARELESSLY = """
import sys, tempfile
sys.path.insert(0, sys.argv[1])
import asyncio, socket, subprocess, threading, time
from pathlib import Path
import cancelling, leftovers, stage
from scenarios import Entry

stage.LIMIT = cancelling.LIMIT = 0.2

def play(line):
    async def scenario(stage):
        loop = stage.loop
        stage.swallow = stage.deaf = stage.error = None
        exec(line)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if stage.deaf:
                await asyncio.sleep(60)
            if stage.error:
                raise stage.error
            if not stage.swallow:
                raise
    with tempfile.TemporaryDirectory() as folder:
        tools = stage.Tools(Path(folder), None, None)
        return cancelling._point(Entry(scenario, (), False), tools, "alone, waiting", 1)
"""


def test_what_is_left_wrong_is_told(environment: Environment) -> None:
    # A process for each: what one leaves is there for the next.
    code = CARELESSLY + "print(*play(sys.argv[2])[1], sep='\\n')"
    for told, line in CARELESS.items():
        done = environment.run("-c", code, CAMPAIGN, line)
        assert told in done.stdout, (line, done.stdout)


def test_a_process_that_ends_is_told_of_and_replaced(environment: Environment) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import processes
from pathlib import Path
from parts import Extent
processes.WORKER = Path(sys.argv[2])
process = processes.Process("pure", limit=float(sys.argv[3]))
print(process.run("part", "unit", Extent(brief=True)))
process.close()
"""
    worker = """
import json, os, sys, threading
def say(**what):
    print(json.dumps(what), flush=True)
say(form="pure")
for line in sys.stdin:
    without = json.loads(line)["without"]
    for name, end in {"one": print, "two": os.abort, "three": threading.Event().wait, "four": print, "five": print}.items():
        if name not in without:
            say(begins=name)
            if end is not print:
                end()
            say(ends=name, wrong=[], **({"left_out": True} if name == "five" else {}))
    say(done=True)
"""
    path = environment.folder / "worker.py"
    path.write_text(worker)
    done = environment.run("-c", code, CAMPAIGN, path, "2")
    assert done.stdout.startswith("Outcome(points=4, wrong={'two': ['signal SIGABRT")
    assert "'three': ['hangs" in done.stdout


LEFT_OUT = """
import errno, ssl, sys
sys.path.insert(0, sys.argv[1])
import native
from native import functions

calls = native.Calls()
# What OpenSSL makes once, is made.
ssl.MemoryBIO()

def make(number):
    calls.begin("malloc", number, errno.ENOMEM)
    try:
        ssl.MemoryBIO()
    except (MemoryError, ssl.SSLError):
        return "fails"
    finally:
        calls.end()
    return "is left out" if calls.has_spared() else "goes well"

assert not list(functions.find("BIO_new_e", "libcrypto"))
for spared in [], list(functions.find("BIO_new_ex", "libcrypto")), []:
    calls.spare(spared)
    print(*sorted({make(number) for number in range(1, 20)}), sep=", ")
"""


@needs_gcc
@pytest.mark.skipif(shutil.which("nm") is None, reason="functions are found by nm")
def test_what_no_interpreter_survives_is_left_out(environment: Environment, tmp_path: Path) -> None:
    build = "import sys; sys.path.insert(0, sys.argv[1]); import native, pathlib; "
    build += "print(native.build(pathlib.Path(sys.argv[2])))"
    library = environment.run("-c", build, CAMPAIGN, tmp_path).stdout.strip()
    more = {"LD_PRELOAD": library, "PYTHONMALLOC": "malloc"}
    told = environment.run("-c", LEFT_OUT, CAMPAIGN, env=more).stdout
    assert told.splitlines() == [
        "fails, goes well",
        "fails, goes well, is left out",
        "fails, goes well",
    ]


#: What a load leaves behind each time, by what is told of it.
LEAVING = {
    "blocks of memory more": "left.extend(object() for _ in range(1000))",
    "bytes more are resident": "left.append(bytearray(b'.' * (40 << 20)))",
    "descriptors afterwards": "left.append(os.dup(0))",
    "a client waits for ever": "stage.wrong.append('a client waits for ever')",
}

LEAVE = """
import sys
sys.path[:0] = sys.argv[1], sys.argv[2]
import asyncio, os, tempfile
from pathlib import Path
import loading, stage

stage.LIMIT = 0.2
left = []

async def play(stage, load):
    exec(sys.argv[3])
    load.is_on(7)

with tempfile.TemporaryDirectory() as folder:
    tools = stage.Tools(Path(folder), None, None)
    wrong, seen = loading._several_times(loading._Unit(play), tools, 20)
print(*wrong, seen["many"], sep="\\n")
"""


def test_what_a_load_leaves_is_told(environment: Environment) -> None:
    tools = ROOT / "tools"
    for told, line in LEAVING.items():
        done = environment.run("-c", LEAVE, CAMPAIGN, tools, line)
        assert told in done.stdout, (line, done.stdout)
    assert environment.run("-c", LEAVE, CAMPAIGN, tools, "pass").stdout == "7\n"


@needs_gcc
def test_latencies_beside_loads_are_measured(
    environment: Environment, pythons: list[Interpreter], tmp_path: Path
) -> None:
    version = pythons[-1].version
    given = f"--environment=ours={environment.python}"
    words = ("load", "--latencies", "--python", version, "--sides", "ours", "--out", tmp_path)
    few = ("--rounds", "1", "--questions", "50")
    run([sys.executable, CAMPAIGN / "latencies.py", *words, *few, given])

    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text("utf-8"))
    picture = path.with_suffix(".svg").read_text("utf-8")
    assert list(result["figures"]) == list(result["how"]["loads"])
    for load, figures in result["figures"].items():
        found = figures["ours"]
        assert 0 < found["p50"] <= found["p99"] <= found["p999"] <= found["worst"]
        before, most, after = found["descriptors"]
        assert before == after
        assert most >= result["how"]["loads"][load] or load in ("children", "names", "come and go")
        assert found["rate"] > 0 or load in ("nothing", "never shake hands")
        assert f"beside: {load}" in picture


#: Told wrong on the loop `chaos` only: what counts on the order of tasks, and what warns.
DIFFERENT = """
import asyncio, sys
from report import Report

async def main():
    report = Report(0)
    told = []
    async def tell(number):
        told.append(number)
    async with asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(tell(number))
    report.extra["what"] = str(told if sys.argv[1] == "order" else "")
    loop = asyncio.get_running_loop()
    if sys.argv[1] == "warns" and hasattr(loop, "_decisions"):
        print("oh no", file=sys.stderr)
    sys.exit(report.finish(loop))

asyncio.run(main())
"""


@pytest.mark.parametrize(("what", "told"), [("order", "it tells [{"), ("warns", "oh no")])
def test_a_program_that_differs_is_told_with_its_seed(
    environment: Environment, tmp_path: Path, what: str, told: str
) -> None:
    (tmp_path / "program.py").write_text(DIFFERENT)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import pathlib, running, stage
from parts import Extent
running.FOLDER = pathlib.Path(sys.argv[2])
running._PROGRAMS = {"one": running._Program(("program.py", sys.argv[3]))}
class Notes:
    begins = staticmethod(id)
    def ends(self, name, wrong, left_out=False):
        print(name, *wrong, sep=chr(10))
running.perform("one", stage.Tools(running.FOLDER, None, None), Notes(), Extent(False, seed=6))
"""
    programs = str(ROOT / "tools" / "demo" / "programs")
    done = environment.run("-c", code, CAMPAIGN, tmp_path, what, env={"PYTHONPATH": programs})
    first, _, second = done.stdout.partition("\nseed 6\n")
    assert first == "on the ordinary loop"
    assert told in second
    assert second.endswith(f" PYTHONHASHSEED=6 python tools/demo/programs/program.py {what}\n")
    assert "ASYNCIO_LOOP=chaos ASYNCIO_SEED=6 ASYNCIO_CHAOS=all=0," in second


def test_the_page_is_that_of_the_results(environment: Environment) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import kept, json; "
    code += "print(kept.page(json.loads(kept.RESULTS.read_text('utf-8'))), end='')"
    assert environment.run("-c", code, CAMPAIGN).stdout == (
        ROOT / "packages" / "asyncio" / "docs" / "campaign.md"
    ).read_text("utf-8")
