"""A Jupyter kernel and its client: code that awaits, in a process whose loop runs on ZeroMQ's sockets."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traffic import check, gone, run

CELLS = {
    "await asyncio.sleep(0.01, 'slept')": "'slept'",
    "await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(4)))": "[1, 2, 4, 8]",
    "task = asyncio.create_task(asyncio.sleep(0.01, 'in the background'))": "",
    "await task": "'in the background'",
    "child = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)": "",
    "(await child.communicate(b'text'))[0]": "b'text'",
    "asyncio.get_running_loop().is_running()": "True",
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncKernelManager(kernel_name="python3")
        await manager.start_kernel(cwd=folder)
        client: Any = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)

            async def execute(code: str) -> tuple[str, str]:
                """Return how it ended and what it displays."""
                shown: list[str] = []

                def output(message: Any) -> None:
                    if message["msg_type"] == "execute_result":
                        shown.append(message["content"]["data"]["text/plain"])

                reply = await client.execute_interactive(code, timeout=60, output_hook=output)
                return reply["content"]["status"], "".join(shown)

            ours = getattr(asyncio, "__implementation__", "standard")
            implementation = "import asyncio; getattr(asyncio, '__implementation__', 'standard')"
            check(await execute(implementation), ("ok", repr(ours)))
            for code, shown in CELLS.items():
                check(await execute(code), ("ok", shown))
            check(
                (await execute("await asyncio.wait_for(asyncio.Event().wait(), 0.01)"))[0], "error"
            )
            check(await execute("1 + 1"), ("ok", "2"))
        finally:
            client.stop_channels()
            await manager.shutdown_kernel()
    await gone()


run(main, "ipykernel", "jupyter-client")
