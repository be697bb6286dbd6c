"""Pieces that are there in another version than the facade: told once, with the remedy."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_test_support.fixture_types import RunPython

    Check = Callable[[str], str]

#: Runs a loop with some pieces of another version, as if they had been installed by themselves.
MIXED = """
import asyncio, sys
for piece in PIECES:
    __import__(piece)
    # Loads the piece, which gives itself its version.
    assert sys.modules[piece].__version__ != "1!9.9"
    sys.modules[piece].__version__ = "1!9.9"
asyncio.new_event_loop().close()
asyncio.new_event_loop().close()
print("ran")
"""


def mixed(*pieces: str) -> tuple[str, str]:
    return "-c", f"PIECES = {pieces!r}\n{MIXED}"


def test_pieces_of_one_version_are_no_news(check: Check) -> None:
    program = mixed()[1]
    assert check(program) == "ran\n"


def test_pieces_of_another_version_are_one_warning_with_the_remedy(python: RunPython) -> None:
    result = python(*mixed("asyncio_sync", "asyncio_core"))

    assert result.stdout == "ran\n"
    assert result.stderr.count("RuntimeWarning: asyncio ") == 1
    assert "runs with asyncio-core 1!9.9, asyncio-sync 1!9.9: all of it should be" in result.stderr
    assert "Install all of it again" in result.stderr


def test_warning_can_be_made_an_error(python: RunPython) -> None:
    result = python("-W", "error::RuntimeWarning", *mixed("asyncio_streams"))

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("RuntimeWarning: asyncio ")


def test_version_command_tells_of_pieces_of_another_version(python: RunPython) -> None:
    program = (
        "import sys, asyncio_sync; asyncio_sync.__version__ = '1!9.9'\n"
        "from asyncio._commands import main; sys.exit(main(['--version']))"
    )
    result = python("-c", program)

    assert (result.returncode, result.stderr) == (0, "")
    (row,) = (line for line in result.stdout.splitlines() if line.startswith("asyncio-sync "))
    assert row.split()[1] == "1!9.9"
    assert "runs with asyncio-sync 1!9.9: all of it" in " ".join(result.stdout.split())


@pytest.mark.parametrize("piece", ["selectors", "streams"])
def test_compiled_forms_of_two_versions_do_not_mix(python: RunPython, piece: str) -> None:
    if find_spec("asyncio_core._twins") is None:
        pytest.skip("no compiled form is here")
    program = (
        "import asyncio_core; asyncio_core.__version__ = '1!9.9'\n"
        f"from asyncio_{piece} import twins; print(twins.twins, twins.why_pure)"
    )

    result = python("-c", program, environment={"ASYNCIO_PURE_PYTHON": ""})

    assert (result.stdout, result.stderr) == (
        "None asyncio-core is of another version, 1!9.9\n",
        "",
    )
