"""A busy program that Ctrl-C ends: run by `interrupting` as FOLDER SEED ["at-terminal"].

It says when it is busy, and afterwards what was wrong.
"""

from __future__ import annotations

import asyncio
import faulthandler
import fcntl
import sys
import termios
from pathlib import Path
from typing import Any

from bustle import KINDS, Bustle
from stage import Stage, Tools


async def main(stage: Stage, bustle: Bustle) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stage.reported.append(context))
    busy = asyncio.create_task(bustle.run())
    await bustle.answers_each()
    print("busy", flush=True)
    await busy


if __name__ == "__main__":
    faulthandler.enable()
    if "at-terminal" in sys.argv:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    nobody: Any = None
    stage = Stage(Tools(Path(sys.argv[1]), nobody, nobody))
    kinds = tuple(kind for kind in KINDS if kind not in ("tls", "visits"))
    bustle = Bustle(stage, int(sys.argv[2]), kinds=kinds)
    # What is typed at a terminal is for all who are in its foreground.
    bustle.children_interrupted = "at-terminal" in sys.argv
    try:
        with stage.looking():
            asyncio.run(main(stage, bustle))
    finally:
        for line in stage.wrong:
            print(line)
