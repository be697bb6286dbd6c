"""Datagram endpoints on the loopback address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncio_core
from asyncio_test_support.protocols import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable


async def endpoint(loop: Any, factory: Callable[[], Any], **options: Any) -> Any:
    """Open an endpoint, at a free port unless options say where, and return its protocol."""
    if not options.keys() & {"remote_addr", "sock"}:
        options.setdefault("local_addr", ("127.0.0.1", 0))
    _, protocol = await loop.create_datagram_endpoint(factory, **options)
    return protocol


async def close(*protocols: Any) -> None:
    """Close the endpoints of protocols, which must be told of it in good order."""
    for protocol in protocols:
        protocol.transport.close()
        assert await asyncio_core.wait_for(protocol.lost, LIMIT) is None


def address_of(protocol: Any) -> Any:
    """Return where a protocol's endpoint can be sent to."""
    return protocol.transport.get_extra_info("sockname")
