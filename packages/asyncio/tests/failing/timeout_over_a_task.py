import asyncio


async def work():
    await asyncio.get_running_loop().create_future()


async def main():
    async with asyncio.timeout(0.001):
        await asyncio.create_task(work())


asyncio.run(main())
