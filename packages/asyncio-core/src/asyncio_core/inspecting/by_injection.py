"""The answer of a process that runs no inspector, and was made to run this by `sys.remote_exec()` (PEP 768).

The interpreter runs it in the main thread, between two instructions of whatever that does. So it is short of time: who
asked listens at a Unix socket, and is not waited for.
"""

from __future__ import annotations

import json
import socket

from asyncio_core.inspecting.snapshots import snapshot_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

# Seconds for one who asked to take the answer.
_PATIENCE = 2.0


def answer(path: str, asked_at: FrameType | None, request: dict[str, Any]) -> None:
    """Answer a request, which is one that an inspector gets, to who listens at a socket.

    `asked_at` is where the thread was when it was made to look.
    """
    if request["ask"] != "snapshot":
        from asyncio_core.inspecting.attending import Attendant

        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_PATIENCE)
            connection.connect(path)
            Attendant(connection, request)
        except BaseException:
            connection.close()
            raise
        return
    try:
        told: dict[str, Any] = {"snapshot": snapshot_for(asked_at)}
    except Exception as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    with socket.socket(socket.AF_UNIX) as telling:
        telling.settimeout(_PATIENCE)
        telling.connect(path)
        telling.sendall(json.dumps(told).encode() + b"\n")
