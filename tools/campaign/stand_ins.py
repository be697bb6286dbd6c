"""Windows' calls that fail: functions in Python that stand before those of the extension, of `socket` and of `_winapi`.

An operation can fail at its start, and at its end: then it has been done, and its outcome is lost. Numbers are Windows' own.
"""

from __future__ import annotations

import importlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

assert sys.platform == "win32"

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_BUFFERS = ("WSAENOBUFS",)
_NO_RESOURCES = ("ERROR_NO_SYSTEM_RESOURCES",)
_BROKEN = ("WSAECONNRESET", "WSAECONNABORTED")

#: The numbers of errors, from winerror.h.
NUMBERS = {
    "ERROR_FILE_NOT_FOUND": 2,
    "ERROR_ACCESS_DENIED": 5,
    "ERROR_NOT_ENOUGH_MEMORY": 8,
    "ERROR_NETNAME_DELETED": 64,
    "ERROR_BROKEN_PIPE": 109,
    "ERROR_PIPE_BUSY": 231,
    "ERROR_NO_DATA": 232,
    "ERROR_NO_SYSTEM_RESOURCES": 1450,
    "WSAEACCES": 10013,
    "WSAEMFILE": 10024,
    "WSAEADDRINUSE": 10048,
    "WSAENETUNREACH": 10051,
    "WSAECONNABORTED": 10053,
    "WSAECONNRESET": 10054,
    "WSAENOBUFS": 10055,
    "WSAENOTCONN": 10057,
    "WSAETIMEDOUT": 10060,
    "WSAECONNREFUSED": 10061,
}
_SAY_BROKEN = {NUMBERS[name] for name in (*_BROKEN, "ERROR_NETNAME_DELETED")}
#: Operations: at the start what each can fail with, and, behind the comma, at the end.
_OPERATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "WSARecv": ((*_BROKEN, *_NO_BUFFERS), ("ERROR_NETNAME_DELETED", *_NO_RESOURCES)),
    "WSARecvInto": ((*_BROKEN, *_NO_BUFFERS), ("ERROR_NETNAME_DELETED", *_NO_RESOURCES)),
    "WSASend": ((*_BROKEN, *_NO_BUFFERS), ("ERROR_NETNAME_DELETED", *_NO_RESOURCES)),
    "WSARecvFrom": ((*_BROKEN[:1], *_NO_BUFFERS), _NO_RESOURCES),
    "WSARecvFromInto": ((*_BROKEN[:1], *_NO_BUFFERS), _NO_RESOURCES),
    "WSASendTo": ((*_BROKEN[:1], *_NO_BUFFERS), _NO_RESOURCES),
    "AcceptEx": ((*_BROKEN[:1], "WSAEMFILE", *_NO_BUFFERS), ("ERROR_NETNAME_DELETED",)),
    "ConnectEx": (("WSAENETUNREACH", *_NO_BUFFERS), ("WSAECONNREFUSED", "WSAETIMEDOUT")),
    "TransmitFile": ((*_BROKEN, *_NO_BUFFERS), ("ERROR_NETNAME_DELETED",)),
    "ReadFile": (("ERROR_BROKEN_PIPE", *_NO_RESOURCES), ("ERROR_BROKEN_PIPE", *_NO_RESOURCES)),
    "ReadFileInto": (("ERROR_BROKEN_PIPE", *_NO_RESOURCES), ("ERROR_BROKEN_PIPE", *_NO_RESOURCES)),
    "WriteFile": (("ERROR_NO_DATA", *_NO_RESOURCES), ("ERROR_BROKEN_PIPE", *_NO_RESOURCES)),
    "ConnectNamedPipe": (("ERROR_NO_DATA", *_NO_RESOURCES), _NO_RESOURCES),
    "PollSocket": (_NO_RESOURCES, _NO_RESOURCES),
}
#: Functions by where they are looked for, and what they can fail with.
_FUNCTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "asyncio_iocp._overlapped": {
        "CreateIoCompletionPort": _NO_RESOURCES,
        "PostQueuedCompletionStatus": _NO_RESOURCES,
        "RegisterWaitWithQueue": _NO_RESOURCES,
        "ConnectPipe": ("ERROR_PIPE_BUSY", "ERROR_FILE_NOT_FOUND", "ERROR_ACCESS_DENIED"),
        "BindLocal": (*_NO_BUFFERS, "WSAEADDRINUSE"),
        "WSAConnect": ("WSAENETUNREACH", *_NO_BUFFERS),
        "OpenAfd": ("ERROR_FILE_NOT_FOUND",),
    },
    "_winapi": {
        "CreateNamedPipe": (*_NO_RESOURCES, "ERROR_PIPE_BUSY"),
        "CreateFile": (*_NO_RESOURCES, "ERROR_ACCESS_DENIED"),
        "CreateProcess": ("ERROR_NOT_ENOUGH_MEMORY", "ERROR_ACCESS_DENIED"),
        "DuplicateHandle": ("ERROR_NOT_ENOUGH_MEMORY",),
        "TerminateProcess": ("ERROR_ACCESS_DENIED",),
    },
}
_METHODS = {
    "bind": ("WSAEADDRINUSE", "WSAEACCES", *_NO_BUFFERS),
    "listen": ("WSAEADDRINUSE", *_NO_BUFFERS),
    "setsockopt": _NO_BUFFERS,
    "getsockname": _NO_BUFFERS,
    "getpeername": ("WSAENOTCONN",),
    "shutdown": ("WSAENOTCONN",),
    "__init__": ("WSAEMFILE", *_NO_BUFFERS),
}
_ENDED = " ends"

