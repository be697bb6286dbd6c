"""What pipes are read and written with is compiled; whoever puts something in its place is asked all the same.

These run on both forms.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("needs Unix pipes", allow_module_level=True)

from asyncio_selectors import unix_pipes
from asyncio_selectors.unix_pipes import _UnixReadPipeTransport, _UnixWritePipeTransport
from asyncio_test_support.running import turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncio_selectors import SelectorEventLoop

PIECES = {
    "bytes": b"bytes",
    "bytearray": bytearray(b"a bytearray"),
    "view": memoryview(b"a view"),
    "view of what may change": memoryview(bytearray(b"a view of what may change")),
    "view with gaps": memoryview(b"with gaps")[::2],
    "view of signed bytes": memoryview(b"signed").cast("b"),
    "view of numbers": memoryview(bytearray(8)).cast("q"),
    "no bytes": b"",
    "no view": memoryview(b""),
}


@pytest.fixture
def ends() -> Iterator[tuple[Any, Any]]:
    """Both ends of a pipe as unbuffered files."""
    files = [os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True)]
    yield files[0], files[1]
    for file in files:
        file.close()


@pytest.fixture(params=["alone", "beside a thread"])
def company(request: pytest.FixtureRequest) -> Iterator[None]:
    """With and without a thread that could want the interpreter."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    if request.param != "alone":
        thread.start()
    yield
    over.set()
    if request.param != "alone":
        thread.join()


@contextlib.asynccontextmanager
async def both(loop: SelectorEventLoop, recorder: Any, ends: Any) -> Any:
    """Give the transport that writes, and the protocol that hears what comes at the other end."""
    reader, heard = await loop.connect_read_pipe(recorder, ends[0])
    writer, _ = await loop.connect_write_pipe(recorder, ends[1])
    try:
        yield writer, heard
    finally:
        writer.close()
        reader.close()
        await turns(3)


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.usefixtures("company")
def test_all_that_is_like_bytes_goes_through(
    loop: SelectorEventLoop, recorder: Any, ends: Any, piece: Any
) -> None:
    async def main() -> None:
        async with both(loop, recorder, ends) as (writer, heard):
            assert writer.write(piece) is None
            writer.write(data=piece)
            writer.write(b"!")
            wanted = 2 * bytes(piece) + b"!"
            await heard.until(lambda: heard.data == wanted)

    loop.run_until_complete(main())


@pytest.mark.usefixtures("company")
def test_what_does_not_go_at_once_is_kept_as_it_was(
    loop: SelectorEventLoop, recorder: Any, ends: Any
) -> None:
    numbers = memoryview(bytearray(range(256)) * 4096).cast("q")
    wanted = bytes(numbers)

    async def main() -> None:
        async with both(loop, recorder, ends) as (writer, heard):
            writer.write(numbers)
            left = writer.get_write_buffer_size()
            assert 0 < left < len(wanted)
            numbers[-1] = 0
            writer.write(b"behind")
            assert writer.get_write_buffer_size() == left + len(b"behind")
            await heard.until(lambda: heard.data == wanted + b"behind")

    loop.run_until_complete(main())


@pytest.mark.parametrize("arguments", [(), (b"a", b"b"), ("text",), (None,)])
def test_what_write_does_not_take_is_a_type_error(
    loop: SelectorEventLoop, recorder: Any, ends: Any, arguments: Any
) -> None:
    async def main() -> None:
        async with both(loop, recorder, ends) as (writer, _):
            with pytest.raises(TypeError, match=r"argument|bytes-like"):
                writer.write(*arguments)

    loop.run_until_complete(main())


def test_a_released_view_is_a_value_error(
    loop: SelectorEventLoop, recorder: Any, ends: Any
) -> None:
    view = memoryview(b"gone")
    view.release()

    async def main() -> None:
        async with both(loop, recorder, ends) as (writer, _):
            with pytest.raises(ValueError, match="released"):
                writer.write(view)

    loop.run_until_complete(main())


def test_calls_that_take_the_place_of_the_systems_are_called(
    loop: SelectorEventLoop, recorder: Any, ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    read, write = os.read, os.write

    def noted_read(fd: int, size: int) -> bytes:
        called.append("read")
        return read(fd, size)

    def noted_write(fd: int, data: Any) -> int:
        called.append("write")
        return write(fd, data)

    async def main() -> None:
        async with both(loop, recorder, ends) as (writer, heard):
            monkeypatch.setattr(os, "read", noted_read)
            monkeypatch.setattr(os, "write", noted_write)
            writer.write(b"some")
            await heard.until(lambda: heard.data == b"some")
            monkeypatch.undo()
            assert called == ["write", "read"]
            writer.write(b" more")
            await heard.until(lambda: heard.data == b"some more")
            assert len(called) == 2

    loop.run_until_complete(main())


def test_a_derived_transport_says_how_much_it_reads(
    loop: SelectorEventLoop, recorder: Any, ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = []

    class Sips(_UnixReadPipeTransport):
        max_size = 3

    class Notes(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            came.append(data)
            super().data_received(data)

    def make(pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return Sips(loop, pipe, protocol, waiter, extra)

    monkeypatch.setattr(loop, "_make_read_pipe_transport", make)

    async def main() -> None:
        async with both(loop, Notes, ends) as (writer, heard):
            writer.write(b"abcdefgh")
            await heard.until(lambda: heard.data == b"abcdefgh")
        assert came == [b"abc", b"def", b"gh"]

    loop.run_until_complete(main())


@pytest.mark.usefixtures("company")
def test_what_a_protocol_raises_is_reported_and_the_pipe_is_read_on(
    loop: SelectorEventLoop, recorder: Any, ends: Any
) -> None:
    reported: list[Any] = []
    loop.set_exception_handler(lambda _, report: reported.append(report["exception"]))

    class Raises(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            raise ZeroDivisionError(data)

    async def main() -> None:
        async with both(loop, Raises, ends) as (writer, heard):
            for count in range(1, 3):
                writer.write(b"x")
                await heard.until(lambda count=count: len(heard.data) == count)
                await turns(1)
                assert len(reported) == count
        assert all(isinstance(error, ZeroDivisionError) for error in reported)

    loop.run_until_complete(main())


def test_a_write_nobody_can_read_ends_the_transport(
    loop: SelectorEventLoop, recorder: Any, ends: Any
) -> None:
    async def main() -> None:
        writer, heard = await loop.connect_write_pipe(recorder, ends[1])
        ends[0].close()
        writer.write(b"x")
        assert writer.is_closing()
        assert isinstance(await heard.lost, BrokenPipeError)

    loop.run_until_complete(main())


def test_the_forms_are_as_they_were_asked_for() -> None:
    compiled = unix_pipes.twins is not None
    for kind, name in ((_UnixReadPipeTransport, "_read_ready"), (_UnixWritePipeTransport, "write")):
        method = getattr(kind, name)
        assert hasattr(method, "__code__") is not compiled
