"""Files that are sent over transports."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.peers import Answers, tcp, tls

if TYPE_CHECKING:
    from stage import Stage

#: More than the buffers of a connection to oneself hold.
SIZE = 1 << 22


async def _send(stage: Stage, transport: Any, protocol: Answers, *, fallback: bool) -> None:
    try:
        with tempfile.TemporaryFile() as file:
            file.truncate(SIZE)
            if transport.is_closing():
                raise ConnectionResetError("the connection had ended before")
            await stage.loop.sendfile(transport, file, fallback=fallback)
        await protocol.come(SIZE)
    finally:
        transport.abort()
    await protocol.lost


@scenario(tcp)
async def send(stage: Stage) -> None:
    made = await stage.loop.create_connection(Answers, *stage.at["tcp"])
    await _send(stage, *made, fallback=False)


@scenario(tls)
async def send_over_tls(stage: Stage) -> None:
    made = await stage.loop.create_connection(
        Answers, *stage.at["tls"], ssl=stage.client_context, server_hostname="localhost"
    )
    await _send(stage, *made, fallback=True)
