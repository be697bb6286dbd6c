"""PyGObject's own event loop: derived from asyncio's, and run by GLib's main loop."""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from pathlib import Path
from typing import Any

import gi
from gi.events import GLibEventLoopPolicy
from gi.repository import Gio, GLib
from kinds import connections, datagrams, descriptors, processes
from traffic import check, finish, gone, listen, loop_name


async def glib() -> None:
    """What GLib calls, and what is awaited of Gio."""
    loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
    called = loop.create_future()
    GLib.timeout_add(1, lambda: called.set_result("by GLib"))
    check(await called, "by GLib")
    read = await Gio.File.new_for_path(gi.__file__).load_contents_async()
    check(bytes(read[1]), Path(gi.__file__).read_bytes())
    async with asyncio.timeout(10):
        check(
            await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(10))),
            [2**n for n in range(10)],
        )
    waiting = asyncio.create_task(asyncio.Event().wait())
    loop.call_later(0.001, waiting.cancel)
    check(
        isinstance(
            (await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError
        ),
        True,
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await connections(Path(folder))
    await datagrams()
    await processes()
    await descriptors()
    await glib()
    await gone()


listen()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # policies go away
    asyncio.set_event_loop_policy(GLibEventLoopPolicy())
    loop: Any = asyncio.get_event_loop_policy().get_event_loop()
loop.run_until_complete(main())
# The other way round: a main loop of GLib's that somebody else runs.
task = loop.create_task(datagrams())
main_loop = GLib.MainLoop()
task.add_done_callback(lambda _: main_loop.quit())
main_loop.run()
check(task.done() and task.exception(), None)
loop.close()
kind = next(base for base in type(loop).mro() if base.__module__.startswith("asyncio"))
finish("PyGObject", loop=loop_name(kind))
