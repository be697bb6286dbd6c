"""The inspector: a thread that sleeps until somebody asks what the tasks of this process do.

It listens on a Unix socket in a folder of the user's own (`unix_listener`), on Windows at a named pipe (`windows_pipes`), and
answers nobody but this user and root. A request is one
line of JSON, ``{"ask": "snapshot"}``, and so is the answer: ``{"snapshot": …}`` or ``{"error": "…"}``. As the thread is
not the loop's, it answers also while the loop is blocked. What takes longer, ``"figures"`` and a ``"trace"``, is told by
threads of their own (`attending`).

Nobody listens unless told to: `start()`, or ``ASYNCIO_INSPECT=1`` in the environment.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time

from asyncio_core.inspecting import attending
from asyncio_core.inspecting.folder import InspectorError
from asyncio_core.inspecting.loop_facts import marks_of_callbacks
from asyncio_core.inspecting.own_threads import OwnThread
from asyncio_core.inspecting.snapshots import snapshot_for
from asyncio_core.inspecting.waiting_since import WaitingSince

if sys.platform == "win32":
    from asyncio_core.inspecting.windows_pipes import Listener
else:
    from asyncio_core.inspecting.unix_listener import Listener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    if sys.platform == "win32":
        from asyncio_core.inspecting.windows_pipes import Connection
    else:
        from socket import socket as Connection

# Seconds for who has connected to ask, and to take the answer. Others wait meanwhile.
_PATIENCE = 10.0
# Bytes of a request.
_LONGEST_REQUEST = 65536
# Seconds after which a callback that is still in the same call is said to block its loop.
_BLOCKS = 0.1


class Inspector(OwnThread):
    """What listens, and the thread that answers there."""

    def __init__(self) -> None:
        self._listener = Listener()
        self.path = self._listener.path
        self._since = WaitingSince()
        super().__init__("asyncio-inspector")

    def stop(self) -> None:
        """End the thread, and remove the socket."""
        self.over.set()
        self._listener.remove()
        self.end()
        self._listener.close()

    def forget(self) -> None:
        """Let go of what a forked child has from its parent."""
        self._listener.close()

    def run(self) -> None:
        """Answer, one after the other, until it is over."""
        while not self.over.is_set():
            try:
                connection = self._listener.accept()
            except OSError:
                if self._listener.is_closed():
                    return
                # It was stopped, no descriptor is left, or the other side has gone. Not at once again, that would
                # be for ever.
                self.over.wait(0.1)
                continue
            if connection is None:
                continue
            try:
                if self._answer(connection):
                    continue
            except Exception:
                # Whoever asked has gone, or asked too slowly. The program is not told.
                pass
            connection.close()

    def _answer(self, connection: Connection) -> bool:
        """Answer a request; tell whether another thread goes on with the connection."""
        connection.settimeout(_PATIENCE)
        line = _line_of(connection)
        try:
            request = json.loads(line)
            wanted = request["ask"]
        except (ValueError, KeyError, TypeError):
            answer: dict[str, Any] = {"error": "the request is not understood"}
        else:
            if wanted in attending.ANSWERS:
                attending.Attendant(connection, request)
                return True
            answer = self._facts(wanted)
        connection.sendall(json.dumps(answer).encode() + b"\n")
        return False

    def _facts(self, wanted: object) -> dict[str, Any]:
        if wanted != "snapshot":
            return {"error": f"unknown request {wanted!r}"}
        try:
            taken = snapshot_for(sys._getframe(), self._since)
            _tell_what_is_blocked(taken["loops"])
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return {"snapshot": taken}


def _tell_what_is_blocked(loops: list[dict[str, Any]]) -> None:
    """Look a second time at loops that are in a callback: one that is in the same call still blocks its loop."""
    busy = [loop for loop in loops if loop["callback"]]
    if not busy:
        return
    before = marks_of_callbacks()
    time.sleep(_BLOCKS)
    after = marks_of_callbacks()
    for loop in busy:
        mark = before.get(loop["id"])
        if mark is not None and mark == after.get(loop["id"]):
            loop["blocked_for_at_least"] = _BLOCKS


def _line_of(connection: Connection) -> bytes:
    received = b""
    while not received.endswith(b"\n") and len(received) < _LONGEST_REQUEST:
        more = connection.recv(4096)
        if not more:
            break
        received += more
    return received


_lock = threading.Lock()
_inspector: Inspector | None = None
_hooked = False


def start() -> str:
    """Let other processes of this user, and root, ask what the tasks of this one do; return the socket's path,
    on Windows the name of a pipe.

    `python -m asyncio ps PID` does. From then on a thread more runs, which sleeps; forked children get an inspector of their
    own. Does nothing where one runs. Raises InspectorError where there is no place for the socket, such as a folder for
    temporary files that belongs to nobody else, or where the pipe is another process'. Added in version 0.1.0.
    """
    global _inspector
    with _lock:
        if _inspector is None:
            _inspector = Inspector()
            _hook()
        return _inspector.path


def stop() -> None:
    """End what `start()` began, and remove the socket; does nothing where no inspector runs."""
    global _inspector
    with _lock:
        stopped, _inspector = _inspector, None
        if stopped is not None:
            stopped.stop()


def _hook() -> None:
    global _hooked
    if not _hooked:
        _hooked = True
        atexit.register(stop)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_anew)


def _begin_anew() -> None:
    """Give a forked child an inspector of its own, where its parent has one."""
    global _inspector, _lock
    # Another thread of the parent may have held it.
    _lock = threading.Lock()
    left, _inspector = _inspector, None
    if left is None:
        return
    left.forget()
    start_quietly()


def start_quietly() -> None:
    """Start it; where it cannot be had, warn of it once and let the program go on."""
    try:
        start()
    except (InspectorError, OSError, RuntimeError) as error:
        import warnings

        warnings.warn(
            f"no inspector, though one was asked for: {error}", RuntimeWarning, stacklevel=2
        )
