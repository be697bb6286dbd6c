"""A uvicorn server as its command line starts it, in a process of its own, and an httpx client that asks it.

usage: web_uvicorn.py [TIMES [LOOP]]; LOOP is what uvicorn is told by `--loop`, with `none` asyncio chooses
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import uvicorn
from report import Report

#: How often each kind of request is made.
TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 300
LOOP = sys.argv[2] if len(sys.argv) > 2 else "asyncio"
#: The exit status of a Windows process that Ctrl-Break ended (STATUS_CONTROL_C_EXIT).
ENDED_BY_BREAK = 0xC000013A
# There Ctrl-Break goes to a group of processes: the server gets one of its own.
if sys.platform == "win32":
    OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    OWN_GROUP = 0


async def start_server() -> tuple[asyncio.subprocess.Process, str]:
    """Start uvicorn on a free port and return its process and its address, read from what it logs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "asgi_app:app", "--loop", LOOP),
        *("--host", "127.0.0.1", "--port", "0", "--no-access-log", "--lifespan", "on"),
        # On a busy machine a connection may be used again after seconds, and would be closed just then.
        *("--timeout-keep-alive", "120"),
        cwd=Path(__file__).parent,
        stderr=asyncio.subprocess.PIPE,
        creationflags=OWN_GROUP,
    )
    assert process.stderr is not None
    async for line in process.stderr:
        match = re.search(rb"running on (http://127\.0\.0\.1:\d+)", line)
        if match is not None:
            return process, match[1].decode()
    raise RuntimeError(f"uvicorn ended with status {await process.wait()} before it listened")


def stop_server(process: asyncio.subprocess.Process) -> bool:
    """Ask uvicorn to shut down; return whether it hears of that, or is merely ended."""
    if sys.platform != "win32":
        process.send_signal(signal.SIGTERM)
        return True
    try:
        process.send_signal(signal.CTRL_BREAK_EVENT)
    except OSError:  # there is no console to press Ctrl-Break on
        process.terminate()
        return False
    return True


async def visit(client: httpx.AsyncClient, n: int, report: Report) -> None:
    body = b"request %d " % n * (1 + n * 20)
    response = await client.post("/echo", content=body)
    report.check(f"echo {n}", (response.status_code, response.content), (200, body))
    async with client.stream("GET", "/stream") as streamed:
        lines = [line async for line in streamed.aiter_lines()]
    report.check(f"stream {n}", lines, [f"line {k}" for k in range(50)])
    missing = await client.get(f"/no/{n}")
    report.check(f"missing {n}", missing.status_code, 404)


async def main() -> int:
    report = Report(3 * TIMES + 3)
    process, address = await start_server()
    try:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
            about = (await client.get("/about")).json()
            report.check(
                "the server's asyncio",
                about["implementation"],
                getattr(asyncio, "__implementation__", "standard"),
            )
            await asyncio.gather(*(visit(client, n, report) for n in range(TIMES)))
    finally:
        told = stop_server(process)
    assert process.stderr is not None
    log = (await process.stderr.read()).decode()
    report.check("uvicorn's last words", "Application shutdown complete" in log, told)
    # uvicorn ends by the signal that stopped it, or with 0 in its older versions.
    ends = (0, ENDED_BY_BREAK if told else 1) if sys.platform == "win32" else (0, -signal.SIGTERM)
    report.check("uvicorn's end", await process.wait() in ends, True)
    report.extra["what"] = (
        f"uvicorn {uvicorn.__version__} on {about['loop'].rpartition('.')[2]}, "
        f"httpx {httpx.__version__}, {3 * TIMES} requests"
    )
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
