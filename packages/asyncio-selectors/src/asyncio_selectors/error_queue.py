"""The error queue of a socket, on Linux; see ip(7), `IP_RECVERR`, and the kernel's msg_zerocopy.

While something waits in it, the poller reports an error of the socket, each time it is asked; only
`recvmsg(MSG_ERRQUEUE)` takes it away. ICMP errors come there where the program asks for them with
`IP_RECVERR` or `IPV6_RECVERR`, and so do the completions of `MSG_ZEROCOPY` and the times of sending.

A program that wants these itself keeps the socket and has it watched with `loop.add_reader()`: its
callback is called for the error queue too. A transport takes away what nobody else can.
"""

from __future__ import annotations

import os
import select
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("receives_no_more", "take_errors")

_INTERNET = (socket.AF_INET, socket.AF_INET6)

# (level, type) of the messages that hold a sock_extended_err: IP_RECVERR and IPV6_RECVERR.
_EXTENDED_ERRORS = ((socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25))
# Origins that tell of an error: this host, ICMP, ICMPv6, the time to send was missed. The others are
# times of sending and completions.
_ERRORS = (1, 2, 3, 6)

# Room for one message's ancillary data, and how many messages are taken at once.
_ROOM = 512
_MOST = 4096


def take_errors(sock: Any) -> list[OSError] | None:
    """Empty the error queue of `sock` and return the errors in it; None where it was empty."""
    # Sockets of other families take no notice of the flag, and give data.
    if sys.platform != "linux" or sock.family not in _INTERNET:
        return None
    found: list[OSError] | None = None
    for _ in range(_MOST):
        try:
            _, told, _, address = sock.recvmsg(1, _ROOM, socket.MSG_ERRQUEUE)
        except OSError:
            break
        if found is None:
            found = []
        for level, kind, value in told:
            # It begins with the error's number, of 4 bytes, and the origin, of one.
            if (level, kind) in _EXTENDED_ERRORS and len(value) > 4:
                number = int.from_bytes(value[:4], sys.byteorder)
                if value[4] in _ERRORS:
                    where = f": {address[0]} port {address[1]}" if address else ""
                    found.append(OSError(number, os.strerror(number) + where))
    return found


def receives_no_more(sock: Any) -> bool:
    """Return whether the receiving side of `sock` is at its end: shut down, here or by the peer."""
    if not hasattr(select, "POLLRDHUP"):
        return False
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))
