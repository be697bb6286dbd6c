import asyncio


async def fails():
    raise KeyboardInterrupt


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())
        await asyncio.sleep(60)


asyncio.run(main())
