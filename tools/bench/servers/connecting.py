"""Connections that end: what accepting one takes, and what one takes that carries a single message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.servers import Counts, Load, case
from bench.servers.protocols import Echo, serving
from bench.servers.streams import echo_lines
from bench.servers.streams import serving as serving_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Closing(asyncio.Protocol):
    """Is done with a connection as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def accept() -> AsyncIterator[int]:
    return serving(Closing)


def request() -> AsyncIterator[int]:
    return serving(Echo)


def request_streams() -> AsyncIterator[int]:
    return serving_streams(echo_lines)


FEW = Counts(1000, 2000, 500)

case("accept", "a connection that the server closes at once", accept, Load("accept"), FEW)
case("request", "a connection with 1 KiB there and back, Protocol", request, Load("request"), FEW)
case(
    "request_streams",
    "a connection with a line of 1 KiB there and back, streams",
    request_streams,
    Load("request", suffixes=(b"\n",)),
    FEW,
)
