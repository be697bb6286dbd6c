"""Exceptions that nobody awaits: the exception handler, and a loop that goes on."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import connected_peer, connection
from loop_kit.protocols import DatagramRecorder, Recorder

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

Reports = list[dict[str, Any]]


def fail(*args: object) -> None:
    raise LookupError("on purpose")


def run_once(loop: AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_exception_in_a_callback_is_reported_and_the_loop_goes_on(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    seen: list[int] = []
    handle = loop.call_soon(fail)
    loop.call_soon(seen.append, 1)
    run_once(loop)
    assert seen == [1]
    report = reports.pop()
    assert isinstance(report["exception"], LookupError)
    assert isinstance(report["message"], str)
    assert report["handle"] is handle


def test_exception_in_a_timer_is_reported(loop: AbstractEventLoop, reports: Reports) -> None:
    loop.call_later(0, fail)
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert isinstance(reports.pop()["exception"], LookupError)


def test_exception_in_a_callback_of_a_future_is_reported(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    future = loop.create_future()
    seen: list[Any] = []
    future.add_done_callback(fail)
    future.add_done_callback(seen.append)
    future.set_result(None)
    run_once(loop)
    assert seen == [future]
    assert isinstance(reports.pop()["exception"], LookupError)


def test_exception_of_a_task_that_nobody_awaits_is_reported(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    async def main() -> None:
        raise LookupError("on purpose")

    task = loop.create_task(main())
    run_once(loop)
    run_once(loop)
    assert reports == []
    del task
    gc.collect()
    report = reports.pop()
    assert isinstance(report["exception"], LookupError)
    assert "future" in report


def test_handler_is_set_and_taken_back(loop: AbstractEventLoop) -> None:
    def handler(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        seen.append((loop, context))

    seen: list[Any] = []
    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    context = {"message": "a message", "exception": LookupError()}
    loop.call_exception_handler(context)
    assert seen == [(loop, context)]
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


def test_handler_is_callable_or_none(loop: AbstractEventLoop) -> None:
    with pytest.raises(TypeError):
        loop.set_exception_handler("no handler")  # type: ignore[arg-type]


def test_default_handler_logs_the_exception(
    loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_exception_handler(None)
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_soon(fail)
        run_once(loop)
    (record,) = caplog.records
    assert record.name == "asyncio"
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_default_handler_logs_the_message_and_the_other_keys(
    loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.default_exception_handler({"message": "what happened", "more": "about it"})
    (record,) = caplog.records
    assert "what happened" in record.getMessage()
    assert "about it" in record.getMessage()


def test_handler_can_call_the_default_one(
    loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_exception_handler(lambda loop, context: loop.default_exception_handler(context))
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_soon(fail)
        run_once(loop)
    assert len(caplog.records) == 1


def test_exception_in_the_handler_is_logged_and_the_loop_goes_on(
    loop: AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        raise ValueError("in the handler")

    seen: list[int] = []
    loop.set_exception_handler(handler)
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_soon(fail)
        loop.call_soon(seen.append, 1)
        run_once(loop)
    assert seen == [1]
    assert any(
        record.exc_info and isinstance(record.exc_info[1], ValueError) for record in caplog.records
    )


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interruption_is_not_reported(
    loop: AbstractEventLoop, reports: Reports, kind: type[BaseException]
) -> None:
    def interrupt() -> None:
        raise kind

    loop.call_soon(interrupt)
    with pytest.raises(kind):
        loop.run_forever()
    assert reports == []


@pytest.mark.since(3, 12)
def test_handler_runs_in_the_context_of_the_callback(loop: AbstractEventLoop) -> None:
    seen: list[str] = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    context = contextvars.copy_context()
    context.run(variable.set, "of the callback")
    loop.call_soon(fail, context=context)
    run_once(loop)
    assert seen == ["of the callback"]


# What protocols raise


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
async def test_exception_in_a_protocol_is_reported_and_closes_its_connection(
    loop: AbstractEventLoop, reports: Reports, method: str
) -> None:
    async with connection(loop) as (transport, protocol, peer):
        setattr(protocol, method, fail)
        await (peer.send(b"data") if method == "data_received" else peer.recv(0))
        if method == "eof_received":
            peer.send_eof()
        error = await protocol.lost
        assert transport.is_closing()
        assert isinstance(error, LookupError)
        assert await peer.is_dead()
    report = reports.pop()
    assert report["exception"] is error
    assert report["protocol"] is protocol
    assert report["transport"] is not None


async def test_exception_in_connection_lost_is_reported(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    class Failing(Recorder):
        def connection_lost(self, error: BaseException | None) -> None:
            super().connection_lost(error)
            raise LookupError("on purpose")

    async with connection(loop, Failing) as (transport, protocol, _):
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
    assert isinstance(reports.pop()["exception"], LookupError)


async def test_exception_in_connection_made_of_a_server_is_reported_and_it_goes_on(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    made: list[Recorder] = []

    class FirstFails(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            made.append(self)
            if len(made) == 1:
                raise LookupError("on purpose")

    async with await loop.create_server(FirstFails, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        first = await connected_peer(address)
        second = await connected_peer(address)
        await second.send(b"works")
        while len(made) < 2:
            await asyncio.sleep(0.001)
        assert await made[1].received(5) == b"works"
        for peer, recorder in ((first, made[0]), (second, made[1])):
            recorder.transport.abort()
            peer.close()
            await recorder.lost
    assert isinstance(reports.pop()["exception"], LookupError)


async def test_exception_of_a_factory_is_reported_and_the_server_goes_on(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    calls: list[int] = []
    made = loop.create_future()

    def factory() -> Recorder:
        calls.append(1)
        if len(calls) == 1:
            raise LookupError("on purpose")
        recorder = Recorder()
        made.set_result(recorder)
        return recorder

    async with await loop.create_server(factory, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        first = await connected_peer(address)
        # The one that got no protocol is closed.
        assert await first.is_dead()
        second = await connected_peer(address)
        recorder = await made
        await second.send(b"works")
        assert await recorder.received(5) == b"works"
        first.close()
        second.close()
        await recorder.lost
    assert isinstance(reports.pop()["exception"], LookupError)


async def test_exception_in_datagram_received_is_reported(
    loop: AbstractEventLoop, reports: Reports
) -> None:
    class Failing(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"bad":
                raise LookupError("on purpose")

    transport, protocol = await loop.create_datagram_endpoint(Failing, local_addr=("127.0.0.1", 0))
    transport.sendto(b"bad", transport.get_extra_info("sockname"))
    await protocol.received(1)
    transport.abort()
    await protocol.lost
    assert isinstance(reports.pop()["exception"], LookupError)
