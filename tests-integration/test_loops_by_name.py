"""Event loops as plug-ins: small distributions that register one, chosen by ASYNCIO_LOOP."""

from __future__ import annotations

import textwrap
import zipfile
from typing import TYPE_CHECKING

import pytest

from workspace import packages

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment

CORE = packages.load()[0].version

WHICH = """
import asyncio
async def main():
    return type(asyncio.get_running_loop()).__qualname__
print(asyncio.run(main()))
"""

GOOD = """
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy
from asyncio_selectors.unix_events import SelectorEventLoop

class OtherLoop(SelectorEventLoop):
    pass

class OtherPolicy(BaseDefaultEventLoopPolicy):
    _loop_factory = OtherLoop
"""


def make_wheel(folder: Path, name: str, version: str, loop: str, source: str) -> Path:
    """Write a wheel by hand: one module that registers a loop under a name."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[asyncio.loop_policies]\n{loop} = {module}:OtherPolicy\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", record)
    return wheel


@pytest.fixture(scope="module")
def environment(
    make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """One loop that works, one name that two distributions want, and one that does not load."""
    tmp_path = tmp_path_factory.mktemp("loops")
    return make_environment(
        "asyncio",
        make_wheel(tmp_path, "good-loop", "1.2", "good", GOOD),
        make_wheel(tmp_path, "twin-one", "3.0", "twin", GOOD),
        make_wheel(tmp_path, "twin-two", "4.0", "twin", GOOD),
        make_wheel(tmp_path, "broken-loop", "5.6", "broken", "import no_such_module_at_all\n"),
    )


def test_registered_loop_runs_when_it_is_named_and_only_then(environment: Environment) -> None:
    default = environment.evaluate(WHICH)
    assert "SelectorEventLoop" in default
    assert environment.evaluate(WHICH, env={"ASYNCIO_LOOP": "good"}) == "OtherLoop"
    assert environment.evaluate(WHICH, env={"ASYNCIO_LOOP": "selectors"}) == default
    assert environment.evaluate(WHICH, env={"ASYNCIO_LOOP": ""}) == default


@pytest.mark.parametrize("target", ["good_loop:OtherPolicy", "good_loop:OtherLoop"])
def test_policy_class_or_loop_factory_is_found_by_module_and_attribute(
    environment: Environment, target: str
) -> None:
    assert environment.evaluate(WHICH, env={"ASYNCIO_LOOP": target}) == "OtherLoop"


BAD = {
    "no-such-loop": ["no-such-loop", "good", "selectors"],
    "twin": ["twin", "twin-one 3.0", "twin-two 4.0"],
    "broken": ["broken", "broken-loop 5.6", "no_such_module_at_all"],
    "no_such_module:thing": ["no_such_module"],
    "good_loop:no_such_thing": ["no_such_thing"],
    "sys:maxsize": ["maxsize"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_choice_is_one_clear_error_from_code(environment: Environment, name: str) -> None:
    code = textwrap.dedent("""
        import asyncio
        from asyncio_core.choosing.loop_registry import LoopSelectionError
        async def main(): pass
        program = main()
        try:
            asyncio.run(program)
        except LoopSelectionError as error:
            print(error)
        finally:
            program.close()
    """)
    message = environment.evaluate(code, env={"ASYNCIO_LOOP": name})
    assert len(message.splitlines()) == 1
    for word in BAD[name]:
        assert word in message


@pytest.mark.parametrize("name", BAD)
def test_bad_choice_is_one_line_and_status_2_from_the_command_line(
    environment: Environment, name: str
) -> None:
    done = environment.run("-m", "asyncio", env={"ASYNCIO_LOOP": name}, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in BAD[name]:
        assert word in done.stderr


def test_listing_shows_every_loop_and_what_is_wrong_with_it(environment: Environment) -> None:
    _, *lines = environment.run("-m", "asyncio", "loops").stdout.splitlines()
    rows: dict[tuple[str, ...], str] = {}
    last: tuple[str, ...] = ()
    for line in lines:
        if line.startswith(" "):
            # What is wrong stands below the line.
            rows[last] += f" {line.strip()}"
        else:
            last = tuple(line.split()[:3])
            rows[last] = line
    assert list(rows) == sorted(rows), "by name"
    assert " default " in rows["selectors", "asyncio-selectors", CORE]
    assert sum(" default " in line for line in lines) == 1
    assert rows["good", "good-loop", "1.2"].endswith(" usable")
    broken = rows["broken", "broken-loop", "5.6"]
    assert " unusable the entry point " in broken
    assert "no_such_module_at_all" in broken
    for twin in (("twin", "twin-one", "3.0"), ("twin", "twin-two", "4.0")):
        assert "twin-one 3.0" in rows[twin]
        assert "twin-two 4.0" in rows[twin]
