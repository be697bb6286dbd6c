import asyncio


async def fails():
    await asyncio.sleep(0)
    raise ValueError("of the child")


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())


asyncio.run(main())
