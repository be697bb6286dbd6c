"""Loops that are watched, and connections between a loop and a raw socket."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Iterator


def collect_reports(loop: Any) -> list[dict[str, Any]]:
    """Have what the loop reports collected in a list, which is returned, and is `loop.reported` too."""
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    loop.reported = reported
    return reported


@contextlib.contextmanager
def watched(loop: Any, at_rest: Callable[[], object] = lambda: None) -> Iterator[Any]:
    """Close a loop at the end, and see that it has come to rest and has reported nothing.

    `at_rest` looks at what the loop holds, once it has done what was left to do; it raises AssertionError.
    """
    reported = collect_reports(loop)
    try:
        yield loop
        if not loop.is_closed():
            # connection_lost() and the like
            run_a_round(loop)
            at_rest()
        assert reported == []
    finally:
        loop.close()
        # What was not closed says so now, and not in some other test.
        gc.collect()


def run_a_round(loop: Any) -> None:
    """Let a loop run what is ready, and what that brings up at once."""
    loop.call_soon(loop.stop)
    loop.run_forever()


@contextlib.contextmanager
def connecting(
    loop: Any,
    make_pair: Callable[[], tuple[socket.socket, socket.socket]],
    usual: Callable[[], Any],
) -> Iterator[Callable[..., Coroutine[Any, Any, tuple[Any, socket.socket]]]]:
    """Give `await connect(factory)`, which returns the protocol, and the raw peer socket, of a fresh connection.

    The peer does not block. `usual` is the factory unless one is given. The peers are closed at the end.
    """
    peers: list[socket.socket] = []

    async def connect(factory: Callable[[], Any] = usual) -> tuple[Any, socket.socket]:
        ours, peer = make_pair()
        peer.setblocking(False)
        peers.append(peer)
        _, protocol = await loop.create_connection(factory, sock=ours)
        return protocol, peer

    yield connect
    for peer in peers:
        peer.close()
