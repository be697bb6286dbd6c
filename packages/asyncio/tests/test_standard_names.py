"""The names of the standard asyncio: each is here too and, where it is looked up there, it is here.

The standard asyncio of the running Python tells what it has, in a process of its own. What is
missing on purpose stands in `standard/differences.toml` with the reason.
"""

from __future__ import annotations

import fnmatch
import json
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.twins import twins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncio_test_support.certificates import Certificates
    from conftest import RunPython

HERE = Path(__file__).parent / "standard"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the programs use sockets and signals of Unix"
)


def told_by(python: RunPython, program: str, *arguments: object, standard: bool = False) -> Any:
    result = python(
        str(HERE / program),
        *map(str, arguments),
        implementation="stdlib" if standard else None,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


FORM = "pure" if twins is None else "compiled"


def holds_here(row: dict[str, Any]) -> bool:
    """Whether a row is about the running Python, and the form that runs here."""
    if row.get("form", FORM) != FORM:
        return False
    first, several, last = row.get("pythons", "3.0-").partition("-")
    here = sys.version_info[:2]
    return version(first) <= here <= version(last or ("4.0" if several else first))


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def compare(section: str, missing: Iterable[str]) -> None:
    """Hold what is missing against the table's section, both ways."""
    with open(HERE / "differences.toml", "rb") as file:
        rows = [row for row in tomllib.load(file)[section] if holds_here(row)]
    assert all(row["reason"] for row in rows)
    patterns = [name for row in rows for name in row["names"]]
    if find_spec("asyncio_iocp") is None:
        # Off Windows it need not be installed; what stands in for this module has one class.
        patterns = [name for name in patterns if not name.startswith("proactor_events")]
        missing = {name for name in missing if not name.startswith("proactor_events")}
    left = {name for name in missing if not any(fnmatch.fnmatchcase(name, p) for p in patterns)}
    assert not left, f"missing, and no row says why: {sorted(left)}"
    idle = [p for p in patterns if not fnmatch.filter(missing, p)]
    assert not idle, f"rows for what is not missing: {idle}"


def test_what_is_replaced_in_a_submodule_is_what_runs(
    python: RunPython, tmp_path: Path, certificates: Certificates
) -> None:
    standard = told_by(python, "looked_up.py", certificates.folder, standard=True)
    wanted = tmp_path / "wanted.json"
    wanted.write_text(json.dumps(sorted({entry.partition(": ")[2] for entry in standard["seen"]})))
    ours = told_by(python, "looked_up.py", certificates.folder, wanted)
    assert standard["errors"] == ours["errors"] == []
    missing = {entry for entry in standard["seen"] if is_told(entry)} - set(ours["seen"])
    compare("looked_up", missing)


# Names with an underscore that loops and tools outside replace.
PRIVATE = {
    "base_events._format_handle",
    "events._get_running_loop",
    "events._set_running_loop",
    "tasks._enter_task",
    "tasks._leave_task",
    "tasks._register_task",
    "tasks._unregister_task",
}


def is_told(entry: str) -> bool:
    """Whether a recorded look-up is of a public function or class, or of one in `PRIVATE`."""
    label = entry.partition(": ")[2]
    # What is read from a module, as `os.stat` from `asyncio.unix_events.os`, is compared by name.
    return label.count(".") == 1 and (label in PRIVATE or "._" not in label)


def test_every_name_of_the_standard_library_is_here(python: RunPython) -> None:
    standard = told_by(python, "names.py", standard=True)
    ours = told_by(python, "names.py")
    missing = set()
    for place, names in standard.items():
        if place in ours:
            missing |= {f"{place}: {name}" for name in set(names) - set(ours[place])}
        else:
            # Of a class that is missing altogether, the name says enough.
            assert "." in place, place
    compare("names", missing)
