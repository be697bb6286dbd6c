#!/bin/sh
# rloop 0.5.0: a loop's exception handler is called with the context alone, not with the loop and the context.
#
# Seen: loop.set_exception_handler() is documented to take a callable with the signature (loop, context), and the
# standard loop calls it so. This loop calls it with one argument, the dict, both where a callback has raised and for
# loop.call_exception_handler(). A handler that is written as documented raises TypeError there, and what it
# was to report is lost to it; the default handler is not concerned.
#
# Runs without this project, on a Python 3.11 or newer with pip (PYTHON says which). Exits 0 while it is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check rloop==0.5.0
cat > "$folder/handlers.py" << 'PROGRAM'
import asyncio
import platform
from importlib.metadata import version

import rloop

assert not hasattr(asyncio, "__implementation__"), "this is not the standard asyncio"
print("Python", platform.python_version(), "rloop", version("rloop"))


async def kinds_of_arguments():
    loop = asyncio.get_running_loop()
    calls = []
    loop.set_exception_handler(lambda *given: calls.append([type(each).__name__ for each in given]))
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.05)
    loop.call_exception_handler({"message": "reported by hand"})
    return calls


found = {}
for name, factory in (("standard", asyncio.SelectorEventLoop), ("rloop", rloop.new_event_loop)):
    with asyncio.Runner(loop_factory=factory) as runner:
        found[name] = runner.run(kinds_of_arguments())
    print(f"{name}: called with {found[name]}")
assert all(len(call) == 2 for call in found["standard"])
assert found["rloop"] == [["dict"], ["dict"]], "this has changed"
PROGRAM
"$python" "$folder/handlers.py" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
