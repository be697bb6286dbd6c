"""gbulb: a loop that derives from asyncio's base alone and is run by GLib's main loop, with transports of its own."""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from pathlib import Path

import gbulb
from kinds import connections, datagrams, processes
from traffic import check, finish, gone, listen, loop_name


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Its servers' sockets block: what is written at once has to fit into their buffers.
        await connections(Path(folder), long=1000)
    await datagrams()
    await processes()
    check(await asyncio.to_thread(pow, 2, 8), 256)
    await gone()


listen()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # policies go away
    gbulb.install()
    loop = asyncio.get_event_loop_policy().get_event_loop()
loop.run_until_complete(main())
loop.close()
kind = next(base for base in type(loop).mro() if base.__module__.startswith("asyncio"))
finish("gbulb", loop=loop_name(kind))