#: What each call can fail with.
FAILURES: dict[str, tuple[str, ...]] = {
    **{name: failures for name, (failures, _) in _OPERATIONS.items()},
    **{name + _ENDED: failures for name, (_, failures) in _OPERATIONS.items()},
    **{name: failures for found in _FUNCTIONS.values() for name, failures in found.items()},
    **{f"socket.{name}": failures for name, failures in _METHODS.items()},
}


def number_of(failure: str) -> int:
    """Return the number of an error."""
    return NUMBERS[failure]


class Calls:
    """The stand-ins, one set in a process: they count, and let one call fail."""

    def __init__(self) -> None:
        self._fault = ("", 0, 0)
        self._counted: dict[str, int] | None = None
        self._thread = 0
        overlapped = importlib.import_module("asyncio_iocp._overlapped")
        self._message = overlapped.FormatMessage
        proactor: Any = importlib.import_module("asyncio_iocp.proactor")
        begin_operation = proactor.Overlapped
        proactor.Overlapped = lambda *event: _Operation(begin_operation(*event), self)
        for module, functions in _FUNCTIONS.items():
            names = vars(importlib.import_module(module))
            for name in functions:
                names[name] = self._standing_before(names[name], name)
        for name in _METHODS:
            own = getattr(socket.socket, name)
            setattr(socket.socket, name, self._method_before(own, f"socket.{name}"))

    def begin(self, name: str = "", number: int = 0, error: int = 0) -> None:
        """Count this thread's calls from now on; one of this name and number, 1 for the first, fails."""
        self._fault = (name, number, error)
        self._thread = threading.get_ident()
        self._counted = {}

    def end(self) -> dict[str, int]:
        """Let calls alone; return how many there were, by name."""
        counted, self._counted = self._counted, None
        return counted or {}

    def check(self, name: str) -> None:
        """Count a call, and raise OSError where it is the one that fails."""
        counted = self._counted
        if counted is None or threading.get_ident() != self._thread:
            return
        number = counted[name] = counted.get(name, 0) + 1
        if (name, number) == self._fault[:2]:
            error = self._fault[2]
            raise OSError(None, self._message(error), None, error)

    def _standing_before(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def standing(*args: Any, **options: Any) -> Any:
            self.check(name)
            return function(*args, **options)

        return standing

    def _method_before(self, own: Callable[..., Any], name: str) -> Callable[..., Any]:
        def method(sock: socket.socket, *args: Any, **options: Any) -> Any:
            # An object over a descriptor that is there makes no call.
            if len(args) < 4 and options.get("fileno") is None:
                self.check(name)
            return own(sock, *args, **options)

        return method


class _Operation:
    """An overlapped operation, whose start and end may fail."""

    def __init__(self, real: Any, calls: Calls) -> None:
        self._real = real
        self._calls = calls
        self._name = ""
        self._handle = -1

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in _OPERATIONS:
            return found
        self._name = name

        def start(handle: int, *args: Any) -> Any:
            self._handle = handle
            self._check(name)
            return found(handle, *args)

        return start

    def getresult(self, *wait: Any) -> Any:
        result = self._real.getresult(*wait)
        self._check(self._name + _ENDED)
        return result

    def _check(self, name: str) -> None:
        try:
            self._calls.check(name)
        except OSError as error:
            if error.winerror in _SAY_BROKEN:
                _break(self._handle)
            raise


def _break(handle: int) -> None:
    """Break a connection that is said to be broken."""
    try:
        sock = socket.socket(fileno=handle)
    except OSError:
        return  # a pipe's
    try:
        if sock.type == socket.SOCK_STREAM:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        sock.detach()
