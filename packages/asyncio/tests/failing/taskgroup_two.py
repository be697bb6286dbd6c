import asyncio


async def fails(text):
    try:
        await asyncio.sleep(0)
    finally:
        raise ValueError(text)


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails("one"))
        group.create_task(fails("two"))
        await asyncio.sleep(60)


asyncio.run(main())
