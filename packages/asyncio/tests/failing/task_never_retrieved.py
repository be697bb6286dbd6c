import asyncio


async def work():
    raise ValueError("nobody looks")


async def main():
    asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)


asyncio.run(main())
