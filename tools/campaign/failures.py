"""What the system calls of Linux can fail with, by their manual pages, and how they are made to."""

from __future__ import annotations

import errno

import native

SHORT = "short"
_NO_DESCRIPTORS = ("EMFILE", "ENFILE")
_NOT_NOW = ("EINTR", "EAGAIN")

#: What each call can fail with. Not ioctl(), with which sockets are told not to block: it does not fail on what is one.
FAILURES: dict[str, tuple[str, ...]] = {
    "socket": (*_NO_DESCRIPTORS, "ENOBUFS", "EACCES"),
    "accept4": (
        *_NO_DESCRIPTORS,
        *_NOT_NOW,
        "ENOBUFS",
        "ENOMEM",
        "ECONNABORTED",
        "EPROTO",
        "EPERM",
    ),
    "connect": ("ECONNREFUSED", "EADDRNOTAVAIL", "ENETUNREACH", "ETIMEDOUT", "EINTR", "EPERM"),
    "bind": ("EADDRINUSE", "EACCES", "ENOMEM"),
    "listen": ("EADDRINUSE",),
    "recv": (*_NOT_NOW, "ECONNRESET", "ENOMEM", "ETIMEDOUT", SHORT),
    "send": (*_NOT_NOW, "EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM", SHORT),
    "sendmsg": (*_NOT_NOW, "EPIPE", "ECONNRESET", "ENOBUFS"),
    "recvmsg": (*_NOT_NOW, "ECONNREFUSED", "ENOMEM"),
    "recvfrom": (*_NOT_NOW, "ECONNREFUSED", "ENOMEM"),
    "sendto": (*_NOT_NOW, "ECONNREFUSED", "ENOBUFS", "EPERM"),
    "epoll_create1": (*_NO_DESCRIPTORS, "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "eventfd": _NO_DESCRIPTORS,
    "socketpair": _NO_DESCRIPTORS,
    "pipe2": _NO_DESCRIPTORS,
    "read": (*_NOT_NOW, "EIO", SHORT),
    "write": (*_NOT_NOW, "EIO", "EPIPE", "ENOSPC", SHORT),
    "close": ("EINTR", "EIO"),
    "getsockopt": ("ENOBUFS",),
    "setsockopt": ("ENOBUFS", "ENOMEM"),
    "getsockname": ("ENOBUFS",),
    "getpeername": ("ENOTCONN",),
    "shutdown": ("ENOTCONN",),
    "sendfile": (*_NOT_NOW, "EIO", "ENOMEM", "EPIPE", SHORT),
    "fcntl": ("EINVAL",),
    "fork": ("EAGAIN", "ENOMEM"),
    "posix_spawnp": ("EAGAIN", "ENOMEM"),
    "waitpid": ("EINTR",),
    "waitid": ("EINTR",),
    "kill": ("EPERM",),
    "dup": ("EMFILE",),
    "syscall": ("EMFILE", "ENOSYS"),
}


def number_of(failure: str) -> int:
    """Return what the library takes for a failure."""
    return native.SHORT if failure == SHORT else int(getattr(errno, failure))
