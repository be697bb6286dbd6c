"""Opens descriptors of processes for one that cannot: valgrind knows pidfd_open(2) from version 3.21 on only.

Loops would otherwise be measured with a thread for each child, which they need on systems before Linux 5.3 alone.
Started by `lend()` outside of valgrind: reads process ids from its standard input, a socket, and answers with descriptors.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess
import sys

_PID = struct.Struct("=i")
# One that is forgotten is waited for by each start of another child.
_helpers: list[subprocess.Popen[bytes]] = []


def lend(library: str) -> None:
    """Have `os.pidfd_open()` of this process work, where it is not implemented."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except AttributeError:
        return
    except OSError as error:
        if error.errno != errno.ENOSYS:
            return
    else:
        return
    ours, theirs = socket.socketpair()
    with theirs:
        _helpers.append(subprocess.Popen([sys.executable, "-S", __file__], stdin=theirs.fileno()))
    helper = ours.detach()
    ask = ctypes.CDLL(library).pidfd_from

    def pidfd_open(pid: int, flags: int = 0) -> int:
        fd: int = ask(helper, pid)
        if fd < 0:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        return fd

    os.pidfd_open = pidfd_open


def main() -> None:
    with socket.socket(fileno=0) as asked:
        while data := asked.recv(_PID.size):
            try:
                fd = os.pidfd_open(*_PID.unpack(data))
            except OSError:
                asked.send(b"-")
                continue
            socket.send_fds(asked, [b"+"], [fd])
            os.close(fd)


if __name__ == "__main__":
    main()
