import asyncio


async def fails(text):
    await asyncio.sleep(0)
    raise ValueError(text)


async def main():
    await asyncio.gather(fails("first"), asyncio.sleep(60))


asyncio.run(main())
