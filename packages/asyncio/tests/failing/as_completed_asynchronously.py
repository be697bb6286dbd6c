import asyncio
import sys
import traceback


async def work(text):
    await asyncio.sleep(0)
    raise ValueError(text)


async def main():
    if sys.version_info < (3, 13):
        return
    async for done in asyncio.as_completed([asyncio.create_task(work("a"))]):
        try:
            await done
        except ValueError:
            traceback.print_exc()
    async for _ in asyncio.as_completed([asyncio.sleep(60)], timeout=0.001):
        pass


asyncio.run(main())
