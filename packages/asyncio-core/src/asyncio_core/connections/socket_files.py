"""The files that Unix sockets are bound to: whether anybody has them still, and taking stale ones away."""

from __future__ import annotations

import os
import socket
import stat

from asyncio_core import log

__all__ = ()


def is_bound(path: str | bytes) -> bool:
    """Tell whether a socket that is open, here or in another process, is bound to the file *path*.

    Also true where the system does not let us ask.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        try:
            # Nothing comes of it: a stream socket is of the wrong type, which the system says of one
            # that is bound only, and a datagram socket does not notice.
            asking.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            pass
        return True


def take_stale_away(path: str | bytes) -> None:
    """Remove a socket file that nobody has any more; anything else stays and lets bind() fail."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode) and not is_bound(path):
            from asyncio_core.seen_as.asyncio import unix_events as known

            known._stop_serving(os.unlink, path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        # bind() says what is wrong, in its own words.
        log.logger.error("Unable to check or remove stale UNIX socket %r: %r", path, exc)


def identity(path: str | bytes) -> tuple[int, int] | None:
    """Give what tells a file from another one of the same name, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def in_use(path: str | bytes, errno: int | None) -> OSError:
    """Return the error for a name that is taken, which says the name as the system's does not."""
    return OSError(errno, f"Address {path!r} is already in use")
