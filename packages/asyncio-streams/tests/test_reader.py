"""StreamReader without a transport, or with one that only writes down what it is told."""

from __future__ import annotations

import pytest

import asyncio_core
import asyncio_streams


def reader_with(data=b"", *, eof=False, limit=64):
    reader = asyncio_streams.StreamReader(limit, asyncio_core.get_running_loop())
    reader.feed_data(data)
    if eof:
        reader.feed_eof()
    return reader


def test_read_gives_what_there_is_but_no_more_than_asked(run):
    async def main():
        reader = reader_with(b"hello")
        assert await reader.read(2) == b"he"
        assert await reader.read(0) == b""
        assert await reader.read(100) == b"llo"

    run(main)


def test_read_waits_for_the_first_bytes_only(run, turns):
    async def main():
        reader = reader_with()
        task = asyncio_core.create_task(reader.read(100))
        await turns(2)
        assert not task.done()
        reader.feed_data(b"")
        await turns(2)
        assert not task.done()
        reader.feed_data(b"x")
        assert await task == b"x"

    run(main)


def test_read_at_the_end_gives_empty_bytes(run):
    async def main():
        reader = reader_with(b"rest", eof=True)
        assert not reader.at_eof()
        assert await reader.read(100) == b"rest"
        assert reader.at_eof()
        assert await reader.read(100) == b""
        assert await reader.read() == b""

    run(main)


def test_read_without_a_number_waits_for_the_end_and_gives_everything(run, turns):
    async def main():
        reader = reader_with(b"a" * 500)
        task = asyncio_core.create_task(reader.read())
        await turns(2)
        reader.feed_data(b"b" * 500)
        await turns(2)
        assert not task.done()
        reader.feed_eof()
        assert await task == b"a" * 500 + b"b" * 500

    run(main)


@pytest.mark.parametrize("arguments", [("read",), ("readexactly", 10), ("readuntil", b"!")])
def test_a_cancelled_read_leaves_every_byte(run, turns, arguments):
    async def main():
        name, *rest = arguments
        reader = reader_with(b"one ")
        task = asyncio_core.create_task(getattr(reader, name)(*rest))
        await turns(1)
        reader.feed_data(b"two ")
        await turns(1)
        reader.feed_data(b"three")
        task.cancel()
        await asyncio_core.wait([task])
        assert task.cancelled()
        assert await reader.read(100) == b"one two three"

    run(main)


def test_readexactly_gives_that_many(run):
    async def main():
        reader = reader_with(b"abcdef")
        assert await reader.readexactly(0) == b""
        assert await reader.readexactly(4) == b"abcd"
        with pytest.raises(ValueError, match="-1"):
            await reader.readexactly(-1)
        reader.feed_eof()
        with pytest.raises(asyncio_core.IncompleteReadError) as caught:
            await reader.readexactly(3)
        assert (caught.value.partial, caught.value.expected) == (b"ef", 3)
        assert reader.at_eof()

    run(main)


def test_readexactly_is_not_woken_before_there_is_enough(run):
    async def main():
        reader = reader_with()
        reading = reader.readexactly(1000)
        waited_for = reading.send(None)
        for _ in range(999):
            reader.feed_data(b"x")
            assert not waited_for.done()
        reader.feed_data(b"xyz")
        assert waited_for.done()
        with pytest.raises(StopIteration) as stop:
            reading.send(None)
        assert len(stop.value.value) == 1000
        assert await reader.read(10) == b"yz"

    run(main)


def test_lines(run):
    async def main():
        reader = reader_with(b"one\n\ntwo\nrest", eof=True)
        assert [line async for line in reader] == [b"one\n", b"\n", b"two\n", b"rest"]
        assert await reader.readline() == b""

    run(main)


def test_a_line_as_long_as_the_limit_passes_and_a_longer_one_does_not(run):
    async def main():
        reader = reader_with(b"1234\n12345\nnext\n", limit=4)
        assert await reader.readline() == b"1234\n"
        with pytest.raises(ValueError, match="limit"):
            await reader.readline()
        assert await reader.readline() == b"next\n"

    run(main)


