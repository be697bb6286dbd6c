import asyncio


async def work():
    raise ValueError("of the task")


async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    await task


asyncio.run(main())
