"""What the tests of this distribution share."""

from __future__ import annotations

import socket
import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _count_handles() -> int:
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32")
    number = ctypes.c_ulong()
    kernel32.GetProcessHandleCount(ctypes.c_void_p(-1), ctypes.byref(number))
    if number.value:
        return number.value
    # Wine says 0. Its handles are numbered from 4 on, in steps of 4, the lowest free one first.
    return sum(
        kernel32.GetHandleInformation(ctypes.c_void_p(handle), ctypes.byref(number))
        for handle in range(4, 0x1000, 4)
    )


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets, which block."""
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def count_handles() -> Callable[[], int]:
    """Count the handles that this process has open."""
    if sys.platform != "win32":
        pytest.skip("handles need Windows")
    assert _count_handles() > 0
    return _count_handles
