import asyncio
import sys
import traceback


async def main():
    def reader(limit=2**16):
        return asyncio.StreamReader(limit=limit)

    async def attempt(coroutine):
        try:
            await coroutine
        except Exception:
            traceback.print_exc()
            print("#", file=sys.stderr)

    early = reader()
    early.feed_data(b"abc")
    early.feed_eof()
    await attempt(early.readexactly(10))

    late = reader()
    asyncio.get_running_loop().call_soon(late.feed_eof)
    await attempt(late.readexactly(10))

    long = reader(limit=4)
    long.feed_data(b"a" * 100)
    await attempt(long.readuntil(b"z"))
    await attempt(long.readline())

    ended = reader()
    ended.feed_data(b"abc")
    ended.feed_eof()
    await attempt(ended.readuntil(b"z"))

    for call in (
        lambda r: r.read(),
        lambda r: r.read(5),
        lambda r: r.readline(),
        lambda r: r.readexactly(2),
        lambda r: r.readuntil(),
        lambda r: r.__anext__(),
    ):
        broken = reader()
        broken.set_exception(ConnectionResetError("gone"))
        await attempt(call(broken))
        breaking = reader()
        asyncio.get_running_loop().call_soon(breaking.set_exception, ConnectionResetError("gone"))
        await attempt(call(breaking))

    await attempt(reader().readexactly(-1))
    await attempt(reader().readuntil(b""))
    busy = reader()
    waiting = asyncio.create_task(busy.read(1))
    await asyncio.sleep(0)
    await attempt(busy.read(1))
    waiting.cancel()


asyncio.run(main())
