import asyncio
import sys
import traceback


async def work():
    raise ValueError("of the task")


async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    for _ in range(2):
        try:
            task.result()
        except ValueError:
            traceback.print_exc()
            print("#", file=sys.stderr)
    asyncio.get_running_loop().create_future().result()


asyncio.run(main())
