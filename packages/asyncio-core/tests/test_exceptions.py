"""The exceptions: what catches them, what they carry, and that they travel between processes."""

from __future__ import annotations

import builtins
import copy
import pickle

import pytest

from asyncio_core import exceptions


def test_a_cancellation_is_not_caught_as_an_ordinary_exception() -> None:
    assert not issubclass(exceptions.CancelledError, Exception)


def test_timeout_error_is_the_builtin() -> None:
    assert exceptions.TimeoutError is builtins.TimeoutError


@pytest.mark.parametrize("expected", [10, None])
def test_an_incomplete_read_carries_what_arrived(expected: int | None) -> None:
    error = exceptions.IncompleteReadError(b"abc", expected)
    assert isinstance(error, EOFError)
    assert (error.partial, error.expected) == (b"abc", expected)
    assert "3 bytes" in str(error)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "error",
    [
        exceptions.CancelledError("why"),
        exceptions.InvalidStateError("why"),
        exceptions.IncompleteReadError(b"abc", 10),
        exceptions.LimitOverrunError("too much", 7),
        exceptions.BrokenBarrierError("why"),
        exceptions.SendfileNotAvailableError("why"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_they_can_be_pickled_and_copied(error: BaseException, protocol: int) -> None:
    for twin in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
