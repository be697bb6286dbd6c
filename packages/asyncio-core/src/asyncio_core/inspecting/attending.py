"""What an inspector tells for as long as somebody listens: figures, and traces. Each in a thread of its own.

The first line of the answer says that it has begun, or why not. It ends when who has asked sends no more, or is gone.
"""

from __future__ import annotations

import atexit
import json
import os
import socket

from asyncio_core.inspecting.hooks import OccupiedError
from asyncio_core.inspecting.own_threads import OwnThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sys
    from collections.abc import Callable
    from typing import Any

    if sys.platform == "win32":
        from asyncio_core.inspecting.windows_pipes import Connection
    else:
        from socket import socket as Connection

# Seconds for who has asked to take what is sent.
_PATIENCE = 30.0
# Records of a trace that are sent at once. While it lasts they are kept, since sending takes the program's time, up
# to so many, looked for so often (seconds). Of a program that does little they are sent at each look: should it be killed, its
# trace is there.
_AT_ONCE = 5_000
_KEPT = 200_000
_LOOK = 0.2
_FEW = 1_000
# Seconds between figures, at least.
_SHORTEST = 0.01


class Attendant(OwnThread):
    """Answers one who goes on listening; the connection is its own from now on."""

    def __init__(self, connection: Connection, request: dict[str, Any]) -> None:
        self._connection = connection
        self._request = request
        _attendants.add(self)
        try:
            super().__init__(f"asyncio-{request['ask']}")
        except RuntimeError:
            # No thread is to be had.
            _attendants.discard(self)
            raise

    def run(self) -> None:
        """Answer, and be done when nobody listens any more."""
        try:
            with self._connection:
                try:
                    ANSWERS[self._request["ask"]](self, self._request)
                except ConnectionError:
                    raise
                except Exception as error:
                    # Nothing can be imported any more, say. The program is not told.
                    self.tell({"error": f"{type(error).__name__}: {error}"})
        except OSError:
            pass  # Who has asked is gone.
        finally:
            _attendants.discard(self)

    def finish(self) -> None:
        """Have it come to its end, and wait for that."""
        try:
            self._connection.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        self.end()

    def forget(self) -> None:
        """Let go of what a forked child has from its parent."""
        self._connection.close()

    def tell(self, told: dict[str, Any], more: bytes = b"") -> None:
        """Send a line."""
        self._connection.settimeout(_PATIENCE)
        self._connection.sendall(json.dumps(told).encode() + b"\n" + more)

    def is_over(self, seconds: float) -> bool:
        """Wait for so long, or until who has asked sends no more; tell whether that came."""
        self._connection.settimeout(seconds)
        try:
            return not self._connection.recv(1)
        except TimeoutError:
            return False


def _tell_figures(attendant: Attendant, request: dict[str, Any]) -> None:
    from asyncio_core.inspecting.measuring import FORMAT, Measurer

    seconds = max(_SHORTEST, float(request.get("seconds", 1.0)))
    measurer = Measurer()
    try:
        measurer.begin()
    except OccupiedError as error:
        attendant.tell({"error": str(error)})
        return
    try:
        attendant.tell({"begun": FORMAT})
        while not attendant.is_over(seconds):
            attendant.tell({"figures": measurer.take()})
    finally:
        measurer.end()


def _tell_trace(attendant: Attendant, request: dict[str, Any]) -> None:
    from asyncio_core.inspecting.recording import Recorder

    recorder = Recorder()
    try:
        facts = recorder.begin()
    except OccupiedError as error:
        attendant.tell({"error": str(error)})
        return
    try:
        attendant.tell({"begun": facts})
        while not attendant.is_over(_LOOK):
            if recorder.waiting > _KEPT:
                while recorder.waiting > _AT_ONCE:
                    attendant.tell(*recorder.take(_AT_ONCE))
            elif 0 < recorder.waiting <= _FEW:
                attendant.tell(*recorder.take(_FEW))
    finally:
        recorder.end()
    while recorder.waiting:
        attendant.tell(*recorder.take(_AT_ONCE))
    attendant.tell({"ended": True, "lost": recorder.lost})


#: What can be asked for.
ANSWERS: dict[str, Callable[[Attendant, dict[str, Any]], None]] = {
    "figures": _tell_figures,
    "trace": _tell_trace,
}

_attendants: set[Attendant] = set()


@atexit.register
def _finish_all() -> None:
    """Tell what is left to be told before the process ends."""
    for attendant in _attendants.copy():
        attendant.finish()


def _forget_after_fork() -> None:
    """Leave in a forked child what is its parent's: ending a conversation there would end the parent's."""
    for attendant in _attendants.copy():
        attendant.forget()
    _attendants.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
