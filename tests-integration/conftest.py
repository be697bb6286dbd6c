"""Wheels and fresh environments for the tests of the built distributions."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from filelock import FileLock

_HERE = Path(__file__).resolve().parent
# These are tests of a work tree, not of something installed: its tools are where they are.
_TOOLS = _HERE.parent / "tools"
sys.path[:0] = [str(_TOOLS), str(_TOOLS / "test_support" / "src"), str(_HERE)]

from support import ROOT, Environment, run  # noqa: E402
from workspace import interpreters, packages  # noqa: E402
from workspace.environments import BACKEND  # noqa: E402
from workspace.paths import TEST_SUPPORT, executable  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import MakeEnvironment

#: What tests need besides the distributions themselves.
TEST_TOOLS = ("pytest>=8", "pytest-timeout>=2.3", "trustme>=1.2")

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


#: The option that asks for the long tests with a marker.
LONG = {"all_libraries": "--all-libraries", "frozen": "--frozen"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pythons", default="", help="the Pythons to use, 3.11,3.13 (default: all that are here)"
    )
    parser.addoption(
        "--every-python",
        action="store_true",
        help="run on all of them what runs on the first and the last otherwise",
    )
    parser.addoption(
        "--all-libraries",
        action="store_true",
        help="also run the libraries that take long to install and to run",
    )
    parser.addoption(
        "--frozen",
        action="store_true",
        help="also make frozen programs, with the tools for it from the package index",
    )
    parser.addoption(
        "--write-libraries",
        action="store_true",
        help="keep the versions of the libraries that were tried out, and write the README's table",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "all_libraries: run with --all-libraries only, for the time that it takes"
    )
    config.addinivalue_line("markers", "frozen: run with --frozen only, for the time that it takes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, and count them as deselected, unless they are asked for."""
    long = [
        item
        for item in items
        for marker, option in LONG.items()
        if item.get_closest_marker(marker) and not config.getoption(option)
    ]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def _pythons(config: pytest.Config) -> list[interpreters.Interpreter]:
    wanted = [v for v in str(config.getoption("--pythons")).split(",") if v]
    return interpreters.available([interpreters.parse_version(v) for v in wanted])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `distribution` runs for each of them; one of `any_python` on the oldest and the newest."""
    if "distribution" in metafunc.fixturenames:
        names = [package.name for package in packages.load()]
        metafunc.parametrize("distribution", names)
    if "any_python" in metafunc.fixturenames:
        found = _pythons(metafunc.config)
        every = metafunc.config.getoption("--every-python")
        ends = found if every else list(dict.fromkeys((found[0], found[-1])))
        ids = [here.version for here in ends]
        metafunc.parametrize("any_python", ends, ids=ids, scope="session")


@pytest.fixture(scope="session")
def pythons(request: pytest.FixtureRequest) -> list[interpreters.Interpreter]:
    return _pythons(request.config)


#: Makes a folder of that name with a function that fills it, unless another process of the run has done so, and returns it.
Once: TypeAlias = "Callable[[str, Callable[[Path], None]], Path]"


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    base = tmp_path_factory.getbasetemp()
    # Each process of pytest-xdist's has a folder of its own below that of the run.
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder = place / f"once-{name}"
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                filling = tmp_path_factory.mktemp(name)
                fill(filling)
                filling.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def built(once: Once) -> Path:
    """The folder of the source distributions and the wheels: pure ones, and those for the Python that runs this."""

    def build(folder: Path) -> None:
        run([sys.executable, ROOT / "tools" / "build_packages.py", "--out", folder])

    return once("dist", build)


@pytest.fixture(scope="session")
def wheelhouse(once: Once, built: Path, pythons: list[interpreters.Interpreter]) -> Path:
    """The built wheels beside those that tests need: everything that is installed comes from here."""

    def gather(folder: Path) -> None:
        for wheel in built.glob("*.whl"):
            shutil.copy(wheel, folder)
        build = [sys.executable, "-m", "build", "--no-isolation", "--wheel"]
        run([*build, "--outdir", folder, TEST_SUPPORT])
        # There are compiled ones among them.
        for python in pythons:
            only = ("--only-binary=:all:", "--python-version", python.version)
            run([*PIP, "download", "--quiet", "--dest", folder, *only, *TEST_TOOLS])

    return once("wheelhouse", gather)


@pytest.fixture(scope="session")
def add_compiled(
    once: Once, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[interpreters.Interpreter], None]:
    """Adds the wheels with compiled twins for a Python to the wheelhouse, unless they are there."""
    there = {"{}.{}".format(*sys.version_info)}

    def add(python: interpreters.Interpreter) -> None:
        if python.version in there:
            return

        def build(folder: Path) -> None:
            place = tmp_path_factory.mktemp("build")
            virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"]
            run([*virtualenv, "--python", python.path, place])
            builder = executable(place)
            pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
            run([builder, *pip, "build>=1.2", *BACKEND])
            run([builder, ROOT / "tools" / "build_packages.py", "--twins", "--out", folder])
            # Another process may be installing from there: a wheel comes whole, or not yet.
            for wheel in folder.glob("*.whl"):
                wheel.rename(wheelhouse / wheel.name)

        once(f"built-{python.version}", build)
        there.add(python.version)

    return add


@pytest.fixture(scope="session")
def editable_tools(once: Once) -> Path:
    """Wheels of the build backend, which an editable installation needs."""

    def fetch(folder: Path) -> None:
        run([*PIP, "download", "--quiet", "--dest", folder, *BACKEND])

    return once("editable-tools", fetch)


@pytest.fixture(scope="module")
def make_environment(
    wheelhouse: Path,
    pythons: list[interpreters.Interpreter],
    add_compiled: Callable[[interpreters.Interpreter], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MakeEnvironment]:
    """Make fresh environments with pip and what is asked for, by default on the newest Python."""
    parent = tmp_path_factory.mktemp("environments")
    numbers = itertools.count()

    def make(
        *requirements: str | Path, python: interpreters.Interpreter | None = None
    ) -> Environment:
        folder = parent / str(next(numbers))
        chosen = python or pythons[-1]
        add_compiled(chosen)
        virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"]
        run([*virtualenv, "--python", chosen.path, folder])
        environment = Environment(folder, wheelhouse)
        if requirements:
            environment.install(*requirements)
        return environment

    yield make
    # Some hundred megabytes otherwise, since pytest keeps the folders of the last runs.
    shutil.rmtree(parent, ignore_errors=True)
