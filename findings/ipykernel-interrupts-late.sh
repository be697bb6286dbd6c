#!/bin/sh
# ipykernel 7.4.0 on the standard asyncio: an interrupt of a cell that awaits takes effect only when the
# loop wakes for another reason.
#
# Seen: a cell that blocks in time.sleep(8) is interrupted after 1.5 s and ends at once (KeyboardInterrupt);
# a cell that awaits asyncio.sleep(8) is interrupted after 1.5 s and ends after 8 s (CancelledError).
# The kernel's handler of SIGINT hands the cancellation to Tornado's add_callback(), which finds itself in
# the loop's own thread, under the running loop, and calls call_soon(): that wakes no loop that waits.
#
# Runs without this project, on a Python 3.11 or newer with pip (PYTHON says which). Exits 0 while it is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check \
    ipykernel==7.4.0 jupyter-client==8.10.0 tornado==6.6.1
cat > "$folder/interrupt.py" << 'PROGRAM'
import asyncio
import platform
import threading
import time
from importlib.metadata import version

from jupyter_client.manager import start_new_kernel

assert not hasattr(asyncio, "__implementation__"), "this is not the standard asyncio"
print("Python", platform.python_version(), *(f"{n} {version(n)}" for n in ("ipykernel", "tornado")))
manager, client = start_new_kernel()
took = {}
try:
    for code in ("import time; time.sleep(8)", "import asyncio; await asyncio.sleep(8)"):
        begun = time.monotonic()
        threading.Timer(1.5, manager.interrupt_kernel).start()
        reply = client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
        took[code] = time.monotonic() - begun
        print(f"{code!r}: {reply['content'].get('ename')} after {took[code]:.1f} s")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
blocking, awaiting = took.values()
assert blocking < 6, "the blocking cell was not interrupted"
assert awaiting > 7, "the awaiting cell was interrupted in time: this has changed"
PROGRAM
"$python" "$folder/interrupt.py" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
