#!/bin/sh
# ddtrace 4.16.0: its integration of asyncio needs a loop whose create_task() is a function in Python.
#
# Seen: patch(asyncio=True) rewrites the bytecode of BaseEventLoop.create_task in place. Where that method is no Python
# function, as in any loop that is a compiled class, it raises AttributeError for the missing __code__. `ddtrace-run`
# prints that and goes on, and spans of tasks come out right all the same; DD_TRACE_ASYNCIO_ENABLED=false avoids it.
# Other tools of the kind (opentelemetry-instrumentation-asyncio, sentry-sdk) put a function in its place instead.
#
# Runs without this project, on a Python 3.11 or newer with pip (PYTHON says which). Exits 0 while it is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check ddtrace==4.16.0
cat > "$folder/patched.py" << 'PROGRAM'
import asyncio
import platform
from importlib.metadata import version

assert not hasattr(asyncio, "__implementation__"), "this is not the standard asyncio"
print("Python", platform.python_version(), "ddtrace", version("ddtrace"))

# A method that is written in C, in the place of the one in Python, as a compiled loop has it.
import functools


class InC:
    """Stands for a method descriptor: it can be called, and has no code."""

    def __init__(self, function):
        self._function = function

    def __get__(self, loop, owner=None):
        return self if loop is None else functools.partial(self._function, loop)


base = asyncio.BaseEventLoop
base.create_task = InC(base.create_task)


async def main():
    return await asyncio.get_running_loop().create_task(asyncio.sleep(0, "it runs"))


assert asyncio.run(main()) == "it runs"

from ddtrace import patch

try:
    patch(asyncio=True, raise_errors=True)
except AttributeError as error:
    print("patch() raises AttributeError:", error)
    assert "__code__" in str(error), "this has changed"
else:
    raise SystemExit("this has changed: patch() raises nothing")
PROGRAM
DD_TRACE_ENABLED=false "$python" "$folder/patched.py"
