"""Listening to a process that goes on telling: lines of JSON, and what bytes they announce."""

from __future__ import annotations

import json
import socket
import sys
from asyncio._inside.reaching import PATIENCE, NotInside, begin, fact_in, no_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    if sys.platform == "win32":
        from asyncio_core.inspecting.windows_pipes import Connection
    else:
        from socket import socket as Connection


class Listening:
    """A conversation with a process, from which nothing is left there when it is closed."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self.begun: Any = None
        try:
            self._connection.settimeout(PATIENCE)
            self.begun = fact_in(self._file.readline(), "begun")
        except TimeoutError:
            self.close()
            raise NotInside(no_answer("it", pid, PATIENCE)) from None
        except ConnectionError:
            self.close()
            raise NotInside("it ended while it was asked") from None
        except BaseException:
            self.close()
            raise

    @classmethod
    def to(cls, pid: int, request: dict[str, Any]) -> Self:
        """Ask a process. Raises `NotInside` where it cannot be asked, or does not begin to tell."""
        return cls(begin(pid, request), pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is more; none on Windows."""
        if sys.platform == "win32":
            raise NotImplementedError("pipes cannot be waited for by select()")
        return self._connection.fileno()

    def end(self) -> None:
        """Tell the process that what comes now is all that is wanted."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        """End it."""
        self._file.close()
        self._connection.close()

    def line(self, seconds: float | None) -> dict[str, Any] | None:
        """Return what the next line tells; None where there is none, as the process has ended.

        Raises NotInside where none comes within so many seconds, and where the process says why it cannot go on.
        """
        self._connection.settimeout(seconds)
        try:
            told: dict[str, Any] = json.loads(self._file.readline())
        except TimeoutError:
            raise NotInside(f"it has told nothing for {seconds or 0:.0f} seconds") from None
        except (OSError, ValueError):
            return None
        if "error" in told:
            raise NotInside(str(told["error"]))
        return told

    def read(self, count: int) -> bytes:
        """Return so many bytes, or fewer where the process has ended."""
        try:
            return self._file.read(count)
        except OSError:
            return b""
