"""Where an inspector listens on Windows: at a named pipe of the user's own, and how another process connects to it.

The pipe is called by the process, and nobody but its user may open it, nor anybody from another machine. Somebody else may
have made one of that name before: then there is no inspector, and whoever asks looks which process has made it. See "Named
Pipe Security and Access Rights" and CreateNamedPipeW by Microsoft.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("named pipes of this kind need Windows")

import _winapi
import ctypes
import io
import os
import socket
import time
from ctypes import wintypes

from asyncio_core.inspecting.folder import InspectorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of winbase.h, winnt.h and winerror.h.
_REJECT_REMOTE_CLIENTS = 0x8
# Whoever has made the pipe is not told more of who opens it than that.
_ANONYMOUSLY = 0x100000
_TOKEN_QUERY = 0x8
_TOKEN_USER = 1
_ABORTED = 995
_FILE_NOT_FOUND = 2
_BROKEN = (109, 232, 233)
_MOST_INSTANCES = 255
_BUFSIZE = 1 << 16

# What who asks sends last: there is no half of a pipe to be closed. No request has it.
_END = b"\x04"

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_security = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel.CreateEventW.restype = wintypes.HANDLE
_kernel.LocalFree.argtypes = (ctypes.c_void_p,)
_kernel.SetEvent.argtypes = _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
_kernel.GetNamedPipeServerProcessId.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.ULONG))
_security.OpenProcessToken.argtypes = (
    *(wintypes.HANDLE, wintypes.DWORD),
    ctypes.POINTER(wintypes.HANDLE),
)
_security.GetTokenInformation.argtypes = (
    *(wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD),
    ctypes.POINTER(wintypes.DWORD),
)
_security.ConvertSidToStringSidW.argtypes = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_security.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = (
    *(wintypes.LPCWSTR, wintypes.DWORD),
    *(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p),
)


def name_of_pipe(pid: int) -> str:
    """Return what the pipe of a process is called."""
    return rf"\\.\pipe\asyncio-inspect-{pid}"


class Connection:
    """One end of a pipe, with the methods of sockets that a conversation needs."""

    def __init__(self, handle: int, *, asked: bool) -> None:
        self._handle: int | None = handle
        # Whether the other side is the one that asks.
        self._asked = asked
        self._ended = False
        self._over = _new_event()
        self._seconds: float | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def settimeout(self, seconds: float | None) -> None:
        """Have calls wait no longer than this."""
        self._seconds = seconds

    def recv(self, count: int) -> bytes:
        """Return what has come, no more than so many bytes; nothing where no more will. Raises TimeoutError."""
        if self._ended or self._handle is None:
            return b""
        try:
            reading, _ = _winapi.ReadFile(self._handle, count, overlapped=True)
            number, failed = self._result_of(reading)
        except OSError as error:
            if error.winerror in _BROKEN:
                return b""
            raise
        data = bytes(reading.getbuffer() or b"")[:number] if not failed else b""
        if self._asked and data.endswith(_END):
            self._ended = True
            return data[:-1]
        return data

    def sendall(self, data: bytes) -> None:
        """Send it. Raises TimeoutError, and ConnectionError where the other side has gone."""
        if self._handle is None:
            raise ConnectionAbortedError("the pipe is closed")
        left = memoryview(data)
        try:
            while left:
                writing, _ = _winapi.WriteFile(
                    self._handle, bytes(left[:_BUFSIZE]), overlapped=True
                )
                number, failed = self._result_of(writing)
                if failed:
                    raise ConnectionAbortedError("the conversation is over")
                left = left[number:]
        except OSError as error:
            if error.winerror in _BROKEN:
                raise BrokenPipeError("the other side has gone") from None
            raise

    def _result_of(self, operation: Any) -> tuple[int, int]:
        """Wait for an operation; return how many bytes it was, and why it has ended early, or 0."""
        limit = _winapi.INFINITE if self._seconds is None else max(1, round(self._seconds * 1000))
        came = _winapi.WaitForMultipleObjects([operation.event, self._over], False, limit)
        if came != _winapi.WAIT_OBJECT_0:
            operation.cancel()
        # It may have ended before it could be called off.
        number, failed = operation.GetOverlappedResult(True)
        if failed == _ABORTED and came == _winapi.WAIT_TIMEOUT:
            raise TimeoutError("timed out")
        return number, failed

    def shutdown(self, how: int) -> None:
        """Tell the other side that no more comes, or have whoever waits for it here wait no longer."""
        if how != socket.SHUT_WR:
            _kernel.SetEvent(self._over)
        elif self._handle is not None:
            self.sendall(_END)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file that reads what comes."""
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Close it: what was sent can be read all the same."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _winapi.CloseHandle(handle)
            _kernel.CloseHandle(self._over)


