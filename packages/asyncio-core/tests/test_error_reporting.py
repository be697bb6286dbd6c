from __future__ import annotations

import contextvars
import logging

import pytest

from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling.handles import Handle
from asyncio_test_support.programs import run_python

variable = contextvars.ContextVar("variable", default="outside")


def fail():
    raise ZeroDivisionError("spam")


def an_exception():
    try:
        fail()
    except ZeroDivisionError as exc:
        return exc


def test_the_default_handler_logs_message_details_and_traceback(loop, caplog):
    loop.default_exception_handler(
        {"message": "it broke", "exception": an_exception(), "transport": "T", "protocol": "P"}
    )
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("asyncio", logging.ERROR)
    assert record.message == "it broke\nprotocol: 'P'\ntransport: 'T'"
    assert "in fail" in caplog.text
    assert "ZeroDivisionError: spam" in caplog.text


def test_the_default_handler_manages_without_anything(loop, caplog):
    loop.default_exception_handler({})
    (record,) = caplog.records
    assert record.message == "Unhandled exception in event loop"
    assert not record.exc_info


def test_the_default_handler_tells_where_the_object_was_made(loop, caplog):
    loop.set_debug(True)
    handle = Handle(print, (), loop)
    loop.default_exception_handler({"message": "m", "source_traceback": handle._source_traceback})
    assert "\nsource_traceback: Object created at (most recent call last):\n" in caplog.text
    assert "test_the_default_handler_tells_where_the_object_was_made" in caplog.text


def test_the_default_handler_tells_where_the_running_handle_was_made(loop, caplog):
    loop.set_debug(True)
    loop.call_soon(loop.call_exception_handler, {"message": "m"})
    loop.stop()
    loop.run_forever()
    assert "\nhandle_traceback: Handle created at (most recent call last):\n" in caplog.text


def test_a_handler_gets_the_loop_and_the_context(loop, caplog):
    calls = []
    handler = lambda *args: calls.append(args)  # noqa: E731
    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    context = {"message": "m"}
    loop.call_exception_handler(context)
    assert calls == [(loop, context)]
    assert not caplog.records
    loop.set_exception_handler(None)
    loop.call_exception_handler(context)
    assert len(calls) == 1
    assert len(caplog.records) == 1


def test_a_handler_has_to_be_callable(loop):
    with pytest.raises(TypeError, match=r"callable.*'spam'"):
        loop.set_exception_handler("spam")


def test_a_handler_runs_in_the_context_of_the_handle_that_failed(loop):
    seen = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))

    def fail_inside():
        variable.set("inside")
        fail()

    loop.call_soon(fail_inside)
    loop.stop()
    loop.run_forever()
    assert seen == ["inside"]
    assert variable.get() == "outside"


def test_a_handler_runs_in_the_context_of_the_task_that_failed(loop):
    seen = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))

    async def fail_inside():
        variable.set("inside")
        loop.call_exception_handler({"message": "m", "task": loop_task})

    loop_task = loop.create_task(fail_inside())
    loop.run_until_complete(loop_task)
    loop.call_exception_handler({"message": "m", "task": loop_task})
    assert seen == ["inside", "inside"]


def test_a_handler_that_fails_is_logged_with_what_it_was_told(loop, caplog):
    def handler(*_):
        raise LookupError("handler")

    loop.set_exception_handler(handler)
    loop.call_exception_handler({"message": "original"})
    assert "Unhandled error in exception handler" in caplog.text
    assert "original" in caplog.text
    assert "LookupError: handler" in caplog.text


class BrokenLoop(ParkingEventLoop):
    def default_exception_handler(self, context):
        raise ValueError("default")


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (None, "Exception in default exception handler"),
        (lambda *_: fail(), "while handling an unexpected error in custom exception handler"),
    ],
)
def test_a_default_handler_that_fails_is_logged(caplog, handler, message):
    loop = BrokenLoop()
    loop.set_exception_handler(handler)
    loop.call_exception_handler({"message": "original"})
    loop.close()
    assert message in caplog.records[0].message
    assert "ValueError: default" in caplog.text


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt])
def test_handlers_may_end_the_program(loop, exception):
    def handler(*_):
        raise exception

    loop.set_exception_handler(handler)
    with pytest.raises(exception):
        loop.call_exception_handler({})


def test_a_log_that_cannot_be_reached_does_not_end_the_loop(loop, monkeypatch, capsys):
    class NoLog:
        def __getattr__(self, name):
            raise OSError(24, "Too many open files")

    from asyncio_core.loops import base_events

    monkeypatch.setattr(base_events, "logger", NoLog(), raising=False)
    done = []
    loop.call_soon(fail)
    loop.call_soon(done.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert done == [1]
    told = capsys.readouterr().err
    assert "Too many open files" in told
    assert "spam" in told


def test_nothing_is_told_where_there_is_nobody_to_tell(loop, monkeypatch):
    from asyncio_core.loops import base_events

    monkeypatch.setattr(base_events, "logger", None, raising=False)
    monkeypatch.setattr("sys.stderr", None)
    loop.call_exception_handler({"message": "unheard"})


def test_what_nobody_asked_for_is_told_also_at_the_end_of_the_interpreter():
    program = """
import asyncio_core

async def bad():
    raise ValueError("lost")

async def main():
    global task
    task = asyncio_core.create_task(bad())
    await asyncio_core.sleep(0)

asyncio_core.run(main())
"""
    done = run_python(program)
    assert "Task exception was never retrieved" in done.stderr
    assert "in bad" in done.stderr
    assert "ValueError: lost" in done.stderr
    assert "sys.meta_path" not in done.stderr


def test_a_task_that_has_no_context_is_told_of_all_the_same(loop):
    class HalfMade:
        def get_context(self):
            return None

    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    loop.call_exception_handler({"message": "it broke", "task": HalfMade()})
    assert told == ["it broke"]
