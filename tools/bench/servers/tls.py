"""Echo over TLS 1.3."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from bench import servers
from bench.servers import KIB, Counts, Load, case
from bench.servers.protocols import Echo, serving
from bench.servers.streams import echo_lines
from bench.servers.streams import serving as serving_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(servers.certificate)
    return made


def protocol() -> AsyncIterator[int]:
    return serving(Echo, context())


def readline() -> AsyncIterator[int]:
    return serving_streams(echo_lines, context())


case("tls", "1 KiB there and back over TLS 1.3, Protocol", protocol, Load("tls"))
case(
    "tls_64k",
    "64 KiB there and back over TLS 1.3, Protocol",
    protocol,
    Load("tls", size=64 * KIB),
    Counts(300, 1000, 100),
)
case(
    "tls_readline",
    "a line of 1 KiB there and back over TLS 1.3, streams",
    readline,
    Load("tls", suffixes=(b"\n",)),
)
