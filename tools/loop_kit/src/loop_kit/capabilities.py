"""What a platform, a build of Python or a kind of loop need not have, by name.

A test that needs one of these is marked `@pytest.mark.needs("unix_sockets")` and is skipped with the reason given
here where the capability is missing. What the documentation asks of every loop is no capability.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Name -> (does this loop, here, have it?, the reason that a skipped test gives).
_TABLE: dict[str, tuple[Callable[[asyncio.AbstractEventLoop], bool], str]] = {}


def missing(name: str, loop: asyncio.AbstractEventLoop) -> str:
    """Return why a capability is not there, or "" where it is."""
    present, reason = _TABLE[name]
    return "" if present(loop) else reason


def names() -> list[str]:
    return sorted(_TABLE)


def _add(name: str, reason: str, present: Callable[[asyncio.AbstractEventLoop], bool]) -> None:
    _TABLE[name] = (present, reason)


def _is_proactor(loop: asyncio.AbstractEventLoop) -> bool:
    kind = getattr(asyncio, "ProactorEventLoop", None)
    return kind is not None and isinstance(loop, kind)


def _takes_readers(loop: asyncio.AbstractEventLoop) -> bool:
    with socket.socket() as sock:
        try:
            loop.remove_reader(sock)
        except NotImplementedError:
            return False
    return True


@cache
def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@cache
def _can_share_ports() -> bool:
    """Say whether two sockets may listen at one port."""
    option = getattr(socket, "SO_REUSEPORT", None)
    if option is None:
        return False
    with contextlib.suppress(OSError), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        return True
    return False


_add(
    "unix_sockets",
    "no Unix sockets here, or none in the documentation of this loop (Windows)",
    lambda _: hasattr(socket, "AF_UNIX") and sys.platform != "win32",
)
_add(
    "abstract_sockets",
    "abstract names of Unix sockets are Linux's",
    lambda _: sys.platform == "linux",
)
_add("ipv6", "no IPv6 on this machine", lambda _: _has_ipv6())
_add("reuse_port", "no SO_REUSEPORT here", lambda _: _can_share_ports())
_add(
    "signals",
    "add_signal_handler() is documented for Unix",
    lambda _: sys.platform != "win32" and hasattr(signal, "raise_signal"),
)
_add(
    "readiness",
    "ProactorEventLoop has no add_reader() and no add_writer(), by the documentation; nor has this one",
    lambda loop: not _is_proactor(loop) or _takes_readers(loop),
)
_add(
    "pipes",
    "pipes and subprocesses on Windows need ProactorEventLoop, by the documentation",
    lambda loop: sys.platform != "win32" or _is_proactor(loop),
)
_add("posix", "about processes, signals and pipes of POSIX", lambda _: os.name == "posix")
_add("sendfile", "no os.sendfile() here", lambda _: hasattr(os, "sendfile"))
_add("alpn", "this build of OpenSSL has no ALPN", lambda _: ssl.HAS_ALPN)
_add("sni", "this build of OpenSSL has no SNI", lambda _: ssl.HAS_SNI)
