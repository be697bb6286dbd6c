"""Pipelines of child processes, joined through streams: what comes out of each is copied into the next, and checked."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import zlib

from report import Report

PIPELINES = 4
#: Lines that go through one pipeline: some megabytes, far more than the pipes hold.
LINES = 40_000

MAKE = f"""
import sys
sys.stdout.reconfigure(newline="\\n")
start = int(sys.argv[1])
for n in range(start, start + {LINES}):
    print("line", n, "of", 10 * "text ")
"""
PACK = """
import sys, zlib
packer = zlib.compressobj()
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(packer.compress(line.upper()))
sys.stdout.buffer.write(packer.flush())
print("packed", file=sys.stderr)
"""
UNPACK = """
import sys, zlib
unpacker = zlib.decompressobj()
while data := sys.stdin.buffer.read1(65536):
    sys.stdout.buffer.write(unpacker.decompress(data))
sys.stdout.buffer.write(unpacker.flush())
sys.exit(int(sys.argv[1]))
"""
#: Makes capital letters, of which the shells of Windows and their like know nothing.
SHELL = "cat | tr a-z A-Z | cat"
if sys.platform == "win32":
    UPPER = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().upper())"
    SHELL = f'"{sys.executable}" -c "{UPPER}"'


def expected(start: int) -> bytes:
    return b"".join(b"LINE %d OF %s\n" % (n, 10 * b"TEXT ") for n in range(start, start + LINES))


async def start(program: str, *words: str, stdin: int | None = asyncio.subprocess.PIPE) -> Child:
    pipe = asyncio.subprocess.PIPE
    return Child(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, *words), stdin=stdin, stdout=pipe, stderr=pipe
        )
    )


class Child:
    """A process with its streams, and what it says on its standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self.output = process.stdout
        self._errors = asyncio.create_task(process.stderr.read())

    async def end(self) -> tuple[int, bytes]:
        return await self.process.wait(), (await self._errors).strip()


async def copy(source: Child, target: Child) -> int:
    """Copy all that one child says into another, no faster than it listens; give the number of bytes."""
    writer = target.process.stdin
    assert writer is not None
    total = 0
    while data := await source.output.read(1 << 16):
        writer.write(data)
        await writer.drain()
        total += len(data)
    writer.close()
    await writer.wait_closed()
    return total


async def run(number: int, report: Report) -> None:
    begin = number * LINES
    first = await start(MAKE, str(begin), stdin=asyncio.subprocess.DEVNULL)
    second = await start(PACK)
    third = await start(UNPACK, str(number))
    text = expected(begin)
    made, packed, arrived = await asyncio.gather(
        copy(first, second), copy(second, third), third.output.read()
    )
    report.check(f"pipeline {number}, made", made, len(text))
    report.check(f"pipeline {number}, packed", packed, len(zlib.compress(text)))
    digests = (hashlib.sha256(arrived).hexdigest(), hashlib.sha256(text).hexdigest())
    report.check(f"pipeline {number}, arrived", *digests)
    ends = [await child.end() for child in (first, second, third)]
    report.check(f"pipeline {number}, ends", ends, [(0, b""), (0, b"packed"), (number, b"")])


async def break_off(report: Report) -> None:
    """A pipeline whose last child leaves before it has read everything."""
    first = await start(MAKE, "0", stdin=asyncio.subprocess.DEVNULL)
    last = await start("import sys; print(sys.stdin.readline().strip())")
    try:
        await copy(first, last)
        report.check("a reader that leaves", "listened", "left")
    except (BrokenPipeError, ConnectionResetError):
        report.check("a reader that leaves", "left", "left")
    words = (await last.output.read()).replace(b"\r\n", b"\n")
    report.check("its last words", words, b"line 0 of" + 10 * b" text" + b"\n")
    first.process.kill()
    await first.output.read()
    report.check("its end", await last.end(), (0, b""))
    status, _ = await first.end()
    killed = status == 1 if sys.platform == "win32" else status < 0
    report.check("the end of the one that is killed", killed, True)


async def ask_shell(report: Report) -> None:
    """The same with a pipeline that the shell makes, talked to all at once."""
    pipe = asyncio.subprocess.PIPE
    shell = await asyncio.create_subprocess_shell(SHELL, stdin=pipe, stdout=pipe)
    text = expected(0)
    output, _ = await shell.communicate(text.lower())
    report.check("the shell's pipeline", (output == text, shell.returncode), (True, 0))


async def main() -> int:
    report = Report(PIPELINES * 4 + 4 + 1)
    async with asyncio.TaskGroup() as group:
        for number in range(PIPELINES):
            group.create_task(run(number, report))
        group.create_task(break_off(report))
        group.create_task(ask_shell(report))
    megabytes = PIPELINES * len(expected(0)) / 1e6
    report.extra["what"] = (
        f"{PIPELINES} pipelines of 3 processes, {megabytes:.0f} MB, one broken off, one of the shell"
    )
    return report.finish(asyncio.get_running_loop())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
