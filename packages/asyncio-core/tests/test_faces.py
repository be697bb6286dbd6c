from __future__ import annotations

import inspect
import sys
import types
from unittest import mock

import pytest

from asyncio_core.awaiting import tasks
from asyncio_core.choosing import running_loop
from asyncio_core.connections import connecting
from asyncio_core.faces import extend_face, one_class
from asyncio_core.loops import base_events
from asyncio_core.scheduling import events, executors
from asyncio_core.scheduling import reports as error_reporting


def test_what_is_patched_in_a_face_is_patched_in_its_parts():
    original = executors.socket
    with mock.patch("asyncio_core.loops.base_events.socket") as fake:
        assert base_events.socket is fake
        assert executors.socket is fake
        assert connecting.socket is fake
    assert base_events.socket is original
    assert executors.socket is original
    assert connecting.socket is original


def test_the_logger_can_be_replaced_before_it_was_ever_used(loop):
    with mock.patch("asyncio_core.loops.base_events.logger") as fake:
        loop.default_exception_handler({"message": "m"})
    fake.error.assert_called_once()
    assert error_reporting._logger() is base_events.logger
    assert base_events.logger.name == "asyncio"


def test_replacing_the_function_that_tells_the_running_loop_reaches_everybody(monkeypatch, loop):
    monkeypatch.setattr(events, "_get_running_loop", lambda: loop)
    assert running_loop._get_running_loop() is loop
    assert events.get_event_loop() is loop
    monkeypatch.undo()
    assert events._get_running_loop() is None


def test_what_a_part_does_not_hold_stays_on_the_face():
    base_events.spam = 1
    assert base_events.spam == 1
    assert not hasattr(executors, "spam")
    del base_events.spam
    assert not hasattr(base_events, "spam")


def test_a_face_knows_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        base_events.spam


def test_a_face_can_be_extended_by_a_module_from_elsewhere(monkeypatch):
    elsewhere = types.ModuleType("elsewhere")
    elsewhere.spam = 1
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    monkeypatch.setattr(base_events, "_face_parts", base_events._face_parts)
    extend_face("asyncio_core.loops.base_events", "elsewhere")
    extend_face("asyncio_core.loops.base_events", "elsewhere")
    assert base_events._face_parts.count("elsewhere") == 1
    base_events.spam = 2
    assert elsewhere.spam == 2
    del base_events.spam
    assert elsewhere.spam == 1


def test_a_replaced_name_with_two_underscores_is_used_where_its_function_is(run, monkeypatch):
    turns = []
    real = vars(tasks)["__sleep0"]

    def counted():
        turns.append(None)
        return real()

    async def main():
        await tasks.sleep(0)

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "__sleep0", counted)
        run(main())
    run(main())
    assert turns == [None]


def test_methods_of_other_distributions_parts_are_copied_by_their_names():
    class Above:
        def step(self):
            raise NotImplementedError

    class Part(Above):
        def step(self, spam: int = 1, *, eggs=2):
            """Do one."""
            return spam, eggs

        def other(self):
            pass

    Part.__module__ = "elsewhere"
    ours, theirs = (one_class(Above, "step")(type(name, (Part,), {})) for name in ("A", "B"))
    assert ours().step() == (1, 2) == theirs().step(1, eggs=2)
    assert inspect.signature(ours.step) == inspect.signature(Part.step)
    assert ours.step.__doc__ == "Do one."
    assert (ours.step.__qualname__, ours.step.__module__) == ("A.step", __name__)
    assert theirs.step.__qualname__ == "B.step"
    assert Part.step.__qualname__.endswith("Part.step")
    assert ours.other is Part.other
