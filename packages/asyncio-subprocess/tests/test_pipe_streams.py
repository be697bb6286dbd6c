"""Streams over pipes: what comes goes from the pipe into the reader's own memory, where nothing stands in between."""

from __future__ import annotations

import os
import sys
import threading

import pytest

if sys.platform == "win32":
    pytest.skip("needs Unix pipes", allow_module_level=True)

from asyncio_core import get_running_loop
from asyncio_streams import StreamReader, StreamReaderProtocol


@pytest.mark.parametrize("company", [False, True])
def test_a_reader_reads_a_pipe_to_its_end(run_plain, company):
    lines = [b"%d" % number * 1000 + b"\n" for number in range(200)]
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    if company:
        thread.start()

    async def main():
        loop = get_running_loop()
        reading, writing = os.pipe()
        reader = StreamReader()
        await loop.connect_read_pipe(
            lambda: StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
        )
        with os.fdopen(writing, "wb", 0) as end:
            for line in lines:
                end.write(line)
                assert await reader.readline() == line
        assert await reader.read() == b""
        assert reader.at_eof()

    try:
        run_plain(main())
    finally:
        over.set()
        if company:
            thread.join()


def test_an_error_of_the_pipe_reaches_the_reader(run_plain):
    async def main():
        loop = get_running_loop()
        main_end, other = os.openpty()
        reader = StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: StreamReaderProtocol(reader), os.fdopen(main_end, "rb", 0)
        )
        os.write(other, b"text\n")
        assert (await reader.readline()).rstrip() == b"text"
        os.close(other)
        if sys.platform == "linux":
            # So it tells the end of a terminal.
            with pytest.raises(OSError, match="Input/output error"):
                await reader.read()
        else:
            assert await reader.read() == b""
        assert transport.is_closing()

    run_plain(main())
