#!/bin/sh
# CPython 3.15.0, profiling.sampling: with --async-aware the profile of a program without the accelerator of asyncio is empty, and nothing says so.
#
# Seen: the standard asyncio runs without its accelerator, `_asyncio`, where that cannot be imported; so do other implementations
# of its API. `profiling.sampling attach --async-aware` finds tasks by what the accelerator has in memory. Without that it
# reports a thousand samples and an error rate of 0.00, writes a profile with no line, and exits with 0. Without the option the
# same program has its frames.
#
# Runs without this project, on a Python 3.15 (PYTHON says which) whose processes its user may read. Exits 0 while it is so.
set -eu
python=${PYTHON:-python3.15}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/program.py" << 'PROGRAM'
import sys

sys.modules["_asyncio"] = None
import asyncio
import time


async def crunch():
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sum(range(2000))
        await asyncio.sleep(0)


async def main():
    await asyncio.create_task(crunch(), name="crunch")


print("up", flush=True)
asyncio.run(main())
PROGRAM
cat > "$folder/look.py" << 'PROGRAM'
import pathlib
import platform
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
print("Python", platform.python_version())
lines = {}
with subprocess.Popen([sys.executable, folder / "program.py"], stdout=subprocess.PIPE) as program:
    try:
        assert program.stdout.readline() == b"up\n"
        for name, options in (("frames", []), ("tasks", ["--async-aware"])):
            out = folder / name
            command = [sys.executable, "-m", "profiling.sampling", "attach", *options]
            told = subprocess.run(
                [*command, "-d", "1", "--collapsed", "-o", out, str(program.pid)],
                capture_output=True,
                text=True,
            )
            lines[name] = out.read_text().count("\n")
            print(f"{name}: exit status {told.returncode}, {lines[name]} lines;", told.stdout.split("\n")[0])
            assert told.returncode == 0
    finally:
        program.kill()
assert lines["frames"] > 0
assert lines["tasks"] == 0, "this has changed"
PROGRAM
"$python" "$folder/look.py" "$folder" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
