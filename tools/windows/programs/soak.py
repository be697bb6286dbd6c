"""A soak: many connections opened, used and closed, some reset, some cancelled; handles and memory have to stay flat.

`soak.py [CONNECTIONS]`. Ends with exit status 1 where they do not, where a reply was wrong, or where the loop reported an error.
"""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import struct
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 100_000
AT_ONCE = 50
#: What is held at the end of the run, against a tenth of it: so many handles and bytes more are no leak.
MORE_HANDLES = 20
MORE_BYTES = 8 << 20
#: A reset instead of an orderly end.
RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def handles_and_bytes() -> tuple[int, int]:
    """Return the number of this process's handles, and of its bytes of private memory."""
    if sys.platform != "win32":
        import os
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return len(os.listdir("/dev/fd")), peak
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        ]

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    process = wintypes.HANDLE(-1)
    # Asked one by one: Wine has no GetProcessHandleCount(). Handles are numbered by fours.
    flags = wintypes.DWORD()
    about = kernel.GetHandleInformation
    about.argtypes = [wintypes.HANDLE, ctypes.c_void_p]
    count = sum(bool(about(n, ctypes.byref(flags))) for n in range(4, 1 << 15, 4))
    counters = Counters(cb=ctypes.sizeof(Counters))
    memory = kernel.K32GetProcessMemoryInfo
    memory.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
    if not memory(process, ctypes.byref(counters), counters.cb):
        raise ctypes.WinError(ctypes.get_last_error())
    return count, counters.WorkingSetSize


class Soak:
    """The server, the clients, and what became of them."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.counts: Counter[str] = Counter()
        self.reported: Counter[str] = Counter()
        self.samples: list[tuple[int, int]] = []
        self.addresses: list[Any] = []

    def report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.reported[f"{context['message']}: {context.get('exception')!r}"] += 1

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one line: with itself, with a reset, or not at all."""
        try:
            line = await reader.readline()
            if line.startswith(b"reset"):
                writer.transport.abort()
            elif line.startswith(b"wait"):
                await reader.read()
            else:
                writer.write(line.upper())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            # The server is the first to close: no port of a client stays in TIME_WAIT.
            writer.close()

    async def talk(self, address: Any, words: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(words)
            return await reader.read()
        finally:
            writer.close()

    async def used(self, address: Any) -> str:
        words = b"hello %d\n" % random.randrange(10**9)
        return "used" if await self.talk(address, words) == words.upper() else "WRONG REPLY"

    async def reset_by_server(self, address: Any) -> str:
        try:
            await self.talk(address, b"reset\n")
        except ConnectionError:
            pass
        return "reset by the server"

    async def reset_by_client(self, address: Any) -> str:
        _, writer = await asyncio.open_connection(*address)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.write(b"hello\n")
        writer.transport.abort()
        return "reset by the client"

    async def cancelled_reading(self, address: Any) -> str:
        task = asyncio.ensure_future(self.talk(address, b"wait\n"))
        await asyncio.sleep(0.01 * random.random())
        return await self._cancel(task, "cancelled while it read")

    async def cancelled_connecting(self, address: Any) -> str:
        task = asyncio.ensure_future(self.talk(address, b"wait\n"))
        await asyncio.sleep(0)
        return await self._cancel(task, "cancelled while it connected")

    async def timed_out(self, address: Any) -> str:
        try:
            await asyncio.wait_for(self.talk(address, b"wait\n"), 0.02)
        except TimeoutError:
            return "timed out"
        return "DID NOT TIME OUT"

    async def _cancel(self, task: asyncio.Future[bytes], word: str) -> str:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return word
        return "WAS NOT CANCELLED"

    async def client(self, numbers: Iterator[int]) -> None:
        kinds = [
            *(self.used, self.used, self.used, self.used, self.used),
            *(self.reset_by_server, self.reset_by_client),
            *(self.cancelled_reading, self.cancelled_connecting, self.timed_out),
        ]
        for number in numbers:
            kind = kinds[number % len(kinds)]
            try:
                word = await kind(self.addresses[number % len(self.addresses)])
            except OSError as error:
                word = f"FAILED: {type(error).__name__}"
            self.counts[word] += 1

    async def run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self.report)
        servers = [await asyncio.start_server(self.serve, "127.0.0.1", 0) for _ in range(4)]
        self.addresses = [server.sockets[0].getsockname() for server in servers]
        share = self.total // 10
        begin = time.perf_counter()
        for part in range(10):
            # Each tenth ends with nothing open, so that what is left over can be counted.
            numbers = iter(range(part * share, (part + 1) * share))
            await asyncio.gather(*(self.client(numbers) for _ in range(AT_ONCE)))
            await asyncio.sleep(0.2)
            gc.collect()
            handles, size = handles_and_bytes()
            self.samples.append((handles, size))
            rate = (part + 1) * share / (time.perf_counter() - begin)
            print(
                f"{(part + 1) * share:>7,} connections: {handles:>5} handles, "
                f"{size / (1 << 20):7.1f} MiB, {rate:,.0f} a second",
                flush=True,
            )
        for server in servers:
            server.close()
            await server.wait_closed()


def main(words: list[str]) -> int:
    soak = Soak(int(words[0]) if words else CONNECTIONS)
    loop = asyncio.new_event_loop()
    print(f"{getattr(asyncio, '__implementation__', 'standard')}, {type(loop).__qualname__}")
    loop.close()
    asyncio.run(soak.run())
    for word, count in sorted(soak.counts.items()):
        print(f"  {count:>7,} {word}")
    for message, count in soak.reported.most_common(5):
        print(f"  {count:>7,} times the loop reported: {message}")
    (handles, size), (last_handles, last_size) = soak.samples[0], soak.samples[-1]
    problems = [word for word in soak.counts if word.isupper() or word.startswith("FAILED")]
    problems += [f"{soak.reported.total()} reports"] if soak.reported else []
    if last_handles > handles + MORE_HANDLES:
        problems.append(f"{last_handles - handles} handles more at the end")
    if last_size > size + MORE_BYTES:
        problems.append(f"{(last_size - size) >> 20} MiB more at the end")
    print("; ".join(problems) or "flat")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
