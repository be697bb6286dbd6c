"""Libraries that people use, unmodified from the package index, with real traffic on loopback.

Each test runs one program of the folder `libraries` in an environment with the built wheels and the
libraries. The program checks every reply by itself and says at its end which implementation and which
loop ran, and what was warned about or logged meanwhile. Where there was anything, the same program runs on
the standard implementation: what only ours says is a failure.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workspace import results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

PROGRAMS = Path(__file__).resolve().parent / "libraries"
#: The newest Python that all the libraries have wheels for.
NEWEST = "3.13"
#: Seconds that one program may take; most end in less than ten, whole suites do not.
LIMIT = 120
LIMITS = {"anyio_suite": 300, "trio_asyncio": 240}

QUICK = [
    "aiohttp",
    "anyio",
    "blockbuster",
    "httpx_uvicorn",
    "nest_asyncio",
    "starlette",
    "viztracer",
    "websockets",
]
OTHERS = [
    "aiosmtpd",
    "annotations",
    "asyncpg",
    "asyncssh",
    "distributed",
    "eventlet",
    "grpc",
    "hypercorn",
    "pytest_asyncio",
    "redis",
    "small_libraries",
    "sqlalchemy",
    "tornado",
]
#: Those that lean on asyncio's inside, and do not go with all of the others in one environment.
INSIDE = [
    "anyio_suite",
    "ddtrace",
    "ipykernel",
    "livekit",
    "looptime",
    "qasync",
    "trio_asyncio",
    "twisted",
    "watching",
]
#: On GLib's main loop: the part of the requirements, one to an environment, since they want different versions.
GLIB = {"gbulb": 3, "pygobject": 4}
#: Servers that come from Debian's packages: the program, and the package that brings it.
SERVERS = {"redis": ("redis-server", "redis-server"), "asyncpg": ("postgres", "postgresql")}
#: Other loops, by what stands in ASYNCIO_LOOP: the module that theirs is of, and whose servers they run.
LOOPS = {
    "uvloop:EventLoopPolicy": ("uvloop", ["aiohttp", "httpx_uvicorn", "starlette", "tornado"]),
    # Has no TLS for servers yet, and its sockets take no pings from `websockets`.
    "rloop:EventLoopPolicy": ("rloop", ["tornado"]),
    "selectors": ("asyncio_selectors", ["aiohttp", "httpx_uvicorn"]),
}
ON_LOOPS = [(loop, name) for loop, (_, names) in LOOPS.items() for name in names]


def _environment(make: MakeEnvironment, pythons: list[Interpreter], *parts: int) -> Environment:
    """Make an environment with the built wheels and these parts of the requirements."""
    usable = [here for here in pythons if _number(here.version) <= _number(NEWEST)]
    if not usable:
        pytest.skip(
            f"no Python up to {NEWEST} here, and the libraries have no wheels for newer ones"
        )
    environment = make("asyncio", python=usable[-1])
    wanted = (PROGRAMS / "requirements.txt").read_text("utf-8").split("# ----")
    chosen = environment.folder / "requirements.txt"
    chosen.write_text("".join(wanted[part] for part in parts), "utf-8")
    # Of those there are no wheels, or none that is built for the system's GLib.
    wheels = ("--only-binary", ":all:", "--no-binary", "forbiddenfruit,pycairo,pygobject")
    environment.pip("install", "--quiet", *wheels, "-r", chosen)
    return environment


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


@dataclass
class Record:
    """What the programs said that they used, each only if it ended well."""

    programs: set[str] = field(default_factory=set)
    libraries: dict[str, str] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    python: str = ""


@pytest.fixture(scope="module")
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """Where asked to, keep the versions for the README's table: of a run with all libraries that all ended well."""
    record = Record()
    yield record
    if request.config.getoption("--write-libraries"):
        missing = {*QUICK, *OTHERS, *INSIDE, *GLIB} - record.programs
        assert not missing, f"not kept, since these did not run or did not end well: {missing}"
        untried = {module for module, _ in LOOPS.values()} - {"asyncio_selectors", *record.loops}
        assert not untried, f"not kept, since these loops were not tried out: {untried}"
        pinned = (PROGRAMS / "requirements.txt").read_text("utf-8")
        named = {name: v for name, v in record.libraries.items() if f"\n{name}==" in pinned}
        kept = {
            "python": record.python,
            "libraries": dict(sorted(named.items())),
            "loops": record.loops,
        }
        results.write(results.LIBRARIES, kept)


