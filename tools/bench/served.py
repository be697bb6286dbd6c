"""The measured process of `bench echo`: starts a server that it is told of, and counts when it is told to.

Started by path, with the Python of a side's environment: `served.py FACTORY`, a loop factory as `module:attribute`, or
nothing for the asyncio's own. Needs nothing but the standard library. Reads lines of JSON and answers each with one:

  {"case": NAME, …}   starts the server: {"port": PORT}
  {"begin": TITLE, "library": PATH}, {"end": TITLE}
                      valgrind counts from here, up to here: {}
  {"messages": N}     so many operations, where there are no clients: {"messages": N, "seconds": S}
  {"stop": true}      ends the server and its loop: {}

What is told while a loop runs is heard by another thread, which waits without the interpreter's lock: the loop watches
nothing but its connections.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import queue
import resource
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Only for what stands in this folder: nothing else here is to hide a module of the side's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import pidfds, servers
from bench.cases import Unavailable
from bench.meters import Callgrind
from bench.worker import factory, reason

CASES = servers.load()
del sys.path[:2]

if TYPE_CHECKING:
    from bench.servers import Operate
    from bench.worker import Factory

NOTHING = b"{}\n"


class Served:
    """The server that runs, one after the other, on loops of one kind."""

    def __init__(self, make_loop: Factory, out: int) -> None:
        self._make_loop = make_loop
        self._out = out
        self._wanted: queue.Queue[dict[str, Any]] = queue.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._operate: Operate | None = None
        self._operating: asyncio.Task[None] | None = None
        self._meter: Callgrind | None = None

    def run(self) -> None:
        """Do what is told until there is nothing more."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            wanted = self._wanted.get()
            try:
                self._serve(wanted)
            except Unavailable as error:
                self._answer({"missing": str(error)})
            except Exception as error:
                self._answer({"missing": reason(error)})

    def _answer(self, facts: dict[str, Any]) -> None:
        os.write(self._out, json.dumps(facts).encode() + b"\n")

    def _serve(self, wanted: dict[str, Any]) -> None:
        self._loop = loop = self._make_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._until_stopped(loop, wanted))
            self._end(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        gc.collect()
        os.write(self._out, NOTHING)

    async def _until_stopped(self, loop: asyncio.AbstractEventLoop, wanted: dict[str, Any]) -> None:
        self._stopped = loop.create_future()
        case = CASES[wanted["case"]]
        servers.certificate = wanted["certificate"]
        if wanted.get("library") and not case.load.has_clients:
            pidfds.lend(wanted["library"])
        async with case.serve() as served:
            if isinstance(served, int):
                self._answer({"port": served})
            else:
                self._operate = served
                self._answer({})
            await self._stopped

    @staticmethod
    def _end(loop: asyncio.AbstractEventLoop) -> None:
        """Let tasks that have not noticed that their connection is gone end."""
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=10))

    def _obey(self, wanted: dict[str, Any]) -> None:
        # In the loop's thread: to valgrind, whose thread asks makes a difference.
        if "begin" in wanted:
            gc.collect()
            self._meter = Callgrind(wanted["library"], wanted["begin"])
            os.write(self._out, NOTHING)
            self._meter.__enter__()
        elif "end" in wanted:
            assert self._meter is not None
            self._meter.end()
            os.write(self._out, NOTHING)
        elif "messages" in wanted:
            assert self._loop is not None
            self._operating = self._loop.create_task(self._run(wanted["messages"]))
        else:
            assert self._stopped is not None
            self._stopped.set_result(None)

    async def _run(self, count: int) -> None:
        assert self._operate is not None
        started = time.perf_counter()
        try:
            await self._operate(count)
        except Exception as error:
            self._answer({"missing": reason(error)})
        else:
            self._answer({"messages": count, "seconds": time.perf_counter() - started})

    def _listen(self) -> None:
        for line in sys.stdin:
            wanted = json.loads(line)
            if "case" in wanted:
                self._wanted.put(wanted)
            else:
                assert self._loop is not None
                self._loop.call_soon_threadsafe(self._obey, wanted)
        # Whatever runs: nobody is there any more who would stop it.
        os._exit(0)


def main() -> None:
    # What a side prints is not an answer.
    out = os.dup(1)
    os.dup2(2, 1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        make_loop = factory(sys.argv[1:])
    except Exception as error:
        os.write(out, json.dumps({"missing": reason(error)}).encode() + b"\n")
        return
    Served(make_loop, out).run()


if __name__ == "__main__":
    main()
