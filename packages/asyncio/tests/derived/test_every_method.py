"""A loop class that overrides all that the standard loop has, with the signatures of this Python, works.

What loops that are derived from ours override, and spies that are set on them, is called in the way in
which the standard loop of the running Python calls it, whatever newer Pythons hand on besides.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from asyncio_test_support.certificates import Certificates

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the class is derived from the Unix loop"
)

PROGRAM = str(Path(__file__).parent / "every_method.py")
JOBS = runpy.run_path(str(Path(__file__).parent / "jobs.py"))["JOBS"]

# What the standard loop calls and ours has no use for, with the reason.
_STEPS_OF_SOCK_CALLS = "a step of a sock_*() call, which is one coroutine here"
NOT_CALLED = {
    "_sock_accept": _STEPS_OF_SOCK_CALLS,
    "_sock_add_cancellation_callback": _STEPS_OF_SOCK_CALLS,
    "_sock_connect": _STEPS_OF_SOCK_CALLS,
    "_sock_connect_cb": _STEPS_OF_SOCK_CALLS,
    "_sock_read_done": _STEPS_OF_SOCK_CALLS,
    "_sock_recv": _STEPS_OF_SOCK_CALLS,
    "_sock_recv_into": _STEPS_OF_SOCK_CALLS,
    "_sock_recvfrom": _STEPS_OF_SOCK_CALLS,
    "_sock_recvfrom_into": _STEPS_OF_SOCK_CALLS,
    "_sock_sendall": _STEPS_OF_SOCK_CALLS,
    "_sock_sendfile_native_impl": _STEPS_OF_SOCK_CALLS,
    "_sock_sendfile_update_filepos": _STEPS_OF_SOCK_CALLS,
    "_sock_sendto": _STEPS_OF_SOCK_CALLS,
    "_sock_write_done": _STEPS_OF_SOCK_CALLS,
}

# Hooks with a number of arguments that depends on whose callback they are given, and public methods,
# which the jobs themselves call in many forms.
TAKES_ANY = {"_add_reader", "_add_writer"}


class Running:
    """Runs the program; with the standard asyncio, once for each Python, and with this one."""

    def __init__(self, python: Callable[..., Any], folder: Path, certificates: Path) -> None:
        self.python = python
        self.environment = {"CERTIFICATES": str(certificates)}
        self.table = str(folder / "table")

    def __call__(self, job: str, *options: str, implementation: str | None = None) -> Any:
        result = self.python(
            *(*options, PROGRAM, "run", self.table, job),
            implementation=implementation,
            environment=self.environment,
        )
        # The standard asyncio of older Pythons reports what its own streams do at the end.
        reported = "" if implementation is None else result.stderr
        assert (result.returncode, result.stderr) == (0, reported)
        return {
            name: {(count, tuple(keywords)) for count, keywords in forms}
            for name, forms in json.loads(result.stdout).items()
        }


@pytest.fixture
def run(
    python: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    certificates: Certificates,
) -> Callable[..., Any]:
    running = Running(python, tmp_path, certificates.folder)
    result = python(PROGRAM, "table", running.table, implementation="stdlib")
    assert (result.returncode, result.stderr) == (0, "")
    return running


@pytest.mark.parametrize("job", JOBS)
def test_it_works_through_overrides(run: Callable[..., Any], job: str) -> None:
    assert "run_forever" in run(job, "-W", "error")


def test_hooks_are_called_as_by_the_standard_loop(run: Callable[..., Any]) -> None:
    theirs = run("all", implementation="stdlib")
    ours = run("all")
    theirs.pop("default_exception_handler", None)
    assert set(theirs) - set(NOT_CALLED) - set(ours) == set()
    different = {
        name: (theirs[name], ours[name])
        for name in theirs
        if name.startswith("_") and name in ours and name not in TAKES_ANY
        if not ours[name] <= theirs[name]
    }
    assert different == {}
    assert not ours.keys() & NOT_CALLED.keys()
    for name in TAKES_ANY:
        assert {k for _, k in ours[name]} == {k for _, k in theirs[name]}
