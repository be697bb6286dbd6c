import asyncio
import traceback


async def work():
    await asyncio.sleep(0)
    raise ValueError("of the work")


async def main():
    for limit in (60, None):
        try:
            await asyncio.wait_for(work(), limit)
        except ValueError:
            traceback.print_exc()
    await asyncio.wait_for(asyncio.create_task(work()), 60)


asyncio.run(main())
