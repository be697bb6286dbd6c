import asyncio


async def inner():
    await asyncio.sleep(0)
    raise ValueError("of the inner task")


async def outer():
    await asyncio.create_task(inner())


async def main():
    await asyncio.create_task(outer())


asyncio.run(main())
