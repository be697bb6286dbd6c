"""qasync: a loop that derives from asyncio's and is run by Qt, with TCP, UDP, processes, TLS, threads and signals of Qt."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from kinds import connections, datagrams, descriptors, processes
from PySide6 import QtCore
from qasync import QEventLoop, QThreadExecutor, asyncSlot
from traffic import check, finish, gone, listen, loop_name


class Button(QtCore.QObject):
    """Something of Qt's that is clicked."""

    clicked = QtCore.Signal(int)


async def qt() -> None:
    done: asyncio.Queue[int] = asyncio.Queue()
    button = Button()

    @asyncSlot(int)
    async def on_click(n: int) -> None:
        await asyncio.sleep(0.001)
        done.put_nowait(n * n)

    button.clicked.connect(on_click)
    for n in range(10):
        button.clicked.emit(n)
    check(sorted([await done.get() for _ in range(10)]), [n * n for n in range(10)])
    loop = asyncio.get_running_loop()
    with QThreadExecutor(2) as threads:
        check(
            await asyncio.gather(*(loop.run_in_executor(threads, pow, 2, n) for n in range(10))),
            [2**n for n in range(10)],
        )
    check(await asyncio.to_thread(pow, 3, 2), 9)
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        check(True, True)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await connections(Path(folder))
    await datagrams()
    await processes()
    await descriptors()
    await qt()
    await gone()


logging.getLogger("qasync").setLevel(logging.ERROR)
listen()
application = QtCore.QCoreApplication([])
loop = QEventLoop(application)
asyncio.set_event_loop(loop)
with loop:
    loop.run_until_complete(main())
    kind = next(base for base in type(loop).mro() if base.__module__.startswith("asyncio"))
finish("qasync", "PySide6-Essentials", loop=loop_name(kind))
