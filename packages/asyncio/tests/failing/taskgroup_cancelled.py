import asyncio
import traceback


async def inner():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))


async def main():
    for turns in (1, 3):
        task = asyncio.create_task(inner())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            traceback.print_exc()


asyncio.run(main())
