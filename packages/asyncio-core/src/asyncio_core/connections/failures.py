"""Who is told when a transport fails: the protocol always, the exception handler where it helps."""

from __future__ import annotations

from asyncio_core import log
from asyncio_core.exceptions import CancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = (
    "PROTOCOL_RAISED",
    "end_failed_beginning",
    "failure_of_call",
    "is_everyday",
    "tell_eof",
    "tell_failure",
    "tell_waiter",
)

# What a transport says where a method of its protocol raised.
PROTOCOL_RAISED = "Fatal error: protocol.%s() call failed."


def is_everyday(exc: BaseException | None, what: str) -> bool:
    """Tell whether `exc` is what the system says of a connection, and not what its protocol raised."""
    return isinstance(exc, OSError) and not what.startswith(PROTOCOL_RAISED.partition("%")[0])


def tell_failure(
    transport: Any, exc: BaseException, what: str, everyday: bool | None = None
) -> None:
    """Report that `transport` ends because of `exc`, with `what` as the message.

    An `everyday` end, such as a peer that went away, is what connections do: it is news in debug
    mode only. None leaves it to `is_everyday()`.
    """
    if everyday is None:
        everyday = is_everyday(exc, what)
    loop = transport._loop
    if not everyday:
        report = {"message": what, "exception": exc, "transport": transport}
        report["protocol"] = transport._protocol
        loop.call_exception_handler(report)
    elif loop.get_debug():
        log.logger.debug("%r: %s", transport, what, exc_info=exc)


def failure_of_call(method: Callable[..., object], *args: Any) -> tuple[Any, BaseException | None]:
    """Call a protocol's method; return what it returned, and what it raised or None.

    What is meant to end the program is not caught.
    """
    try:
        return method(*args), None
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as exc:
        return None, exc


def tell_eof(transport: Any) -> bool:
    """Tell the protocol that the peer sends no more; return whether this side of the connection goes on."""
    if transport._loop.get_debug():
        log.logger.debug("%r received EOF", transport)
    # What a write failed with, while the connection was still read to its end.
    broken = transport._write_error
    if isinstance(broken, ConnectionResetError):
        # The write was told of the reset, which may look like an end in good order now.
        transport._force_close(broken)
        return False
    try:
        keep_open = transport._protocol.eof_received()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as failure:
        transport._fatal_error(failure, PROTOCOL_RAISED % "eof_received")
        return False
    if transport._write_error is not None:
        # Also where it is a write in there that has failed: nothing more comes that would be read first.
        transport._force_close(transport._write_error)
    elif not keep_open:
        transport.close()
    else:
        return True
    return False


def tell_waiter(waiter: Any, failure: BaseException | None) -> None:
    """Tell whoever waits for a transport that it is up, or why it is not.

    Whatever it was: he must not be left waiting.
    """
    if waiter is None or waiter.done():
        return
    if failure is None:
        waiter.set_result(None)
    elif isinstance(failure, (SystemExit, KeyboardInterrupt, CancelledError)):
        waiter.cancel()
    else:
        waiter.set_exception(failure)


def end_failed_beginning(end: Callable[[BaseException], object], exc: BaseException) -> None:
    """Close a transport that could not be registered; `exc` goes on where it ends the program."""
    end(exc)
    if isinstance(exc, (SystemExit, KeyboardInterrupt)):
        raise exc
