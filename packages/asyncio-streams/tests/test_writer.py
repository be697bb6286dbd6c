"""StreamWriter and its protocol over a transport that only writes down what it is told."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref

import pytest

import asyncio_core
import asyncio_streams
from asyncio_streams.streams import FlowControlMixin


@pytest.fixture
def connect(make_transport):
    """Make a connection that goes nowhere: transport, protocol, reader and writer."""

    def make():
        loop = asyncio_core.get_running_loop()
        transport = make_transport()
        reader = asyncio_streams.StreamReader(loop=loop)
        protocol = asyncio_streams.StreamReaderProtocol(reader, loop=loop)
        protocol.connection_made(transport)
        writer = asyncio_streams.StreamWriter(transport, protocol, reader, loop)
        return transport, protocol, reader, writer

    return make


def test_what_it_passes_on_to_the_transport(run, connect):
    async def main():
        transport, _, _, writer = connect()
        writer.write(b"one")
        writer.writelines([b"two", b"three"])
        assert writer.can_write_eof()
        writer.write_eof()
        assert writer.get_extra_info("peername") == "somebody"
        assert writer.get_extra_info("missing", 5) == 5
        assert writer.transport is transport
        assert not writer.is_closing()
        writer.close()
        assert writer.is_closing()
        assert transport.log == [b"one", [b"two", b"three"], "eof", "close"]
        assert repr(writer).startswith("<StreamWriter transport=<RecordingTransport> reader=<Str")

    run(main)


def test_drain_waits_while_the_transport_has_too_much(run, connect, turns):
    async def main():
        _, protocol, _, writer = connect()
        await writer.drain()
        protocol.pause_writing()
        tasks = [asyncio_core.create_task(writer.drain()) for _ in range(5)]
        await turns(3)
        assert not any(task.done() for task in tasks)
        protocol.resume_writing()
        await asyncio_core.gather(*tasks)
        writer.close()

    run(main)


def test_one_cancelled_drain_leaves_the_others_waiting(run, connect, turns):
    async def main():
        _, protocol, _, writer = connect()
        protocol.pause_writing()
        first, second = (asyncio_core.create_task(writer.drain()) for _ in range(2))
        await turns(1)
        first.cancel()
        await turns(3)
        assert first.cancelled()
        assert not second.done()
        protocol.resume_writing()
        await second
        writer.close()

    run(main)


@pytest.mark.parametrize("error", [None, ConnectionResetError("gone")])
def test_losing_the_connection_ends_every_drain(run, connect, turns, error):
    async def main():
        _, protocol, _, writer = connect()
        protocol.pause_writing()
        tasks = [asyncio_core.create_task(writer.drain()) for _ in range(3)]
        await turns(1)
        tasks[0].cancel()
        protocol.connection_lost(error)
        await asyncio_core.wait(tasks)
        assert [task.cancelled() for task in tasks] == [True, False, False]
        assert [task.exception() for task in tasks[1:]] == [error, error]
        with pytest.raises(ConnectionResetError, match="gone" if error else "Connection lost"):
            await writer.drain()
        writer.close()

    run(main)


def test_drain_on_a_closing_transport_lets_the_loop_run(run, connect):
    async def main():
        _, protocol, _, writer = connect()
        writer.close()
        asyncio_core.get_running_loop().call_soon(protocol.connection_lost, None)
        with pytest.raises(ConnectionResetError):
            await writer.drain()

    run(main)


def test_wait_closed_by_several_tasks_of_which_one_gives_up(run, connect, turns):
    async def main():
        _, protocol, _, writer = connect()
        writer.close()
        first, second = (asyncio_core.create_task(writer.wait_closed()) for _ in range(2))
        await turns(1)
        first.cancel()
        await turns(2)
        assert first.cancelled()
        assert not second.done()
        protocol.connection_lost(None)
        await second
        await writer.wait_closed()

    run(main)


def test_wait_closed_raises_what_ended_the_connection(run, connect, turns):
    async def main():
        _, protocol, reader, writer = connect()
        task = asyncio_core.create_task(writer.wait_closed())
        await turns(1)
        protocol.connection_lost(OSError("broken"))
        for wait in (task, writer.wait_closed(), reader.read(1)):
            with pytest.raises(OSError, match="broken"):
                await wait
        writer.close()

    run(main)


def test_an_error_that_nobody_waits_for_is_not_reported(run, connect):
    async def main():
        _, protocol, _, writer = connect()
        task = asyncio_core.create_task(writer.wait_closed())
        await asyncio_core.sleep(0)
        task.cancel()
        protocol.connection_lost(OSError("broken"))
        await asyncio_core.wait([task])
        writer.close()

    run(main)


def test_the_end_of_the_peer_ends_the_reader_and_keeps_the_writer(run, connect):
    async def main():
        _, protocol, reader, writer = connect()
        protocol.data_received(b"last")
        assert protocol.eof_received() is True
        assert await reader.read() == b"last"
        writer.write(b"answer")
        writer.close()
        protocol.connection_lost(None)
        protocol.data_received(b"too late")
        assert protocol.eof_received() is True

    run(main)


def test_a_writer_dropped_unclosed_warns_and_closes(run, connect):
    async def main():
        transport, _, reader, writer = connect()
        with pytest.warns(ResourceWarning, match="unclosed <StreamWriter"):
            del writer
        assert transport.log == ["close"]
        del reader

    run(main)


def test_a_closed_writer_does_not_warn(run, connect):
    async def main():
        transport, _, _, writer = connect()
        writer.close()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del writer
        assert caught == []
        assert transport.log == ["close"]

    run(main)


def test_dropped_in_another_thread_it_is_closed_by_its_loop(run, connect, turns):
    async def main():
        transport, _, _, writer = connect()
        holder = [writer]
        del writer
        closed_in = []
        transport.close = lambda: closed_in.append(threading.get_ident())
        with pytest.warns(ResourceWarning, match="unclosed"):
            thread = threading.Thread(target=holder.clear)
            thread.start()
            thread.join()
        assert closed_in == []
        await turns(2)
        assert closed_in == [threading.get_ident()]

    run(main)


def test_dropped_after_its_loop_was_closed_it_only_warns(connect):
    kept = []

    async def main():
        kept.extend(connect())

    asyncio_core.run(main())
    transport = kept[0]
    with pytest.warns(ResourceWarning, match="loop is closed"):
        kept.clear()
    assert transport.log == []


def test_a_protocol_for_writing_alone(run, make_transport):
    async def main():
        loop = asyncio_core.get_running_loop()
        protocol = FlowControlMixin()
        assert protocol._loop is loop
        writer = asyncio_streams.StreamWriter(make_transport(), protocol, None, loop)
        writer.write(b"x")
        await writer.drain()
        with pytest.raises(NotImplementedError):
            await writer.wait_closed()
        assert repr(writer) == "<StreamWriter transport=<RecordingTransport>>"
        writer.close()

    run(main)


@pytest.mark.parametrize("kind", ["coroutine", "plain"])
def test_an_exception_in_the_handler_is_reported_and_closes(
    run, turns, make_transport, complaints, kind
):
    async def serve(reader, writer):
        raise ValueError("by the handler")

    def serve_plainly(reader, writer):
        raise ValueError("by the handler")

    async def main():
        loop = asyncio_core.get_running_loop()
        transport = make_transport()
        protocol = asyncio_streams.StreamReaderProtocol(
            asyncio_streams.StreamReader(), serve if kind == "coroutine" else serve_plainly
        )
        protocol.connection_made(transport)
        await turns(3)
        assert transport.log == ["close"]
        (context,) = complaints
        assert context["message"] == "Unhandled exception in client_connected_cb"
        assert str(context["exception"]) == "by the handler"
        assert context["transport"] is transport
        complaints.clear()
        assert loop is protocol._loop

    run(main)


def test_a_cancelled_handler_closes_silently(run, turns, make_transport):
    async def serve(reader, writer):
        asyncio_core.current_task().cancel()
        await turns(1)

    async def main():
        transport = make_transport()
        protocol = asyncio_streams.StreamReaderProtocol(asyncio_streams.StreamReader(), serve)
        protocol.connection_made(transport)
        await turns(4)
        assert transport.log == ["close"]

    run(main)


def test_a_handler_is_kept_alive_after_its_connection_ended(run, turns, make_transport):
    log = []

    async def serve(reader, writer):
        writer.close()
        await reader.read()
        # Only this task refers to what it waits for, and that to the task.
        future = asyncio_core.get_running_loop().create_future()
        log.append(weakref.ref(future))
        await future
        log.append("ended")

    async def main():
        protocol = asyncio_streams.StreamReaderProtocol(asyncio_streams.StreamReader(), serve)
        protocol.connection_made(make_transport())
        await turns(2)
        protocol.connection_lost(None)
        del protocol
        await turns(3)
        gc.collect()
        log.pop()().set_result(None)
        await turns(2)
        assert log == ["ended"]

    run(main)
