"""Programs in a fresh interpreter, or in an isolated subinterpreter of one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that a program may take.
LIMIT = 60.0

#: Without these no program starts that loads what was built with a sanitizer.
_OF_SANITIZERS = ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC")

_ISOLATED = """
def run(program):
    try:
        from concurrent import interpreters
    except ImportError:
        pass
    else:
        other = interpreters.create()
        other.exec(program)
        other.close()
        return
    import _interpreters as interpreters
    other = interpreters.create()
    failed = interpreters.run_string(other, program)
    assert failed is None, failed
    interpreters.destroy(other)
"""


def with_sanitizer(env: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables, with those of a sanitizer that runs here."""
    return {**{name: os.environ[name] for name in _OF_SANITIZERS if name in os.environ}, **env}


def run_python(
    code: str, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run lines of Python in a fresh interpreter; `env` stands for all environment variables.

    Those of a sanitizer that runs here are kept.
    """
    if env is not None:
        env = with_sanitizer(env)
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        timeout=LIMIT,
    )


def printed_by(code: str, *options: str, env: Mapping[str, str] | None = None) -> str:
    """Run lines of Python, which must end well and without a word on stderr; return what they print."""
    done = run_python(code, *options, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def run_isolated(program: str) -> None:
    """Run a program in an isolated subinterpreter of another process; it fails where that one does."""
    code = f"{_ISOLATED}\nrun({textwrap.dedent(program)!r})"
    assert printed_by(code, "-W", "error") == ""