class _Incoming(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        data = self._connection.recv(len(room))
        room[: len(data)] = data
        return len(data)


class Listener:
    """A pipe that waits for who asks. Raises InspectorError where it cannot be had."""

    def __init__(self) -> None:
        self.path = name_of_pipe(os.getpid())
        self._over = _new_event()
        try:
            self._rights = _Rights()
            # Refused where there is one of this name, whoever has made it.
            self._next = self._instance(_winapi.FILE_FLAG_FIRST_PIPE_INSTANCE)
        except PermissionError:
            raise InspectorError(f"another process listens at {self.path!r}") from None
        except OSError as error:
            raise InspectorError(f"no pipe can be made: {error.strerror}") from None

    def _instance(self, more: int = 0) -> int:
        return _winapi.CreateNamedPipe(
            self.path,
            _winapi.PIPE_ACCESS_DUPLEX | _winapi.FILE_FLAG_OVERLAPPED | more,
            _winapi.PIPE_WAIT | _REJECT_REMOTE_CLIENTS,
            _MOST_INSTANCES,
            *(_BUFSIZE, _BUFSIZE, 0),
            self._rights.address,
        )

    def accept(self) -> Connection | None:
        """Wait for somebody, and return the connection; None where nobody will come. Raises OSError."""
        handle = self._next
        try:
            connecting = _winapi.ConnectNamedPipe(handle, overlapped=True)
        except OSError:
            # Who has come is gone already, and nobody else can come by way of this one.
            self._next = self._instance()
            _winapi.CloseHandle(handle)
            raise
        came = _winapi.WaitForMultipleObjects(
            [connecting.event, self._over], False, _winapi.INFINITE
        )
        if came != _winapi.WAIT_OBJECT_0:
            connecting.cancel()
            connecting.GetOverlappedResult(True)
            return None
        connecting.GetOverlappedResult(True)
        # There is one at any time: the name is never free.
        self._next = self._instance()
        return Connection(handle, asked=True)

    def is_closed(self) -> bool:
        """Tell whether nobody will come any more."""
        return False

    def remove(self) -> None:
        """Let nobody come any more, and have `accept()` return."""
        _kernel.SetEvent(self._over)

    def close(self) -> None:
        """Let go of the pipe."""
        _winapi.CloseHandle(self._next)
        _kernel.CloseHandle(self._over)
        self._rights.free()


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (
        ("length", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherited", wintypes.BOOL),
    )


class _Rights:
    """The right to everything for this process' user, and to nothing for anybody else."""

    def __init__(self) -> None:
        descriptor = ctypes.c_void_p()
        _check(
            _security.ConvertStringSecurityDescriptorToSecurityDescriptorW(
                # Its list is protected: nothing is inherited into it. The number is the language's version.
                *(f"D:P(A;;GA;;;{_user()})", 1, ctypes.byref(descriptor), None)
            )
        )
        self._attributes = _SecurityAttributes(
            ctypes.sizeof(_SecurityAttributes), descriptor, inherited=False
        )
        self.address = ctypes.addressof(self._attributes)

    def free(self) -> None:
        """Let go of them."""
        _kernel.LocalFree(self._attributes.descriptor)


def _user() -> str:
    """Return the security identifier of this process' user, as text."""
    token, needed, text = wintypes.HANDLE(), wintypes.DWORD(), ctypes.c_void_p()
    _check(
        _security.OpenProcessToken(_winapi.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token))
    )
    try:
        _security.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(needed))
        room = ctypes.create_string_buffer(needed.value)
        _check(
            _security.GetTokenInformation(token, _TOKEN_USER, room, needed, ctypes.byref(needed))
        )
    finally:
        _kernel.CloseHandle(token)
    # TOKEN_USER begins with a pointer to the identifier.
    identifier = ctypes.cast(room, ctypes.POINTER(ctypes.c_void_p)).contents
    _check(_security.ConvertSidToStringSidW(identifier, ctypes.byref(text)))
    try:
        return ctypes.wstring_at(text.value or 0)
    finally:
        _kernel.LocalFree(text)


def _new_event() -> int:
    event = _kernel.CreateEventW(None, True, False, None)
    _check(event)
    return int(event)


def _check(result: Any) -> None:
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())


def has_pipe(pid: int) -> bool:
    """Tell whether there is a pipe for asking a process."""
    try:
        _winapi.WaitNamedPipe(name_of_pipe(pid), 1)
    except OSError as error:
        # All that there are may be busy.
        return error.winerror != _FILE_NOT_FOUND
    return True


def connect(pid: int, seconds: float) -> Connection:
    """Connect to the pipe of a process. Raises OSError, and TimeoutError where it is busy for so long."""
    end = time.monotonic() + seconds
    while True:
        try:
            handle = _winapi.CreateFile(
                name_of_pipe(pid),
                _winapi.GENERIC_READ | _winapi.GENERIC_WRITE,
                *(0, _winapi.NULL, _winapi.OPEN_EXISTING),
                _winapi.FILE_FLAG_OVERLAPPED | _ANONYMOUSLY,
                _winapi.NULL,
            )
            break
        except OSError as error:
            if error.winerror != _winapi.ERROR_PIPE_BUSY:
                raise
        if time.monotonic() > end:
            raise TimeoutError("timed out")
        try:
            _winapi.WaitNamedPipe(name_of_pipe(pid), 100)
        except OSError as error:
            if error.winerror == _FILE_NOT_FOUND:
                raise
    maker = wintypes.ULONG()
    known = _kernel.GetNamedPipeServerProcessId(handle, ctypes.byref(maker))
    if known and maker.value != pid:
        _winapi.CloseHandle(handle)
        raise PermissionError(f"its pipe is that of another process, {maker.value}")
    return Connection(handle, asked=False)
