"""Helpers for the tests of streams."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import asyncio_core

Main = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture
def complaints() -> list[dict[str, Any]]:
    """What the loop's exception handler was given; a test that expects something empties it."""
    return []


@pytest.fixture
def run(complaints: list[dict[str, Any]]) -> Callable[[Main], Any]:
    """Run an async function on a fresh loop, with an end to it; complaints are errors."""

    def run_it(main: Main) -> Any:
        async def with_handler() -> Any:
            loop = asyncio_core.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            async with asyncio_core.timeout(30):
                return await main()

        result = asyncio_core.run(with_handler())
        gc.collect()  # what was not closed says so now, and not in some other test
        assert complaints == []
        return result

    return run_it


@pytest.fixture
def turns() -> Callable[[int], Coroutine[Any, Any, None]]:
    """Let everything that is ready run, a number of times over."""

    async def wait_turns(count: int) -> None:
        for _ in range(count):
            await asyncio_core.sleep(0)

    return wait_turns


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


@pytest.fixture
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server called localhost and of a client that trusts it."""
    folder = Path(__file__).parent / "certificates"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(folder / "ca.pem")
    return server, client
