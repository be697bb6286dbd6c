"""A server on a Unix socket and many clients: who they are, what they ask, and what is left when it has ended."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from report import Report

CLIENTS = 400
ROUNDS = 10
#: Seconds that everything together may take.
LIMIT = 120.0


def reply_to(line: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(line), line[::-1].strip())


def caller(writer: asyncio.StreamWriter) -> tuple[int, ...]:
    """The process, user and group at the other end, as far as the system tells."""
    if sys.platform != "linux":
        return os.getpid(), os.getuid(), os.getgid()
    layout = "iII"
    credentials = writer.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(layout)
    )
    return struct.unpack(layout, credentials)


class Server:
    """Answers each line, once everybody is there: who has connected may still wait to be accepted."""

    def __init__(self, everybody: asyncio.Barrier) -> None:
        self._everybody = everybody
        self.connected = 0
        self.most = 0
        self.callers: set[tuple[int, ...]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.most = max(self.most, self.connected)
        self.callers.add(caller(writer))
        await self._everybody.wait()
        async for line in reader:
            writer.write(reply_to(line))
            await writer.drain()
        # The client says when it is done; its last answer comes after that.
        writer.write(b"goodbye\n")
        writer.close()
        await writer.wait_closed()
        self.connected -= 1


async def client(path: str | Path, number: int, everybody: asyncio.Barrier, report: Report) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    await everybody.wait()
    for n in range(ROUNDS):
        line = b"client %d round %d\n" % (number, n)
        writer.write(line)
        report.check(f"client {number} round {n}", await reader.readline(), reply_to(line))
    writer.write_eof()
    report.check(f"the end of client {number}", await reader.read(), b"goodbye\n")
    writer.close()
    await writer.wait_closed()


async def visit_all(path: str | Path, report: Report) -> None:
    """Serve on a path, let all clients come at once, and end."""
    everybody = asyncio.Barrier(2 * CLIENTS)
    serving = Server(everybody)
    server = await asyncio.start_unix_server(serving.serve, path, backlog=CLIENTS)
    async with asyncio.timeout(LIMIT):
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(path, number, everybody, report))
        server.close()
        await server.wait_closed()
        while serving.connected:
            await asyncio.sleep(0)
    report.check("clients connected at once", serving.most, CLIENTS)
    report.check("who they were", serving.callers, {(os.getpid(), os.getuid(), os.getgid())})


async def refused(path: str | Path, report: Report) -> None:
    try:
        await asyncio.open_unix_connection(path)
        report.check("the server's socket", "open", "closed")
    except OSError:
        report.check("the server's socket", "closed", "closed")


async def main() -> int:
    abstract = [f"\0asyncio-demo-{os.getpid()}"] if sys.platform == "linux" else []
    report = Report((CLIENTS * (ROUNDS + 1) + 3) * (2 + len(abstract)) + 1)
    with tempfile.TemporaryDirectory(prefix="demo") as folder:
        path = Path(folder) / "socket"
        # The second time a socket is there that a server left behind: it is in nobody's way.
        names: list[str | Path] = [path, path, *abstract]
        for name in names:
            await visit_all(name, report)
            await refused(name, report)
            if name == path:
                left = socket.socket(socket.AF_UNIX)
                path.unlink(missing_ok=True)
                left.bind(str(path))
                left.close()
        async with await asyncio.start_unix_server(
            Server(asyncio.Barrier(1)).serve, path
        ) as server:
            server.close()
        report.check("the path of a server that has ended", path.exists(), False)
    kinds = "a path and an abstract name" if abstract else "a path"
    report.extra["what"] = f"{CLIENTS} clients at once, over {kinds}"
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
