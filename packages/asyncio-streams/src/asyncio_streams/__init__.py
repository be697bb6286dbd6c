"""Byte streams for asyncio: connections read and written with await, without callbacks.

Read `reader` first, then `writer`. The way of a read event: the loop's poller has the transport receive, which
calls ``data_received()`` of the protocol here; that feeds the reader's buffer, and the reader completes the future
that ``read()`` and its kin wait for; the loop's next turn steps the task, which takes what it wants from the
buffer. A buffer that is twice over its limit pauses the transport until it is read. The way out is shorter:
``write()`` is the transport's, and ``drain()`` waits while the transport has paused the protocol.

What each module holds:

==============  ====================================================================
``reader``      StreamReader: a buffer that the transport fills and tasks read from
``writer``      StreamWriter: the sending side of a connection
``flow``        FlowControlMixin: lets tasks wait until the transport takes more
``protocol``    StreamReaderProtocol: between a transport and the two above
``opening``     open_connection, start_server and the forms for Unix sockets
``streams``     all of them, under the standard library's name for them
``twins``       whether what runs for each message is compiled (``_twins.pyx``)
==============  ====================================================================

Names are loaded when they are first asked for (PEP 562).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_streams.opening import (
        open_connection,
        open_unix_connection,
        start_server,
        start_unix_server,
    )
    from asyncio_streams.protocol import StreamReaderProtocol
    from asyncio_streams.reader import StreamReader
    from asyncio_streams.writer import StreamWriter

__all__: tuple[str, ...] = (
    "StreamReader",
    "StreamWriter",
    "StreamReaderProtocol",
    "open_connection",
    "start_server",
)
if sys.platform != "win32":
    # Python has no Unix sockets there.
    __all__ += ("open_unix_connection", "start_unix_server")

__version__ = "1!0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from asyncio_streams import streams

    value = globals()[name] = getattr(streams, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
