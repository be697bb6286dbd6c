"""Small writes of a turn in which more is ready may go out together, at its end; nothing else is to be seen of it.

These run on both forms: the pure one sends each at once.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop, stream_transport
from asyncio_selectors.poll_select import SelectPoller
from asyncio_test_support.sockets import fill, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

COMPILED = stream_transport.twins is not None and sys.platform == "linux"

#: Seconds after which a callback has blocked its loop, by far.
LONG = 0.02


def busily(act: Callable[[], object], *more: Callable[[], object]) -> Awaitable[None]:
    """Call `act` in a turn that has more to do, and then, in the same turn, what follows."""
    loop = asyncio_core.get_running_loop()
    done = loop.create_future()

    def call(what: Callable[[], object]) -> None:
        if not done.done():
            try:
                what()
            except Exception as error:
                done.set_exception(error)

    for what in (act, *more):
        loop.call_soon(call, what)
    loop.call_soon(lambda: done.done() or done.set_result(None))
    return done


def come(sock: socket.socket) -> bytes:
    """Return what has come by now."""
    return sock.recv(1 << 20) if select.select([sock], [], [], 0)[0] else b""


def test_pieces_of_a_busy_turn_go_out_together_at_its_end(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair
    seen = []

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)

        def act() -> None:
            transport.write(b"1")
            transport.write(b"2")
            seen.append(come(theirs))

        await busily(act, lambda: transport.write(b"3"))
        seen.append(come(theirs))
        transport.close()

    loop.run_until_complete(main())
    assert b"".join(seen) == b"123"
    assert seen[0] == (b"" if COMPILED else b"12")


def test_where_nothing_else_is_ready_each_goes_out_at_once(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        for piece in (b"1", b"2"):
            transport.write(piece)
            assert come(theirs) == piece
        transport.close()

    loop.run_until_complete(main())


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "close": lambda transport: transport.close(),
    "abort": lambda transport: transport.abort(),
    "write_eof": lambda transport: transport.write_eof(),
    "get_write_buffer_size": lambda transport: transport.get_write_buffer_size(),
    "set_write_buffer_limits": lambda transport: transport.set_write_buffer_limits(0),
    "repr": repr,
    "a bytearray": lambda transport: transport.write(bytearray(b"")),
    "a view": lambda transport: transport.write(memoryview(b"")),
    "lines": lambda transport: transport.writelines([b""]),
    "fileno": lambda transport: transport.get_extra_info("socket").fileno(),
    "dup": lambda transport: transport.get_extra_info("socket").dup().close(),
    "setsockopt": lambda transport: transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    ),
    "shutdown": lambda transport: transport.get_extra_info("socket").shutdown(socket.SHUT_WR),
    "a wait in between": lambda transport: transport._loop._selector.select(0),
}


@pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)
def test_what_was_written_is_out_before_anything_else_is_done(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, operate: Callable[[Any], object]
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)

        def act() -> None:
            transport.write(b"written")
            operate(transport)
            assert come(theirs) == b"written"

        await busily(act)
        transport.close()

    loop.run_until_complete(main())


def test_all_kinds_of_writes_keep_their_order(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, in_thread: Any
) -> None:
    ours, theirs = stream_pair
    large = bytes(range(256)) * 256
    pieces: list[Any] = [b"1", bytearray(b"2"), b"3", memoryview(b"4"), b"5", large, b"6"]
    pieces += [b"7" * 8192] * 9 + [b"%d" % n for n in range(200)]
    expected = b"".join(pieces) + b"ab" + b"end"

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        taking = in_thread(lambda: theirs.makefile("rb").read(len(expected)))

        def act() -> None:
            for piece in pieces:
                transport.write(piece)
            transport.writelines([b"a", b"b"])
            transport.write(b"end")

        await busily(act)
        assert await taking == expected
        assert protocol.pauses in ([], ["pause", "resume"])
        transport.close()

    loop.run_until_complete(main())


def test_pieces_of_many_transports_go_out_in_the_order_they_were_written(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        pairs = [socket.socketpair() for _ in range(100)]
        made = [(await loop.create_connection(recorder, sock=ours))[0] for ours, _ in pairs]

        def act() -> None:
            for piece in (b"1", b"2"):
                for transport in made:
                    transport.write(piece)

        await busily(act)
        for _, theirs in pairs:
            assert come(theirs) == b"12"
            theirs.close()
        for transport in made:
            transport.close()

    loop.run_until_complete(main())


def test_who_is_to_wait_for_an_empty_buffer_waits(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, in_thread: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.set_write_buffer_limits(0)
        filled = fill(ours)

        def act() -> None:
            transport.write(b"x")
            assert protocol.pauses == ["pause"]

        await busily(act)
        taking = in_thread(lambda: theirs.makefile("rb").read(filled + 1))
        assert (await taking).endswith(b"x")
        await protocol.until(lambda: protocol.pauses == ["pause", "resume"])
        transport.close()

    loop.run_until_complete(main())


def test_what_finds_no_room_at_the_end_of_the_turn_waits(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, in_thread: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        filled = fill(ours)
        await busily(lambda: transport.write(b"1"), lambda: transport.write(b"2"))
        assert transport.get_write_buffer_size() == 2
        taking = in_thread(lambda: theirs.makefile("rb").read(filled + 2))
        assert (await taking).endswith(b"12")
        transport.close()

    loop.run_until_complete(main())


def test_a_write_that_fails_at_the_end_of_the_turn_ends_the_connection(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.pause_reading()
        reset(theirs)
        await busily(lambda: transport.write(b"1"), lambda: transport.write(b"2"))
        assert transport.is_closing()
        assert isinstance(await protocol.lost, ConnectionError)

    loop.run_until_complete(main())


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_takes_nothing_with_it(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, end: type[BaseException]
) -> None:
    ours, theirs = stream_pair

    async def connect() -> Any:
        return (await loop.create_connection(recorder, sock=ours))[0]

    transport = loop.run_until_complete(connect())

    def raise_it() -> None:
        raise end

    loop.call_soon(transport.write, b"written")
    loop.call_soon(raise_it)
    loop.call_soon(transport.write, b" and more")
    with pytest.raises(end):
        loop.run_forever()
    assert come(theirs) == b"written"
    loop.run_until_complete(asyncio_core.sleep(0))
    assert come(theirs) == b" and more"
    transport.close()
    loop.run_until_complete(asyncio_core.sleep(0))


def test_a_callback_that_stops_the_loop_leaves_nothing_behind(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def connect() -> Any:
        return (await loop.create_connection(recorder, sock=ours))[0]

    transport = loop.run_until_complete(connect())
    loop.call_soon(transport.write, b"written")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert come(theirs) == b"written"
    transport.close()
    loop.run_until_complete(asyncio_core.sleep(0))


def test_after_a_callback_that_blocks_nothing_is_put_off(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    def block() -> None:
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            pass

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        await busily(lambda: transport.write(b"1"), block)
        assert come(theirs) == b"1"

        def act() -> None:
            transport.write(b"2")
            assert come(theirs) == b"2"

        await busily(act)
        transport.close()

    loop.run_until_complete(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_in_the_middle_sends_nothing_again(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        child = 0

        def act() -> None:
            nonlocal child
            transport.write(b"1")
            child = os.fork()

        def then() -> None:
            if child == 0:
                loop.call_soon(os._exit, 0)

        await busily(act, then)
        if child == 0:  # It ends in the next turn, so that it comes to the end of this one.
            await loop.create_future()
        os.waitpid(child, 0)
        assert come(theirs) == b"1"
        transport.close()

    loop.run_until_complete(main())


def test_debug_mode_puts_nothing_off(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)

        def act() -> None:
            transport.write(b"1")
            assert come(theirs) == b"1"

        await busily(act)
        transport.close()

    loop.set_debug(True)
    loop.run_until_complete(main())


class Derived(SelectorEventLoop):
    """One with a turn of its own."""

    def _run_once(self) -> None:
        super()._run_once()


class WithoutWaiting(SelectorEventLoop):
    """One that runs what is ready without the loop's turn, as a program does that runs a loop inside its callbacks."""

    def run_what_is_ready(self) -> None:
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()


def test_a_loop_that_is_run_inside_a_callback_waits_for_nothing_that_was_put_off(
    recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair
    with closing(WithoutWaiting()) as loop:

        async def main() -> None:
            transport, _ = await loop.create_connection(recorder, sock=ours)

            def act() -> None:
                loop.call_soon(transport.write, b"1")
                loop.run_what_is_ready()
                assert loop._selector.select(0) == []
                assert come(theirs) == b"1"

            await busily(act)
            transport.close()

        loop.run_until_complete(main())


@pytest.mark.parametrize("poller", [None, SelectPoller])
@pytest.mark.parametrize("kind", [SelectorEventLoop, Derived])
def test_loops_with_another_turn_or_poller_lose_nothing(
    recorder: Any, stream_pair: Any, kind: type[SelectorEventLoop], poller: Any
) -> None:
    ours, theirs = stream_pair
    with closing(kind(poller() if poller else None)) as loop:

        async def main() -> None:
            transport, _ = await loop.create_connection(recorder, sock=ours)
            await busily(lambda: transport.write(b"1"), lambda: transport.write(b"2"))
            assert come(theirs) == b"12"
            transport.close()

        loop.run_until_complete(main())
