"""Helpers for the tests of streams."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from asyncio_test_support.running import run_watched

Main = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture
def complaints() -> list[dict[str, Any]]:
    """What the loop's exception handler was given; a test that expects something empties it."""
    return []


@pytest.fixture
def run(complaints: list[dict[str, Any]]) -> Callable[[Main], Any]:
    """Run an async function on a fresh loop, with an end to it; complaints are errors."""

    return lambda main: run_watched(main(), limit=30, collect=True, reported=complaints)


class RecordingTransport:
    """A transport that goes nowhere and writes down what is asked of it."""

    def __init__(self, pausable: bool = True) -> None:
        self.log: list[Any] = []
        self.closing = False
        self.pausable = pausable

    def pause_reading(self) -> None:
        self.log.append("pause")
        if not self.pausable:
            raise NotImplementedError

    def resume_reading(self) -> None:
        self.log.append("resume")

    def write(self, data: bytes) -> None:
        self.log.append(bytes(data))

    def writelines(self, data: Any) -> None:
        self.log.append([bytes(piece) for piece in data])

    def write_eof(self) -> None:
        self.log.append("eof")

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.log.append("close")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": "somebody"}.get(name, default)

    def __repr__(self) -> str:
        return "<RecordingTransport>"


@pytest.fixture
def make_transport() -> type[RecordingTransport]:
    return RecordingTransport
