import asyncio


async def a():
    await asyncio.sleep(60)


async def b():
    await asyncio.create_task(a())


async def main():
    task = asyncio.create_task(b())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel("why")
    await task


asyncio.run(main())
