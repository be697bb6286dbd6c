"""How callbacks and stacks are shown."""

from __future__ import annotations

import functools
import sys
from typing import Any

import pytest

from asyncio_core.constants import DEBUG_STACK_DEPTH
from asyncio_core.format_helpers import (
    _format_callback,
    _format_callback_source,
    _get_function_source,
    extract_stack,
)


def plain(*args: object, **kwargs: object) -> None: ...


LINE = plain.__code__.co_firstlineno


class Owner:
    def method(self) -> None: ...

    half_a_method = functools.partialmethod(method)


@functools.wraps(plain)
def wrapper() -> None: ...


@pytest.mark.parametrize(
    "func",
    [plain, functools.partial(plain, 1), functools.partial(functools.partial(plain)), wrapper],
)
def test_the_source_of_what_is_wrapped_is_found(func: object) -> None:
    assert _get_function_source(func) == (__file__, LINE)


def test_the_source_of_methods_is_found() -> None:
    line = Owner.method.__code__.co_firstlineno
    assert _get_function_source(Owner().method) == (__file__, line)
    assert _get_function_source(vars(Owner)["half_a_method"]) == (__file__, line)


def test_builtins_and_plain_objects_have_no_source() -> None:
    assert _get_function_source(print) is None
    assert _get_function_source(object()) is None


def test_an_object_that_answers_every_name_does_not_hang_the_search() -> None:
    class Yes:
        def __getattr__(self, name: str) -> Any:
            return Yes()

    assert _get_function_source(Yes()) is None
    assert "Yes" in _format_callback(Yes(), (), {})


def test_arguments_are_shown_in_debug_mode_only() -> None:
    func = functools.partial(plain, 1, key=2)
    assert _format_callback(func, (3,), {"x": "y"}) == "plain()()"
    assert _format_callback(func, (3,), {"x": "y"}, debug=True) == "plain(1, key=2)(3, x='y')"
    assert _format_callback(print, (), {}, suffix="!") == "print()!"


def test_long_arguments_are_shortened() -> None:
    assert len(_format_callback(plain, ("x" * 1000,), {}, debug=True)) < 100


def test_a_callback_without_a_name_is_shown_by_its_repr() -> None:
    class Nameless:
        def __repr__(self) -> str:
            return "<nameless>"

        def __call__(self) -> None: ...

    assert _format_callback_source(Nameless(), ()) == "<nameless>()"


def test_the_place_follows_the_call() -> None:
    assert _format_callback_source(plain, (1,), debug=True) == f"plain(1) at {__file__}:{LINE}"


def test_a_stack_ends_with_the_caller() -> None:
    stack = extract_stack()
    assert stack[-1].name == "test_a_stack_ends_with_the_caller"
    assert stack[-1].filename == __file__


def test_a_stack_is_cut_at_its_old_end() -> None:
    def deep(levels: int) -> Any:
        return deep(levels - 1) if levels else extract_stack()

    stack = deep(DEBUG_STACK_DEPTH + 5)
    assert len(stack) == DEBUG_STACK_DEPTH
    assert {entry.name for entry in stack} == {"deep"}


def test_frame_and_limit_can_be_given() -> None:
    def inner() -> Any:
        return extract_stack(sys._getframe(1), limit=1)

    [entry] = inner()
    assert entry.name == "test_frame_and_limit_can_be_given"