def test_a_line_without_end_is_dropped_as_far_as_it_has_come(run, turns):
    async def main():
        reader = reader_with(b"123", limit=4)
        task = asyncio_core.create_task(reader.readline())
        await turns(1)
        reader.feed_data(b"45")
        with pytest.raises(ValueError, match="limit"):
            await task
        reader.feed_data(b"6\nnext\n")
        assert await reader.readline() == b"6\n"
        assert await reader.readline() == b"next\n"

    run(main)


def test_readuntil_leaves_the_data_when_it_is_too_much(run):
    async def main():
        reader = reader_with(b"123456--", limit=5)
        with pytest.raises(asyncio_core.LimitOverrunError) as caught:
            await reader.readuntil(b"--")
        assert caught.value.consumed == 6
        assert await reader.readexactly(8) == b"123456--"
        reader.feed_data(b"1234567-")
        with pytest.raises(asyncio_core.LimitOverrunError) as caught:
            await reader.readuntil(b"--")
        # The last byte may be the beginning of a separator.
        assert caught.value.consumed == 7

    run(main)


def test_readuntil_at_the_end(run):
    async def main():
        reader = reader_with(b"part", eof=True)
        with pytest.raises(asyncio_core.IncompleteReadError) as caught:
            await reader.readuntil(b"--")
        assert caught.value.partial == b"part"
        assert caught.value.expected is None

    run(main)


@pytest.mark.parametrize("separator", [b"", (), (b"",), (b"x", b"")])
def test_readuntil_needs_something_to_look_for(run, separator):
    async def main():
        with pytest.raises(ValueError, match="at least"):
            await reader_with(b"data").readuntil(separator)

    run(main)


