"""Calls that are seen as made by `asyncio/unix_events.py`; see `asyncio_core.seen_as`."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, TypeVarTuple, Unpack

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")


def create_unix_server(call: Callable[[Unpack[_Ts]], _T], *args: Unpack[_Ts]) -> _T:
    """Look at the file that a server is bound to."""
    return call(*args)


def _stop_serving(call: Callable[[Unpack[_Ts]], _T], *args: Unpack[_Ts]) -> _T:
    """Look at a server's file and remove it."""
    return call(*args)


def _sock_sendfile_native_impl(target: int, source: int, offset: int, count: int) -> int:
    """Send a piece of a file to a socket that does not block, while the disk may."""
    return os.sendfile(target, source, offset, count)
