"""WebSockets with the library `websockets`: conversations, broadcasts, pings, and connections that end for a reason."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

from report import Report
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

CLIENTS = 200
MESSAGES = 20
LISTENERS = 100
NEWS = 20
#: A message that goes through the buffers in many pieces.
BIG = bytes(range(256)) * 4096
#: The code and the reason with which the server sends clients away.
GO_AWAY = (4001, "enough")


class Server:
    """Answers in capitals, tells news to all who listen, and sends away who asks for it."""

    def __init__(self) -> None:
        self.listeners: set[ServerConnection] = set()

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        if connection.request.path == "/news":
            self.listeners.add(connection)
            await connection.wait_closed()
            self.listeners.remove(connection)
            return
        async for message in connection:
            if message == "send me away":
                await connection.close(*GO_AWAY)
                return
            await connection.send(message.upper() if isinstance(message, str) else message)


async def talk(address: str, number: int, report: Report) -> None:
    compression = "deflate" if number % 2 else None
    async with connect(address, compression=compression, max_size=2 * len(BIG)) as client:
        for n in range(MESSAGES):
            await client.send(f"message {n} of {number}")
            report.check(f"client {number}", await client.recv(), f"MESSAGE {n} OF {number}")
        if number % 20 == 0:
            await client.send(BIG)
            report.check(f"client {number}, big", await client.recv() == BIG, True)
        pong = await client.ping()
        report.check(f"client {number}, ping", await pong >= 0, True)
        if number % 5 == 0:
            await client.send("send me away")
            try:
                report.check(f"client {number}", await client.recv(), GO_AWAY)
            except ConnectionClosed as error:
                got = error.rcvd and (error.rcvd.code, error.rcvd.reason)
                report.check(f"client {number}", got, GO_AWAY)


async def listen(address: str, number: int, report: Report) -> None:
    async with connect(f"{address}/news") as client:
        for n in range(NEWS):
            report.check(f"listener {number}", await client.recv(), f"news {n}")


async def tell(server: Server) -> None:
    async with asyncio.timeout(60):
        while len(server.listeners) < LISTENERS:
            await asyncio.sleep(0.01)
    for n in range(NEWS):
        broadcast(server.listeners, f"news {n}")


async def main() -> int:
    talks = CLIENTS * (MESSAGES + 1) + CLIENTS // 20 + CLIENTS // 5
    report = Report(talks + LISTENERS * NEWS + 2)
    handler = Server()
    # With a shorter queue Linux makes some of the connections by SYN cookies, and loses what comes first there, or resets them.
    backlog = CLIENTS + LISTENERS
    async with serve(
        handler.handle, "127.0.0.1", 0, max_size=2 * len(BIG), backlog=backlog
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        address = f"ws://127.0.0.1:{port}"
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(talk(address, number, report))
            for number in range(LISTENERS):
                group.create_task(listen(address, number, report))
            group.create_task(tell(handler))
        left = await connect(address)
    # The server has ended; whoever was still there was told.
    await left.wait_closed()
    report.check("the end of the server", left.close_code, 1001)
    report.check("listeners left over", len(handler.listeners), 0)
    report.extra["what"] = f"websockets {version('websockets')}, {CLIENTS + LISTENERS} clients"
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