@pytest.fixture(scope="module")
def quick_environment(make_environment: MakeEnvironment, pythons: list[Interpreter]) -> Environment:
    return _environment(make_environment, pythons, 0)


@pytest.fixture(scope="module")
def full_environment(make_environment: MakeEnvironment, pythons: list[Interpreter]) -> Environment:
    return _environment(make_environment, pythons, 0, 1)


@pytest.fixture(scope="module")
def inside_environment(
    make_environment: MakeEnvironment, pythons: list[Interpreter]
) -> Environment:
    return _environment(make_environment, pythons, 0, 2)


def _result(environment: Environment, name: str, **variables: str) -> dict[str, Any]:
    """Run a program, which must end well, and return its last line."""
    done = environment.run(
        PROGRAMS / f"{name}_traffic.py", env=variables, timeout=LIMITS.get(name, LIMIT)
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _check(environment: Environment, record: Record, name: str, loop: str = "") -> None:
    variables = {"ASYNCIO_LOOP": loop} if loop else {}
    module = LOOPS[loop or "selectors"][0]
    result = _result(environment, name, **variables)
    assert result["implementation"] == "independent"
    assert result["loop"].startswith(f"{module}.")
    assert result["checked"] > 0
    if result["reports"]:
        # "selectors" is what the standard one has, too.
        same = {"TRAFFIC_LOOP": loop} if ":" in loop else {}
        standard = _result(environment, name, ASYNCIO_IMPLEMENTATION="stdlib", **same)
        assert standard["implementation"] == "standard"
        assert set(result["reports"]) <= set(standard["reports"])
    if not variables:
        record.programs.add(name)
        record.libraries |= result["versions"]
        record.python = environment.evaluate("import platform; print(platform.python_version())")
    elif module != "asyncio_selectors":
        code = f"import importlib.metadata; print(importlib.metadata.version({module!r}))"
        record.loops[module] = environment.evaluate(code)


@pytest.mark.parametrize("name", QUICK)
def test_library_runs_unmodified(quick_environment: Environment, record: Record, name: str) -> None:
    _check(quick_environment, record, name)


@pytest.mark.all_libraries
@pytest.mark.parametrize("name", OTHERS)
def test_other_library_runs_unmodified(
    full_environment: Environment, record: Record, name: str
) -> None:
    program, package = SERVERS.get(name, ("", ""))
    if program and not shutil.which(program) and not list(_debian_servers(program)):
        pytest.skip(f"no {program} here: it comes with Debian's package {package}")
    _check(full_environment, record, name)


@pytest.mark.all_libraries
@pytest.mark.timeout(2 * max(LIMITS.values()))  # it may run a second time, on the standard asyncio
@pytest.mark.parametrize("name", INSIDE)
def test_library_that_leans_on_the_inside(
    inside_environment: Environment, record: Record, name: str
) -> None:
    _check(inside_environment, record, name)


@pytest.mark.all_libraries
@pytest.mark.parametrize("name", GLIB)
def test_loop_of_glib(
    make_environment: MakeEnvironment, pythons: list[Interpreter], record: Record, name: str
) -> None:
    wanted = ["pkg-config", "--exists", "gobject-introspection-1.0", "cairo-gobject"]
    if not shutil.which("pkg-config") or subprocess.run(wanted, check=False).returncode:
        pytest.skip(
            "no GObject introspection to build with here: it comes with Debian's packages "
            "libgirepository1.0-dev and libcairo2-dev"
        )
    environment = _environment(make_environment, pythons, 0, GLIB[name])
    _check(environment, record, name)


def _debian_servers(program: str) -> list[Path]:
    """Return the servers that Debian keeps off the PATH, one folder to a version."""
    return list(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))


@pytest.mark.all_libraries
@pytest.mark.parametrize(("loop", "name"), ON_LOOPS)
def test_server_runs_on_another_loop_by_name(
    full_environment: Environment, record: Record, name: str, loop: str
) -> None:
    _check(full_environment, record, name, loop)


def test_every_program_is_run() -> None:
    programs = {path.name.removesuffix("_traffic.py") for path in PROGRAMS.glob("*_traffic.py")}
    assert programs == {*QUICK, *OTHERS, *INSIDE, *GLIB}
