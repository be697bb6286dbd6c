"""The standard library's names for what this package holds; ``asyncio.streams`` is this module."""

# ruff: noqa: F401 -- a namespace: what is imported here is there to be found here.

from __future__ import annotations

import collections
import socket
import sys
import warnings
import weakref

from asyncio_core import exceptions, format_helpers
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting import coroutines
from asyncio_core.awaiting.tasks import sleep
from asyncio_core.faces import make_face
from asyncio_core.interfaces import protocols
from asyncio_core.log import logger
from asyncio_core.scheduling import events
from asyncio_streams.flow import FlowControlMixin as FlowControlMixin
from asyncio_streams.opening import open_connection, start_server
from asyncio_streams.protocol import StreamReaderProtocol
from asyncio_streams.reader import _DEFAULT_LIMIT as _DEFAULT_LIMIT
from asyncio_streams.reader import StreamReader
from asyncio_streams.writer import StreamWriter

__all__: tuple[str, ...] = (
    "StreamReader",
    "StreamWriter",
    "StreamReaderProtocol",
    "open_connection",
    "start_server",
)

if hasattr(socket, "AF_UNIX"):
    from asyncio_streams.opening import open_unix_connection, start_unix_server

    __all__ += ("open_unix_connection", "start_unix_server")


make_face(__name__, ("flow", "opening", "protocol", "reader", "writer"))

leave_to_checkers(__name__)
