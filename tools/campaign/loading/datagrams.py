"""Datagrams: more than an endpoint can take, and more than somebody takes who does not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from scenarios.peers import Answers

from bench import resident
from loading.clients import HOST, Tally, echo, is_served
from loading.crowds import Crowd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stage import Stage

    from loading.levels import Load

#: So many times the size come, at least, or are sent.
_OFTEN, _SENT = 250, 50
#: So many wait for their answers in the program; for others there is none.
_WAITING = 64
#: Bytes that may wait in a transport before its protocol is told to pause.
_HIGH = 1 << 15
_SIZE = 1024
#: Bytes of memory that a flood may take, whatever its length: it is megabytes in a moment.
_MEMORY = 8 << 20


class _Slow(asyncio.DatagramProtocol, Tally):
    """Answers one datagram after the other, in turns of the loop; of those that come meanwhile it takes some."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        self.most = 0
        self.changed = asyncio.Event()
        self._waiting: deque[tuple[bytes, Any]] = deque()
        self._may_write = True

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.done += 1
        self.changed.set()
        if len(self._waiting) < _WAITING:
            self._waiting.append((data, addr))
            if len(self._waiting) == 1:
                asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        if self._may_write and self._waiting:
            self._transport.sendto(*self._waiting.popleft())
            self.most = max(self.most, self._transport.get_write_buffer_size())
        if self._waiting and self._may_write:
            asyncio.get_running_loop().call_soon(self._answer)

    def connection_lost(self, _: Exception | None) -> None:
        # Who waits for an answer now has none.
        self._waiting.clear()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)


@contextlib.asynccontextmanager
async def flood(stage: Stage, count: int) -> AsyncIterator[tuple[_Slow, Any, Crowd]]:
    """Have so many datagrams come to an endpoint, or more, as fast as that goes; with its address, and who sends them."""
    transport, found = await stage.loop.create_datagram_endpoint(_Slow, (HOST, 0))
    at = transport.get_extra_info("sockname")
    async with Crowd("send_datagrams", at, count) as crowd:
        await crowd.told()
        yield found, at, crowd
        await crowd.end()
    transport.close()


async def arrive(stage: Stage, load: Load) -> None:
    """They come as long as it takes until others have been served meanwhile. The endpoint serves afterwards, too."""
    wanted = _OFTEN * load.size
    before = resident.now()
    async with echo(stage) as at, flood(stage, 0) as (found, endpoint, crowd):
        while found.done < wanted:
            found.changed.clear()
            await found.changed.wait()
        await is_served(stage, at)
        load.is_on(found.done)
        if (more := resident.most() - before) > _MEMORY:
            stage.wrong.append(f"{more:,} bytes of memory are taken by {found.done} datagrams")
        if found.most > _HIGH + _SIZE + 100:
            stage.wrong.append(f"{found.most} bytes wait in a transport that may have {_HIGH}")
        await crowd.end()
        await _is_answered(stage, endpoint)


async def _is_answered(stage: Stage, endpoint: Any) -> None:
    """Ask until an answer comes: what the queue of the endpoint's socket has no room for is lost."""
    transport, client = await stage.loop.create_datagram_endpoint(Answers, remote_addr=endpoint)
    while not client.data:
        transport.sendto(b"a word")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.come(6)
    transport.close()
    await client.lost


# To somebody who does not read


class _Sender(asyncio.DatagramProtocol):
    """Sends numbered datagrams as long as it may."""

    def __init__(self, to: str) -> None:
        self.sent = 0
        self.errors: list[Exception] = []
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()
        self.most = 0
        self._to = to

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH)

    def send(self, count: int) -> None:
        """Send until there have been so many, or it is told to pause."""
        self.paused.clear()
        self.resumed.clear()
        while self.sent < count and not self.paused.is_set():
            self.transport.sendto(self.sent.to_bytes(8, "big") + bytes(_SIZE - 8), self._to)
            self.sent += 1
            self.most = max(self.most, self.transport.get_write_buffer_size())

    def pause_writing(self) -> None:
        self.paused.set()

    def resume_writing(self) -> None:
        self.resumed.set()

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)


async def wait(stage: Stage, load: Load) -> None:
    """A peer at a Unix socket does not read, reads then, does not read again, and goes."""
    count = _SENT * load.size
    with contextlib.ExitStack() as stack:
        peer, other = (stack.enter_context(_bound(stage, name)) for name in ("peer", "other"))
        own = stack.enter_context(_bound(stage, "own"))
        transport, sender = await stage.loop.create_datagram_endpoint(
            lambda: _Sender(peer.getsockname()), sock=own.dup()
        )
        async with echo(stage) as at:
            await _all_are_read(stage, load, at, sender, peer, count)
            # Until it has to wait once more.
            sender.send(sender.sent + count)
            if stage.wrong or not sender.paused.is_set():
                stage.wrong.append("a sender is not told to pause once more")
                transport.abort()
                return
            peer.close()
            await sender.resumed.wait()
        while transport.get_write_buffer_size():
            await asyncio.sleep(0)
        if not sender.errors:
            stage.wrong.append("nobody is told that the peer has gone")
        transport.sendto(b"a word", other.getsockname())
        if await stage.loop.sock_recv(other, 100) != b"a word":
            stage.wrong.append("another peer does not get its word")
        transport.close()


async def _all_are_read(
    stage: Stage, load: Load, at: Any, sender: _Sender, peer: socket.socket, count: int
) -> None:
    """Have so many datagrams sent; read whenever the sender has to wait, and see that each is there."""
    read = 0
    while read < count:
        sender.send(count)
        if sender.most > _HIGH + _SIZE + 200:
            stage.wrong.append(f"{sender.most} bytes wait in a transport that may have {_HIGH}")
            return
        if not read:
            if not sender.paused.is_set():
                stage.wrong.append("a sender whose peer does not read is not told to pause")
            await is_served(stage, at)
            load.is_on(count)
        while read < sender.sent:
            number = int.from_bytes((await stage.loop.sock_recv(peer, _SIZE))[:8], "big")
            if number != read:
                stage.wrong.append(f"datagram {number} comes, and {read} was to")
                return
            read += 1
        if sender.paused.is_set():
            await sender.resumed.wait()
    if sender.transport.get_write_buffer_size():
        stage.wrong.append("bytes wait in a transport whose peer has read all")


@contextlib.contextmanager
def _bound(stage: Stage, name: str) -> Any:
    path = stage.folder / name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(str(path))
        try:
            yield sock
        finally:
            path.unlink()
