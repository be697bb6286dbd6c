"""open_connection, start_server and the forms for Unix sockets."""

from __future__ import annotations

from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.faces import extend_face
from asyncio_streams.protocol import StreamReaderProtocol
from asyncio_streams.reader import _DEFAULT_LIMIT, StreamReader
from asyncio_streams.writer import StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import Any, Unpack

    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.loop_types import (
        OpenOptions,
        OpenUnixOptions,
        StartServerOptions,
        StartUnixServerOptions,
    )
    from asyncio_streams.protocol import ClientConnectedCallback


async def _connect(
    method: str, limit: int, /, *where: Any, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """Let the loop's `method` make a connection to `where` with the streams' protocol."""
    try:
        loop = get_running_loop()
        suppress = kwds.pop("suppress_ragged_eofs", True)
        reader = StreamReader(limit, loop)
        protocol = StreamReaderProtocol(reader, loop=loop)
        if not suppress:
            protocol.suppress_ragged_eofs = False
        transport, _ = await getattr(loop, method)(lambda: protocol, *where, **kwds)
        return reader, StreamWriter(transport, protocol, reader, loop)
    except BaseException as error:
        drop_own_frame(error)
        raise


async def _serve(
    method: str, limit: int, connected: ClientConnectedCallback, /, *where: Any, **kwds: Any
) -> Server:
    """Let the loop's `method` make a server at `where` with the streams' protocol."""
    try:
        loop = get_running_loop()
        suppress = kwds.pop("suppress_ragged_eofs", True)
        StreamReader(limit, loop)  # a limit that no reader can have shows before anything is opened

        def new_connection() -> StreamReaderProtocol:
            protocol = StreamReaderProtocol(StreamReader(limit, loop), connected, loop)
            if not suppress:
                protocol.suppress_ragged_eofs = False
            return protocol

        server: Server = await getattr(loop, method)(new_connection, *where, **kwds)
        return server
    except BaseException as error:
        drop_own_frame(error)
        raise


async def open_connection(
    host: str | None = None,
    port: int | str | None = None,
    *,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[OpenOptions],
) -> tuple[StreamReader, StreamWriter]:
    """Connect to `host` and `port` over TCP; return a StreamReader and a StreamWriter.

    `limit` is the reader's, in bytes. With `suppress_ragged_eofs=False` a TLS connection that ends
    without close_notify, as if cut off, raises ssl.SSLEOFError. All other arguments go to
    `loop.create_connection()`, and what it raises is raised. Added in Python 3.4.
    """
    return await _connect("create_connection", limit, host, port, **kwds)


async def start_server(
    client_connected_cb: ClientConnectedCallback,
    host: str | Sequence[str] | None = None,
    port: int | str | None = None,
    *,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[StartServerOptions],
) -> Server:
    """Listen on `host` and `port` over TCP; return the Server, as `loop.create_server()` does.

    For each connection `client_connected_cb` is called with its StreamReader and StreamWriter. A
    coroutine function is run in a task of its own. `limit` is the readers', in bytes;
    `suppress_ragged_eofs` is as for `open_connection()`. All other
    arguments go to `loop.create_server()`, and what it raises is raised. Added in Python 3.4.
    """
    return await _serve("create_server", limit, client_connected_cb, host, port, **kwds)


async def open_unix_connection(
    path: str | PathLike[str] | None = None,
    *,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[OpenUnixOptions],
) -> tuple[StreamReader, StreamWriter]:
    """Connect to the Unix socket at `path`; return a StreamReader and a StreamWriter.

    As `open_connection()`, with `loop.create_unix_connection()`. Unix only. Added in Python 3.4.
    """
    return await _connect("create_unix_connection", limit, path, **kwds)


async def start_unix_server(
    client_connected_cb: ClientConnectedCallback,
    path: str | PathLike[str] | None = None,
    *,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[StartUnixServerOptions],
) -> Server:
    """Listen on the Unix socket at `path`; return the Server.

    As `start_server()`, with `loop.create_unix_server()`. Unix only. Added in Python 3.4.
    """
    return await _serve("create_unix_server", limit, client_connected_cb, path, **kwds)


extend_face("asyncio_core.scheduling.events", __name__)
