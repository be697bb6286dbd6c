"""What a program can see of the methods that are compiled, and that it is what it sees of those of Python."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import pickle
import random
import types
import unittest.mock
import warnings
import weakref
from collections.abc import Coroutine

import pytest

import asyncio_core
import asyncio_streams
from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_streams import StreamReader, StreamReaderProtocol, StreamWriter
from asyncio_streams.twins import twins, why_pure

COROUTINES = [
    *(StreamReader.read, StreamReader.readexactly, StreamReader.readline, StreamReader.readuntil),
    *(StreamReader.__anext__, StreamWriter.drain, StreamWriter.wait_closed),
]
OTHERS = [StreamReader.feed_data, StreamWriter.write, StreamReaderProtocol.data_received]
METHODS = [*COROUTINES, *OTHERS]


def reader_with(data=b"", *, limit=64, kind=StreamReader):
    reader = kind(limit, asyncio_core.get_running_loop())
    if data:
        reader.feed_data(data)
    return reader


def writer_to(transport, reader=None):
    loop = asyncio_core.get_running_loop()
    protocol = StreamReaderProtocol(StreamReader(64, loop), loop=loop)
    return StreamWriter(transport, protocol, reader, loop)


def test_the_form_is_that_of_core():
    from asyncio_core.twins import twins as core

    assert (twins is None) == (core is None)
    assert (why_pure is None) == (twins is not None)


@pytest.mark.parametrize("method", COROUTINES, ids=lambda method: method.__name__)
def test_methods_that_return_coroutines_are_coroutine_functions(method):
    bound = types.MethodType(method, object())
    for function in (method, bound):
        assert inspect.iscoroutinefunction(function)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert asyncio_core.iscoroutinefunction(function)
            assert asyncio.iscoroutinefunction(function)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_methods_tell_their_names_signature_and_source(method):
    name = method.__name__
    owner = method.__qualname__.partition(".")[0]
    assert method.__qualname__ == f"{owner}.{name}"
    assert method.__module__.startswith("asyncio_streams.")
    assert inspect.isfunction(method)
    assert method.__annotations__ == {}
    assert method.__doc__ == inspect.unwrap(method).__doc__
    assert repr(method).startswith(f"<function {owner}.{name} at 0x")
    assert str(inspect.signature(method)).startswith("(self")
    assert inspect.getsource(method).lstrip().startswith(("async def ", "def "))
    assert inspect.isroutine(method)
    assert f"def {name}(" in inspect.getsource(getattr(asyncio_streams, owner))
    assert copy.deepcopy(method) is method
    assert weakref.ref(method)() is method


def test_signatures_are_those_of_the_functions():
    assert str(inspect.signature(StreamReader.read)) == "(self, n=-1)"
    assert str(inspect.signature(StreamReader.readuntil)) == "(self, separator=b'\\n')"
    assert str(inspect.signature(StreamWriter.write)) == "(self, data)"
    assert str(inspect.signature(StreamWriter.drain)) == "(self)"


def test_methods_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(StreamReader.readline)) is StreamReader.readline


def test_methods_take_attributes_as_functions_do():
    try:
        StreamReader.readline.marked = True
        assert StreamReader.readline.marked
    finally:
        del StreamReader.readline.marked
    assert not hasattr(StreamReader.readline, "marked")


def test_arguments_that_do_not_fit_are_refused_as_by_functions(run):
    async def main():
        reader = reader_with(b"data")
        for call in (
            lambda: reader.read(1, 2),
            lambda: reader.readexactly(),
            lambda: reader.readline(size=1),
            lambda: reader.feed_data(),
            lambda: StreamReader.readline(),
        ):
            with pytest.raises(TypeError, match=r"StreamReader\.\w+\(\) (missing|takes|got)"):
                call()
        assert await reader.read(n=1) == b"d"
        assert await reader.readuntil(separator=b"t") == b"at"
        assert await reader.readexactly(True) == b"a"

    run(main)


def test_a_mock_of_the_reader_has_asynchronous_methods(run):
    async def main():
        for mock in (
            unittest.mock.create_autospec(StreamReader, instance=True),
            unittest.mock.AsyncMock(spec=StreamReader),
            unittest.mock.Mock(spec=StreamReader),
        ):
            mock.readline.return_value = b"line"
            assert await mock.readline() == b"line"
            mock.feed_data(b"data")
            mock.feed_data.assert_called_once_with(b"data")
        strict = unittest.mock.create_autospec(StreamReader, instance=True)
        with pytest.raises(TypeError):
            strict.readexactly()

    run(main)


def test_what_they_return_is_a_coroutine(run, make_transport):
    async def main():
        reader = reader_with(b"one\ntwo")
        writer = writer_to(make_transport(), reader)
        made = [
            *(reader.read(1), reader.readexactly(1), reader.readline(), reader.readuntil(b"t")),
            *(reader.__anext__(), writer.drain()),
        ]
        names = [call.__qualname__ for call in made]
        assert names[:4] == [
            f"StreamReader.{n}" for n in ("read", "readexactly", "readline", "readuntil")
        ]
        assert names[4:] == ["StreamReader.__anext__", "StreamWriter.drain"]
        for call in made:
            assert iscoroutine(call)
            assert isinstance(call, Coroutine)
            assert inspect.isawaitable(call)
            assert call.__name__ == call.__qualname__.rpartition(".")[2]
            assert repr(call).startswith(f"<coroutine object {call.__qualname__} at 0x")
            assert not call.cr_running
            assert not call.cr_suspended
            call.close()
        assert reader._buffer == b"one\ntwo"
        writer.close()

    run(main)


def test_they_run_as_tasks_and_with_a_limit_of_time(run):
    async def main():
        reader = reader_with(b"one\ntwo\nthree\nfour\nfive")
        task = asyncio_core.create_task(reader.readline())
        assert "StreamReader.readline()" in repr(task)
        assert await task == b"one\n"
        assert await asyncio_core.wait_for(reader.readline(), 10) == b"two\n"
        assert await asyncio_core.gather(reader.readexactly(2), reader.read(3)) == [b"th", b"ree"]
        assert await anext(reader) == b"\n"
        assert await anext(reader, None) == b"four\n"
        reader.feed_eof()
        assert await anext(reader) == b"five"
        assert await anext(reader, None) is None
        with pytest.raises(StopAsyncIteration):
            await anext(reader)

    run(main)


def test_call_that_is_never_awaited_is_reported(run, make_transport):
    async def main():
        reader = reader_with(b"line\n")
        writer = writer_to(make_transport())
        for call, name in (
            (reader.readline, "StreamReader.readline"),
            (writer.drain, "StreamWriter.drain"),
        ):
            with pytest.warns(RuntimeWarning, match=f"coroutine '{name}' was never awaited"):
                call()
                gc.collect()
        assert await reader.readline() == b"line\n"
        writer.close()

    run(main)


def test_closed_unstarted_call_is_not_reported_and_takes_nothing(run):
    async def main():
        reader = reader_with(b"line\n")
        call = reader.readline()
        call.close()
        call.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await call
        assert await reader.readline() == b"line\n"

    run(main)


def test_call_is_awaited_once(run):
    async def main():
        reader = reader_with(b"one\ntwo\n")
        call = reader.readline()
        assert await call == b"one\n"
        for again in (lambda: call.send(None), lambda: call.throw(ValueError())):
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                again()
        assert await reader.readline() == b"two\n"

    run(main)


def test_driven_by_hand_as_a_coroutine(run):
    async def main():
        reader = reader_with()
        call = reader.readline()
        with pytest.raises(
            TypeError, match="can't send non-None value to a just-started coroutine"
        ):
            call.send(1)
        future = call.send(None)
        assert reader._waiter is future
        assert call.cr_suspended
        assert call.cr_await is not None
        future._asyncio_future_blocking = False
        reader.feed_data(b"line\nmore")
        with pytest.raises(StopIteration) as raised:
            call.send(None)
        assert raised.value.value == b"line\n"
        assert raised.value.args == (b"line\n",)

        call = reader.readline()
        future = call.send(None)
        with pytest.raises(RuntimeError, match="await wasn't used with future"):
            call.send(None)
        assert reader._waiter is None
        assert reader._buffer == b"more"

    run(main)


@pytest.mark.parametrize("end", ["close", "throw", "drop"])
def test_call_that_is_left_while_it_waits_waits_no_longer(run, end):
    async def main():
        reader = reader_with(b"begun")
        call = reader.readline()
        call.send(None)
        if end == "close":
            call.close()
        elif end == "throw":
            with pytest.raises(KeyError):
                call.throw(KeyError("why"))
        else:
            del call
            gc.collect()
        assert reader._waiter is None
        reader.feed_data(b" and done\n")
        assert await reader.readline() == b"begun and done\n"

    run(main)


def test_exception_of_readuntil_that_ends_the_stream_is_one_of_readline(run, turns):
    async def main():
        for error, line in (
            (asyncio_core.IncompleteReadError(b"part", None), b"part"),
            (asyncio_core.LimitOverrunError("too long", 3), ValueError),
        ):
            reader = reader_with(b"abcdef")
            task = asyncio_core.create_task(reader.readline())
            await turns(2)
            reader.set_exception(error)
            if line is ValueError:
                with pytest.raises(ValueError, match="too long"):
                    await task
                assert reader._buffer == b"ef"
            else:
                assert await task == line
        reader = reader_with()
        task = asyncio_core.create_task(anext(reader, "none"))
        await turns(2)
        reader.set_exception(asyncio_core.IncompleteReadError(b"", None))
        assert await task == "none"

    run(main)


@pytest.mark.parametrize(
    ("arguments", "partial", "expected"),
    [
        (("readexactly", 5), b"a", 5),
        (("readuntil", b"--"), b"a", None),
        (("readuntil", (b"--", b"x")), b"a", None),
    ],
)
def test_read_that_was_woken_by_the_end_is_of_before_an_exception_behind_it(
    run, turns, arguments, partial, expected
):
    async def main():
        reader = reader_with(b"a")
        name, *rest = arguments
        task = asyncio_core.create_task(getattr(reader, name)(*rest))
        await turns(1)
        reader.feed_eof()
        reader.set_exception(ConnectionResetError())
        with pytest.raises(asyncio_core.IncompleteReadError) as caught:
            await task
        assert (caught.value.partial, caught.value.expected) == (partial, expected)

    run(main)


@pytest.mark.parametrize("data", [b"abcdef", b"abcdef|"])
@pytest.mark.parametrize("separator", [b"|", (b"|", b"x")])
def test_read_that_was_woken_by_too_much_is_of_before_an_exception_behind_it(
    run, turns, data, separator
):
    async def main():
        reader = reader_with(limit=4)
        task = asyncio_core.create_task(reader.readuntil(separator))
        await turns(1)
        reader.feed_data(data)
        reader.set_exception(ConnectionResetError())
        with pytest.raises(asyncio_core.LimitOverrunError) as caught:
            await task
        assert caught.value.consumed == 6

    run(main)


def test_line_that_was_too_long_before_an_exception_is_dropped(run, turns):
    async def main():
        reader = reader_with(limit=4)
        task = asyncio_core.create_task(reader.readline())
        await turns(1)
        reader.feed_data(b"abcdef\nrest")
        reader.set_exception(ConnectionResetError())
        with pytest.raises(ValueError, match="limit"):
            await task
        assert reader._buffer == b"rest"

    run(main)


def test_exceptions_of_readuntil_are_those_of_readline_driven_by_hand(run):
    async def main():
        for method, error, expected in [
            ("readline", asyncio_core.IncompleteReadError(b"part", None), StopIteration),
            ("__anext__", asyncio_core.IncompleteReadError(b"part", None), StopIteration),
            ("__anext__", asyncio_core.IncompleteReadError(b"", None), StopAsyncIteration),
            ("readline", asyncio_core.LimitOverrunError("over the limit", 0), ValueError),
        ]:
            reader = reader_with(b"ab")
            call = getattr(reader, method)()
            call.send(None)._asyncio_future_blocking = False
            reader.set_exception(error)
            with pytest.raises(expected) as caught:
                call.send(None)
            if expected is StopIteration:
                assert caught.value.value == b"part"
            assert reader._buffer == (b"b" if expected is ValueError else b"ab")
        # The same behind an await.
        reader = reader_with()

        async def lines():
            return [line async for line in reader]

        call = lines()
        call.send(None)._asyncio_future_blocking = False
        reader.set_exception(asyncio_core.IncompleteReadError(b"", None))
        with pytest.raises(StopIteration) as stop:
            call.send(None)
        assert stop.value.value == []

    run(main)


def test_debug_mode_runs_the_functions_of_python(run, make_transport):
    async def main():
        loop = asyncio_core.get_running_loop()
        reader = reader_with(b"line\n")
        writer = writer_to(make_transport())
        loop.set_debug(True)
        for call in (reader.readline(), writer.drain()):
            assert type(call) is types.CoroutineType
            await call
        loop.set_debug(False)
        writer.close()

    run(main)


# What a subclass, an instance or a patch puts in the place of a method is called.


def counting(name, calls):
    original = getattr(StreamReader, name)

    def method(self, *args):
        calls.append(name)
        return original(self, *args)

    return method


# By name: how often it is called at least while a reader is used as below.
OVERRIDDEN = {
    "_take": 4,
    "_maybe_resume_transport": 4,
    "_length_until": 1,
    "_wait_for_data": 1,
    "_raise_if_failed": 3,
    "feed_data": 2,
    "_wakeup_waiter": 1,
    "readuntil": 1,
}


async def use(reader):
    reader.feed_data(b"one\ntwo\nthree\n")
    assert await reader.readline() == b"one\n"
    assert await reader.readuntil(b"\n") == b"two\n"
    assert await reader.readexactly(3) == b"thr"
    asyncio_core.get_running_loop().call_soon(lambda: reader.feed_data(b"four\n"))
    assert await reader.readexactly(8) == b"ee\nfour\n"
    return reader


@pytest.mark.parametrize("name", OVERRIDDEN)
@pytest.mark.parametrize("where", ["subclass", "instance", "class"])
def test_what_is_overridden_is_called(run, monkeypatch, name, where):
    async def main():
        calls = []
        loop = asyncio_core.get_running_loop()
        await use(StreamReader(64, loop))
        method = counting(name, calls)
        if where == "subclass":
            reader = type("Counted", (StreamReader,), {name: method})(64, loop)
        else:
            reader = StreamReader(64, loop)
            if where == "instance":
                setattr(reader, name, types.MethodType(method, reader))
            else:
                monkeypatch.setattr(StreamReader, name, method)
        await use(reader)
        monkeypatch.undo()
        counted = len(calls)
        assert counted >= OVERRIDDEN[name]
        await use(StreamReader(64, loop))
        assert len(calls) == counted

    run(main)


def test_attribute_that_a_subclass_computes_is_asked_for(run):
    class Limited(StreamReader):
        @property
        def _limit(self):
            return 3

        @_limit.setter
        def _limit(self, limit):
            pass

    async def main():
        reader = reader_with(b"12345\n", kind=Limited)
        with pytest.raises(asyncio_core.LimitOverrunError):
            await reader.readuntil(b"\n")

    run(main)


def test_subclass_that_overrides_nothing_of_it_is_read_as_usual(run):
    class Named(StreamReader):
        def __init__(self, *args):
            super().__init__(*args)
            self.name = "reader"

        def note(self):
            return self.name

    async def main():
        reader = reader_with(kind=Named)
        assert await use(reader) is reader
        assert reader.note() == "reader"
        assert vars(reader) == {"name": "reader"}

    run(main)


def test_subclass_may_add_to_what_it_overrides(run):
    class Shouting(StreamReader):
        async def readline(self):
            return (await super().readline()).upper()

        def feed_data(self, data):
            super().feed_data(data.replace(b"\r\n", b"\n"))

    async def main():
        reader = reader_with(b"one\r\ntwo\r\n", kind=Shouting)
        assert await reader.readline() == b"ONE\n"
        assert [line async for line in ended(reader)] == [b"TWO\n"]

    def ended(reader):
        reader.feed_eof()
        return reader

    run(main)


def test_drain_asks_reader_transport_and_protocol(run, make_transport):
    async def main():
        reader, transport = reader_with(), make_transport()
        writer = writer_to(transport, reader)
        await writer.drain()
        writer._protocol.pause_writing()
        task = asyncio_core.create_task(writer.drain())
        await asyncio_core.sleep(0)
        assert not task.done()
        writer._protocol.resume_writing()
        await task
        reader.set_exception(KeyError("ended"))
        with pytest.raises(KeyError):
            await writer.drain()
        writer = writer_to(transport)
        writer._protocol.connection_lost(None)
        with pytest.raises(ConnectionResetError):
            await writer.drain()
        asked = []

        class Other(StreamReaderProtocol):
            async def _drain_helper(self):
                asked.append(self)

        writer._protocol = protocol = Other(reader, loop=asyncio_core.get_running_loop())
        await writer.drain()
        assert asked == [protocol]
        writer.close()

    run(main)


def test_write_goes_to_whatever_the_transport_is_and_raises_what_it_raises(run, make_transport):
    async def main():
        transport = make_transport()
        writer = writer_to(transport)
        assert writer.write(b"data") is None
        assert transport.log == [b"data"]
        writer._transport = other = unittest.mock.Mock()
        other.write.side_effect = TypeError("not that")
        with pytest.raises(TypeError, match="not that"):
            writer.write(data=5)
        other.write.assert_called_once_with(5)

    run(main)


def test_reader_without_init_has_no_attributes_and_says_so(run):
    async def main():
        reader = StreamReader.__new__(StreamReader)
        for call in (reader.readline, lambda: reader.read(1), lambda: reader.readexactly(1)):
            with pytest.raises(AttributeError):
                await call()
        with pytest.raises(AttributeError):
            reader.feed_data(b"data")
        with pytest.raises(AttributeError):
            StreamReaderProtocol.__new__(StreamReaderProtocol).data_received(b"data")

    run(main)


def test_buffer_that_is_looked_into_cannot_change(run):
    async def main():
        reader = reader_with(b"one\ntwo\n")
        with memoryview(reader._buffer):
            with pytest.raises(BufferError):
                reader.feed_data(b"more")
            with pytest.raises(BufferError):
                await reader.readline()
        assert await reader.read(100) == b"one\ntwo\n"

    run(main)


def test_buffer_is_one_bytearray_that_others_may_change(run):
    async def main():
        reader = reader_with(b"onetwo\n")
        buffer = reader._buffer
        del buffer[:3]
        assert await reader.readline() == b"two\n"
        assert reader._buffer is buffer
        assert type(buffer) is bytearray
        reader._buffer = bytearray(b"another\n")
        assert await reader.readline() == b"another\n"

    run(main)


@pytest.mark.parametrize("seed", range(5))
def test_reads_of_any_size_give_what_was_fed(run, seed):
    chosen = random.Random(seed)

    async def main():
        reader = reader_with(limit=2**16)
        fed = taken = b""
        for _ in range(400):
            data = chosen.randbytes(chosen.choice((0, 1, 5, 30, 200, 1500, 9000)))
            reader.feed_data(bytearray(data) if chosen.random() < 0.3 else data)
            fed += data
            left = len(fed) - len(taken)
            assert len(reader._buffer) == left
            for _ in range(chosen.randrange(3)):
                left = len(fed) - len(taken)
                if left:
                    way = chosen.randrange(4)
                    count = chosen.choice((1, left // 2, left, left + 1))
                    if way == 0 and count <= left:
                        taken += await reader.readexactly(count)
                    elif way == 1 and b"\n" in reader._buffer:
                        taken += await reader.readline()
                    elif way == 2 and b"ab" in reader._buffer:
                        taken += await reader.readuntil(b"ab")
                    else:
                        taken += await reader.read(count)
            assert fed.startswith(taken)
        reader.feed_eof()
        assert taken + await reader.read() == fed

    run(main)