@pytest.mark.parametrize(
    ("data", "separators", "expected"),
    [
        (b"a\r\nb\nc", (b"\r\n", b"\n"), [b"a\r\n", b"b\n"]),
        (b"ABCDEFG", (b"DEF", b"BCDE"), [b"ABCDE"]),
        (b"xaaab", (b"aaa", b"b", b"aab"), [b"xaaa", b"b"]),
        (b"--a-b--", (b"--", b"-b"), [b"--", b"a-b", b"--"]),
        (b"longsep.x", (b"x", b"longsep"), [b"longsep", b".x"]),
        (b"longsep.x", (b"longsep", b"x"), [b"longsep", b".x"]),
        (bytearray(b"1;2"), (bytearray(b";"), memoryview(b",")), [b"1;"]),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_the_separator_that_ends_first_wins_however_the_data_comes(
    run, turns, data, separators, expected, piece
):
    async def main():
        reader = reader_with()

        async def read_all():
            return [await reader.readuntil(separators) for _ in expected]

        task = asyncio_core.create_task(read_all())
        for start in range(0, len(data), piece):
            await turns(2)
            reader.feed_data(data[start : start + piece])
        assert await task == expected

    run(main)


@pytest.mark.parametrize("separators", [(b"A", b"ome dataA"), (b"ome dataA", b"A")])
def test_the_shorter_of_two_separators_with_one_end_counts_for_the_limit(run, separators):
    async def main():
        reader = reader_with(b"some dataA", limit=3)
        with pytest.raises(asyncio_core.LimitOverrunError) as caught:
            await reader.readuntil(separators)
        assert caught.value.consumed == 9

    run(main)


@pytest.mark.timeout(20)
def test_many_lines_out_of_a_large_buffer_cost_what_the_lines_cost(run):
    # Were the rest of the buffer moved for each line, this would move a terabyte.
    count = 200_000

    async def main():
        reader = reader_with(b"x" * 49 + b"\n", limit=2**30)
        reader.feed_data((b"x" * 49 + b"\n") * count)
        for _ in range(count):
            await reader.readline()
        assert await reader.read(100) == b"x" * 49 + b"\n"

    run(main)


@pytest.mark.timeout(20)
def test_a_search_goes_on_where_it_stopped(run):
    # Were each search to begin at the front, this would search through 60 gigabytes.
    piece, count = b"a" * 16, 100_000

    async def main():
        reader = reader_with(limit=2**30)
        reading = reader.readuntil((b"ab", b"abc"))
        waited_for = reading.send(None)
        for _ in range(count):
            reader.feed_data(piece)
            assert waited_for.done()
            waited_for = reading.send(None)
        reader.feed_data(b"b")
        with pytest.raises(StopIteration) as stop:
            reading.send(None)
        assert len(stop.value.value) == 16 * count + 1

    run(main)


def test_the_transport_is_paused_over_twice_the_limit_and_resumed_at_the_limit(run, make_transport):
    async def main():
        transport = make_transport()
        reader = reader_with(limit=10)
        reader.set_transport(transport)
        reader.feed_data(b"x" * 20)
        assert transport.log == []
        reader.feed_data(b"x")
        reader.feed_data(b"x")
        assert transport.log == ["pause"]
        await reader.read(11)
        assert transport.log == ["pause"]
        await reader.read(1)
        assert transport.log == ["pause", "resume"]

    run(main)


def test_the_transport_is_not_paused_while_a_task_waits_for_more(run, turns, make_transport):
    async def main():
        transport = make_transport()
        reader = reader_with(limit=10)
        reader.set_transport(transport)
        reader.feed_data(b"x" * 25)
        task = asyncio_core.create_task(reader.readexactly(100))
        await turns(1)
        assert transport.log == ["pause", "resume"]
        reader.feed_data(b"x" * 50)
        assert transport.log == ["pause", "resume"]
        reader.feed_data(b"x" * 50)
        assert transport.log == ["pause", "resume", "pause"]
        assert len(await task) == 100
        assert await reader.read(100) == b"x" * 25
        assert transport.log == ["pause", "resume"] * 2

    run(main)


def test_a_transport_that_can_not_be_paused_is_asked_once(run, make_transport):
    async def main():
        transport = make_transport(pausable=False)
        reader = reader_with(limit=1)
        reader.set_transport(transport)
        for _ in range(3):
            reader.feed_data(b"xxx")
        assert transport.log == ["pause"]
        assert await reader.read(100) == b"x" * 9

    run(main)


def test_an_exception_ends_the_read_that_waits_and_all_later_ones(run, turns):
    async def main():
        reader = reader_with()
        task = asyncio_core.create_task(reader.readline())
        await turns(1)
        error = ConnectionResetError("gone")
        assert reader.exception() is None
        reader.set_exception(error)
        assert reader.exception() is error
        with pytest.raises(ConnectionResetError):
            await task
        for read in (reader.read(1), reader.readline(), reader.readexactly(1), reader.readuntil()):
            with pytest.raises(ConnectionResetError):
                await read

    run(main)


def lost_with(data, exc, *, eof=False):
    """A reader that has received `data` when its connection ends with `exc`."""
    reader = asyncio_streams.StreamReader()
    protocol = asyncio_streams.StreamReaderProtocol(reader)
    protocol.data_received(data)
    if eof:
        protocol.eof_received()
    protocol.connection_lost(exc)
    return reader


def test_what_was_received_before_a_reset_is_read_first(run):
    reset = ConnectionResetError("reset")

    async def main():
        reader = lost_with(b"one\ntwo\nthree|four--last words", reset)
        assert reader.exception() is reset
        assert await reader.readline() == b"one\n"
        async for line in reader:
            assert line == b"two\n"
            break
        assert await reader.readuntil(b"|") == b"three|"
        assert await reader.readexactly(6) == b"four--"
        # What cannot be had any more is not taken for complete, and nothing is lost by asking.
        for method, arguments in [
            (reader.readline, ()),
            (reader.readuntil, (b"|",)),
            (reader.readexactly, (100,)),
            (reader.read, ()),
            (reader.__anext__, ()),
        ]:
            with pytest.raises(ConnectionResetError) as caught:
                await method(*arguments)
            assert caught.value is reset
        assert await reader.read(4) == b"last"
        assert await reader.read(100) == b" words"
        for method, arguments in [
            (reader.read, (1,)),
            (reader.read, ()),
            (reader.readline, ()),
            (reader.readuntil, ()),
            (reader.readexactly, (1,)),
            (reader.__anext__, ()),
        ]:
            with pytest.raises(ConnectionResetError):
                await method(*arguments)

    run(main)


def test_what_came_to_its_end_before_the_reset_is_complete(run):
    async def main():
        reader = lost_with(b"all of it", ConnectionResetError("reset"), eof=True)
        assert await reader.read() == b"all of it"
        with pytest.raises(ConnectionResetError):
            await reader.read()
        reader = lost_with(b"a line without end", ConnectionResetError("reset"), eof=True)
        assert await reader.readline() == b"a line without end"

    run(main)


def test_a_read_that_waits_when_the_reset_comes_leaves_what_there_is(run, turns):
    async def main():
        reader = asyncio_streams.StreamReader()
        protocol = asyncio_streams.StreamReaderProtocol(reader)
        protocol.data_received(b"half")
        waiting = asyncio_core.create_task(reader.readline())
        await turns(2)
        protocol.connection_lost(ConnectionResetError("reset"))
        with pytest.raises(ConnectionResetError):
            await waiting
        assert await reader.read(10) == b"half"

    run(main)


def test_an_exception_between_the_waking_and_the_running_of_a_task_is_not_missed(run, turns):
    async def main():
        reader = reader_with()
        task = asyncio_core.create_task(reader.readline())
        await turns(1)
        reader.feed_data(b"no end of line")
        reader.set_exception(ConnectionResetError())
        with pytest.raises(ConnectionResetError):
            await task

    run(main)


def test_two_tasks_can_not_wait_at_once(run, turns):
    async def main():
        reader = reader_with()
        first = asyncio_core.create_task(reader.readline())
        await turns(1)
        with pytest.raises(RuntimeError, match=r"read\(\) called while another coroutine"):
            await reader.read(1)
        reader.feed_data(b"line\n")
        assert await first == b"line\n"

    run(main)


def test_a_task_that_comes_when_another_was_woken_does_not_make_it_see_an_end(run, turns):
    async def main():
        reader = reader_with()
        first = asyncio_core.create_task(reader.read(1))
        await turns(1)
        reader.feed_data(b"x")
        assert await reader.read(1) == b"x"
        await turns(2)
        assert not first.done()
        reader.feed_data(b"y")
        assert await first == b"y"

    run(main)


@pytest.mark.parametrize("limit", [0, -1])
def test_the_limit_is_positive(limit):
    with pytest.raises(ValueError, match=f"limit .* {limit}"):
        asyncio_streams.StreamReader(limit)


def test_feeding_after_the_end_is_a_bug(run):
    async def main():
        reader = reader_with(eof=True)
        with pytest.raises(AssertionError):
            reader.feed_data(b"late")

    run(main)


def test_without_a_loop_there_has_to_be_a_current_one(run):
    asyncio_core.set_event_loop(None)
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio_streams.StreamReader()

    async def main():
        assert asyncio_streams.StreamReader()._loop is asyncio_core.get_running_loop()

    run(main)


def test_representation(run, make_transport):
    async def main():
        reader = reader_with(b"data", limit=9)
        assert repr(reader) == "<StreamReader 4 bytes limit=9>"
        reader.set_transport(make_transport())
        reader.feed_data(b"x" * 20)
        assert (
            repr(reader) == "<StreamReader 24 bytes limit=9 transport=<RecordingTransport> paused>"
        )
        reader.set_exception(OSError(5))
        reader.feed_eof()
        assert "eof limit=9 exception=OSError(5) transport" in repr(reader)

    run(main)


def test_in_debug_mode_it_knows_where_it_was_made(run):
    async def main():
        asyncio_core.get_running_loop().set_debug(True)
        reader = asyncio_streams.StreamReader()
        assert reader._source_traceback[-1].line == "reader = asyncio_streams.StreamReader()"

    run(main)


def test_a_line_too_long_can_be_got_over_by_those_who_know_the_buffer(run, turns):
    class Transport:
        paused = False

        def pause_reading(self):
            self.paused = True

        def resume_reading(self):
            self.paused = False

    async def main():
        reader = reader_with(limit=10)
        reader.set_transport(transport := Transport())
        reader.feed_data(b"x" * 30)
        assert transport.paused
        reader._maybe_resume_transport()
        assert transport.paused
        del reader._buffer[:20]
        reader._maybe_resume_transport()
        assert not transport.paused
        # One that waits goes on and finds that there is not more than before.
        waiting = asyncio_core.create_task(reader.readline())
        await turns(2)
        reader._wakeup_waiter()
        await turns(2)
        assert not waiting.done()
        reader.feed_data(b"\n")
        assert await waiting == b"x" * 10 + b"\n"
        reader._wakeup_waiter()

    run(main)
