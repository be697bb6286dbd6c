"""What looks at annotations while a program runs finds what it finds in the standard asyncio: next to none."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.annotations import leave_to_checkers

if TYPE_CHECKING:
    from collections.abc import Iterator


def methods(cls: type) -> Iterator[Any]:
    """Yield the functions that a class has, its properties' too."""
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        for function in (getattr(member, part, None) for part in ("fget", "fset", "fdel")):
            if function is not None:
                yield function
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function):
            yield function
            yield getattr(cls, name)


def public() -> list[Any]:
    values = [getattr(asyncio_core, name) for name in asyncio_core.__all__]
    classes = [value for value in values if inspect.isclass(value)]
    return [
        *(value for value in values if callable(value)),
        *(method for cls in classes for method in methods(cls)),
    ]


def test_hints_of_all_that_is_public_can_be_asked_for() -> None:
    things = public()
    assert len(things) > 500
    for thing in things:
        typing.get_type_hints(thing)
        inspect.get_annotations(thing, eval_str=True)
        if not inspect.isclass(thing):
            inspect.signature(thing, eval_str=True)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotationlib came with Python 3.14")
def test_every_format_of_annotations_can_be_asked_for() -> None:
    import annotationlib

    formats = [annotationlib.Format.VALUE, annotationlib.Format.FORWARDREF]
    for thing in public():
        for form in (*formats, annotationlib.Format.STRING):
            annotationlib.get_annotations(thing, format=form)


def test_functions_tell_the_types_that_the_standards_tell() -> None:
    functions = {
        name: value
        for name in asyncio_core.__all__
        if inspect.isfunction(value := getattr(asyncio_core, name))
    }
    told = {name for name, function in functions.items() if typing.get_type_hints(function)}
    assert told == {"timeout", "timeout_at"}
    assert typing.get_type_hints(asyncio_core.timeout) == {
        "delay": float | None,
        "return": asyncio_core.Timeout,
    }
    factory = asyncio_core.create_eager_task_factory(asyncio_core.Task)
    assert typing.get_type_hints(factory) == {}


def test_data_classes_tell_their_fields() -> None:
    graph = asyncio_core.FutureCallGraph
    assert typing.get_type_hints(graph) == {
        "future": asyncio_core.Future,
        "call_stack": tuple[asyncio_core.FrameCallGraphEntry, ...],
        "awaited_by": tuple[graph, ...],
    }


def test_hints_of_a_derived_class_are_its_own() -> None:
    class Echo(asyncio_core.Protocol):
        received: int

        def data_received(self, data: bytes) -> None:
            self.received = len(data)

    class Loop(asyncio_core.ParkingEventLoop):
        turns: int

    assert typing.get_type_hints(Echo) == {"received": int}
    assert typing.get_type_hints(Echo.data_received) == {"data": bytes, "return": type(None)}
    assert typing.get_type_hints(Loop) == {"turns": int}


def test_a_wrapper_tells_what_it_is_given() -> None:
    @wraps(asyncio_core.sleep)
    async def rest(delay: float) -> None:
        await asyncio_core.sleep(delay)

    assert typing.get_type_hints(rest) == {}
    assert str(inspect.signature(rest, eval_str=True)) == "(delay, result=None)"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    example = ModuleType("asyncio_core.example")
    monkeypatch.setitem(sys.modules, example.__name__, example)
    return example


def test_a_module_drops_the_annotations_of_what_it_shows(module: ModuleType) -> None:
    code = """
from __future__ import annotations
from inspect import getdoc

def function(argument: Missing) -> Missing: ...

class Base:
    attribute: Missing
    def method(self, argument: Missing) -> Missing: ...

class Derived(Base):
    @property
    def value(self) -> Missing: ...
    @value.setter
    def value(self, value: Missing) -> Missing: ...
    @staticmethod
    def static(argument: Missing) -> Missing: ...
    @classmethod
    def make(cls, argument: Missing) -> Missing: ...

del Base
"""
    exec(code, vars(module))
    leave_to_checkers(module.__name__)
    derived = module.Derived
    for thing in (module.function, derived, *methods(derived)):
        assert typing.get_type_hints(thing) == {}
        assert inspect.get_annotations(thing) == {}
    assert inspect.get_annotations(inspect.getattr_static(derived, "static")) == {}
    # What it has from elsewhere stays as it is, and calling works as before.
    assert str(inspect.signature(module.function)) == "(argument)"
    assert module.function(1) is module.Derived.static(1) is None


def test_a_module_leaves_the_classes_of_others_alone(module: ModuleType) -> None:
    @dataclass
    class Other:
        x: int

        def method(self, y: int) -> int:
            return y

    module.Other = Other  # type: ignore[attr-defined]
    module.other = test_a_module_leaves_the_classes_of_others_alone  # type: ignore[attr-defined]
    leave_to_checkers(module.__name__)
    assert typing.get_type_hints(Other) == {"x": int}
    assert typing.get_type_hints(Other.method) == {"y": int, "return": int}
    assert inspect.get_annotations(module.other)


def test_nothing_is_loaded_for_the_sake_of_annotations() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import asyncio_core\n"
        "async def main(): await asyncio_core.sleep(0)\n"
        "asyncio_core.run(main(), loop_factory=asyncio_core.ParkingEventLoop)\n"
        "assert 'typing' in before or 'typing' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_stranger_s_class_keeps_its_own(module: ModuleType) -> None:
    class Stranger:
        attribute: int

    Stranger.__module__ = "asyncio_extra.things"
    vars(module)["Stranger"] = Stranger
    leave_to_checkers(module.__name__)
    assert typing.get_type_hints(Stranger) == {"attribute": int}
