"""Coroutines: telling them apart, showing them, making them of generators."""

from __future__ import annotations

import functools
import sys
import types
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_core.awaiting import coroutines
from asyncio_core.awaiting.coroutines import _format_coroutine, coroutine, iscoroutine
from asyncio_core.awaiting.futures import Future
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_test_support.programs import printed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from asyncio_core.loops.parking import ParkingEventLoop


async def native() -> int:
    return 1


def generator() -> Generator[int, None, None]:
    yield 1


class Foreign:
    """What a compiler other than CPython's might make of ``async def``."""

    def send(self, value: object) -> None:
        raise StopIteration(7)

    def throw(self, *error: object) -> None: ...

    def close(self) -> None: ...

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> None:
        self.send(None)


@types.coroutine
def marked() -> Generator[None, None, int]:
    yield
    return 2


@coroutine
def decorated(value: int) -> Any:
    first = yield from marked()
    second = yield from native().__await__()
    return first + second + value


class TestIsCoroutine:
    def test_native_ones_marked_generators_and_lookalikes_are(self) -> None:
        for _ in range(2):
            coro = native()
            assert iscoroutine(coro)
            coro.close()
            assert iscoroutine(marked())
            assert iscoroutine(decorated(1))
            assert iscoroutine(Foreign())

    def test_plain_generators_functions_and_futures_are_not(self, loop: ParkingEventLoop) -> None:
        # Python 3.11 still took plain generators for coroutines.
        assert iscoroutine(generator()) is (sys.version_info < (3, 12))
        assert not iscoroutine(native)
        assert not iscoroutine(Future(loop=loop))
        assert not iscoroutine(1)


class TestIsCoroutineFunction:
    def ask(self, func: object) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return coroutines.iscoroutinefunction(func)

    def test_async_def_decorated_and_partial_ones_are(self) -> None:
        assert self.ask(native)
        assert self.ask(decorated)
        assert self.ask(functools.partial(native))

    def test_others_are_not(self) -> None:
        assert not self.ask(generator)
        assert not self.ask(len)
        assert not self.ask(None)

    def test_it_is_deprecated_where_the_running_python_says_so(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            coroutines.iscoroutinefunction(native)
        kinds = [warning.category for warning in caught]
        assert kinds == ([DeprecationWarning] if sys.version_info >= (3, 14) else [])
        assert all(warning.filename == __file__ for warning in caught)


class TestGeneratorBased:
    def test_it_can_be_run_awaited_and_wrapped_in_a_task(self, loop: ParkingEventLoop) -> None:
        async def main() -> list[int]:
            return [await decorated(10), await loop.create_task(decorated(20))]

        assert loop.run_until_complete(decorated(0)) == 3
        assert loop.run_until_complete(main()) == [13, 23]

    def test_it_waits_for_futures_with_yield_from(self, loop: ParkingEventLoop) -> None:
        fut: Future[str] = Future(loop=loop)

        @coroutine
        def wait() -> Generator[Any, None, str]:
            return (yield from fut)

        task = loop.create_task(wait())
        loop.call_soon(fut.set_result, "arrived")
        assert loop.run_until_complete(task) == "arrived"

    def test_exceptions_and_cancellation_arrive_inside(self, loop: ParkingEventLoop) -> None:
        seen = []

        @coroutine
        def wait(fut: Future[None]) -> Generator[Any, None, str]:
            try:
                yield from fut
            except BaseException as error:
                seen.append(type(error).__name__)
            return "survived"

        failing: Future[None] = Future(loop=loop)
        first = loop.create_task(wait(failing))
        loop.call_soon(failing.set_exception, KeyError())
        second = loop.create_task(wait(Future(loop=loop)))
        loop.call_soon(second.cancel)
        assert loop.run_until_complete(first) == "survived"
        assert loop.run_until_complete(second) == "survived"
        assert seen == ["KeyError", "CancelledError"]

    @pytest.mark.parametrize("value", [5, None])
    def test_a_plain_function_gives_its_value(
        self, loop: ParkingEventLoop, value: int | None
    ) -> None:
        @coroutine
        def answer() -> Any:
            return value

        assert loop.run_until_complete(answer()) == value

    @pytest.mark.parametrize(
        "make", [native, Foreign, lambda: (yield from marked())], ids=["native", "foreign", "gen"]
    )
    def test_a_plain_function_that_returns_something_to_wait_for_waits(
        self, loop: ParkingEventLoop, make: Callable[[], Any]
    ) -> None:
        @coroutine
        def indirect() -> Any:
            return make()

        assert loop.run_until_complete(indirect()) in (1, 2, 7)

    def test_a_plain_function_that_returns_a_future_waits_for_it(
        self, loop: ParkingEventLoop
    ) -> None:
        fut: Future[int] = Future(loop=loop)
        loop.call_soon(fut.set_result, 9)

        @coroutine
        def indirect() -> Any:
            return fut

        assert loop.run_until_complete(indirect()) == 9

    def test_async_def_functions_are_left_as_they_are(self) -> None:
        assert coroutine(native) is native
        assert coroutine(decorated) is decorated

    def test_the_function_keeps_its_name(self) -> None:
        assert decorated.__name__ == "decorated"


class TestFormat:
    def test_a_native_one_shows_state_and_place(self, loop: ParkingEventLoop) -> None:
        line = native.__code__.co_firstlineno
        coro = native()
        assert _format_coroutine(coro) == f"native() running at {__file__}:{line}"
        loop.run_until_complete(coro)
        assert _format_coroutine(coro) == f"native() done, defined at {__file__}:{line}"

    def test_a_generator_shows_the_line_it_waits_at(self) -> None:
        coro = marked()
        next(coro)
        line = marked.__code__.co_firstlineno + 2
        assert _format_coroutine(coro) == f"marked() running at {__file__}:{line}"

    def test_a_foreign_one_shows_what_it_has(self) -> None:
        coro: Any = Foreign()
        assert _format_coroutine(coro) == "<Foreign without __name__>()"
        coro.__qualname__ = "mine"
        coro.cr_running = True
        assert _format_coroutine(coro) == "mine() running"


@pytest.mark.parametrize(
    ("options", "value", "expected"),
    [
        ([], "", False),
        ([], "1", True),
        (["-E"], "1", False),
        (["-X", "dev"], "", True),
    ],
)
def test_debug_mode_follows_environment_and_options(
    options: list[str], value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", value)
    monkeypatch.delenv("PYTHONDEVMODE", raising=False)
    code = "from asyncio_core.awaiting import coroutines; print(coroutines._is_debug_mode())"
    assert printed_by(code, *options) == str(expected)
