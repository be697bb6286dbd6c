import asyncio


async def main():
    async with asyncio.timeout(0.001):
        await asyncio.sleep(60)


asyncio.run(main())
