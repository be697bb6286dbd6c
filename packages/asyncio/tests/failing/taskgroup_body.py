import asyncio


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        raise ValueError("of the body")


asyncio.run(main())
